//===- ParamShards.h - weights that each rank holds a part of ---*- C++ -*-===//
#ifndef FT_PASSES_PARTITION_PARAMSHARDS_H
#define FT_PASSES_PARTITION_PARAMSHARDS_H

#include "passes/partition/Shard.h"

#include "llvm/ADT/MapVector.h"

namespace ft::passes {

/// Collects which part of its weights every operation reads, then makes them: a
/// weight that all its readers want alike becomes that part under its name, of
/// another each part gets a weight of its own.
class ParamShards {
public:
  ParamShards(mlir::ModuleOp module, int64_t ranks)
      : module_(module), symbols_(module), ranks_(ranks) {}

  /// Attribute `name` of `user` is to name the part of its weight.
  void request(mlir::Operation *user, llvm::StringRef name, int64_t axis,
               const Shard &shard);

  /// A weight of one f32: rank * `step`.
  mlir::FlatSymbolRefAttr rankTimes(int64_t step);

  mlir::RankedTensorType typeOf(mlir::FlatSymbolRefAttr symbol) {
    return symbols_.lookup<ir::ParamOp>(symbol.getAttr()).getTensorType();
  }

  void apply();

private:
  struct Use {
    mlir::Operation *user;
    mlir::StringAttr name;
  };
  struct Part {
    int64_t axis;
    Shard shard;
    llvm::SmallVector<Use> uses;
  };

  ir::RecipeAttr recipeOf(ir::ParamOp param);
  void apply(ir::ParamOp param, llvm::ArrayRef<Part> parts, int64_t uses);
  llvm::DenseMap<mlir::StringAttr, int64_t> countUses();

  mlir::ModuleOp module_;
  mlir::SymbolTable symbols_;
  int64_t ranks_;
  llvm::MapVector<mlir::StringAttr, llvm::SmallVector<Part, 1>> parts_;
  llvm::DenseMap<int64_t, mlir::FlatSymbolRefAttr> rankTimes_;
};

} // namespace ft::passes

#endif // FT_PASSES_PARTITION_PARAMSHARDS_H
