//===- CudaFeed.h - chosen tokens on a GPU ----------------------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CUDA_CUDAFEED_H
#define FT_RUNTIME_DEVICE_CUDA_CUDAFEED_H

#include "runtime/device/TokenFeed.h"
#include "runtime/device/cuda/CudaContext.h"

#include <array>
#include <memory>

namespace ft {

/// The end of a step is one small kernel behind the program's, in its graph;
/// it writes what was chosen through the bus into pinned memory, and an event
/// behind the graph says when the host may read it.
class CudaFeed final : public TokenFeed {
public:
  /// The context outlives the feed; `memory` is zeroed on its stream.
  static StatusOr<std::unique_ptr<TokenFeed>>
  create(CudaContext &context, std::byte *memory, int64_t rows);
  ~CudaFeed() override;

  Status resolve(int32_t *ids, int64_t count) override;
  Status finish(const FeedSite &site, bool behindKernel) override;
  Status mark() override;
  StatusOr<std::span<const ChosenToken>> wait(int64_t step) override;

private:
  CudaFeed(CudaContext &context, LoadedCode finish, LoadedCode resolve,
           bool finishWaits)
      : context_(context), finish_(std::move(finish)),
        resolve_(std::move(resolve)), finishWaits_(finishWaits) {}
  Status prepare(std::byte *memory, int64_t rows);
  Status launch(const LoadedCode &code, unsigned blocks, void **arguments,
                bool early);

  CudaContext &context_;
  LoadedCode finish_, resolve_;
  bool finishWaits_;                           // for the kernel in front
  void *ring_ = nullptr;                       // pinned
  std::array<CUevent, kFeedSteps> ended_ = {}; // by step % kFeedSteps
};

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CUDA_CUDAFEED_H
