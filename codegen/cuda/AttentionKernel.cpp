//===- AttentionKernel.cpp - instances of attention_{mma,f32}.cuh ---------===//
#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

static constexpr int64_t kCounterBytes = 65536; // common.cuh

namespace {

/// The instance chosen for one attention op.
struct Instance {
  Type element;
  int64_t heads = 0, kvHeads = 0;
  int64_t d = 0, dv = 0;
  int64_t rows = 64; // BM: (token, head) pairs of a tile
  int64_t pack = 1;  // query heads of a tile
  int64_t splits = 1;
  bool paged = false;

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
  Instance instance;
  auto query = op.getQuery().getType();
  ArrayRef<int64_t> shape = query.getShape();
  ArrayRef<int64_t> key, value;
  instance.element = query.getElementType();
  instance.paged = bool(op.getCacheAttr());
  if (instance.paged) {
    ir::CacheOp cache = ir::lookupCache(fused, op.getCacheAttr());
    key = cast<ir::PlaneAttr>(cache.getPlanes()[0]).getShape();
    value = cast<ir::PlaneAttr>(cache.getPlanes()[1]).getShape();
  } else {
    key = op.getKey().getType().getShape();
    value = op.getValue().getType().getShape();
  }
  if (shape.size() != 2 || key.size() != 2 || value.size() != 2)
    return op.emitError("attention: operands must be [heads, head size]");
  instance.heads = shape[0];
  instance.kvHeads = key[0];
  instance.d = shape[1];
  instance.dv = value[1];
  if (instance.d < 8 || instance.d > 256 || instance.dv < 8 ||
      instance.dv > 256)
    return op.emitError("attention: no kernel for head sizes ")
           << instance.d << " and " << instance.dv << "; they must be 8 to 256";
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

/// The score functor, or the template's identity; returns how it is made.
static FailureOr<std::string>
printScore(ir::AttentionOp op, KernelParams &params, CudaPrinter &out) {
  if (op.getScore().empty())
    return std::string("attention::NoScore{}");
  Block &body = op.getScore().front();
  llvm::DenseMap<Value, std::string> names;
  static constexpr const char *arguments[] = {"s", "head", "query", "key"};
  for (auto [argument, name] : llvm::zip(body.getArguments(), arguments))
    names[argument] = name;
  CudaPrinter text;
  SmallVector<std::string> tables;
  auto operandsOf = [&](ValueRange values) {
    SmallVector<std::string> list;
    for (Value value : values)
      list.push_back(names.lookup(value));
    return list;
  };
  int count = 0;
  for (Operation &inst : body.without_terminator()) {
    std::string value;
    if (auto constant = dyn_cast<ir::ScoreConstOp>(inst)) {
      value = floatLiteral(constant.getValue().convertToDouble());
    } else if (auto table = dyn_cast<ir::ScoreTableOp>(inst)) {
      ir::ParamOp param = ir::lookupParam(op, table.getWeightAttr());
      std::string name = params.addNumbered(
          "const float *", "table", params.weight(table.getWeightAttr()));
      if (!llvm::is_contained(tables, name))
        tables.push_back(name);
      SmallVector<std::string> index = operandsOf(table.getIndices());
      ArrayRef<int64_t> shape = param.getTensorType().getShape();
      value = name + "[" + "tablePlace(" + index[0] + ", " +
              std::to_string(shape[0]) + ")";
      if (index.size() == 2)
        value += " * " + std::to_string(shape[1]) + " + tablePlace(" +
                 index[1] + ", " + std::to_string(shape[1]) + ")";
      value += "]";
    } else if (auto arithmetic = dyn_cast<ir::ScoreOp>(inst)) {
      std::optional<std::string> expression =
          scoreText(arithmetic.getFn(), operandsOf(arithmetic.getArgs()));
      if (!expression)
        return inst.emitError("attention: no device text for '")
               << arithmetic.getFn() << "'";
      value = *expression;
    } else {
      return inst.emitError("attention: no device text for this op");
    }
    std::string name = "v" + std::to_string(count++);
    text.line("const float " + name + " = " + value + ";");
    names[inst.getResult(0)] = name;
  }
  text.line("return " + names.lookup(body.getTerminator()->getOperand(0)) +
            ";");
  out.open("struct Score");
  out.line("static constexpr bool kIdentity = false;");
  for (const std::string &table : tables)
    out.line("const float *" + table + ";");
  out.open("__device__ __forceinline__ float operator()(float s, float head, "
           "float query, float key) const");
  out.splice(text);
  out.close();
  out.close(";");
  out.line("");
  return "Score{" + llvm::join(tables, ", ") + "}";
}

/// Fills attention::Args member by member, in the order of its declaration.
static void printArgs(ir::FusedOp fused, ir::AttentionOp op,
                      const Instance &instance, KernelParams &params,
                      CudaPrinter &out) {
  std::string type = typeText(instance.element).str();
  std::string list;
  auto give = [&](const std::string &text) {
    list += (list.empty() ? "" : ", ") + text;
  };
  auto number = [](Value value) {
    return cast<BlockArgument>(value).getArgNumber();
  };
  auto row = [&](const std::string &name, Value value) {
    unsigned operand = number(value);
    give(params.add("const " + type + " *", name, params.in(operand)));
    return params.i64(placementOf(fused.getInputs()[operand]).rowStride);
  };
  int sequences = int(number(op.getSequences()));
  auto field = [&](const char *parameter, StringRef name) {
    give(params.add("const int *", parameter, params.batch(name, sequences)));
  };
  auto integer = [&](const char *name, int64_t value) {
    give(params.add("int", name, params.i32(value)));
  };
  DictionaryAttr qStride = row("q", op.getQuery());
  give(params.add("i64", "qStride", qStride));
  if (instance.paged) {
    for (int plane : {0, 1})
      give(params.add("const " + type + " *", plane == 0 ? "k" : "v",
                      params.cache(op.getCacheAttr(), op.getLayer(), plane)));
    give("0");
    give("0");
  } else {
    DictionaryAttr kStride = row("k", op.getKey());
    DictionaryAttr vStride = row("v", op.getValue());
    give(params.add("i64", "kStride", kStride));
    give(params.add("i64", "vStride", vStride));
  }
  give(params.add(type + " *", "out", params.out(0)));
  give(params.add("i64", "outStride",
                  params.i64(placementOf(fused.getResult(0)).rowStride)));
  integer("heads", instance.heads);
  integer("kvHeads", instance.kvHeads);
  integer("pack", instance.pack);
  integer("window", op.getWindow());
  give(params.add("float", "scale",
                  params.f32(op.getScale().convertToDouble())));
  if (instance.paged) {
    field("positions", "positions");
    field("cuTokens", "cu_tokens");
    field("kvLengths", "kv_lengths");
    field("pageTable", "page_table");
    give(params.add("int", "pageColumns", params.pageCount()));
    integer("pageSize",
            ir::lookupCache(fused, op.getCacheAttr()).getPageSize());
  } else {
    give("nullptr");
    field("cuTokens", "cu_tokens");
    for (const char *missing : {"nullptr", "nullptr", "0", "0"})
      give(missing);
  }
  give(params.add("const int *", "counts", params.batch("counts")));
  auto axes = cast<ir::SequencesType>(op.getSequences().getType());
  give(std::to_string(axisNumber(fused, axes.getSequences())));
  if (instance.splits > 1) {
    give(params.add("u32 *", "counters", params.workspace(0)));
    give(params.add("float *", "partials", params.workspace(kCounterBytes)));
  } else {
    give("nullptr");
    give("nullptr");
  }
  out.line("const attention::Args<" + type + "> args{" + list + "};");
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
  printArgs(fused, op, *instance, params, body);
  auto flag = [](bool value) { return value ? ", true" : ", false"; };
  std::string type = typeText(instance->element).str();
  body.line("using Shape = attention::Shape<" + type + ", " +
            std::to_string(instance->d) + ", " + std::to_string(instance->dv) +
            flag(op.getCausal()) + flag(instance->paged) + ">;");
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
