//===- Neighbours.cpp - what a kernel knows of those around it ------------===//
//
// Kernels start early (dependent launches), so neighbours meet on a
// multiprocessor. Beside an attention that appends, the rings of the GEMVs in
// front and behind leave it room: it starts under the one, and under it the
// other's weights come in (GemvKernel.cpp, ringShared; a layer of 8B 120.2 us,
// without room 121.1; of 1B 44.6 and 45.7; of GPT-2 20.2 and 23.2, on an H200).
//
//===----------------------------------------------------------------------===//
#include "codegen/cuda/Neighbours.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

LaunchContext codegen::amongNeighbours(LaunchContext context,
                                       ArrayRef<ir::FusedOp> steps, size_t at) {
  auto sharedOf = [&](size_t i) -> int64_t {
    return i < steps.size() ? attentionDecodeShared(steps[i], context) : 0;
  };
  context.neighbourShared =
      std::max(at > 0 ? sharedOf(at - 1) : 0, sharedOf(at + 1));
  return context;
}
