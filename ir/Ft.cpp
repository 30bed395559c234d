//===- Ft.cpp - registration of the ft dialect ----------------------------===//
#include "ir/Ft.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ft::ir;

#include "ir/FtDialect.cpp.inc"
#include "ir/FtEnums.cpp.inc"

#define GET_OP_CLASSES
#include "ir/FtOps.cpp.inc"

void FtDialect::initialize() {
  registerTypes();
  registerAttrs();
  addOperations<
#define GET_OP_LIST
#include "ir/FtOps.cpp.inc"
      >();
}

template <typename OpTy>
static OpTy lookup(Operation *from, FlatSymbolRefAttr symbol) {
  auto module = isa<ModuleOp>(from) ? cast<ModuleOp>(from)
                                    : from->getParentOfType<ModuleOp>();
  if (!module || !symbol)
    return nullptr;
  return SymbolTable::lookupNearestSymbolFrom<OpTy>(module, symbol);
}

ParamOp ft::ir::lookupParam(Operation *from, FlatSymbolRefAttr symbol) {
  return lookup<ParamOp>(from, symbol);
}

CacheOp ft::ir::lookupCache(Operation *from, FlatSymbolRefAttr symbol) {
  return lookup<CacheOp>(from, symbol);
}
