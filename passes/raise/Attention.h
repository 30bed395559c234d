//===- Attention.h - what a mask leaves of the scores -----------*- C++ -*-===//
#ifndef FT_PASSES_RAISE_ATTENTION_H
#define FT_PASSES_RAISE_ATTENTION_H

#include "passes/raise/Raiser.h"

namespace ft::passes::raise {

/// Which keys a query attends to, proven from the formula of its scores.
struct MaskProof {
  bool causal = false;
  int64_t window = 0;
  /// The score of a key that is attended to.
  const Node *score = nullptr;
};

/// Decides for every distance of key and query, real and padded keys apart,
/// whether the formula leaves the key out. None, with ctx.why, where that is no
/// mask that attention has.
std::optional<MaskProof> proveMask(Context &ctx, const Node *scores,
                                   const Dim *query, const Dim *key);

/// Known numbers by query and key, the lower triangle say, as comparisons of
/// the distance, where they depend on that alone and change only a few times.
const Node *resolveTables(Exprs &exprs, const Node *scores, const Dim *query,
                          const Dim *key);

/// Fills `region` with the formula `score`, whose `dot` times `scale` is the
/// score it starts from; false, with ctx.why, where an operation has no place
/// there. Leaves `region` empty for the dot product alone.
bool buildScore(Context &ctx, mlir::Region &region, const Node *score,
                const Node *dot, double scale, const Dim *head,
                const Dim *query, const Dim *key, mlir::Location loc);

/// What the only dot product in `score` is multiplied with wherever it stands.
double scaleOf(const Node *score, const Node *dot);

} // namespace ft::passes::raise

#endif // FT_PASSES_RAISE_ATTENTION_H
