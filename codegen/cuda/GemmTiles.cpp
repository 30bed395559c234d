//===- GemmTiles.cpp - instances of sm90/gemm.cuh -------------------------===//
#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/GemmHeads.h"
#include "codegen/cuda/GemmShapes.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

namespace {

/// What an epilogue computes from a sum (of gate and up where gated) and r.
struct Epilogue {
  CudaPrinter body;
  std::string result;
  BlockArgument residual; // null without one
};

/// Follows the ops from the stored value back to the linears.
class EpilogueText {
public:
  EpilogueText(const GemmMatch &match, Epilogue &epilogue)
      : epilogue_(epilogue) {
    SmallVector<ir::LinearOp, 3> linears(match.linears);
    names_[linears[0].getResult()] = match.gated ? "gate" : "y";
    if (match.gated)
      names_[linears[1].getResult()] = "up";
  }

  /// Nothing where the template has no place for an op.
  std::optional<std::string> value(Value value) {
    if (auto it = names_.find(value); it != names_.end())
      return it->second;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (epilogue_.residual)
        return std::nullopt;
      epilogue_.residual = argument;
      return names_[value] = "r";
    }
    SmallVector<std::string> operands;
    Operation *op = value.getDefiningOp();
    for (Value operand : op->getOperands()) {
      std::optional<std::string> text = this->value(operand);
      if (!text)
        return std::nullopt;
      operands.push_back(*text);
    }
    std::optional<std::string> text = elementText(op, operands);
    if (!text || operands.empty())
      return std::nullopt;
    std::string name = "v" + std::to_string(count_++);
    epilogue_.body.line("const float " + name + " = " + *text + ";");
    return names_[value] = name;
  }

private:
  Epilogue &epilogue_;
  llvm::DenseMap<Value, std::string> names_;
  int count_ = 0;
};

} // namespace

static ir::PackedType rowType(Value value) {
  return cast<ir::PackedType>(value.getType());
}

static bool isHalf(Type type) { return type.isBF16() || type.isF16(); }

/// Elements of a weight up to which these take 9 to 64 tokens from
/// gemm_skinny.cuh, which reads a large one faster (docs/rationale/decode.md).
static constexpr int64_t kSomeMaxWeight = 3 << 20;

bool codegen::gemmTilesTake(ir::FusedOp fused, const GemmMatch &match,
                            const LaunchContext &context) {
  if ((context.maxTokens > 0 && context.maxTokens <= 8) || match.norm)
    return false;
  if (context.someTokens() &&
      (match.gated || match.outNorm || match.n * match.k > kSomeMaxWeight))
    return false;
  unsigned number = match.input.getArgNumber();
  Placement x = placementOf(fused.getInputs()[number]);
  ir::ParamOp weight = ir::lookupParam(fused, match.weight);
  RankedTensorType type = weight.getTensorType();
  if (!isHalf(rowType(match.input).getElementType()) || match.k % 8 != 0 ||
      x.rowStride % 8 != 0 || x.alignment < 16 || alignmentOf(weight) < 16 ||
      type.getNumElements() != match.n * match.k || shapesFor(match).empty())
    return false;
  if (match.linears.size() > 1 && !match.gated)
    return true;
  Epilogue epilogue;
  if (!EpilogueText(match, epilogue).value(match.result))
    return false;
  return !epilogue.residual || rowType(epilogue.residual).getRowElements() ==
                                   (match.gated ? match.n / 2 : match.n);
}

/// One of the members that an epilogue's functor is made of.
using AddMember =
    llvm::function_ref<void(std::string, StringRef, DictionaryAttr)>;

/// What gemm_norm.cuh wants to know besides, before the functor's function.
static void printNorm(ir::FusedOp fused, const GemmMatch &match,
                      KernelParams &params, CudaPrinter &out,
                      AddMember member) {
  auto flag = [](bool set) { return set ? "true" : "false"; };
  bool layer = isa_and_nonnull<ir::LayerNormOp>(match.outNorm);
  out.line("static constexpr gemm::Norm kNorm = gemm::Norm::" +
           llvm::Twine(layer           ? "Layer"
                       : match.outNorm ? "Rms"
                                       : "None") +
           ";");
  if (!match.outNorm)
    return;
  auto weight = [&](StringRef name) {
    return match.outNorm->getAttrOfType<FlatSymbolRefAttr>(name);
  };
  FlatSymbolRefAttr scale = weight("weight"), shift = weight("bias");
  ir::ParamOp param = ir::lookupParam(fused, scale);
  std::string type = typeText(param.getTensorType().getElementType()).str();
  out.line("using Scale = " + type + ";");
  out.line("static constexpr bool kShift = " + llvm::Twine(flag(bool(shift))) +
           ", kSum = " + flag(match.storesSum) + ";");
  member("const " + type + " *", "scale", params.weight(scale));
  member("const " + type + " *", "shift",
         shift ? params.weight(shift) : params.i64(0));
  member(
      "float", "eps",
      params.f32(
          match.outNorm->getAttrOfType<FloatAttr>("eps").getValueAsDouble()));
  std::string outType =
      typeText(rowType(fused.getResult(0)).getElementType()).str();
  member(outType + " *", "sum",
         match.storesSum ? params.out(0) : params.i64(0));
  member("i64", "sumStride",
         params.i64(placementOf(fused.getResult(0)).rowStride));
}

