//===- AttentionKernel.cpp - instances of attention_{mma,f32}.cuh ---------===//
#include "codegen/cuda/AttentionText.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/Templates.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

namespace {

/// The instance chosen for one attention op.
struct Instance : AttentionShape {
  int64_t rows = 64; // BM: (token, head) pairs of a tile
  int64_t pack = 1;  // query heads of a tile
  int64_t splits = 1;

  bool mma() const { return !element.isF32(); }
  int64_t headBlocks() const {
    return kvHeads * llvm::divideCeil(heads / kvHeads, pack);
  }
  int64_t sharedBytes() const;
};

int64_t roundUp(int64_t value, int64_t to) {
  return int64_t(llvm::alignTo(uint64_t(value), uint64_t(to)));
}

/// The formulas of the templates' head comments.
int64_t Instance::sharedBytes() const {
  if (mma()) {
    auto pitch = [](int64_t x) { return roundUp(x, 16) + 8; };
    int64_t keys = rows == 64 && std::max(d, dv) > 128 ? 32 : 64;
    return 2 * rows * pitch(d) + std::max(4 * keys * (pitch(d) + pitch(dv)),
                                          256 * (roundUp(dv, 16) + 2));
  }
  auto pitch = [](int64_t x) { return roundUp(x, 4) + 4; };
  int64_t keys = 32;
  return 4 * (rows * pitch(d) +
              std::max(keys * (pitch(d) + pitch(dv)) + rows * (keys + 1),
                       rows * (dv + 2)));
}

} // namespace

static FailureOr<Instance> chooseInstance(ir::FusedOp fused, ir::AttentionOp op,
                                          const LaunchContext &context) {
  FailureOr<AttentionShape> shape = attentionShape(fused, op);
  if (failed(shape))
    return failure();
  Instance instance{*shape};
  bool few = context.maxTokens > 0 && context.maxTokens <= 64;
  instance.rows = few ? 16 : 64;
  instance.pack = std::min<int64_t>(instance.heads / instance.kvHeads, 16);
  if (few) // about two CTAs a multiprocessor, for a few sequences
    instance.splits =
        std::clamp<int64_t>(2 * context.multiprocessors /
                                (instance.headBlocks() *
                                 std::max<int64_t>(1, context.maxTokens / 8)),
                            1, 32);
  return instance;
}

FailureOr<TemplateKernel> codegen::emitAttention(ir::FusedOp fused,
                                                 const LaunchContext &context) {
  auto op = *fused.getBody().front().getOps<ir::AttentionOp>().begin();
  FailureOr<Instance> instance = chooseInstance(fused, op, context);
  if (failed(instance))
    return failure();
  KernelParams params(fused.getContext());
  CudaPrinter out, body;
  openKernel(out, "Attention.",
             {instance->mma() ? "attention_mma.cuh" : "attention_f32.cuh"});
  FailureOr<std::string> score = printScore(op, params, out);
  if (failed(score))
    return failure();
  bool split = instance->splits > 1;
  printAttentionArgs(
      fused, op, *instance,
      {.pack = instance->pack, .counters = split, .partials = split}, params,
      body);
  std::string type = typeText(instance->element).str();
  body.line("attention::run" + llvm::Twine(instance->mma() ? "Mma" : "F32") +
            "<Shape, " + std::to_string(instance->rows) + ">(args, " + *score +
            ");");

  TemplateKernel kernel;
  KernelText &text = kernel.text;
  int64_t threads = instance->mma() ? 128 : 256;
  text.function = "attention_" + type;
  out.line("extern \"C\" __global__ void __launch_bounds__(" +
           std::to_string(threads) + ", 1)");
  out.open(text.function + "(" + params.declaration() + ")");
  out.splice(body);
  out.close();
  text.source = out.take();

  Builder &builder = params.builder();
  auto axes = cast<ir::SequencesType>(op.getSequences().getType());
  // A small range has no more tiles than tokens; else a last tile a sequence.
  Attribute tiles =
      instance->rows == 16
          ? gridOver(builder, axes.getTokens(), 1)
          : gridOver(builder, axes.getTokens(),
                     std::max<int64_t>(1, instance->rows / instance->pack), 1,
                     axes.getSequences());
  text.grid = {tiles, builder.getI64IntegerAttr(instance->headBlocks()),
               builder.getI64IntegerAttr(instance->splits)};
  text.block = {threads, 1, 1};
  text.sharedBytes = instance->sharedBytes();
  text.args.assign(params.args().begin(), params.args().end());
  if (instance->splits > 1)
    kernel.workspaceBytes =
        kCounterBytes + 4 * instance->rows * (instance->dv + 2) *
                            context.maxTokens * instance->headBlocks() *
                            instance->splits;
  return kernel;
}
