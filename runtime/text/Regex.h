//===- Regex.h - the regular expressions of tokenizer.json ------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_REGEX_H
#define FT_RUNTIME_TEXT_REGEX_H

#include "runtime/base/Status.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ft::text {

/// A run of bytes of a text that a pattern matched or passed over.
struct Span {
  size_t begin, end;
  bool isMatch;
};

/// A compiled regular expression. Immutable: any number of threads may use it.
class Regex {
public:
  /// Compile a pattern in Oniguruma's default syntax.
  static StatusOr<Regex> compile(std::string_view pattern);

  /// Set `spans` to contiguous spans that cover `text`, each a match or what
  /// lies between two. An empty match directly behind a match is skipped.
  /// REQUIRES: `text` is valid UTF-8.
  Status split(std::string_view text, std::vector<Span> &spans) const;

private:
  std::string pattern_;           // as given, for messages
  std::shared_ptr<void> program_; // pcre2_code
};

/// The same for a plain string. REQUIRES: `literal` is not empty.
void splitByLiteral(std::string_view text, std::string_view literal,
                    std::vector<Span> &spans);

/// Whether one character is a word character of Rust's regular expressions.
bool isWordCharacter(std::string_view character);

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_REGEX_H
