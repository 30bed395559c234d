//===- Unigram.h - the likeliest tokens of a word ---------------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_UNIGRAM_H
#define FT_RUNTIME_TEXT_UNIGRAM_H

#include "runtime/text/Model.h"

#include <array>

namespace ft::text {

/// SentencePiece's model: every token has a log-probability, and a word becomes
/// the tokens whose sum is largest. A character that no token is costs more
/// than any; neighbouring ones are one unknown token, or bytes where those are
/// asked for.
class Unigram : public Model {
public:
  static StatusOr<std::unique_ptr<const Model>> parse(Fields &fields);

  Status tokenize(std::string_view word,
                  std::vector<int32_t> &out) const override;
  bool isBpe() const override { return false; }

private:
  /// The best way to a place of the word: its last token and where that starts.
  struct Node {
    double score = 0;
    int32_t token = -1;
    size_t start = 0;
    bool reached = false;
  };

  explicit Unigram(Vocabulary vocabulary) : Model(std::move(vocabulary)) {}

  StatusOr<std::vector<Node>> search(std::string_view word) const;
  Status append(std::string_view part, std::vector<int32_t> &out) const;

  std::vector<double> scores_; // by id
  double unknownScore_ = 0;
  int32_t unknown_ = -1;
  size_t longest_ = 0; // bytes of a token
  bool byteFallback_ = false;
  std::array<int32_t, 256> byteTokens_{};
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_UNIGRAM_H
