//===- StagingRing.cpp - pinned memory for copies to the GPU --------------===//
#include "runtime/device/cuda/StagingRing.h"

#include <algorithm>
#include <cstring>

namespace ft {

StagingRing::~StagingRing() {
  if (!context_.synchronize().ok())
    return;
  for (Chunk &chunk : chunks_) {
    if (chunk.copied)
      context_.cu.cuEventDestroy(chunk.copied);
    if (chunk.memory)
      context_.cu.cuMemFreeHost(chunk.memory);
  }
}

Status StagingRing::prepare(Chunk &chunk) {
  const char *what = "the staging memory";
  if (chunk.memory)
    return context_.waitFor(chunk.copied, what);
  if (!chunk.copied)
    FT_CUDA(context_.cu, cuEventCreate, what, &chunk.copied,
            CU_EVENT_DISABLE_TIMING);
  FT_CUDA(context_.cu, cuMemAllocHost, what, &chunk.memory,
          size_t(kChunkBytes));
  return Status::success();
}

Status StagingRing::copyIn(CUdeviceptr to, const std::byte *source,
                           int64_t bytes) {
  for (int64_t done = 0; done < bytes; done += kChunkBytes) {
    size_t size = size_t(std::min(bytes - done, kChunkBytes));
    Chunk &chunk = chunks_[turn_++ % chunks_.size()];
    FT_RETURN_IF_ERROR(prepare(chunk));
    std::memcpy(chunk.memory, source + done, size);
    FT_CUDA(context_.cu, cuMemcpyHtoDAsync,
            "a copy of " + std::to_string(bytes) + " bytes to the GPU",
            to + CUdeviceptr(done), chunk.memory, size, context_.stream);
    FT_CUDA(context_.cu, cuEventRecord, "a copy to the GPU", chunk.copied,
            context_.stream);
  }
  return Status::success();
}

} // namespace ft