/// Rows of 16-bit values that begin on 16 bytes.
static bool beginInChunks(Value outer) {
  Placement place = placementOf(outer);
  return place.alignment >= 16 && place.rowStride % 8 == 0;
}

/// The functor that gemm_epilogue.cuh describes, and how it is made. `known`:
/// strides, and that rows lie in whole chunks, are constants of the text.
static std::string printEpilogue(ir::FusedOp fused, const GemmMatch &match,
                                 KernelParams &params, CudaPrinter &out,
                                 bool known) {
  Epilogue epilogue;
  epilogue.result = "y";
  Value stored = fused.getResult(match.outNumber());
  if (match.linears.size() == 1 || match.gated)
    epilogue.result = *EpilogueText(match, epilogue).value(match.result);
  std::string outType = typeText(rowType(stored).getElementType()).str();
  std::string biasType = outType, residualType = outType;
  DictionaryAttr none = params.i64(0);
  DictionaryAttr bias = none, residual = none;
  int64_t residualStride = 0;
  if (match.bias) {
    ir::ParamOp param = ir::lookupParam(fused, match.bias);
    biasType = typeText(param.getTensorType().getElementType()).str();
    bias = params.weight(match.bias);
  }
  if (epilogue.residual) {
    unsigned number = epilogue.residual.getArgNumber();
    residualType = typeText(rowType(epilogue.residual).getElementType()).str();
    residual = params.in(number);
    residualStride = placementOf(fused.getInputs()[number]).rowStride;
  }
  auto flag = [](bool set) { return set ? "true" : "false"; };
  bool wide = (match.gated ? match.n / 2 : match.n) % 8 == 0 &&
              beginInChunks(fused.getResult(0)) &&
              beginInChunks(fused.getResult(match.outNumber()));
  if (epilogue.residual)
    wide &= beginInChunks(fused.getInputs()[epilogue.residual.getArgNumber()]);
  out.open("struct Epilogue");
  out.line("using Out = " + outType + ";");
  out.line("using Bias = " + biasType + ";");
  out.line("using Residual = " + residualType + ";");
  out.line("static constexpr bool kGated = " + llvm::Twine(flag(match.gated)) +
           ", kBias = " + flag(bool(match.bias)) +
           ", kResidual = " + flag(bool(epilogue.residual)) +
           ", kWide = " + flag(wide && known) + ";");
  std::string made;
  auto member = [&](std::string type, StringRef name, DictionaryAttr arg) {
    params.add(type, name, arg);
    out.line(type + (type.back() == '*' ? "" : " ") + name + ";");
    made += (made.empty() ? "" : ", ") + name.str();
  };
  member("const " + biasType + " *", "bias", bias);
  auto stride = [&](StringRef name, int64_t value) {
    if (known)
      out.line("static constexpr i64 " + name + " = " + llvm::Twine(value) +
               ";");
    else
      member("i64", name, params.i64(value));
  };
  member("const " + residualType + " *", "residual", residual);
  stride("residualStride", residualStride);
  member(outType + " *", "out", params.out(match.outNumber()));
  stride("outStride", placementOf(stored).rowStride);
  printNorm(fused, match, params, out, member);
  out.open("__device__ __forceinline__ float operator()(float " +
           llvm::Twine(match.gated ? "gate, float up" : "y") +
           ", float r) const");
  out.splice(epilogue.body);
  out.line("return " + epilogue.result + ";");
  out.close();
  out.close(";");
  return "Epilogue{" + made + "}";
}

/// Whether something of 16 bits is added to the sums.
static bool hasResidual(const GemmMatch &match) {
  Epilogue epilogue;
  if (match.linears.size() > 1 && !match.gated)
    return false;
  EpilogueText(match, epilogue).value(match.result);
  return epilogue.residual &&
         isHalf(rowType(epilogue.residual).getElementType());
}

/// The map of w: its boxes are the part of a tile that one CTA brings, or a run
/// of both halves of a head.
static DictionaryAttr weightMap(const GemmMatch &match, const GemmShape &tile,
                                KernelParams &params) {
  DictionaryAttr weight = params.weight(match.weight);
  int64_t columns = match.gated ? tile.bn / 2 : tile.bn;
  if (match.append)
    if (HeadRuns runs = tile.runsOf(match); !runs.inOrder())
      return params.tensorMap(weight, match.k, runs.size / 2, runs.run, 2);
  return params.tensorMap(weight, match.k, 0, 1, columns / tile.cm);
}

