//===- VerifyPrecision.cpp - every stored type is the module's dtype ------===//
#include "passes/Passes.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_VERIFYPRECISION
#include "passes/Passes.h.inc"

namespace {

/// What the partition phase may put between a linear and an entry result.
bool isBetween(Operation *op) {
  return isa<AllReduceOp, AllGatherOp, LocalArgmaxOp, AddOp, BroadcastOp>(op);
}

/// A cast or linear, or what comes between, whose readers all want an entry
/// result in fp32, or the sum over the ranks.
bool makesResult(OpResult result) {
  Operation *owner = result.getOwner();
  if (!isa<CastOp, LinearOp>(owner) && !isBetween(owner))
    return false;
  return llvm::all_of(result.getUsers(), [owner](Operation *user) {
    return isa<ReturnOp, ArgmaxOp, MergeArgmaxOp, SampleOp>(user) ||
           (isa<CastOp>(user) && isa<AllReduceOp>(owner)) ||
           (isBetween(user) && makesResult(user->getResult(0)));
  });
}

LogicalResult verifyValue(OpResult result, Type dtype) {
  auto packed = dyn_cast<PackedType>(result.getType());
  if (!packed || packed.getElementType().isInteger(32) ||
      packed.getElementType() == dtype)
    return success();
  if (packed.getElementType().isF32() && makesResult(result))
    return success();
  return result.getOwner()->emitError("makes a value of ")
         << packed.getElementType() << ", but the module's ft.dtype is "
         << dtype << " and it is no entry result";
}

LogicalResult verifyMatrix(SymbolTable &symbols, Operation *user,
                           FlatSymbolRefAttr symbol, Type dtype) {
  auto param = symbols.lookup<ParamOp>(symbol.getAttr());
  if (!param || param.getTensorType().getElementType() == dtype)
    return success();
  return user->emitError("reads matrix @")
         << symbol.getValue() << " of "
         << param.getTensorType().getElementType()
         << ", but the module's ft.dtype is " << dtype;
}

/// Of a linear: GEMM libraries take no other.
LogicalResult verifyBias(SymbolTable &symbols, LinearOp linear) {
  if (!linear.getBiasAttr())
    return success();
  auto param = symbols.lookup<ParamOp>(linear.getBiasAttr().getAttr());
  Type written = linear.getResult().getType().getElementType();
  if (!param || param.getTensorType().getElementType() == written)
    return success();
  return linear.emitError("writes ") << written << " and has a bias of "
                                     << param.getTensorType().getElementType();
}

struct VerifyPrecision : impl::VerifyPrecisionBase<VerifyPrecision> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto attr = module->getAttrOfType<TypeAttr>(kDTypeAttr);
    if (!attr) {
      module.emitError("has no ft.dtype: the precision phase has not run");
      return signalPassFailure();
    }
    SymbolTable symbols(module);
    WalkResult result = module.walk([&](Operation *op) {
      return failed(verifyOp(op, symbols, attr.getValue()))
                 ? WalkResult::interrupt()
                 : WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    markAllAnalysesPreserved();
  }

private:
  LogicalResult verifyOp(Operation *op, SymbolTable &symbols, Type dtype) {
    for (OpResult value : op->getResults())
      if (failed(verifyValue(value, dtype)))
        return failure();
    if (auto linear = dyn_cast<LinearOp>(op)) {
      if (failed(verifyBias(symbols, linear)))
        return failure();
      return verifyMatrix(symbols, op, linear.getWeightAttr(), dtype);
    }
    if (auto embedding = dyn_cast<EmbeddingOp>(op))
      return verifyMatrix(symbols, op, embedding.getTableAttr(), dtype);
    if (auto cache = dyn_cast<CacheOp>(op))
      for (PlaneAttr plane : cache.getPlanes().getAsRange<PlaneAttr>())
        if (plane.getElementType() != dtype)
          return op->emitError("has a plane of ")
                 << plane.getElementType() << ", but the module's ft.dtype is "
                 << dtype;
    return success();
  }
};

} // namespace
} // namespace ft::passes
