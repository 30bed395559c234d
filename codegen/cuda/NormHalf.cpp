//===- NormHalf.cpp - a part of a norm that a linear makes ----------------===//
#include "codegen/cuda/NormHalf.h"

#include "codegen/cuda/Templates.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

Operation *NormHalf::op() const {
  return &ir::FusedOp(norm).getBody().front().front();
}

bool NormHalf::hasMean() const { return norm && isa<ir::LayerNormOp>(op()); }

int64_t NormHalf::inner() const {
  return cast<ir::PackedType>(op()->getResult(0).getType()).getRowElements();
}

double NormHalf::eps() const {
  return op()->getAttrOfType<FloatAttr>("eps").getValueAsDouble();
}

FlatSymbolRefAttr NormHalf::weight() const {
  return op()->getAttrOfType<FlatSymbolRefAttr>("weight");
}

FlatSymbolRefAttr NormHalf::bias() const {
  return op()->getAttrOfType<FlatSymbolRefAttr>("bias");
}

int64_t NormHalf::sumsAt() const { return kCounterBytes; }

int64_t NormHalf::constantsAt() const {
  constexpr int64_t rows = 64; // skinny::kMostRows: sums lie so far apart
  return sumsAt() + 4 * rows * slots * (hasMean() ? 2 : 1);
}

/// As skinny::constantsSize has it: two rows of 16 bits.
int64_t NormHalf::workspaceBytes() const {
  return constantsAt() +
         (hasMean() ? 2 * 2 * int64_t(llvm::alignTo(inner(), 256)) : 0);
}
