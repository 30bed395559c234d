//===- gemv_stages.cuh - weights by bulk copies, sm_90a ---------*- C++ -*-===//
//
// The ring of gemv_ring.cuh: stages in shared memory, and the warps that copy
// into them. A stage holds kRingChunk values of k of 16 weight rows (gated: two
// times 8), one bulk copy a row; a warp multiplies every eighth 32 values of k
// of all 16. Half as long chunks were twice the waits. A CTA takes the chunks
// of k in an order of its own: sums depend on n, k and the grid only.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_STAGES_CUH
#define FT_KERNELS_SM90_GEMV_STAGES_CUH

#include "gemv_product.cuh"
#include "sm90/async.cuh"

namespace ft::gemv {

// One thread issues a copy in about 60 cycles: copies of two kilobytes from
// four warps keep ahead of 20 bytes a cycle, what a multiprocessor can have.
constexpr int kRingCopiers = 4;  // warps
constexpr int kRingChunk = 1024; // values of k in a stage

/// The chunk that comes `i`-th. Every CTA begins elsewhere: rows lie a power of
/// two apart in many models, and one chunk of all of them in few of the
/// memory's channels.
struct ChunkOrder {
  int count, first;
  __device__ __forceinline__ explicit ChunkOrder(int k)
      : count((k + kRingChunk - 1) / kRingChunk),
        first(int(blockIdx.x % 32) * count / 32) {}
  __device__ __forceinline__ int operator()(int i) const {
    return first + i < count ? first + i : first + i - count;
  }
  __device__ __forceinline__ int next(int c) const {
    return c + 1 == count ? 0 : c + 1;
  }
};

constexpr int kRingThreads = kThreads + 32 * kRingCopiers;
/// Where copying warps give registers up: of 168 a thread, or 80 where two CTAs
/// share a multiprocessor.
constexpr int kCopierRegisters = 40;
template <int ctas> constexpr int kMultiplierRegisters = ctas > 1 ? 96 : 232;
constexpr int kRingUnits = kRingChunk / (32 * kWarps); // of a warp
constexpr int kUnitStep = 32 * kWarps; // values of k from unit to unit
constexpr int kRingRowPitch = kRingChunk * 2 + 64; // bytes; 64 mod 128
constexpr int kStageBytes = 16 * kRingRowPitch;
constexpr int kFewStages = 2, kMaxStages = 8;
/// Stages under way while a ring is filled for the first time. x comes the same
/// way and queues behind them (H200, 8B: linears take 103.5 us a layer, with 3
/// stages 110, with all of the ring about 112).
constexpr int kFillStages = 2;

/// What a warp adds of a group that one CTA of the cluster stores: so many of
/// the first 8 weight rows, and as many of the other 8. The sums of a lane are
/// neighbours, and two tokens of all rows in different banks.
template <int cluster> constexpr int kOwnRows = 8 / cluster;
template <int cluster>
constexpr int kPartFloats = kOwnRows<cluster> * 16 +
                            (kOwnRows<cluster> - 1) / 2 * 4;
/// Where the sums of one of these rows, and of the one 8 further, begin: two of
/// tokens 2 * pair and 2 * pair + 1, then the other row's.
__device__ __forceinline__ int partPlace(int row, int pair) {
  return row * 16 + row / 2 * 4 + pair * 4;
}
/// Groups whose sums are there at once. A warp is one group ahead of those that
/// store; of another CTA, two.
template <int cluster> constexpr int kSumSlots = cluster > 1 ? 3 : 2;

/// One more than for sums: of a norm.
template <int cluster> constexpr int kInboxes = kSumSlots<cluster> + 1;

template <int cluster> struct RingState {
  u64 full[kMaxStages], empty[kMaxStages], inbox[kInboxes<cluster>];
  alignas(
      16) float sums[kSumSlots<cluster>][cluster][kWarps][kPartFloats<cluster>];
};

struct WarpsSync {
  __device__ __forceinline__ void operator()() const {
    asm volatile("bar.sync 1, %0;" ::"n"(kThreads) : "memory");
  }
};

/// A stage of the ring and how often the ring went round.
struct RingPlace {
  int stages, stage = 0;
  u32 turn = 0;
  __device__ __forceinline__ void next() {
    if (++stage == stages) {
      stage = 0;
      turn ^= 1;
    }
  }
};

/// This CTA's number in its cluster.
template <int cluster> __device__ __forceinline__ u32 rankIn() {
  return cluster > 1 ? clusterRank() : 0;
}

/// The values of k that a CTA of a cluster multiplies, from `begin` on.
template <int cluster> struct KPart {
  int begin, count;
  __device__ __forceinline__ KPart(int k, int rank) {
    int part = cluster > 1 ? (k + 64 * cluster - 1) / (64 * cluster) * 64 : k;
    begin = cluster > 1 ? min(rank * part, k) : 0;
    count = min(part, k - begin);
  }
};

/// Dynamic shared memory: the stages, then x or the weights of its norm.
template <int cluster> struct RingMemory {
  u32 ring; // address of the first stage
  RingState<cluster> *state;
  __device__ __forceinline__ u32 full(int s) const {
    return sharedAddress(&state->full[s]);
  }
  __device__ __forceinline__ u32 empty(int s) const {
    return sharedAddress(&state->empty[s]);
  }
  __device__ __forceinline__ u32 inbox(int i) const {
    return sharedAddress(&state->inbox[i]);
  }
};

/// All threads call, then meet. Each warp makes a few barriers: an instruction
/// makes one, so that 32 in one warp take a microsecond.
template <int cluster>
__device__ __forceinline__ void initRing(const RingMemory<cluster> &memory) {
  int warp = int(threadIdx.x) / 32;
  if (electOne()) {
    if (warp < kMaxStages) {
      barrierInit(memory.full(warp), kRingCopiers);
      barrierInit(memory.empty(warp), kWarps * kWarpArrivals);
    } else if (cluster > 1 && warp < kMaxStages + kInboxes<cluster>) {
      barrierInit(memory.inbox(warp - kMaxStages), 1);
    }
    barrierInitFence();
  }
}

/// A copying warp's rows of every group's chunks; `wStride` from row to row.
template <bool gated, int cluster, typename T>
__device__ __forceinline__ void
copyWeights(const Problem<T> &p, int wStride, const Share &s,
            const RingMemory<cluster> &memory, RingPlace place) {
  constexpr int per = perGroup<gated>, slots = 16 / kRingCopiers;
  int slot = (threadIdx.x - kThreads) / 32 * slots;
  ChunkOrder order(p.k);
  CachePolicy policy = evictFirst();
  bool filling = true; // the ring for the first time
  const T *w = p.w + i64(slot >= per ? p.n / 2 : 0) * wStride;
  for (int g = 0; g < s.groups; ++g) {
    int first = s.begin + g * per + slot % per;
    int rows = min(slots, s.end - first); // of this warp
    for (int i = 0; i < order.count; ++i, place.next()) {
      int k = order(i) * kRingChunk;
      u32 bytes = u32(min(kRingChunk, p.k - k)) * 2;
      const T *from = w + i64(first) * wStride + k;
      filling &= place.turn == 0;
      if (filling && place.stage >= kFillStages)
        barrierWait(memory.full(place.stage - kFillStages), 0);
      barrierWait(memory.empty(place.stage), place.turn ^ 1);
      barrierExpect(memory.full(place.stage), bytes * max(rows, 0));
      u32 to = memory.ring + place.stage * kStageBytes + slot * kRingRowPitch;
#pragma unroll
      for (int r = 0; r < slots; ++r)
        if (r < rows)
          copyBulk(to + r * kRingRowPitch, from + i64(r) * wStride, bytes,
                   memory.full(place.stage), policy);
    }
  }
}

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_STAGES_CUH
