//===- KernelText.h - a kernel and how it is launched -----------*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_KERNELTEXT_H
#define FT_CODEGEN_CUDA_KERNELTEXT_H

#include "mlir/IR/Builders.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"

#include <array>
#include <string>

namespace ft::codegen {

/// Text with one extern "C" function, and one launch of it as attributes of
/// ft.fused (codegen/plan/EmitLaunch.h).
struct KernelText {
  std::string function;
  std::string source;
  llvm::SmallVector<mlir::Attribute, 3> grid;
  std::array<int64_t, 3> block{1, 1, 1};
  int64_t sharedBytes = 0;
  int64_t sharedBytesPerRow = 0; // of the bucket, for at most
  int64_t sharedRows = 0;        // so many rows
  bool residentGrid = false;     // grid[0] CTAs at most, all resident
  bool startsEarly = true;       // gains from a dependent launch
  bool prefersShared = false;    // runs beside kernels of much shared memory
  llvm::SmallVector<mlir::Attribute, 16> args;
};

/// The parameters of a kernel: each is named, typed and given a launch
/// argument once, in the order of first use.
class KernelParams {
public:
  explicit KernelParams(mlir::MLIRContext *context) : builder_(context) {}

  std::string add(llvm::StringRef type, llvm::StringRef name,
                  mlir::DictionaryAttr arg);
  /// The same under a name of `prefix` and a number, one a distinct argument:
  /// texts must not depend on what weights and caches are called.
  std::string addNumbered(llvm::StringRef type, llvm::StringRef prefix,
                          mlir::DictionaryAttr arg);

  mlir::DictionaryAttr in(unsigned number) { return number_("in", number); }
  mlir::DictionaryAttr out(unsigned number) { return number_("out", number); }
  /// A result of the op behind, where one launch runs both.
  mlir::DictionaryAttr nextOut(unsigned number) {
    return number_("next_out", number);
  }
  mlir::DictionaryAttr i32(int64_t value) { return number_("i32", value); }
  mlir::DictionaryAttr i64(int64_t value) { return number_("i64", value); }
  mlir::DictionaryAttr workspace(int64_t offset) {
    return number_("workspace", offset);
  }
  mlir::DictionaryAttr f32(double value);
  mlir::DictionaryAttr weight(mlir::FlatSymbolRefAttr symbol);
  mlir::DictionaryAttr cache(mlir::FlatSymbolRefAttr symbol, int64_t layer,
                             int64_t plane);
  /// Field `field` of the batch block; `sequences` is the fused op's operand it
  /// belongs to, where it is a field of sequences.
  mlir::DictionaryAttr batch(llvm::StringRef field, int sequences = -1);
  /// The same of the op behind.
  mlir::DictionaryAttr nextBatch(llvm::StringRef field, int sequences);
  mlir::DictionaryAttr pageCount();
  /// The tensor map (plan::TensorBox) of `of`, made by in, weight or cache.
  mlir::DictionaryAttr tensorMap(mlir::DictionaryAttr of, int64_t columns,
                                 int64_t heads, int64_t boxHeads,
                                 int64_t boxRows);

  /// `const int *counts, i64 in0Stride, ...`
  std::string declaration() const;
  llvm::ArrayRef<mlir::Attribute> args() const { return args_; }
  mlir::Builder &builder() { return builder_; }

private:
  mlir::DictionaryAttr number_(llvm::StringRef key, int64_t value);

  mlir::Builder builder_;
  llvm::SmallVector<std::string> names_, declarations_;
  llvm::SmallVector<mlir::Attribute> args_;
  llvm::DenseMap<mlir::Attribute, std::string> numbered_;
  llvm::StringMap<int> counts_;
};

/// A grid extent of ceil(bound(axis) / divisor), plus bound(plus) where named.
mlir::Attribute gridOver(mlir::Builder &builder, mlir::StringAttr axis,
                         int64_t divisor, int64_t factor = 1,
                         mlir::StringAttr plus = {});

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_KERNELTEXT_H
