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

#ifndef FT_RING_ROWS
#define FT_RING_ROWS 1
#endif
#ifndef FT_RING_EVICT
#define FT_RING_EVICT 0
#endif

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

/// Keys or values of a block as tensor copies leave them: lines of 128 bytes,
/// 64 elements, whose 16-byte vectors are swizzled by the line's number.
///
/// Where a row is two or four whole lines these follow each other, as they do
/// in memory, so that one copy reads whole rows: copies of 128 bytes of each of
/// 16 rows read slower than those of whole rows (134 MB: 34.9 and 32.2 us on an
/// H200). Else all rows' first lines come first. ldmatrix finds two of eight
/// rows of two lines in the same banks; it has time.
template <int D, int keys> struct BoxPlane {
  static constexpr int kColumns = (D + 63) / 64;
  static constexpr bool kWhole =
      FT_RING_ROWS && D % 64 == 0 && (kColumns == 2 || kColumns == 4);
  static constexpr int kLines = kWhole ? kColumns : 1; // of a row, together
  static constexpr int kRowBytes = kLines * 128, kTile = 16 * kRowBytes;
  static constexpr int kColumnBytes = kWhole ? 128 : keys * 128;
  static constexpr int kBytes = kColumns * keys * 128;

  /// 16 bytes of row `row` from element 8 * eighth on, for `at`.
  static __device__ __forceinline__ u32 lane(u32 base, int row, int eighth) {
    return base + row * kRowBytes + (eighth ^ row * kLines % 8) * 16;
  }
  /// The same from d, a multiple of 16, elements further on. Of the number of
  /// a line, the row and the column are different bits.
  static __device__ __forceinline__ u32 at(u32 lane, int d) {
    int swizzle = d / 8 % 8 ^ (kWhole ? d / 64 : 0);
    return (lane ^ swizzle * 16) + d / 64 * kColumnBytes;
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
      int line = row * kLines + (kWhole ? e / 64 : 0);
      return {base + e / 64 * kColumnBytes + (e / 8 % 8 ^ line % 8) * 16 +
              e % 8 * 2};
    }
  };
  template <typename T>
  static __device__ __forceinline__ Row<T> rowOf(u32 base, int r) {
    return {base + r * kRowBytes, r};
  }
  /// One thread. Of a map of [cells, heads, D] in boxes of `keys` x 1 x 64 or,
  /// of whole rows, of [cells, heads * lines, 64] in boxes of `keys` x lines x
  /// 64.
  static __device__ __forceinline__ void copy(u32 to, const TensorMap &map,
                                              int head, int cell, u32 full) {
#if FT_RING_EVICT
    u64 policy = evictFirst();
#pragma unroll
    for (int c = 0; c < kColumns; c += kLines)
      copyBox(to + c * kColumnBytes, map, c * 64, head * kLines, cell, full,
              policy);
#else
#pragma unroll
    for (int c = 0; c < kColumns; c += kLines)
      copyBox(to + c * kColumnBytes, map, c * 64, head * kLines, cell, full);
#endif
  }
};

/// Keys, then values.
template <typename S, int keys> struct BoxBlock {
  using Keys = BoxPlane<S::D, keys>;
  using Values = BoxPlane<S::DV, keys>;
  static constexpr int kKeys = keys;
  static constexpr int kKeyTile = Keys::kTile, kValueTile = Values::kTile;
  static constexpr int kBytes = Keys::kBytes + Values::kBytes;

  static __device__ __forceinline__ u32 values(u32 block) {
    return block + Keys::kBytes;
  }
  static __device__ __forceinline__ u32 keyLane(u32 block, int row,
                                                int eighth) {
    return Keys::lane(block, row, eighth);
  }
  static __device__ __forceinline__ u32 valueLane(u32 block, int row,
                                                  int eighth) {
    return Values::lane(values(block), row, eighth);
  }
  static __device__ __forceinline__ u32 keyAt(u32 lane, int d) {
    return Keys::at(lane, d);
  }
  static __device__ __forceinline__ u32 valueAt(u32 lane, int d) {
    return Values::at(lane, d);
  }
  template <typename T> struct Pair {
    typename Keys::template Row<T> key;
    typename Values::template Row<T> value;
  };
  template <typename T>
  static __device__ __forceinline__ Pair<T> rowsOf(u32 block, int r) {
    return {Keys::template rowOf<T>(block, r),
            Values::template rowOf<T>(values(block), r)};
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

/// A warp that copies: every kLoaders-th block of all of the CTA's pieces.
template <typename S, typename F> class RingCopies {
public:
  using T = typename S::T;

  __device__ __forceinline__ RingCopies(const Args<T> &a, const TensorMap &k,
                                        const TensorMap &v,
                                        const RingMemory<S, F> &memory,
                                        int loader)
      : a_(a), k_(k), v_(v), memory_(memory), ahead_(loader) {
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
    Block::Keys::copy(to, k_, p.work.kvHead, cell, full);
    Block::Values::copy(Block::values(to), v_, p.work.kvHead, cell, full);
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
  int pagesOf_ = -1, pagesFrom_ = 0, pages_ = 0;
};

} // namespace ft::attention

#endif // FT_KERNELS_SM90_ATTENTION_RING_COPY_CUH
