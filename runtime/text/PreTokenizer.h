//===- PreTokenizer.h - the "pre_tokenizer" of tokenizer.json ---*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_PRETOKENIZER_H
#define FT_RUNTIME_TEXT_PRETOKENIZER_H

#include "runtime/text/Fields.h"
#include "runtime/text/Piece.h"

#include <memory>

namespace ft::text {

/// Splits normalized text into the words that the model sees. Immutable.
class PreTokenizer {
public:
  virtual ~PreTokenizer() = default;
  /// Split, and for some kinds rewrite, each piece that is no token yet.
  Status apply(std::vector<Piece> &pieces) const;

protected:
  /// Append the parts of `piece` to `out`; empty ones are dropped later.
  virtual Status split(Piece piece, std::vector<Piece> &out) const = 0;
};

/// The pre-tokenizer that `json`, found at `place`, describes.
StatusOr<std::shared_ptr<const PreTokenizer>>
parsePreTokenizer(const Json &json, const std::string &place, int depth = 0);

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_PRETOKENIZER_H
