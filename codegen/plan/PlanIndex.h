//===- PlanIndex.h - where a module's symbols stand in its plan -*- C++ -*-===//
//
// Axes, weights, caches and kernels keep the order of the module; this index is
// built once, so that emission is linear in the number of operations.
//
//===----------------------------------------------------------------------===//
#ifndef FT_CODEGEN_PLAN_PLANINDEX_H
#define FT_CODEGEN_PLAN_PLANINDEX_H

#include "ir/Ft.h"
#include "runtime/plan/Plan.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

namespace ft::codegen {

/// The plan's spelling of an MLIR element type.
DType dtypeOf(mlir::Type type);

class PlanIndex {
public:
  explicit PlanIndex(mlir::ModuleOp module);

  int32_t axis(mlir::StringAttr name) const { return axes_.lookup(name); }
  /// An axis of the device mesh; -1 if there is none of this name.
  int32_t mesh(mlir::StringAttr name) const { return find(mesh_, name); }
  bool hasAxis(mlir::StringAttr name) const { return axes_.contains(name); }
  int32_t weight(mlir::StringAttr name) const { return find(weights_, name); }
  int32_t weight(mlir::FlatSymbolRefAttr symbol) const {
    return weight(symbol.getAttr());
  }
  int32_t cache(mlir::FlatSymbolRefAttr symbol) const {
    return find(caches_, symbol.getAttr());
  }
  int32_t kernel(mlir::FlatSymbolRefAttr symbol) const {
    return find(kernels_, symbol.getAttr());
  }

  llvm::ArrayRef<ir::ParamOp> params() const { return params_; }
  llvm::ArrayRef<ir::CacheOp> cacheOps() const { return cacheOps_; }
  llvm::ArrayRef<ir::KernelOp> kernelOps() const { return kernelOps_; }
  llvm::ArrayRef<mlir::StringAttr> axisNames() const { return axisNames_; }
  /// The axes of the device mesh; the product of their sizes, the ranks.
  llvm::ArrayRef<plan::MeshAxis> meshAxes() const { return meshAxes_; }

  ir::ParamOp param(mlir::FlatSymbolRefAttr symbol) const {
    return params_[weight(symbol)];
  }

private:
  using Map = llvm::DenseMap<mlir::StringAttr, int32_t>;
  /// -1 for a name the module does not hold.
  static int32_t find(const Map &map, mlir::StringAttr name) {
    auto it = map.find(name);
    return it == map.end() ? -1 : it->second;
  }

  Map axes_, mesh_, weights_, caches_, kernels_;
  llvm::SmallVector<mlir::StringAttr> axisNames_;
  llvm::SmallVector<plan::MeshAxis> meshAxes_;
  llvm::SmallVector<ir::ParamOp> params_;
  llvm::SmallVector<ir::CacheOp> cacheOps_;
  llvm::SmallVector<ir::KernelOp> kernelOps_;
};

} // namespace ft::codegen

#endif // FT_CODEGEN_PLAN_PLANINDEX_H
