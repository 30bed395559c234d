//===- SourceIndex.h - the values of an imported entry ----------*- C++ -*-===//
#ifndef FT_TOOLS_VERIFY_SOURCEINDEX_H
#define FT_TOOLS_VERIFY_SOURCEINDEX_H

#include "ir/Ft.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"

#include <string>
#include <vector>

namespace ft::verify {

/// What results of an entry depend on, and what it is called.
class SourceIndex {
public:
  explicit SourceIndex(ir::EntryOp entry);

  ir::EntryOp entry() const { return entry_; }
  /// The operations that reach a result, in order.
  llvm::ArrayRef<mlir::Operation *> operations() const { return live_; }

  /// The live value of this name; null if none.
  mlir::Value find(llvm::StringRef name) const { return names_.lookup(name); }

  struct Output {
    std::string name;
    mlir::Value value;
  };
  llvm::ArrayRef<Output> outputs() const { return outputs_; }

  /// Operations on the longest way from an input to `value`: each rounds what
  /// it stores at most once.
  int64_t depth(mlir::Value value) const { return depths_.lookup(value); }

  /// The cache_append that an attention reads; null without a cache.
  ir::CacheAppendOp appendOf(ir::AttentionOp attention) const;

  /// The operands of `op` and, of attention, those that reach it by its cache.
  llvm::SmallVector<mlir::Value> readBy(mlir::Operation *op) const;

private:
  void findLive();
  void measure();

  ir::EntryOp entry_;
  llvm::SmallVector<mlir::Operation *> live_;
  llvm::StringMap<mlir::Value> names_;
  llvm::DenseMap<mlir::Value, int64_t> depths_;
  std::vector<Output> outputs_;
};

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_SOURCEINDEX_H
