//===- GemmAttention.cpp - instances of sm90/gemm_attention.cuh -----------===//
#include "codegen/cuda/AttentionText.h"
#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

#include "runtime/plan/Batch.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

namespace {

/// joined::Config, which the text compares with.
constexpr int64_t kTokens = plan::batch::kPackTokens;
constexpr int64_t kHeadSize = 64;
constexpr int64_t kThreads = 384;
/// Four stages of x and of a head's rows of the weights, with barriers; k and v
/// of the head; its biases; what aligns them.
constexpr int64_t kSharedBytes = 4 * ((kTokens + 3 * kHeadSize) * 128 + 16) +
                                 2 * kTokens * 128 + 4 * 3 * kHeadSize + 1024;

} // namespace

static ir::PackedType rowType(Value value) {
  return cast<ir::PackedType>(value.getType());
}

bool codegen::gemmAttentionTakes(ir::FusedOp gemm, const GemmMatch &match) {
  Placement x = placementOf(gemm.getInputs()[match.input.getArgNumber()]);
  ir::ParamOp weight = ir::lookupParam(gemm, match.weight);
  return x.rowStride % 8 == 0 && x.alignment >= 16 && alignmentOf(weight) >= 16;
}

int64_t codegen::joinedCtas(const GemmMatch &match) {
  return match.n / (3 * kHeadSize);
}

/// The initialisers of joined::Args, in the order of declaration.
static std::string argsText(ir::FusedOp gemm, ir::FusedOp attention,
                            const GemmMatch &match, const std::string &type,
                            const std::string &biasType, KernelParams &params) {
  ir::AttentionOp op =
      *attention.getBody().front().getOps<ir::AttentionOp>().begin();
  int sequences = int(cast<BlockArgument>(op.getSequences()).getArgNumber());
  auto axes = cast<ir::SequencesType>(op.getSequences().getType());
  auto field = [&](const char *name, const char *of) {
    return params.add("const int *", name, params.nextBatch(of, sequences));
  };
  std::string list =
      params.add("const int *", "counts", params.batch("counts"));
  auto give = [&](const std::string &text) { list += ", " + text; };
  give(std::to_string(axisNumber(attention, axes.getTokens())));
  give(field("cuTokens", plan::batch::kCuTokens));
  give(field("packs", plan::batch::kPacks));
  give(match.bias ? params.add("const " + biasType + " *", "bias",
                               params.weight(match.bias))
                  : "nullptr");
  give(std::to_string(op.getQuery().getType().getShape()[0]));
  give(std::to_string(match.k));
  give(floatLiteral(op.getScale().convertToDouble()));
  give(params.add(type + " *", "out", params.nextOut(0)));
  give(std::to_string(placementOf(attention.getResult(0)).rowStride));
  return list;
}

TemplateKernel codegen::emitGemmAttention(ir::FusedOp gemm,
                                          ir::FusedOp attention,
                                          const GemmMatch &match) {
  KernelParams params(gemm.getContext());
  CudaPrinter out;
  openKernel(out, "q, k and v of packed sequences, and their attention.",
             {"sm90/gemm_attention.cuh"});
  std::string type = typeText(rowType(match.input).getElementType()).str();
  std::string biasType = type;
  if (match.bias)
    biasType =
        typeText(
            ir::lookupParam(gemm, match.bias).getTensorType().getElementType())
            .str();
  const char *map = "const __grid_constant__ TensorMap";
  params.add(map, "x",
             params.tensorMap(params.in(match.input.getArgNumber()), match.k, 0,
                              1, kTokens));
  params.add(
      map, "w",
      params.tensorMap(params.weight(match.weight), match.k, 0, 1, kHeadSize));
  std::string args = argsText(gemm, attention, match, type, biasType, params);

  TemplateKernel kernel;
  KernelText &text = kernel.text;
  // Compiled first, as all attention is.
  text.function = "attention_joined_" + type;
  out.line("using Tile = joined::Config<" + type + ">;");
  out.line("");
  out.line("extern \"C\" __global__ void __launch_bounds__(Tile::kThreads, 1)");
  out.open(text.function + "(" + params.declaration() + ")");
  out.line("static_assert(Tile::kTokens == " + llvm::Twine(kTokens) +
           " && Tile::kThreads == " + llvm::Twine(kThreads) +
           " && Tile::kSharedBytes == " + llvm::Twine(kSharedBytes) + ");");
  out.line("const joined::Args<" + type + ", " + biasType + "> args{" + args +
           "};");
  out.line("joined::run<Tile, " + biasType + ">(x, w, args);");
  out.close();
  text.source = out.take();
  // No fewer than there are tiles in a batch that is packed well.
  int64_t heads = joinedCtas(match);
  int64_t tokens =
      kTokens * plan::batch::kPackedTokens / plan::batch::kPackedRows;
  text.grid = {
      gridOver(params.builder(), rowType(match.input).getAxis(), tokens, heads),
      params.builder().getI64IntegerAttr(1),
      params.builder().getI64IntegerAttr(1)};
  text.block = {kThreads, 1, 1};
  text.sharedBytes = kSharedBytes;
  text.residentGrid = true;
  text.args.assign(params.args().begin(), params.args().end());
  return kernel;
}
