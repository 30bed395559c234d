//===- GemmMatch.cpp - a fused GEMM taken apart ---------------------------===//
#include "codegen/cuda/GemmMatch.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

namespace {

/// A weight as rows of a resident one.
struct ResidentRows {
  ir::ParamOp resident;
  int64_t row = 0;
};

ResidentRows residentRows(Operation *from, FlatSymbolRefAttr symbol) {
  ResidentRows rows{ir::lookupParam(from, symbol), 0};
  while (rows.resident && rows.resident.getViewOfAttr()) {
    rows.row += rows.resident.getRow();
    rows.resident = ir::lookupParam(from, rows.resident.getViewOfAttr());
  }
  return rows;
}

int64_t rowCount(ir::ParamOp param) {
  return param.getTensorType().getDimSize(0);
}

/// Rows `row` to `end` of a resident weight as a weight: a view, which is made
/// where there is none.
FlatSymbolRefAttr viewOf(ir::ParamOp resident, int64_t row, int64_t end) {
  auto module = resident->getParentOfType<ModuleOp>();
  for (auto param : module.getOps<ir::ParamOp>())
    if (param.getViewOf() == resident.getSymName() &&
        int64_t(param.getRow()) == row && rowCount(param) == end - row)
      return FlatSymbolRefAttr::get(param.getSymNameAttr());
  SmallVector<int64_t> shape(resident.getTensorType().getShape());
  shape.front() = end - row;
  OpBuilder builder(resident);
  builder.setInsertionPointAfter(resident);
  std::string name = (resident.getSymName() + "[" + std::to_string(row) + ":" +
                      std::to_string(end) + "]")
                         .str();
  ir::ParamOp::create(
      builder, resident.getLoc(), name,
      RankedTensorType::get(shape, resident.getTensorType().getElementType()),
      ir::RecipeAttr(), FlatSymbolRefAttr::get(resident.getSymNameAttr()), row);
  return FlatSymbolRefAttr::get(builder.getContext(), name);
}

/// The symbol for `symbols`' rows taken together, which must be adjacent; null
/// where they are not.
FlatSymbolRefAttr joinRows(Operation *from,
                           ArrayRef<FlatSymbolRefAttr> symbols) {
  ResidentRows first = residentRows(from, symbols.front());
  int64_t end = first.row;
  for (FlatSymbolRefAttr symbol : symbols) {
    ResidentRows rows = residentRows(from, symbol);
    if (!rows.resident || rows.resident != first.resident || rows.row != end)
      return symbols.size() == 1 ? symbols.front() : FlatSymbolRefAttr();
    end += rowCount(ir::lookupParam(from, symbol));
  }
  if (symbols.size() == 1)
    return symbols.front();
  if (first.row != 0 || end != rowCount(first.resident))
    return viewOf(first.resident, first.row, end);
  return FlatSymbolRefAttr::get(first.resident.getSymNameAttr());
}

} // namespace

/// Linears sorted by their rows, with weight and bias joined.
static LogicalResult joinLinears(ir::FusedOp fused, GemmMatch &match) {
  auto rowOf = [&](ir::LinearOp linear) {
    return residentRows(fused, linear.getWeightAttr()).row;
  };
  llvm::sort(match.linears, [&](ir::LinearOp a, ir::LinearOp b) {
    return rowOf(a) < rowOf(b);
  });
  SmallVector<FlatSymbolRefAttr> weights, biases;
  for (ir::LinearOp linear : match.linears) {
    weights.push_back(linear.getWeightAttr());
    if (linear.getBiasAttr())
      biases.push_back(linear.getBiasAttr());
    match.n += linear.getType().getRowElements();
  }
  match.k = match.linears.front().getInput().getType().getRowElements();
  match.weight = joinRows(fused, weights);
  if (!match.weight)
    return fused.emitError("gemm: the linears' weights are not adjacent rows");
  if (biases.empty())
    return success();
  if (biases.size() != weights.size())
    return fused.emitError("gemm: some linears have a bias and some have none");
  match.bias = joinRows(fused, biases);
  if (!match.bias)
    return fused.emitError("gemm: the linears' biases are not adjacent");
  return success();
}

static LogicalResult matchInput(ir::FusedOp fused, GemmMatch &match) {
  Value input = match.linears.front().getInput();
  for (ir::LinearOp linear : match.linears)
    if (linear.getInput() != input)
      return fused.emitError("gemm: the linears read different values");
  if (Operation *op = input.getDefiningOp()) {
    if (!isa<ir::RmsNormOp, ir::LayerNormOp>(op))
      return fused.emitError("gemm: no prologue for ") << op->getName();
    match.norm = op;
    input = op->getOperand(0);
  }
  match.input = dyn_cast<BlockArgument>(input);
  if (!match.input)
    return fused.emitError("gemm: the prologue has more than one op");
  return success();
}

