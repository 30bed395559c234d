//===- PtxCompiler.h - CUDA text to PTX, through NVRTC ----------*- C++ -*-===//
#ifndef FT_TEST_EMULATOR_PTXCOMPILER_H
#define FT_TEST_EMULATOR_PTXCOMPILER_H

#include "runtime/base/Status.h"

#include <map>
#include <string>
#include <vector>

namespace ft::emulator {

struct CompiledPtx {
  std::string text;
  std::map<std::string, std::string> names; // instance to symbol
};

/// Compiles `source`, with the kernels' headers and test/gpu in its path, for
/// "compute_90a" or the like. `instances`: kernels to instantiate, as C++
/// names them; `headers`: texts in place of what these names include. NotFound
/// where there is no NVRTC.
StatusOr<CompiledPtx>
compilePtx(const std::string &source, const std::string &architecture,
           const std::vector<std::string> &instances,
           const std::map<std::string, std::string> &headers = {});

/// The text of a header of the kernels, with `from` replaced by `to`; an error
/// where `from` is not there once.
StatusOr<std::string> changedHeader(const std::string &name,
                                    const std::string &from,
                                    const std::string &to);

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_PTXCOMPILER_H
