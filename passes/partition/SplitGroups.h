//===- SplitGroups.h - which values are split over ranks --------*- C++ -*-===//
//
// Values whose first extents must be divided alike form a group: an elementwise
// operation ties its operands and its result, attention ties queries and
// result, and keys, values and the cache that holds them. A group is split as
// one or not at all.
//
//===----------------------------------------------------------------------===//
#ifndef FT_PASSES_PARTITION_SPLITGROUPS_H
#define FT_PASSES_PARTITION_SPLITGROUPS_H

#include "passes/partition/Shard.h"

#include "llvm/ADT/MapVector.h"

#include <optional>

namespace ft::passes {

/// The extent of `value` that may be split; 0 if it has none.
int64_t firstExtent(mlir::Value value);

/// Operations that compute each element, or each line of the last extent, on
/// its own: they may run on a part of the first extent.
bool isLocal(mlir::Operation *op);
/// Operations that can read a part of what they would read as a whole.
bool readsParts(mlir::Operation *op);

class SplitGroups {
public:
  /// Ties values into groups and notes what reads and makes them.
  SplitGroups(mlir::ModuleOp module, int64_t ranks);

  /// Chooses the groups to split; reports what the ranks cannot divide.
  mlir::LogicalResult decide();

  /// How `value`, or the planes of `cache`, are split; null if every rank holds
  /// the whole.
  const Shard *shardOf(mlir::Value value) const;
  const Shard *shardOf(ir::CacheOp cache) const;
  /// Likewise the rows of an embedding's table.
  std::optional<Shard> tableShard(ir::EmbeddingOp embedding) const;

private:
  struct Group {
    int64_t extent = 0;
    bool fixed = false; // made as a whole
    bool whole = false; // something reads it as a whole
    bool argmax = false;
    bool vocabulary = false; // as many elements as there are token ids
    llvm::SmallVector<ir::LinearOp, 4> makers, readers;
    llvm::SmallVector<mlir::Value> values; // in program order
    std::optional<Shard> shard;
  };
  using Node = const void *;

  int number(Node node, int64_t extent);
  int find(int node) const;
  void tie(Node a, Node b);
  void addOp(mlir::Operation *op, mlir::SymbolTable &symbols);
  void addRowOp(mlir::Operation *op);
  void addAttention(ir::AttentionOp op, mlir::SymbolTable &symbols);
  void tieKeys(mlir::Operation *op, mlir::Value key, mlir::Value value,
               mlir::FlatSymbolRefAttr cache, mlir::SymbolTable &symbols);
  void noteWhole(mlir::Operation *op);
  void makeGroups();
  void noteVocabulary(ir::EntryOp entry);
  void collect(ir::EntryOp entry);
  void collectLinear(ir::LinearOp linear);

  Group *groupOf(Node node);
  const Group *groupOf(Node node) const;
  Group *groupOf(mlir::Value value) {
    return groupOf(value.getAsOpaquePointer());
  }
  bool isDivisible(const Group &group) const {
    return !group.fixed && !group.whole && !group.argmax;
  }
  bool isSplit(mlir::Value value) const { return shardOf(value) != nullptr; }

  void keepUndivided();
  mlir::LogicalResult splitHeads(ir::AttentionOp attention);
  mlir::LogicalResult splitFeatures(Group &group);
  void splitVocabulary(Group &group);
  bool linearsAllow(const Group &group) const;
  std::string divisors(int64_t extent) const;

  mlir::ModuleOp module_;
  int64_t ranks_;
  llvm::DenseMap<Node, int> numbers_;
  mutable llvm::SmallVector<int> parents_;
  llvm::SmallVector<int64_t> extents_;
  llvm::MapVector<int, Group> groups_; // by root, in program order
  llvm::SmallVector<ir::AttentionOp> attentions_;
  llvm::DenseMap<mlir::Operation *, Node> keysOf_; // of an attention
};

} // namespace ft::passes

#endif // FT_PASSES_PARTITION_SPLITGROUPS_H
