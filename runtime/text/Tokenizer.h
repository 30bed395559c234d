//===- Tokenizer.h - text to token ids and back -----------------*- C++ -*-===//
//
// Reads Hugging Face's tokenizer.json and gives the ids and the text that
// their library `tokenizers` gives, for any Unicode text. What the file asks
// for and this does not understand is an error, never ignored.
//
// The exceptions: "truncation" and "padding" are ignored, as Transformers does
// unless a call asks for them; input that is not valid UTF-8 is read with each
// maximal invalid subpart as one U+FFFD, as Python's errors="replace" does.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_TEXT_TOKENIZER_H
#define FT_RUNTIME_TEXT_TOKENIZER_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ft::text {

/// The tokens of two texts as one sequence.
struct TokenPair {
  std::vector<int32_t> ids;
  std::vector<int32_t> segments;         // of each token
  size_t secondBegin = 0, secondEnd = 0; // the second text's own tokens
};

/// Immutable once made: any number of threads may use one.
class Tokenizer {
public:
  /// Make a tokenizer of the contents of a tokenizer.json.
  ///
  /// Of tokenizer_config.json, which may be absent, what Transformers' loader
  /// adds to the file counts: added and special tokens that the file lacks;
  /// add_bos_token and add_eos_token, which replace the post-processor; and,
  /// for models that are not byte pair encoding, clean_up_tokenization_spaces.
  static StatusOr<Tokenizer>
  fromJson(std::string_view tokenizerJson,
           std::string_view tokenizerConfigJson = {});

  Tokenizer(Tokenizer &&) noexcept;
  Tokenizer &operator=(Tokenizer &&) noexcept;
  ~Tokenizer();

  /// The ids of `text`. Fails only where the vocabulary lacks the unknown
  /// token that the text needs, or a regular expression gives up on it.
  StatusOr<std::vector<int32_t>> encode(std::string_view text,
                                        bool addSpecialTokens = true) const;

  /// The ids of each of `texts`, by as many threads as the machine has where
  /// there are many. Fails with the first text's error.
  StatusOr<std::vector<std::vector<int32_t>>>
  encodeAll(std::span<const std::string> texts,
            bool addSpecialTokens = true) const;

  /// Two texts as one sequence, as the post-processor joins them.
  StatusOr<TokenPair> encodePair(std::string_view first,
                                 std::string_view second) const;

  /// The text of `ids`, always valid UTF-8. Ids that no token has are left
  /// out.
  std::string decode(std::span<const int32_t> ids,
                     bool skipSpecialTokens = true) const;

  /// How many tokens there are, the added ones included.
  size_t vocabularySize() const;
  std::optional<int32_t> idOf(std::string_view token) const;
  /// The token as the vocabulary spells it; nothing for an id without token.
  std::optional<std::string> tokenOf(int32_t id) const;
  /// Whether decoding leaves the token out by default.
  bool isSpecial(int32_t id) const;
  /// The token that stands for a word to be guessed, where
  /// tokenizer_config.json names one.
  std::optional<int32_t> maskToken() const;

private:
  friend class StreamDecoder;
  struct Parts;
  StatusOr<std::vector<int32_t>> encodeText(std::string_view text) const;
  explicit Tokenizer(std::unique_ptr<const Parts> parts);
  std::unique_ptr<const Parts> parts_;
};

/// Decodes one id at a time. What it returns, joined, is what decode() returns
/// for all the ids; characters are never broken.
class StreamDecoder {
public:
  /// REQUIRES: `tokenizer` outlives this.
  explicit StreamDecoder(const Tokenizer &tokenizer,
                         bool skipSpecialTokens = true);
  StreamDecoder(StreamDecoder &&) noexcept;
  ~StreamDecoder();

  /// The text that is certain now that `id` followed; often, but not always,
  /// the text of `id`.
  std::string add(int32_t id);
  /// The rest. REQUIRES: nothing is added afterwards.
  std::string flush();

private:
  struct Run;
  std::unique_ptr<Run> run_;
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_TOKENIZER_H
