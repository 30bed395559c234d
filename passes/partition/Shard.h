//===- Shard.h - which elements of an axis each rank holds ------*- C++ -*-===//
#ifndef FT_PASSES_PARTITION_SHARD_H
#define FT_PASSES_PARTITION_SHARD_H

#include "ir/Ft.h"

namespace ft::passes {

/// Every rank holds blocks of one size, in order; blocks may repeat on other
/// ranks (kv heads that several ranks need). `starts[k][rank]` is the first
/// element of the rank's k-th block. Where the ranks do not divide the axis,
/// zeros follow its elements.
struct Shard {
  using Starts = llvm::SmallVector<int64_t, 8>;

  int64_t whole = 0;  // elements of the axis
  int64_t padded = 0; // with the zeros that follow
  int64_t block = 0;
  llvm::SmallVector<Starts, 1> starts;

  /// A contiguous part for every rank, in the order of the ranks.
  static Shard even(int64_t whole, int64_t ranks);
  /// The kv heads that each rank's part of the query heads reads. With a / b =
  /// kv heads / ranks in lowest terms, the k-th of the a that rank r holds is
  /// (r * a + k) / b: one of all kv heads, read by as many query heads as the
  /// others of the rank, whatever the number of query heads is.
  static Shard keyHeads(int64_t heads, int64_t ranks);

  /// Elements a rank holds.
  int64_t local() const { return block * int64_t(starts.size()); }
  /// The same shard where each element stands for `count`.
  Shard times(int64_t count) const;
  bool operator==(const Shard &other) const = default;
};

/// `recipe`, of axis `axis` the elements that the rank holds.
ir::RecipeAttr shardRecipe(ir::RecipeAttr recipe, int64_t axis,
                           const Shard &shard);

/// A recipe of one number for each rank: rank * `step`.
ir::RecipeAttr rankRecipe(mlir::MLIRContext *context, int64_t step,
                          int64_t ranks);

} // namespace ft::passes

#endif // FT_PASSES_PARTITION_SHARD_H
