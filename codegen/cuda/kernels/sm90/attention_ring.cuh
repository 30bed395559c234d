//===- attention_ring.cuh - append and attention, tensor copies -*- C++ -*-===//
//
// attention_decode.cuh for sm_90a, with the same arithmetic, shares and merges,
// where a page holds whole blocks of 16 or 32 keys. What differs is who copies:
// warps that only copy keep a ring of blocks full, across pieces, so what is
// under way does not depend on where the warps that multiply are; those take
// its blocks by turns. Copies are those of a tensor map: a block's rows of 128
// bytes by one instruction, past registers and L1.
//
//     using Form = attention::RingForm<4, 2, 8, 8>;
//     attention::runRing<Shape, Entry, Form>(args, fresh, kMap, vMap, score);
//
// Blocks of a piece are taken from the last to the first: new rows are among
// the last, and enter together with q.
//
// Launch: block Form::kThreads, __launch_bounds__(it, ctas); dynamic shared
// memory RingMemory<S, Form>::kShared; all else as attention_decode.cuh. Maps:
// [tokens of the pool, kvHeads, D or DV] in boxes of Form::kKeys x 1 x 64,
// 128-byte swizzle.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_ATTENTION_RING_CUH
#define FT_KERNELS_SM90_ATTENTION_RING_CUH

#include "attention_decode_rows.cuh"
#include "attention_fresh.cuh"
#include "sm90/attention_ring_copy.cuh"

namespace ft::attention {

/// The warps that multiply.
template <typename S, typename E, typename F> class RingCta {
public:
  using T = typename S::T;
  static constexpr int kThreads = 32 * F::kConsumers;

  __device__ __forceinline__ RingCta(const Args<T> &a, const Fresh<T> &fresh,
                                     const RingMemory<S, F> &memory)
      : entrance_{a, fresh}, memory_(memory), rows_(a),
        ahead_(int(threadIdx.x) / 32) {}

  static __device__ __forceinline__ void sync() { namedSync(1, kThreads); }

  __device__ __forceinline__ void prefetch(const Piece &piece) {
    entrance_.prefetch(piece);
  }
  /// After the wait: all of the piece.
  template <typename Score>
  __device__ __forceinline__ void attend(const Piece &p, const Score &score) {
    int begin = p.work.begin + max(p.first, p.last - F::kConsumers) * BN;
    int end = min(p.work.begin + p.last * BN, p.work.end);
    T *q = memory_.template queries<T>();
    entrance_.template begin<F::kRows, Rows::D, Rows::kPitch>(
        p, q, begin, end, [&](int j) {
          RingPlace<F> place = place_;
          int number = (j - p.work.begin) / BN;
          place.skip(p.last - 1 - number);
          barrierWait(memory_.full(place.slot), place.turn);
          return Block::template rowsOf<T>(memory_.block(place.slot), j % BN);
        });
    if (end > p.oldEnd) // copies come where rows were written
      asyncProxyFence();
    sync();
    rows_.begin(p, q);
    if constexpr (RingMemory<S, F>::kShares)
      sync(); // parts come where q was
    RingPlace<F> place = place_;
    place.skip(ahead_);
    int b = p.last - 1 - ahead_;
#pragma unroll 1
    for (; b >= p.first; b -= F::kConsumers) {
      u32 block = memory_.block(place.slot);
      barrierWait(memory_.full(place.slot), place.turn);
      int j0 = p.work.begin + b * BN;
      if (j0 + BN > min(p.work.end, p.oldEnd))
        enterRest(p, j0, b < p.last - F::kConsumers, block);
      rows_.attend(p, b, block, score);
      __syncwarp();
      if (electOne())
        barrierArrive(memory_.empty(place.slot));
      place.skip(F::kConsumers);
    }
    rows_.end();
    ahead_ = p.first - 1 - b;
    place_.skip(p.last - p.first);
  }

  /// eachFour of `rows` of the piece, kPassRows at a time: all that there is
  /// room for beside the ring.
  template <typename Done>
  __device__ __forceinline__ void eachFour(int rows, const Done &done) const {
    constexpr int kRowVectors = S::DV / 4;
    float *own = memory_.part(int(threadIdx.x) / 32);
#pragma unroll 1
    for (int r = 0; r < rows; r += kPassRows) {
      rows_.template put<kPassRows>(own, r);
      sync();
      attention::eachFour<S, F::kConsumers>(
          r * kRowVectors, min(rows, r + kPassRows) * kRowVectors,
          [&](int w) { return memory_.part(w); }, done);
      sync();
    }
  }

private:
  using Block = BoxBlock<S, F::kKeys>;
  using Rows = DecodeRows<S, F::kRows, Block>;
  static constexpr int BN = F::kKeys;

  /// What no copy brings of block j0: zeros for values past the end, and new
  /// rows where begin() did not enter them. By a whole warp.
  __device__ __forceinline__ void enterRest(const Piece &p, int j0, bool enters,
                                            u32 block) const {
    int end = min(p.work.end - j0, BN);
    if (enters)
#pragma unroll 1
      for (int r = max(p.oldEnd - j0, 0); r < end; ++r)
        entrance_.template enterBoth<Rows::D>(
            p, j0 + r, Block::template rowsOf<T>(block, r));
#pragma unroll
    for (int c = 0; c < Block::kColumnsV; ++c)
#pragma unroll 1
      for (int i = int(threadIdx.x) % 32; i < (BN - end) * 8; i += 32)
        storeShared4(Block::values(block) + (c * BN + end) * 128 + i * 16,
                     float4{0, 0, 0, 0});
    asyncProxyFence();
    __syncwarp();
  }

  Entrance<S, E, kThreads> entrance_;
  RingMemory<S, F> memory_;
  Rows rows_;
  RingPlace<F> place_; // of the piece's first block
  int ahead_;          // blocks of it that are other warps'
};

template <typename S, typename E, typename F, typename Score>
__device__ __forceinline__ void
runRing(const Args<typename S::T> &a, const Fresh<typename S::T> &fresh,
        const TensorMap &kMap, const TensorMap &vMap, const Score &score) {
  constexpr int cluster = F::kCluster;
  launchDependents();
  __shared__ RingState<F> state;
  RingMemory<S, F> memory(&state);
  if (threadIdx.x == F::kThreads - 32) { // while lengths are under way
    prefetchMap(kMap);
    prefetchMap(vMap);
  }
  memory.init();
  Shares<S, F::kRows, F::kKeys, F::kMerge> shares(a, cluster);
  __syncthreads();
  bool together = cluster > 1 && shares.team() > 1;
  Place place = together ? Place{} : shares.place(blockIdx.x);
  Inbox<S, F::kRows, cluster> inbox(&state.arrived, memory.inbox(),
                                    shares.team());
  Piece piece;
  if (int loader = int(threadIdx.x) / 32 - F::kConsumers; loader >= 0) {
    RingCopies<S, F> copies(a, kMap, vMap, memory, loader, shares.readOnce());
    if (!together) {
#pragma unroll 1
      while (shares.next(place, piece))
        copies.fetch(piece);
      return;
    }
    clusterArriveRelaxed();
    if (shares.ofTeam(piece))
      copies.fetch(piece);
    inbox.open(); // a warp that has arrived does not end before all have
    return;
  }
  RingCta<S, E, F> cta(a, fresh, memory);
  attendPieces<S, cluster>(a, shares, place, together, piece, inbox, cta,
                           score);
}

} // namespace ft::attention

#endif // FT_KERNELS_SM90_ATTENTION_RING_CUH
