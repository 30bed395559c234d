//===- Neighbours.cpp - what a kernel knows of those around it ------------===//
//
// Kernels start early (dependent launches), so neighbours meet on a
// multiprocessor. Decided here, where the whole program is seen:
//
//  - Beside an attention that appends, the rings of the GEMVs in front and
//    behind leave it room: it starts under the one, and under it the other's
//    weights come in (GemvKernel.cpp, ringShared).
//  - A ring brings the first weights of the GEMV behind to L2
//    (gemv_next.cuh). Two GEMVs in a row leave memory idle for about as long
//    as 4 stages take to come; an attention between them takes longer.
//
//===----------------------------------------------------------------------===//
#include "codegen/cuda/Neighbours.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

static constexpr int64_t kStagesInARow = 4, kStagesOverAttention = 8;

/// The GEMV that the ring of `from`'s element type reads next, past an
/// attention; none where anything else comes first.
static NextGemv findNext(ArrayRef<ir::FusedOp> steps, size_t from,
                         const LaunchContext &context) {
  NextGemv next;
  next.stages = kStagesInARow;
  for (ir::FusedOp step : steps.drop_front(from + 1)) {
    if (step.getPattern() == ir::Pattern::Attention) {
      next.stages = kStagesOverAttention;
      continue;
    }
    if (step.getPattern() != ir::Pattern::Gemm)
      return {};
    FailureOr<GemmMatch> match = matchGemm(step);
    if (failed(match) || !gemvRingTakes(step, *match, context))
      return {};
    next.weight = match->weight;
    next.n = match->n;
    next.k = match->k;
    next.gated = match->gated;
    return next;
  }
  return {};
}

LaunchContext codegen::amongNeighbours(LaunchContext context,
                                       ArrayRef<ir::FusedOp> steps, size_t at,
                                       bool lookAhead) {
  int64_t before = at > 0 ? attentionDecodeShared(steps[at - 1], context) : 0;
  int64_t behind =
      at + 1 < steps.size() ? attentionDecodeShared(steps[at + 1], context)
                             : 0;
  context.neighbourShared = std::max(before, behind);
  ir::FusedOp step = steps[at];
  if (lookAhead && step.getPattern() == ir::Pattern::Gemm)
    context.next = findNext(steps, at, context);
  return context;
}
