//===- Elementwise.h - functions of the evaluator ---------------*- C++ -*-===//
#ifndef FT_TOOLS_VERIFY_ELEMENTWISE_H
#define FT_TOOLS_VERIFY_ELEMENTWISE_H

#include "tools/verify/Tensor.h"

#include "llvm/ADT/StringRef.h"

namespace ft::verify {

using UnaryFunction = double (*)(double);
using BinaryFunction = double (*)(double, double);

/// By the operation's name without dialect; null if there is none such.
UnaryFunction unaryFunction(llvm::StringRef name);
BinaryFunction binaryFunction(llvm::StringRef name);

Tensor mapElements(Tensor input, const std::function<double(double)> &function);

/// Shapes are aligned at the end; an extent of 1, or none, repeats.
Shape broadcastShapes(const Shape &a, const Shape &b);
Tensor repeatTo(const Tensor &input, const Shape &shape);
/// `yes` where the condition is not 0, else `no`.
Tensor selectElements(const Tensor &condition, const Tensor &yes,
                      const Tensor &no);
Tensor mapPairs(const Tensor &a, const Tensor &b, BinaryFunction function);

/// Over the last extent; argmax drops it, and takes the lowest of equals.
Tensor softmaxRows(const Tensor &input);
Tensor argmaxRows(const Tensor &input);

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_ELEMENTWISE_H
