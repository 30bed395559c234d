//===- WordPiece.h - longest match first ------------------------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_WORDPIECE_H
#define FT_RUNTIME_TEXT_WORDPIECE_H

#include "runtime/text/Model.h"

namespace ft::text {

/// BERT's model: the longest token that starts the word, then the longest that
/// continues it, and so on; the unknown token if that does not come out even.
class WordPiece : public Model {
public:
  static StatusOr<std::unique_ptr<const Model>> parse(Fields &fields);

  Status tokenize(std::string_view word,
                  std::vector<int32_t> &out) const override;
  bool isBpe() const override { return false; }

private:
  explicit WordPiece(Vocabulary vocabulary) : Model(std::move(vocabulary)) {}

  std::string unknown_, prefix_;
  int64_t maxCharacters_ = 0;
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_WORDPIECE_H