/// gemm::Config of `tile`.
static std::string configText(const GemmMatch &match, const GemmShape &tile) {
  std::string text = "gemm::Config<" +
                     typeText(rowType(match.input).getElementType()).str() +
                     (match.gated ? ", true, " : ", false, ");
  for (int64_t number : {tile.bm, tile.bn, tile.stages, tile.warpgroups})
    text += std::to_string(number) + ", ";
  text += "/*pingPong=*/" + std::string(tile.pingPong ? "true" : "false");
  for (int64_t number : {tile.cm, tile.cn, tile.ctas, tile.splits})
    text += ", " + std::to_string(number);
  bool more = tile.swapped || tile.boxes > 1;
  if (tile.norm || match.append || more)
    text += std::string(", /*norm=*/") + (tile.norm ? "true" : "false");
  if (match.append || more)
    text += ", " + (match.append ? headColumns(tile.runsOf(match))
                                 : std::string("gemm::Columns"));
  if (more)
    text += std::string(", /*swapped=*/") + (tile.swapped ? "true" : "false") +
            ", /*boxes=*/" + std::to_string(tile.boxes);
  return text + ">";
}

/// The text of one tile shape.
static GemmCandidate emitTile(ir::FusedOp fused, const GemmMatch &match,
                              const LaunchContext &context,
                              const GemmShape &tile) {
  KernelParams params(fused.getContext());
  CudaPrinter out;
  openKernel(out, "Linear layers of many rows.", {"sm90/gemm.cuh"});
  // With constants addresses are made ahead, for which whole tiles' sums and
  // norms of many rows leave no registers.
  bool known =
      (!tile.norm || tile.swapped) && !(tile.pingPong && hasResidual(match));
  std::string epilogue = match.append
                             ? printHeadsEpilogue(fused, match, params, out)
                             : printEpilogue(fused, match, params, out, known);
  const char *map = "const __grid_constant__ TensorMap";
  unsigned input = match.input.getArgNumber();
  params.add(map, "a",
             params.tensorMap(params.in(input), match.k, 0, 1, tile.boxRows()));
  params.add(map, "w", weightMap(match, tile, params));
  params.add("int", "n", params.i32(match.n));
  params.add("int", "k", params.i32(match.k));
  params.add("const int *", "counts", params.batch("counts"));
  params.add("int", "axis",
             params.i32(axisNumber(fused, rowType(match.input).getAxis())));

  GemmCandidate made;
  made.name = "tiles_" + tile.name();
  made.cluster = tile.cluster();
  KernelText &text = made.kernel.text;
  text.function = "gemm_" + made.name +
                  (match.gated    ? "_gated"
                   : match.append ? "_heads"
                                  : "");
  out.line("using Tile = " + configText(match, tile) + ";");
  out.line("");
  out.line("extern \"C\" __global__ void __cluster_dims__(Tile::kCluster)");
  out.line("__launch_bounds__(Tile::kBound, Tile::kCtas)");
  out.open(text.function + "(" + params.declaration() + ")");
  out.line("static_assert(Tile::kSharedBytes == " +
           std::to_string(tile.sharedBytes()) + ");");
  out.line("gemm::run<Tile>(a, w, n, k, counts, axis, " + epilogue + ");");
  out.close();
  text.source = out.take();
  text.grid = {
      params.builder().getI64IntegerAttr(context.multiprocessors * tile.ctas)};
  text.block = {tile.threads(), 1, 1};
  text.sharedBytes = tile.sharedBytes();
  text.residentGrid = true;
  text.args.assign(params.args().begin(), params.args().end());
  return made;
}

static std::vector<ShapeChoice> shapesIn(const LaunchContext &context,
                                         const GemmMatch &match) {
  if (context.someTokens())
    return {chooseSomeRows(match)};
  if (context.prompts() && !context.preview)
    return choosePromptShapes(match);
  return chooseShapes(match);
}

static std::vector<GemmCandidate>
emitShapes(ir::FusedOp fused, const GemmMatch &match,
           const LaunchContext &context,
           const std::vector<ShapeChoice> &choices) {
  std::vector<GemmCandidate> candidates;
  bool residual = hasResidual(match);
  for (const ShapeChoice &choice : choices) {
    candidates.push_back(
        emitTile(fused, match, context,
                 residual ? choice.shape.withResidual() : choice.shape));
    candidates.back().rows = choice.rows;
  }
  return candidates;
}

std::vector<GemmCandidate>
codegen::emitGemmTiles(ir::FusedOp fused, const GemmMatch &match,
                       const LaunchContext &context) {
  return emitShapes(fused, match, context, shapesIn(context, match));
}

std::vector<GemmCandidate>
codegen::emitGemmFewRows(ir::FusedOp fused, const GemmMatch &match,
                         const LaunchContext &context) {
  return emitShapes(fused, match, context, chooseFewRows(match));
}
