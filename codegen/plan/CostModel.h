//===- CostModel.h - what a step should take ---------------------*- C++
//-*-===//
#ifndef FT_CODEGEN_PLAN_COSTMODEL_H
#define FT_CODEGEN_PLAN_COSTMODEL_H

#include "runtime/plan/Plan.h"

namespace ft::codegen {

/// A device by its measured ceilings (docs/rationale names the measurements).
struct DeviceDescription {
  const char *name;
  double bytesPerSecond;     // a read-only stream
  double halfFlops;          // f16 and bf16 matrix products
  double singleFlops;        // fp32, no TF32
  double kernelMicroseconds; // a kernel boundary inside a graph
  double linkBytesPerSecond; // of one rank to the others
  double linkMicroseconds;   // of one collective, however short
};

const DeviceDescription &h200();

/// The numbers of a batch that costs depend on.
struct BatchShape {
  int64_t tokens = 1;
  int64_t sequences = 1;
  int64_t rows = 1;
  int64_t context = 0; // cached tokens of each sequence before this batch
};

/// Bytes, FLOPs and time of one step.
struct Prediction {
  int64_t bytes = 0;
  int64_t flops = 0;
  int64_t linkBytes = 0; // that each rank sends
  double microseconds = 0;
};

Prediction predictStep(const plan::Plan &plan, const plan::Step &step,
                       bool causal, const BatchShape &batch,
                       const DeviceDescription &device);

/// Kernels of the step's first implementation; 1 where it has none.
int64_t kernelsOf(const plan::Step &step);

/// Kernels an unfused executor of framework primitives would need for `op`.
int64_t primitivesOf(const plan::MeaningOp &op);

/// Bytes of all resident weights; of all caches for one token.
int64_t weightBytes(const plan::Plan &plan);
int64_t cacheBytesPerToken(const plan::Plan &plan);

/// `affine` at the bounds of `batch`, rounded up as the runtime does.
int64_t evaluate(const plan::Affine &affine, const plan::Plan &plan,
                 const BatchShape &batch);

} // namespace ft::codegen

#endif // FT_CODEGEN_PLAN_COSTMODEL_H
