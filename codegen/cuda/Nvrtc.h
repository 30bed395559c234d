//===- Nvrtc.h - NVIDIA's run-time compiler ---------------------*- C++ -*-===//
//
// The library is opened when the first kernel is to be compiled; nothing of the
// CUDA toolkit is needed to build ftc, and no GPU to use it.
//
//===----------------------------------------------------------------------===//
#ifndef FT_CODEGEN_CUDA_NVRTC_H
#define FT_CODEGEN_CUDA_NVRTC_H

#include "runtime/base/Status.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ft::codegen {

/// Names and texts of the headers that kernels include.
using KernelHeaders = std::vector<std::pair<const char *, const char *>>;

/// The embedded .cuh files of codegen/cuda/kernels.
const KernelHeaders &kernelHeaders();

/// What ptxas says of a kernel.
struct KernelResources {
  int registers = 0;
  int staticShared = 0;    // bytes
  int spillBytes = 0;      // stores and loads
  bool serialised = false; // wgmma instructions one after the other
};

struct KernelImage {
  std::string bytes;         // a cubin, or PTX text
  KernelResources resources; // zero for PTX
};

/// A cubin's "sm_80", "sm_90a" or "sm_100f"; PTX that only the same
/// architecture runs, "compute_90a" or "compute_100f"; or "ptx" (portable, for
/// compute_80 and later).
bool isKnownTarget(const std::string &target);

/// True where the image is PTX text.
bool isPtxTarget(const std::string &target);

/// The options a target is compiled with.
std::vector<std::string> targetOptions(const std::string &target);

/// Reads registers, shared memory, spills and warnings from ptxas' -v output.
KernelResources parsePtxasLog(const std::string &log);

class Nvrtc {
public:
  /// Finds and opens the library; the error says where it was looked for.
  static StatusOr<std::shared_ptr<const Nvrtc>> open();
  ~Nvrtc();

  /// "13.0".
  const std::string &version() const { return version_; }

  /// Compiles `source` for `target`; may be called from several threads. The
  /// error carries the first lines of the compiler's log.
  StatusOr<KernelImage> compile(const std::string &source,
                                const std::string &name,
                                const std::string &target) const;

private:
  struct Functions;
  Nvrtc() = default;

  void *library_ = nullptr;
  std::unique_ptr<Functions> functions_;
  std::string version_;
};

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_NVRTC_H
