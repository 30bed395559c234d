//===- GemmTiles.cpp - instances of sm90/gemm.cuh -------------------------===//
#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

namespace {

/// gemm::Config.
struct Tile {
  StringLiteral name; // rows x columns _ cluster rows x columns
  int64_t bm, bn, stages, warpgroups, cm, cn, ctas;

  int64_t cluster() const { return cm * cn; }
  int64_t threads() const { return 128 * (1 + warpgroups); }
  int64_t sharedBytes() const {
    return 1024 + stages * ((bm + bn) * 128 + 16) + 16;
  }
};

/// The shapes that were fastest somewhere on an H200 (docs/benchmarks,
/// gemm-sm90). Stages are what 227 KB hold.
constexpr Tile kTiles[] = {
    // One warpgroup: twice the tiles for few rows or few columns.
    {"64x96", 64, 96, 8, 1, 1, 1, 1},
    {"64x256_2x1", 64, 256, 5, 1, 2, 1, 1},
    // Two share a tile; a cluster shares weights, and rows where both are 2.
    {"128x64_2x2", 128, 64, 8, 2, 2, 2, 1},
    {"128x96_2x1", 128, 96, 7, 2, 2, 1, 1},
    {"128x128_2x1", 128, 128, 6, 2, 2, 1, 1},
    {"128x192_2x1", 128, 192, 5, 2, 2, 1, 1},
    {"128x256", 128, 256, 4, 2, 1, 1, 1},
};

/// Row counts that candidates are chosen for.
constexpr int64_t kRows[] = {256, 1024, 4096, 16384};

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

static bool fits(const Tile &tile, const GemmMatch &match) {
  // Both halves of a gated tile are whole boxes of the cluster's CTAs.
  return !match.gated || (tile.bn % (32 * tile.cm) == 0 && tile.bn >= 96);
}

/// Cycles of a multiprocessor, as far as they tell tiles apart: what the tensor
/// cores take for 64 columns of k (4,096 FLOP a cycle) or what L2 delivers in
/// time (45 bytes a cycle, H200), whichever is longer, and some 1,500 to fill
/// the stages and store.
static double cyclesOf(const Tile &tile, const GemmMatch &match, int64_t rows) {
  int64_t outputs = match.gated ? tile.bn / 2 : tile.bn;
  int64_t columns = match.gated ? match.n / 2 : match.n;
  auto ceil = [](int64_t a, int64_t b) {
    return int64_t(llvm::divideCeil(uint64_t(a), uint64_t(b)));
  };
  int64_t tiles =
      ceil(rows, tile.bm * tile.cm) * ceil(columns, outputs * tile.cn);
  int64_t waves = ceil(tiles, 132 / tile.cluster() * tile.ctas);
  double step =
      std::max(double(tile.bm * tile.bn) / 32,
               double(tile.bm / tile.cn + tile.bn / tile.cm) * 128 / 45);
  return double(waves) * (double(ceil(match.k, 64)) * step + 1500);
}

static SmallVector<const Tile *> chooseTiles(const GemmMatch &match) {
  SmallVector<const Tile *> chosen;
  for (int64_t rows : kRows) {
    const Tile *best = nullptr;
    for (const Tile &tile : kTiles)
      if (fits(tile, match) &&
          (!best || cyclesOf(tile, match, rows) < cyclesOf(*best, match, rows)))
        best = &tile;
    if (best && !llvm::is_contained(chosen, best))
      chosen.push_back(best);
  }
  return chosen;
}

bool codegen::gemmTilesTake(ir::FusedOp fused, const GemmMatch &match,
                            const LaunchContext &context) {
  if ((context.maxTokens > 0 && context.maxTokens <= 64) || match.norm)
    return false;
  unsigned number = match.input.getArgNumber();
  Placement x = placementOf(fused.getInputs()[number]);
  ir::ParamOp weight = ir::lookupParam(fused, match.weight);
  RankedTensorType type = weight.getTensorType();
  if (!isHalf(rowType(match.input).getElementType()) || match.k % 8 != 0 ||
      x.rowStride % 8 != 0 || x.alignment < 16 || alignmentOf(weight) < 16 ||
      type.getNumElements() != match.n * match.k)
    return false;
  if (match.linears.size() > 1 && !match.gated)
    return true;
  Epilogue epilogue;
  if (!EpilogueText(match, epilogue).value(match.result))
    return false;
  return !epilogue.residual || rowType(epilogue.residual).getRowElements() ==
                                   (match.gated ? match.n / 2 : match.n);
}

/// The functor that gemm_epilogue.cuh describes, and how it is made.
static std::string printEpilogue(ir::FusedOp fused, const GemmMatch &match,
                                 KernelParams &params, CudaPrinter &out) {
  Epilogue epilogue;
  epilogue.result = "y";
  if (match.linears.size() == 1 || match.gated)
    epilogue.result = *EpilogueText(match, epilogue).value(match.result);
  Value stored = fused.getResult(0);
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
  out.open("struct Epilogue");
  out.line("using Out = " + outType + ";");
  out.line("using Bias = " + biasType + ";");
  out.line("using Residual = " + residualType + ";");
  out.line("static constexpr bool kGated = " + llvm::Twine(flag(match.gated)) +
           ", kBias = " + flag(bool(match.bias)) +
           ", kResidual = " + flag(bool(epilogue.residual)) + ";");
  std::string made;
  auto member = [&](std::string type, StringRef name, DictionaryAttr arg) {
    params.add(type, name, arg);
    out.line(type + (type.back() == '*' ? "" : " ") + name + ";");
    made += (made.empty() ? "" : ", ") + name.str();
  };
  member("const " + biasType + " *", "bias", bias);
  member("const " + residualType + " *", "residual", residual);
  member("i64", "residualStride", params.i64(residualStride));
  member(outType + " *", "out", params.out(0));
  member("i64", "outStride", params.i64(placementOf(stored).rowStride));
  out.open("__device__ __forceinline__ float operator()(float " +
           llvm::Twine(match.gated ? "gate, float up" : "y") +
           ", float r) const");
  out.splice(epilogue.body);
  out.line("return " + epilogue.result + ";");
  out.close();
  out.close(";");
  return "Epilogue{" + made + "}";
}

/// The text of one tile shape.
static GemmCandidate emitTile(ir::FusedOp fused, const GemmMatch &match,
                              const LaunchContext &context, const Tile &tile) {
  KernelParams params(fused.getContext());
  CudaPrinter out;
  openKernel(out, "Linear layers of many rows.", {"sm90/gemm.cuh"});
  std::string epilogue = printEpilogue(fused, match, params, out);
  const char *map = "const __grid_constant__ TensorMap";
  int64_t columns = match.gated ? tile.bn / 2 : tile.bn;
  unsigned input = match.input.getArgNumber();
  params.add(
      map, "a",
      params.tensorMap(params.in(input), match.k, 0, 1, tile.bm / tile.cn));
  params.add(map, "w",
             params.tensorMap(params.weight(match.weight), match.k, 0, 1,
                              columns / tile.cm));
  params.add("int", "n", params.i32(match.n));
  params.add("int", "k", params.i32(match.k));
  params.add("const int *", "counts", params.batch("counts"));
  params.add("int", "axis",
             params.i32(axisNumber(fused, rowType(match.input).getAxis())));

  GemmCandidate made;
  made.name = ("tiles_" + tile.name).str();
  made.cluster = tile.cluster();
  KernelText &text = made.kernel.text;
  text.function = "gemm_" + made.name + (match.gated ? "_gated" : "");
  std::string numbers;
  for (int64_t number : {tile.bm, tile.bn, tile.stages, tile.warpgroups})
    numbers += std::to_string(number) + ", ";
  numbers += "/*pingPong=*/false";
  for (int64_t number : {tile.cm, tile.cn, tile.ctas})
    numbers += ", " + std::to_string(number);
  out.line("using Tile = gemm::Config<" +
           typeText(rowType(match.input).getElementType()) + ", " +
           (match.gated ? "true, " : "false, ") + numbers + ">;");
  out.line("");
  out.line("extern \"C\" __global__ void __cluster_dims__(Tile::kCluster)");
  out.line("__launch_bounds__(Tile::kThreads, Tile::kCtas)");
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

std::vector<GemmCandidate>
codegen::emitGemmTiles(ir::FusedOp fused, const GemmMatch &match,
                       const LaunchContext &context) {
  std::vector<GemmCandidate> candidates;
  for (const Tile *tile : chooseTiles(match))
    candidates.push_back(emitTile(fused, match, context, *tile));
  return candidates;
}
