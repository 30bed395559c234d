//===- Normalizer.h - the "normalizer" of tokenizer.json --------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_NORMALIZER_H
#define FT_RUNTIME_TEXT_NORMALIZER_H

#include "runtime/text/Fields.h"
#include "runtime/text/Piece.h"

#include <memory>

namespace ft::text {

/// Rewrites text before it is split. Immutable.
class Normalizer {
public:
  virtual ~Normalizer() = default;
  /// Rewrite the text of `piece` and keep its `fromStart` true.
  virtual Status apply(Piece &piece) const = 0;
};

/// The normalizer that `json`, found at `place`, describes.
StatusOr<std::shared_ptr<const Normalizer>>
parseNormalizer(const Json &json, const std::string &place, int depth = 0);

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_NORMALIZER_H