/// q-k-v with rope and append.
static LogicalResult matchHeads(ir::FusedOp fused, GemmMatch &match) {
  auto ropeOf = [](Value value, ir::LinearOp linear) {
    auto rope = value.getDefiningOp<ir::RopeOp>();
    return rope && rope.getInput() == linear.getResult() ? rope : ir::RopeOp();
  };
  auto yields = fused.getBody().front().getTerminator()->getOperands();
  match.append = *fused.getBody().front().getOps<ir::CacheAppendOp>().begin();
  if (match.linears.size() == 3 && yields.size() == 1)
    match.rope = ropeOf(match.result, match.linears[0]);
  if (!match.rope || !ropeOf(match.append.getKey(), match.linears[1]) ||
      match.append.getValue() != match.linears[2].getResult())
    return fused.emitError("gemm: what is appended is no q-k-v's");
  return success();
}

FailureOr<GemmMatch> codegen::matchGemm(ir::FusedOp fused) {
  GemmMatch match;
  Block &body = fused.getBody().front();
  llvm::append_range(match.linears, body.getOps<ir::LinearOp>());
  if (match.linears.empty())
    return fused.emitError("gemm: holds no linear");
  if (failed(joinLinears(fused, match)) || failed(matchInput(fused, match)))
    return failure();
  auto yields = body.getTerminator()->getOperands();
  match.result = yields.front();
  if (!body.getOps<ir::CacheAppendOp>().empty()) {
    if (failed(matchHeads(fused, match)))
      return failure();
    return match;
  }
  Operation *last = yields.back().getDefiningOp();
  if (isa_and_nonnull<ir::RmsNormOp, ir::LayerNormOp>(last)) {
    match.outNorm = last;
    match.result = last->getOperand(0);
    match.storesSum = yields.size() == 2 && yields.front() == match.result;
    if (match.linears.size() != 1 || yields.size() != 1 + match.outNumber())
      return fused.emitError("gemm: a norm behind it is of one linear, and "
                             "only the sum it reads is stored besides");
    return match;
  }
  match.gated = match.linears.size() == 2 && yields.size() == 1;
  if (!match.gated && yields.size() != match.linears.size())
    return fused.emitError("gemm: ") << match.linears.size() << " linears for "
                                     << yields.size() << " results";
  // Several results are the columns of one buffer, in the order of the rows.
  if (yields.size() > 1)
    for (auto [linear, yielded] : llvm::zip(match.linears, yields))
      if (linear.getResult() != yielded)
        return fused.emitError(
            "gemm: results of merged linears must be theirs, "
            "in the order of their weights");
  return match;
}

bool codegen::libraryTakesBias(ir::FusedOp fused, const GemmMatch &match,
                               Value stored) {
  if (!match.bias)
    return true;
  Type bias =
      ir::lookupParam(fused, match.bias).getTensorType().getElementType();
  return bias == cast<ir::PackedType>(stored.getType()).getElementType();
}

FailureOr<LibraryEpilogue> codegen::matchLibraryEpilogue(ir::FusedOp fused,
                                                         const GemmMatch &match,
                                                         bool report) {
  LibraryEpilogue epilogue;
  auto refuse = [&](Operation *op) -> LogicalResult {
    if (!report)
      return failure();
    return fused.emitError("gemm: the library has no epilogue for ")
           << op->getName();
  };
  ir::CacheAppendOp append = match.append;
  for (Operation *other : {match.norm, match.outNorm, append.getOperation()})
    if (other)
      return refuse(other);
  if (!libraryTakesBias(fused, match, match.result)) {
    if (report)
      fused.emitError(
          "gemm: the library's bias has the type of what it stores");
    return failure();
  }
  if (match.linears.size() > 1)
    return match.gated ? FailureOr<LibraryEpilogue>(
                             refuse(match.result.getDefiningOp()))
                       : epilogue;
  ir::LinearOp linear = match.linears.front();
  // From the result back to the linear.
  for (Operation *op = match.result.getDefiningOp(); op != linear;) {
    Value next = op ? op->getOperand(0) : Value();
    if (!op)
      return fused.emitError("gemm: a result is no linear's");
    auto gelu = dyn_cast<ir::GeluOp>(op);
    if (auto add = dyn_cast<ir::AddOp>(op)) {
      bool second = isa<BlockArgument>(add.getRhs());
      auto residual =
          dyn_cast<BlockArgument>(second ? add.getRhs() : add.getLhs());
      if (!residual || epilogue.residual >= 0 || epilogue.activation != "none")
        return refuse(op);
      epilogue.residual = int(residual.getArgNumber());
      next = second ? add.getLhs() : add.getRhs();
    } else if ((gelu && gelu.getTanh()) || isa<ir::ReluOp>(op)) {
      if (epilogue.activation != "none" || epilogue.residual >= 0)
        return refuse(op);
      epilogue.activation = gelu ? "gelu_tanh" : "relu";
    } else if (op->getName().getStringRef() != "ft.cast") {
      return refuse(op);
    }
    op = next.getDefiningOp();
  }
  return epilogue;
}
