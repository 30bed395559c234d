// What ends a step and what begins one, as runtime/device/TokenFeed.h defines
// them. The PTX of this file is FeedPtx.h; make-ptx makes it again.
#include "runtime/device/FeedSite.h"

using namespace ft;

/// Until the kernel in front has ended: it may be launched early behind it.
__device__ __forceinline__ void dependencyWait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// One block: steps are counted by it alone. What no kernel of the step writes
// is loaded before the wait.
extern "C" __global__ void ft_feed_finish(FeedSite site) {
  const FeedMemory memory = site.memory;
  unsigned step = *memory.steps;
  int rows = site.counts[site.rowsAxis];
  bool moveOn = rows == site.counts[site.tokensAxis] &&
                rows == site.counts[site.sequencesAxis];
  long long first = (long long)(step % kFeedSteps) * memory.rows;
  int own = threadIdx.x, position = 0, length = 0;
  if (moveOn && own < rows) {
    position = site.positions[own];
    length = site.lengths[own];
  }
  dependencyWait();
  for (int row = own; row < rows; row += blockDim.x) {
    int token = site.next[row * site.stride];
    if (moveOn) {
      site.ids[row] = token;
      site.positions[row] = (row == own ? position : site.positions[row]) + 1;
      site.lengths[row] = (row == own ? length : site.lengths[row]) + 1;
    }
    memory.tokens[first + row] = token;
    memory.ring[first + row].token = token;
  }
  constexpr int kWords = sizeof(plan::SamplingResult) / sizeof(int);
  int lane = threadIdx.x % 32, warps = blockDim.x / 32;
  for (int row = threadIdx.x / 32; site.records && row < rows; row += warps) {
    const plan::SamplingRecord &record = site.records[row];
    if (!(record.flags & plan::SamplingRecord::kState) || record.logprobs <= 0)
      continue;
    auto *from = reinterpret_cast<const int *>(
        site.state + record.slot * site.slotBytes + plan::sampling::kResult);
    auto *to = reinterpret_cast<int *>(&memory.ring[first + row].result);
    for (int word = lane; word < kWords; word += 32)
      to[word] = from[word];
  }
  __syncthreads();
  if (threadIdx.x == 0)
    *memory.steps = step + 1;
}

#if __CUDA_ARCH__ < 900 // what begins a step never starts early: once
extern "C" __global__ void ft_feed_resolve(int *ids, long long count,
                                           const int *tokens) {
  long long stride = (long long)gridDim.x * blockDim.x;
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
       i < count; i += stride)
    if (ids[i] < 0)
      ids[i] = tokens[-1 - ids[i]];
}
#endif
