//===- CudaPrinter.h - indented CUDA text -----------------------*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_CUDAPRINTER_H
#define FT_CODEGEN_CUDA_CUDAPRINTER_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

namespace ft::codegen {

/// Builds a kernel's text line by line and knows its indentation.
class CudaPrinter {
public:
  /// One line; an empty one ends up without trailing blanks.
  void line(const llvm::Twine &text) {
    std::string body = text.str();
    if (!body.empty())
      text_.append(2 * depth_, ' ');
    text_ += body;
    text_ += '\n';
  }
  void comment(const llvm::Twine &text) { line("// " + text); }
  /// `head {`, one level deeper.
  void open(const llvm::Twine &head) {
    line(head.isTriviallyEmpty() ? llvm::Twine("{") : head + " {");
    ++depth_;
  }
  /// `}` with `tail` behind it.
  void close(const llvm::Twine &tail = "") {
    --depth_;
    line("}" + tail);
  }
  /// A fully unrolled loop over the elements a thread holds, of one statement.
  void eachElement(const llvm::Twine &count, const llvm::Twine &statement) {
    text_ += "#pragma unroll\n";
    line("for (int e = 0; e < " + count + "; ++e)");
    ++depth_;
    line(statement);
    --depth_;
  }
  /// Adds finished lines, one level deeper than they were printed.
  void splice(const CudaPrinter &other) {
    llvm::StringRef rest = other.text_;
    while (!rest.empty()) {
      auto [head, tail] = rest.split('\n');
      bool plain = head.starts_with("#");
      text_ += plain ? head.str() + "\n" : std::string();
      if (!plain)
        line(head);
      rest = tail;
    }
  }
  std::string take() { return std::move(text_); }

private:
  std::string text_;
  unsigned depth_ = 0;
};

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_CUDAPRINTER_H
