//===- Charsmap.h - SentencePiece's table of replacements -------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_CHARSMAP_H
#define FT_RUNTIME_TEXT_CHARSMAP_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ft::text {

/// What SentencePiece compiles its normalization rules to: a trie of texts as a
/// double array, and what replaces each. Untrusted: every place is checked.
class Charsmap {
public:
  /// Of base64, as tokenizer.json has it; an error is a sentence without a
  /// place.
  static StatusOr<Charsmap> decode(std::string_view base64);

  /// What replaces the shortest beginning of `text` that is in the table;
  /// nothing where none is.
  std::optional<std::string_view> find(std::string_view text) const;

private:
  std::vector<uint32_t> units_;
  std::string texts_; // each ended by a NUL
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_CHARSMAP_H
