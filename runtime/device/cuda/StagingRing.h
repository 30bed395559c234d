//===- StagingRing.h - pinned memory for copies to the GPU ------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CUDA_STAGINGRING_H
#define FT_RUNTIME_DEVICE_CUDA_STAGINGRING_H

#include "runtime/device/cuda/CudaContext.h"

#include <array>

namespace ft {

/// Copies through pinned chunks, so that the source is free on return and the
/// transfer of one chunk overlaps the filling of the next.
class StagingRing {
public:
  /// Holds no memory before the first copy. The context outlives the ring.
  explicit StagingRing(CudaContext &context) : context_(context) {}
  ~StagingRing();
  Status copyIn(CUdeviceptr to, const std::byte *source, int64_t bytes);

private:
  static constexpr int64_t kChunkBytes = int64_t(8) << 20;
  struct Chunk {
    void *memory = nullptr;
    CUevent copied = nullptr; // the chunk's latest transfer
  };
  Status prepare(Chunk &chunk);

  CudaContext &context_;
  std::array<Chunk, 4> chunks_;
  size_t turn_ = 0;
};

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CUDA_STAGINGRING_H
