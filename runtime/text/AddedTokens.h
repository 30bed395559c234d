//===- AddedTokens.h - tokens matched before the model sees text *- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_ADDEDTOKENS_H
#define FT_RUNTIME_TEXT_ADDEDTOKENS_H

#include "runtime/text/Model.h"
#include "runtime/text/Normalizer.h"
#include "runtime/text/Piece.h"

#include <map>
#include <set>

namespace ft::text {

/// One entry of "added_tokens".
struct AddedToken {
  std::string content;
  bool singleWord = false; // only where no word character is next to it
  bool lstrip = false;     // takes the white space on its left
  bool rstrip = false;     // takes the white space on its right
  bool normalized = false; // matches, normalized, in normalized text
  bool special = false;    // left out when decoding

  bool operator==(const AddedToken &) const = default;

  /// Read an entry of "added_tokens"; its id follows from its place.
  static StatusOr<AddedToken> parse(const Json &json, const std::string &place);
};

/// Finds the longest of a set of strings.
class StringMatcher {
public:
  /// Of equal texts the first one added counts.
  void add(std::string_view text, int32_t value);
  /// Length of the longest string at `pos`, 0 if there is none.
  size_t longestAt(std::string_view text, size_t pos, int32_t &value) const;

private:
  struct Node {
    std::vector<std::pair<char, uint32_t>> next;
    int32_t value = kNoToken;
  };
  uint32_t child(uint32_t node, char byte) const; // 0: none
  std::vector<Node> nodes_ = std::vector<Node>(1);
};

/// All added tokens of a tokenizer.
class AddedTokens {
public:
  /// Add tokens in order. One whose text is a token already keeps that id,
  /// the others get the next free ones; ids written in the file are not used.
  Status add(const std::vector<AddedToken> &tokens, const Model &model,
             const Normalizer *normalizer);

  /// Split `text` into added tokens and normalized text between them.
  Status extract(std::string_view text, const Normalizer *normalizer,
                 std::vector<Piece> &pieces) const;

  const AddedToken *find(int32_t id) const;
  std::optional<int32_t> find(const std::string &content) const;
  /// The text that decoders see for an added token; null for other ids.
  const std::string *decodedText(int32_t id) const;
  bool isSpecialText(const std::string &text) const {
    return special_.count(text) != 0;
  }
  const std::map<std::string, int32_t> &ids() const { return ids_; }

private:
  void findMatches(const Piece &piece, const StringMatcher &matcher,
                   std::vector<Piece> &out) const;
  bool standsAlone(std::string_view text, size_t begin, size_t end) const;

  std::map<std::string, int32_t> ids_;
  std::map<int32_t, AddedToken> tokens_;
  std::map<int32_t, std::string> normalizedText_; // where it differs
  std::set<std::string> special_;
  StringMatcher verbatim_, normalized_;
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_ADDEDTOKENS_H
