//===- PaddingProof.h - zeros after an axis do no harm ----------*- C++ -*-===//
#ifndef FT_PASSES_PARTITION_PADDINGPROOF_H
#define FT_PASSES_PARTITION_PADDINGPROOF_H

#include "ir/Ft.h"

namespace ft::passes {

/// Whether `values`, in program order, stay finite in elements where every
/// weight is zero: then a linear whose weight is zero there adds nothing.
bool zerosStayFinite(llvm::ArrayRef<mlir::Value> values);

} // namespace ft::passes

#endif // FT_PASSES_PARTITION_PADDINGPROOF_H
