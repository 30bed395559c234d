//===- CudaFeed.cpp - chosen tokens on a GPU ------------------------------===//
#include "runtime/device/cuda/CudaFeed.h"

#include "runtime/device/cuda/FeedPtx.h"
#include "runtime/device/cuda/NcclCommunicator.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace ft {

static constexpr unsigned kThreads = 256;
static const char *const kWhat = "the chosen tokens";

StatusOr<std::unique_ptr<TokenFeed>>
CudaFeed::create(CudaContext &context, std::byte *memory, int64_t rows) {
  bool waits = context.major >= 9; // as StepLoader has it of PTX
  FT_ASSIGN_OR_RETURN(LoadedCode finish,
                      LoadedCode::load(context, waits ? kFeedSm90Ptx : kFeedPtx,
                                       "ft_feed_finish"));
  FT_ASSIGN_OR_RETURN(LoadedCode resolve,
                      LoadedCode::load(context, kFeedPtx, "ft_feed_resolve"));
  std::unique_ptr<CudaFeed> feed(
      new CudaFeed(context, std::move(finish), std::move(resolve), waits));
  FT_RETURN_IF_ERROR(feed->prepare(memory, rows));
  return std::unique_ptr<TokenFeed>(std::move(feed));
}

Status CudaFeed::prepare(std::byte *memory, int64_t rows) {
  size_t bytes = size_t(kFeedSteps * rows) * sizeof(ChosenToken);
  // Unified addressing: the device knows pinned memory by the host's address.
  FT_CUDA(context_.cu, cuMemAllocHost, kWhat, &ring_, bytes);
  std::memset(ring_, 0, bytes);
  for (CUevent &event : ended_)
    FT_CUDA(context_.cu, cuEventCreate, kWhat, &event, CU_EVENT_DISABLE_TIMING);
  memory_ = feedMemory(memory, static_cast<ChosenToken *>(ring_), rows);
  return Status::success();
}

CudaFeed::~CudaFeed() {
  if (!context_.use().ok() || !context_.synchronize().ok())
    return;
  for (CUevent event : ended_)
    if (event)
      context_.cu.cuEventDestroy(event);
  if (ring_)
    context_.cu.cuMemFreeHost(ring_);
}

Status CudaFeed::launch(const LoadedCode &code, unsigned blocks,
                        void **arguments, bool early) {
  CUlaunchAttribute attribute{};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig config{};
  config.attrs = &attribute;
  config.numAttrs = early;
  config.gridDimX = blocks;
  config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = kThreads;
  config.blockDimY = config.blockDimZ = 1;
  config.hStream = context_.stream;
  FT_CUDA(context_.cu, cuLaunchKernelEx, kWhat, &config, code.function(),
          arguments, nullptr);
  return Status::success();
}

Status CudaFeed::resolve(int32_t *ids, int64_t count) {
  if (count == 0)
    return Status::success();
  FT_RETURN_IF_ERROR(context_.use());
  void *arguments[] = {&ids, &count, &memory_.tokens};
  return launch(
      resolve_,
      unsigned(std::min<int64_t>((count + kThreads - 1) / kThreads, 1024)),
      arguments, /*early=*/false);
}

Status CudaFeed::finish(const FeedSite &site, bool behindKernel) {
  FeedSite copy = site;
  void *arguments[] = {&copy};
  return launch(finish_, 1, arguments, behindKernel && finishWaits_);
}

Status CudaFeed::mark() {
  FT_RETURN_IF_ERROR(context_.use());
  FT_CUDA(context_.cu, cuEventRecord, kWhat,
          ended_[size_t(steps_ % kFeedSteps)], context_.stream);
  ++steps_;
  return Status::success();
}

StatusOr<std::span<const ChosenToken>> CudaFeed::wait(int64_t step) {
  assert(step < steps_ && step >= steps_ - kFeedSteps &&
         "tokens of this step are not kept");
  FT_RETURN_IF_ERROR(context_.use());
  FT_RETURN_IF_ERROR(
      context_.waitFor(ended_[size_t(step % kFeedSteps)], kWhat));
  if (context_.communicator)
    context_.communicator->passed(steps_ - 1 - step);
  return at(step);
}

} // namespace ft
