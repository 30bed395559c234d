//===- StagingRing.cpp - pinned memory for copies to the GPU --------------===//
#include "runtime/device/cuda/StagingRing.h"

#include <algorithm>
#include <cstring>
#include <thread>

namespace ft {

/// Copies that are worth waking threads for.
static constexpr int64_t kLargeBytes = int64_t(4) << 20;
static constexpr int kMaxThreads = 12; // more wait for memory

StagingRing::StagingRing(CudaContext &context, int sharers)
    : context_(context),
      threadCount_(
          std::min(kMaxThreads, int(std::thread::hardware_concurrency()) /
                                    std::max(1, sharers))) {}

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

Status StagingRing::send(Chunk &chunk, CUdeviceptr to, int64_t bytes) {
  FT_CUDA(context_.cu, cuMemcpyHtoDAsync,
          "a copy of " + std::to_string(bytes) + " bytes to the GPU", to,
          chunk.memory, size_t(bytes), context_.stream);
  FT_CUDA(context_.cu, cuEventRecord, "a copy to the GPU", chunk.copied,
          context_.stream);
  return Status::success();
}

Status StagingRing::copyLarge(CUdeviceptr to, const std::byte *source,
                              int64_t bytes) {
  if (!threads_)
    threads_.emplace(threadCount_);
  CopyThreads::Job job(*threads_, source, bytes, kChunkBytes);
  int64_t blocks = (bytes + kChunkBytes - 1) / kChunkBytes;
  // Two chunks are being sent while others are filled: who waits for a chunk's
  // transfer must not keep the link idle.
  int64_t ahead = int64_t(chunks_.size()) - 2;
  std::vector<Chunk *> chunks;
  for (int64_t block = 0; block < blocks; ++block) {
    while (int64_t(chunks.size()) < std::min(blocks, block + ahead)) {
      chunks.push_back(&next());
      FT_RETURN_IF_ERROR(prepare(*chunks.back()));
      job.admit(static_cast<std::byte *>(chunks.back()->memory));
    }
    job.await(block);
    int64_t at = block * kChunkBytes;
    FT_RETURN_IF_ERROR(send(*chunks[size_t(block)], to + CUdeviceptr(at),
                            std::min(kChunkBytes, bytes - at)));
  }
  return Status::success();
}

Status StagingRing::copyIn(CUdeviceptr to, const std::byte *source,
                           int64_t bytes) {
  if (bytes >= kLargeBytes && threadCount_ > 1)
    return copyLarge(to, source, bytes);
  for (int64_t done = 0; done < bytes; done += kChunkBytes) {
    int64_t size = std::min(bytes - done, kChunkBytes);
    Chunk &chunk = next();
    FT_RETURN_IF_ERROR(prepare(chunk));
    std::memcpy(chunk.memory, source + done, size_t(size));
    FT_RETURN_IF_ERROR(send(chunk, to + CUdeviceptr(done), size));
  }
  return Status::success();
}

} // namespace ft
