//===- attention_ring_copy.cuh - the ring of blocks and its copies --------===//
//
// Shared memory of attention_ring.cuh, and the warps that copy into it.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_ATTENTION_RING_COPY_CUH
#define FT_KERNELS_SM90_ATTENTION_RING_COPY_CUH

#include "attention_decode_rows.cuh"
#include "attention_inbox.cuh"
#include "sm90/async.cuh"

namespace ft::attention {

/// How a CTA is divided. `consumers` warps multiply, `loaders` copy; `stages`
/// blocks in the ring, a multiple of both: a slot is always the same warps',
/// who so know which turn of it they wait for; `cluster` CTAs start together;
/// tiles have `rows`, 8 or 16; blocks have `keys`, 16 or 32; `mergeBytes` is
/// that of Shares.
template <int consumers, int loaders, int stages, int cluster = 1, int rows = 8,
          int keys = 16, int mergeBytes = kMergeBytes>
struct RingForm {
  static constexpr int kKeys = keys, kMerge = mergeBytes;
  static constexpr int kConsumers = consumers, kLoaders = loaders;
  static constexpr int kStages = stages, kCluster = cluster;
  static constexpr int kThreads = 32 * (consumers + loaders), kRows = rows;
  static_assert(stages % consumers == 0 && stages % loaders == 0);
};

/// A block as tensor copies leave it: columns of 64 elements, a row of 128
/// bytes each key, whose 16-byte vectors are swizzled: keys, then values.
template <typename S, int keys> struct BoxBlock {
  static constexpr int kKeys = keys, kTile = 16 * 128;
  static constexpr int kColumnsQK = (S::D + 63) / 64;
  static constexpr int kColumnsV = (S::DV + 63) / 64;
  static constexpr int kColumnBytes = keys * 128;
  static constexpr int kBytes = (kColumnsQK + kColumnsV) * kColumnBytes;

  static __device__ __forceinline__ u32 values(u32 block) {
    return block + kColumnsQK * kColumnBytes;
  }
  static __device__ __forceinline__ u32 keyLane(u32 block, int row,
                                                int eighth) {
    return block + row * 128 + (eighth ^ row % 8) * 16;
  }
  static __device__ __forceinline__ u32 valueLane(u32 block, int row,
                                                  int eighth) {
    return keyLane(values(block), row, eighth);
  }
  static __device__ __forceinline__ u32 at(u32 lane, int d) {
    return (lane ^ d / 8 % 8 * 16) + d / 64 * kColumnBytes;
  }

  /// A row's elements, to be stored to.
  template <typename T> struct Row {
    u32 base; // of its first column
    int row;
    struct Element {
      u32 address;
      __device__ __forceinline__ void operator=(T x) const {
        storeShared(address, x.bits);
      }
    };
    __device__ __forceinline__ Element operator[](int e) const {
      return {base + e / 64 * kColumnBytes + (e / 8 % 8 ^ row % 8) * 16 +
              e % 8 * 2};
    }
  };
  template <typename T> struct Pair { Row<T> key, value; };
  template <typename T>
  static __device__ __forceinline__ Pair<T> rowsOf(u32 block, int r) {
    return {{block + r * 128, r}, {values(block) + r * 128, r}};
  }
};

template <typename F> struct RingState {
  u64 full[F::kStages], empty[F::kStages], arrived;
};

/// A slot of the ring and how often the ring went round, mod 2.
template <typename F> struct RingPlace {
  u32 slot = 0, turn = 0;
  /// Any number of blocks further.
  __device__ __forceinline__ void skip(u32 blocks) {
    u32 sum = slot + blocks;
    slot = sum % F::kStages;
    turn ^= sum / F::kStages & 1;
  }
};

/// Rows of the warps' parts that are added at a time.
constexpr int kPassRows = 4;

/// Dynamic shared memory: the ring, q, parts, what a cluster sends.
template <typename S, typename F> class RingMemory {
public:
  /// Queries that are kept in registers leave their place to parts.
  static constexpr bool kShares = DecodeRows<S, F::kRows>::kKeeps;

private:
  static constexpr int kRing = F::kStages * BoxBlock<S, F::kKeys>::kBytes;
  static constexpr int kQ = roundUp(F::kRows * 2 * (roundUp(S::D, 16) + 8), 16);
  static constexpr int kPartBytes = 4 * kPassRows * kPartRow<S>;
  static constexpr int kParts = F::kConsumers * kPartBytes;
  static constexpr int kOwn =
      kRing + (kShares ? larger(kQ, kParts) : kQ + kParts);

public:
  static constexpr int kShared =
      1024 + kOwn +
      (F::kCluster > 1 ? 4 * kInboxFloats<S, F::kRows, F::kCluster> : 0);

  __device__ __forceinline__ explicit RingMemory(RingState<F> *state)
      : state_(state) {
    u32 dynamic = sharedAddress(dynamicShared<char>());
    base_ = (dynamic + 1023) & ~1023u;
    memory_ = dynamicShared<char>() + (base_ - dynamic);
  }
  /// By all threads, which then meet. An instruction makes one barrier: warps
  /// share them.
  __device__ __forceinline__ void init() const {
    if (electOne()) {
#pragma unroll 1
      for (int s = int(threadIdx.x) / 32; s < F::kStages;
           s += F::kThreads / 32) {
        barrierInit(full(s), 1);
        barrierInit(empty(s), 1);
      }
      barrierInitFence();
    }
  }
  __device__ __forceinline__ u32 block(u32 slot) const {
    return base_ + slot * BoxBlock<S, F::kKeys>::kBytes;
  }
  __device__ __forceinline__ u32 full(u32 slot) const {
    return sharedAddress(state_->full + slot);
  }
  __device__ __forceinline__ u32 empty(u32 slot) const {
    return sharedAddress(state_->empty + slot);
  }
  template <typename T> __device__ __forceinline__ T *queries() const {
    return reinterpret_cast<T *>(memory_ + kRing);
  }
  __device__ __forceinline__ float *part(int warp) const {
    return reinterpret_cast<float *>(memory_ + kRing + (kShares ? 0 : kQ) +
                                     warp * kPartBytes);
  }
  __device__ __forceinline__ float *inbox() const {
    return reinterpret_cast<float *>(memory_ + kOwn);
  }

private:
  RingState<F> *state_;
  u32 base_;
  char *memory_;
};

/// A warp that copies: every kLoaders-th block of all of the CTA's pieces. What
/// is read once leaves L2 first (8B, 64 sequences of 512 on an H200: 1.4 us of
/// the attention's 38, and as much of a layer's 153).
template <typename S, typename F> class RingCopies {
public:
  using T = typename S::T;

  __device__ __forceinline__ RingCopies(const Args<T> &a, const TensorMap &k,
                                        const TensorMap &v,
                                        const RingMemory<S, F> &memory,
                                        int loader, bool readOnce)
      : a_(a), k_(k), v_(v), memory_(memory), ahead_(loader),
        policy_(readOnce ? evictFirst() : evictNormal()) {
    place_.skip(loader);
  }
  /// A whole warp calls.
  __device__ __forceinline__ void fetch(const Piece &p) {
    pagesOf_ = -1;
    int old = min(p.work.end, p.oldEnd);
    int b = p.last - 1 - ahead_;
#pragma unroll 1
    for (; b >= p.first; b -= F::kLoaders) {
      int j0 = p.work.begin + b * F::kKeys;
      barrierWait(memory_.empty(place_.slot), place_.turn ^ 1);
      u32 full = memory_.full(place_.slot);
      if (j0 >= old) {
        if (electOne())
          barrierArrive(full);
      } else {
        int cell = cellOf(p, j0);
        if (electOne())
          copy(p, cell, full);
      }
      place_.skip(F::kLoaders);
    }
    ahead_ = p.first - 1 - b; // blocks of the next piece that are another's
  }

private:
  using Block = BoxBlock<S, F::kKeys>;

  __device__ __forceinline__ void copy(const Piece &p, int cell,
                                       u32 full) const {
    barrierExpect(full, Block::kBytes);
    u32 to = memory_.block(place_.slot);
#pragma unroll
    for (int c = 0; c < Block::kColumnsQK; ++c)
      copyBox(to + c * Block::kColumnBytes, k_, c * 64, p.work.kvHead, cell,
              full, policy_);
    to = Block::values(to);
#pragma unroll
    for (int c = 0; c < Block::kColumnsV; ++c)
      copyBox(to + c * Block::kColumnBytes, v_, c * 64, p.work.kvHead, cell,
              full, policy_);
  }
  /// Where key j is in the pool. Entries of the page table are loaded 32 at a
  /// time, those before it along with its own.
  __device__ __forceinline__ int cellOf(const Piece &p, int j) {
    int page = u32(j) / u32(a_.pageSize);
    if (pagesOf_ < 0 || page < pagesFrom_) {
      int lane = int(threadIdx.x) % 32;
      pagesOf_ = p.work.sequence;
      pagesFrom_ = max(page - 31, 0);
      if (pagesFrom_ + lane <= page)
        pages_ =
            a_.pageTable[i64(pagesOf_) * a_.pageColumns + pagesFrom_ + lane];
    }
    return __shfl_sync(~0u, pages_, page - pagesFrom_) * a_.pageSize +
           (j - page * a_.pageSize);
  }

  const Args<T> &a_;
  const TensorMap &k_, &v_;
  RingMemory<S, F> memory_;
  RingPlace<F> place_;
  int ahead_;
  CachePolicy policy_;
  int pagesOf_ = -1, pagesFrom_ = 0, pages_ = 0;
};

} // namespace ft::attention

#endif // FT_KERNELS_SM90_ATTENTION_RING_COPY_CUH
