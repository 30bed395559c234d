//===- OpText.h - semantic ops as CUDA expressions --------------*- C++ -*-===//
//
// The one table from row-wise ops to device text; row programs, GEMV epilogues
// and score regions all print from it. The functions it names are those of
// codegen/cuda/kernels/math.cuh and row.cuh.
//
//===----------------------------------------------------------------------===//
#ifndef FT_CODEGEN_CUDA_OPTEXT_H
#define FT_CODEGEN_CUDA_OPTEXT_H

#include "ir/Ft.h"

#include <optional>
#include <string>

namespace ft::codegen {

/// A float literal that reads back as the same float: "1.0e-05f".
std::string floatLiteral(double value);

/// "bf16", "f16", "float" or "int".
llvm::StringRef typeText(mlir::Type elementType);

/// The value of an elementwise op (unary, binary, scale, offset, gelu, cast)
/// of operands already spelled; nothing for another op. What has a result of 16
/// bits is spelled by functions that are exact to them.
std::optional<std::string> elementText(mlir::Operation *op,
                                       llvm::ArrayRef<std::string> operands);

/// A number of the whole line that an op needs before its elements: `name` is
/// appended to the op's own, `text` may use $0 (the line) and earlier names.
struct LineNumber {
  llvm::StringLiteral name;
  llvm::StringLiteral text;
};

/// How an op that reduces its line is computed: numbers, then each element
/// from $0 (element), $w, $b (weight and bias) and the numbers. An empty
/// element means the op's result is its last number.
struct LineOp {
  llvm::StringLiteral op;
  llvm::SmallVector<LineNumber, 2> numbers;
  llvm::StringLiteral element;
};
const LineOp *lineOp(mlir::Operation *op);

/// Replaces $key by its text; keys are tried in the order given.
std::string
substitute(llvm::StringRef text,
           llvm::ArrayRef<std::pair<std::string, std::string>> values);

/// The arithmetic of a score region.
std::optional<std::string> scoreText(llvm::StringRef fn,
                                     llvm::ArrayRef<std::string> operands);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_OPTEXT_H
