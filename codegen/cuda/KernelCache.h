//===- KernelCache.h - compiled kernels on disk -----------------*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_KERNELCACHE_H
#define FT_CODEGEN_CUDA_KERNELCACHE_H

#include "codegen/cuda/Nvrtc.h"

#include <optional>
#include <string>

namespace ft::codegen {

/// A folder with one file a kernel image, named by a hash of everything that
/// went into it. Several processes may share it: files appear by renaming.
/// Trouble with the folder only costs time, so nothing here fails.
class KernelCache {
public:
  /// `directory` empty: no cache.
  explicit KernelCache(std::string directory)
      : directory_(std::move(directory)) {}

  /// $XDG_CACHE_HOME/ftc or ~/.cache/ftc; empty where neither is set.
  static std::string defaultDirectory();

  /// The key of a kernel: its text, the embedded headers, the target's options
  /// and the compiler's version.
  static std::string key(const std::string &source, const std::string &target,
                         const std::string &compilerVersion);

  std::optional<KernelImage> load(const std::string &key) const;
  void store(const std::string &key, const KernelImage &image) const;

private:
  std::string directory_;
};

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_KERNELCACHE_H
