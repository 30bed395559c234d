//===- StagingRing.h - pinned memory for copies to the GPU ------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CUDA_STAGINGRING_H
#define FT_RUNTIME_DEVICE_CUDA_STAGINGRING_H

#include "runtime/base/CopyThreads.h"
#include "runtime/device/cuda/CudaContext.h"

#include <array>
#include <optional>

namespace ft {

/// Copies through pinned chunks, so that the source is free on return and the
/// transfer of one chunk overlaps the filling of the next. Weights are filled
/// in by several threads: the link takes 55 GB/s.
class StagingRing {
public:
  /// Holds no memory and no threads before the first copies. `sharers`: rings
  /// of this process, which fill theirs at the same time. The context outlives
  /// the ring.
  StagingRing(CudaContext &context, int sharers);
  ~StagingRing();
  Status copyIn(CUdeviceptr to, const std::byte *source, int64_t bytes);

private:
  static constexpr int64_t kChunkBytes = int64_t(8) << 20;
  struct Chunk {
    void *memory = nullptr;
    CUevent copied = nullptr; // the chunk's latest transfer
  };
  Chunk &next() { return chunks_[turn_++ % chunks_.size()]; }
  Status prepare(Chunk &chunk);
  Status send(Chunk &chunk, CUdeviceptr to, int64_t bytes);
  Status copyLarge(CUdeviceptr to, const std::byte *source, int64_t bytes);

  CudaContext &context_;
  const int threadCount_;
  std::optional<CopyThreads> threads_;
  std::array<Chunk, 8> chunks_;
  size_t turn_ = 0;
};

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CUDA_STAGINGRING_H
