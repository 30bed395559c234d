//===- AttentionText.cpp - what attention kernels' texts share ------------===//
#include "codegen/cuda/AttentionText.h"

#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

FailureOr<AttentionShape> codegen::attentionShape(ir::FusedOp fused,
                                                  ir::AttentionOp op) {
  AttentionShape instance;
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
  return instance;
}

int64_t codegen::longestSequence(ir::FusedOp fused) {
  auto module = fused->getParentOfType<ModuleOp>();
  auto model = module->getAttrOfType<DictionaryAttr>("ft.model");
  auto positions =
      model ? model.getAs<IntegerAttr>("max_positions") : IntegerAttr();
  return positions ? positions.getInt() : 0;
}

FailureOr<std::string> codegen::printScore(ir::AttentionOp op,
                                           KernelParams &params,
                                           CudaPrinter &out) {
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

namespace {

/// The initialisers of attention::Args.
class ArgsPrinter {
public:
  ArgsPrinter(ir::FusedOp fused, ir::AttentionOp op, bool literals,
              KernelParams &params)
      : fused_(fused), op_(op), literals_(literals), params_(params) {}

  void pointers(const AttentionShape &shape, const std::string &type,
                Value query);
  void integer(const char *name, int64_t value) {
    give(literals_ ? std::to_string(value)
                   : params_.add("int", name, params_.i32(value)));
  }
  void stride(const char *name, int64_t value) {
    give(literals_ ? std::to_string(value)
                   : params_.add("i64", name, params_.i64(value)));
  }
  void scale(const APFloat &value) {
    double number = value.convertToDouble();
    give(literals_ ? floatLiteral(number)
                   : params_.add("float", "scale", params_.f32(number)));
  }
  void batch(bool paged);
  void give(const std::string &text) {
    list_ += (list_.empty() ? "" : ", ") + text;
  }
  const std::string &list() const { return list_; }

private:
  static unsigned number(Value value) {
    return cast<BlockArgument>(value).getArgNumber();
  }
  DictionaryAttr row(const std::string &type, const char *name, Value value) {
    unsigned operand = number(value);
    give(params_.add("const " + type + " *", name, params_.in(operand)));
    return params_.i64(placementOf(fused_.getInputs()[operand]).rowStride);
  }
  void field(const char *parameter, StringRef name) {
    int sequences = int(number(op_.getSequences()));
    give(params_.add("const int *", parameter, params_.batch(name, sequences)));
  }

  ir::FusedOp fused_;
  ir::AttentionOp op_;
  bool literals_;
  KernelParams &params_;
  std::string list_;
};

} // namespace

void ArgsPrinter::pointers(const AttentionShape &shape, const std::string &type,
                           Value query) {
  DictionaryAttr qStride = row(type, "q", query);
  give(params_.add("i64", "qStride", qStride));
  if (shape.paged) {
    for (int plane : {0, 1})
      give(params_.add(
          "const " + type + " *", plane == 0 ? "k" : "v",
          params_.cache(op_.getCacheAttr(), op_.getLayer(), plane)));
    give("0");
    give("0");
    return;
  }
  DictionaryAttr kStride = row(type, "k", op_.getKey());
  DictionaryAttr vStride = row(type, "v", op_.getValue());
  give(params_.add("i64", "kStride", kStride));
  give(params_.add("i64", "vStride", vStride));
}

/// From `positions` to `sequencesAxis`.
void ArgsPrinter::batch(bool paged) {
  if (paged) {
    field("positions", "positions");
    field("cuTokens", "cu_tokens");
    field("kvLengths", "kv_lengths");
    field("pageTable", "page_table");
    give(params_.add("int", "pageColumns", params_.pageCount()));
    integer("pageSize",
            ir::lookupCache(fused_, op_.getCacheAttr()).getPageSize());
  } else {
    give("nullptr");
    field("cuTokens", "cu_tokens");
    for (const char *missing : {"nullptr", "nullptr", "0", "0"})
      give(missing);
  }
  give(params_.add("const int *", "counts", params_.batch("counts")));
  auto axes = cast<ir::SequencesType>(op_.getSequences().getType());
  give(std::to_string(axisNumber(fused_, axes.getSequences())));
}

void codegen::printAttentionArgs(ir::FusedOp fused, ir::AttentionOp op,
                                 const AttentionShape &shape,
                                 const AttentionUse &use, KernelParams &params,
                                 CudaPrinter &out) {
  std::string type = typeText(shape.element).str();
  ArgsPrinter args(fused, op, use.literals, params);
  if (use.pointers)
    args.pointers(shape, type, use.query ? use.query : op.getQuery());
  else
    for (const char *unused : {"nullptr", "0", "nullptr", "nullptr", "0", "0"})
      args.give(unused);
  args.give(params.add(type + " *", "out", params.out(0)));
  args.stride("outStride", placementOf(fused.getResult(0)).rowStride);
  args.integer("heads", shape.heads);
  args.integer("kvHeads", shape.kvHeads);
  args.integer("pack", use.pack);
  args.integer("window", op.getWindow());
  args.scale(op.getScale());
  args.batch(shape.paged);
  args.give(use.counters ? params.add("u32 *", "counters", params.workspace(0))
                         : "nullptr");
  args.give(use.partials ? params.add("float *", "partials",
                                      params.workspace(kCounterBytes))
                         : "nullptr");
  auto flag = [](bool value) { return value ? ", true" : ", false"; };
  out.line("using Shape = attention::Shape<" + type + ", " +
           std::to_string(shape.d) + ", " + std::to_string(shape.dv) +
           flag(op.getCausal()) + flag(shape.paged) + ">;");
  out.line("const attention::Args<" + type + "> args{" + args.list() + "};");
}
