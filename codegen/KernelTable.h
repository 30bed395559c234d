//===- KernelTable.h - the kernel texts of a module -------------*- C++ -*-===//
#ifndef FT_CODEGEN_KERNELTABLE_H
#define FT_CODEGEN_KERNELTABLE_H

#include "codegen/SelectKernels.h"
#include "codegen/cuda/KernelText.h"

#include "ir/Ft.h"

#include "llvm/ADT/StringMap.h"

#include <set>
#include <string>
#include <vector>

namespace ft::codegen {

/// The kernel texts of a module: equal texts are one ft.kernel.
class KernelTable {
public:
  explicit KernelTable(mlir::ModuleOp module)
      : builder_(mlir::OpBuilder::atBlockBegin(module.getBody())),
        location_(module.getLoc()) {}

  mlir::FlatSymbolRefAttr add(const KernelText &text,
                              const std::vector<std::string> &archs) {
    Entry &entry = entries_[text.source];
    entry.archs.insert(archs.begin(), archs.end());
    if (!entry.op)
      entry.op = create(text);
    return mlir::FlatSymbolRefAttr::get(entry.op.getSymNameAttr());
  }
  /// Kernels that only some of `all` use say so.
  void nameArchs(const std::vector<std::string> &all) {
    for (auto &item : entries_) {
      Entry &entry = item.second;
      llvm::SmallVector<llvm::StringRef> names(entry.archs.begin(),
                                               entry.archs.end());
      if (names.size() < all.size())
        entry.op->setAttr(kArchsAttr, builder_.getStrArrayAttr(names));
    }
  }

private:
  struct Entry {
    ir::KernelOp op;
    std::set<std::string> archs;
  };

  ir::KernelOp create(const KernelText &text) {
    int count = names_[text.function]++;
    std::string name = text.function;
    if (count > 0)
      name += "." + std::to_string(count);
    return ir::KernelOp::create(builder_, location_, name, text.function,
                                text.source);
  }

  mlir::OpBuilder builder_;
  mlir::Location location_;
  llvm::StringMap<Entry> entries_;
  llvm::StringMap<int> names_;
};

} // namespace ft::codegen

#endif // FT_CODEGEN_KERNELTABLE_H
