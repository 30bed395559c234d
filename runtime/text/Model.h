//===- Model.h - the "model" of tokenizer.json ------------------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_MODEL_H
#define FT_RUNTIME_TEXT_MODEL_H

#include "runtime/text/Vocabulary.h"

#include <memory>
#include <vector>

namespace ft::text {

/// Turns one word into tokens. Immutable.
class Model {
public:
  virtual ~Model() = default;

  /// Append the tokens of `word`, valid UTF-8 that is not empty.
  virtual Status tokenize(std::string_view word,
                          std::vector<int32_t> &out) const = 0;
  /// Whether this is byte pair encoding.
  virtual bool isBpe() const = 0;

  const Vocabulary &vocabulary() const { return vocabulary_; }

protected:
  explicit Model(Vocabulary vocabulary) : vocabulary_(std::move(vocabulary)) {}

private:
  Vocabulary vocabulary_;
};

/// The model that `json`, found at `place`, describes.
StatusOr<std::unique_ptr<const Model>> parseModel(const Json &json,
                                                  const std::string &place);

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_MODEL_H
