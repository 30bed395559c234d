//===- CompileKernels.h - machine code for a plan's kernels -----*- C++ -*-===//
#ifndef FT_CODEGEN_COMPILEKERNELS_H
#define FT_CODEGEN_COMPILEKERNELS_H

#include "ir/Ft.h"
#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

#include <functional>
#include <string>
#include <vector>

namespace ft::codegen {

struct CompileOptions {
  std::vector<std::string> targets = {"sm_90a", "ptx"};
  /// Of the kernel cache; empty = none.
  std::string cacheDirectory;
  int threads = 0; // 0 = one a processor
  /// Called after each image, from one thread at a time.
  std::function<void(int done, int total)> progress;
};

/// What the compiler said of a kernel that will run, but not well.
struct KernelWarning {
  std::string kernel, target, text;
};

/// Compiles every ft.kernel of `module` for every target and adds the images
/// to `plan`, whose kernels are those of the module in order.
Status compileKernels(mlir::ModuleOp module, const CompileOptions &options,
                      plan::Plan &plan, std::vector<KernelWarning> &warnings);

} // namespace ft::codegen

#endif // FT_CODEGEN_COMPILEKERNELS_H
