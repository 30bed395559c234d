//===- GemmAttention.cpp - instances of gemm_attention.cuh, by clusters, too
//===//
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

/// joined::ClusterConfig.
struct ClusterForm {
  int64_t rows, blocks, tokens;

  int64_t cluster() const { return 3 * blocks; }
  int64_t warpgroups() const { return tokens <= 128 ? 3 : 2; }
  int64_t threads() const { return 128 * warpgroups(); }
  int64_t stageBytes() const { return (rows + kHeadSize) * 128 + 16; }
  int64_t heldBytes() const { return 2 * blocks * rows * 128; }
  /// For all of k, or for as much as there is room for; of each warpgroup.
  int64_t stages(int64_t k) const {
    constexpr int64_t most = 227 * 1024;
    int64_t room = (most - 1024 - 8 - heldBytes()) / stageBytes();
    int64_t step = 64 * warpgroups();
    return std::min((k + step - 1) / step, room / warpgroups());
  }
  int64_t sharedBytes(int64_t k) const {
    return 1024 + warpgroups() * stages(k) * stageBytes() + heldBytes() + 8;
  }
  /// Clusters that run at once on an H200, none of which spans two of its
  /// parts: with 12 heads three sequences by clusters of three gain (3 x 64
  /// tokens, a layer of BERT-base 24.0 us for 25.2), two by clusters of six do
  /// not (2 x 128 29.2 us for 27.2).
  int64_t clustersAtOnce() const { return blocks == 1 ? 36 : 17; }
};
constexpr ClusterForm kClusterForms[] = {
    {32, 1, 32}, {64, 1, 64}, {64, 2, 128}, {112, 2, 208}};

} // namespace

static ir::PackedType rowType(Value value) {
  return cast<ir::PackedType>(value.getType());
}

bool codegen::gemmAttentionTakes(ir::FusedOp gemm, ir::FusedOp attention,
                                 const GemmMatch &match) {
  auto wide = [](const Placement &rows) {
    return rows.rowStride % 8 == 0 && rows.alignment >= 16;
  };
  ir::ParamOp weight = ir::lookupParam(gemm, match.weight);
  return wide(placementOf(gemm.getInputs()[match.input.getArgNumber()])) &&
         wide(placementOf(attention.getResult(0))) && alignmentOf(weight) >= 16;
}

int64_t codegen::joinedCtas(const GemmMatch &match) {
  return match.n / (3 * kHeadSize);
}

static ir::AttentionOp attentionOf(ir::FusedOp fused) {
  return *fused.getBody().front().getOps<ir::AttentionOp>().begin();
}
static ir::SequencesType sequencesOf(ir::FusedOp attention) {
  return cast<ir::SequencesType>(
      attentionOf(attention).getSequences().getType());
}

