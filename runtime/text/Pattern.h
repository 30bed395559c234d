//===- Pattern.h - {"String": ...} or {"Regex": ...} ------------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_PATTERN_H
#define FT_RUNTIME_TEXT_PATTERN_H

#include "runtime/text/Fields.h"
#include "runtime/text/Regex.h"

namespace ft::text {

/// The pattern of a Replace or Split: a plain string or a regular expression.
class Pattern {
public:
  /// Read the member "pattern" of `fields`.
  static StatusOr<Pattern> parse(Fields &fields);

  /// As Regex::split.
  Status split(std::string_view text, std::vector<Span> &spans) const;

private:
  std::string literal_; // empty if it is a regular expression
  std::optional<Regex> regex_;
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_PATTERN_H