/// The initialisers of joined::Args, or of ClusterArgs, in the order of
/// declaration.
static std::string argsText(ir::FusedOp gemm, ir::FusedOp attention,
                            const GemmMatch &match, const std::string &type,
                            const std::string &biasType, bool clusters,
                            KernelParams &params) {
  ir::AttentionOp op = attentionOf(attention);
  int sequences = int(cast<BlockArgument>(op.getSequences()).getArgNumber());
  ir::SequencesType axes = sequencesOf(attention);
  auto field = [&](const char *name, const char *of) {
    return params.add("const int *", name, params.nextBatch(of, sequences));
  };
  std::string list =
      params.add("const int *", "counts", params.batch("counts"));
  auto give = [&](const std::string &text) { list += ", " + text; };
  give(std::to_string(axisNumber(attention, clusters ? axes.getSequences()
                                                     : axes.getTokens())));
  give(field("cuTokens", plan::batch::kCuTokens));
  if (!clusters)
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

/// The maps, a tile or block of `rows` of x a box.
static void addMaps(const GemmMatch &match, int64_t rows,
                    KernelParams &params) {
  const char *map = "const __grid_constant__ TensorMap";
  params.add(map, "x",
             params.tensorMap(params.in(match.input.getArgNumber()), match.k, 0,
                              1, rows));
  params.add(
      map, "w",
      params.tensorMap(params.weight(match.weight), match.k, 0, 1, kHeadSize));
}
static std::string typeOf(const GemmMatch &match) {
  return typeText(rowType(match.input).getElementType()).str();
}
static std::string biasTypeOf(ir::FusedOp gemm, const GemmMatch &match) {
  if (!match.bias)
    return typeOf(match);
  ir::ParamOp bias = ir::lookupParam(gemm, match.bias);
  return typeText(bias.getTensorType().getElementType()).str();
}

TemplateKernel codegen::emitGemmAttention(ir::FusedOp gemm,
                                          ir::FusedOp attention,
                                          const GemmMatch &match) {
  KernelParams params(gemm.getContext());
  CudaPrinter out;
  openKernel(out, "q, k and v of packed sequences, and their attention.",
             {"sm90/gemm_attention.cuh"});
  std::string type = typeOf(match), biasType = biasTypeOf(gemm, match);
  addMaps(match, kTokens, params);
  std::string args = argsText(gemm, attention, match, type, biasType,
                              /*clusters=*/false, params);

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

static JoinedCandidate emitCluster(ir::FusedOp gemm, ir::FusedOp attention,
                                   const GemmMatch &match,
                                   const ClusterForm &form) {
  KernelParams params(gemm.getContext());
  CudaPrinter out;
  openKernel(out, "q, k and v of a few sequences, and their attention.",
             {"sm90/gemm_attention_cluster.cuh"});
  std::string type = typeOf(match), biasType = biasTypeOf(gemm, match);
  addMaps(match, form.rows, params);
  std::string args = argsText(gemm, attention, match, type, biasType,
                              /*clusters=*/true, params);

  JoinedCandidate made{"joined_cluster_" + std::to_string(form.tokens),
                       {},
                       form.cluster(),
                       form.tokens,
                       form.clustersAtOnce() / joinedCtas(match)};
  KernelText &text = made.kernel.text;
  text.function =
      "attention_cluster_" + std::to_string(form.tokens) + "_" + type;
  std::string config = type;
  for (int64_t number :
       {form.rows, form.blocks, form.tokens, form.stages(match.k)})
    config += ", " + std::to_string(number);
  if (form.stages(match.k) * 64 * form.warpgroups() < match.k)
    config += ", true";
  out.line("using Tile = joined::ClusterConfig<" + config + ">;");
  out.line("");
  out.line("extern \"C\" __global__ void __cluster_dims__(Tile::kCluster)");
  out.line("__launch_bounds__(Tile::kThreads, 1)");
  out.open(text.function + "(" + params.declaration() + ")");
  out.line("static_assert(Tile::kThreads == " + llvm::Twine(form.threads()) +
           " && Tile::kSharedBytes == " +
           llvm::Twine(form.sharedBytes(match.k)) + ");");
  out.line("const joined::ClusterArgs<" + type + ", " + biasType + "> args{" +
           args + "};");
  out.line("joined::runCluster<Tile, " + biasType + ">(x, w, args);");
  out.close();
  text.source = out.take();
  Builder builder = params.builder();
  text.grid = {builder.getI64IntegerAttr(form.cluster() * joinedCtas(match)),
               gridOver(builder, sequencesOf(attention).getSequences(), 1, 1),
               builder.getI64IntegerAttr(1)};
  text.block = {form.threads(), 1, 1};
  text.sharedBytes = form.sharedBytes(match.k);
  text.args.assign(params.args().begin(), params.args().end());
  return made;
}

std::vector<JoinedCandidate>
codegen::emitGemmAttentionClusters(ir::FusedOp gemm, ir::FusedOp attention,
                                   const GemmMatch &match) {
  std::vector<JoinedCandidate> made;
  int64_t longest = longestSequence(attention), covered = 0;
  for (const ClusterForm &form : kClusterForms) {
    if (form.clustersAtOnce() >= joinedCtas(match) &&
        (longest == 0 || covered < longest))
      made.push_back(emitCluster(gemm, attention, match, form));
    covered = form.tokens;
  }
  return made;
}
