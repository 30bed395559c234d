//===- attention_decode.cuh - append and attention of few tokens ----------===//
//
// One kernel for what a step does between its q-k-v linears and the output
// projection: norms of q and k heads, rope, append to the cache, attention over
// the pages. f16 and bf16, sm_80 and later; clusters from sm_90 on.
//
//     using Shape = attention::Shape<bf16, 128, 128, true, true>;
//     attention::runDecode<Shape, attention::Entry<64, false, false>, stages,
//                          rows>(args, fresh, score);
//
// A tile is 8 or 16 rows, (token, head) pairs of one kv head, so K and V are
// read once a kv head. Each of four warps takes blocks of 16 keys by turns,
// through a ring of its own of `stages` blocks and with a softmax of its own:
// between the first block and the last no warp waits for another. (Warps that
// shared each block, two barriers a block, took 115 us where 32 sequences of
// 512 keys of 8B take 15 to read.) Their sums are added at the end of a piece.
//
// What may be read before the kernel in front has ended: everything that the
// step does not write, or not yet. The first kernel of a program starts when
// all before it has ended, what moved the batch on included (ft_feed_finish is
// the last of a step), so batch fields, weights and every cache row of an
// earlier step are complete. In the step only this kernel writes the layer, and
// only rows from a sequence's old length on, which it reads from q, k and v
// instead. New rows and q come after the wait.
//
// Launch: block kDecodeThreads = 128, __launch_bounds__(128, 3 or 2), with
// clusters FT_CLUSTER_ALONG_X between __global__ and the name; grid.x: one or
// two CTAs a multiprocessor, with clusters a multiple of 8; dynamic shared
// memory Decode<...>::kShared, with clusters more:
//   pitch(x) = roundUp(x, 16) + 8
//   4 * max(stages * 32 * (pitch(D) + pitch(DV)), 4 * rows * (DV + 4)) +
//     2 * rows * pitch(D), rounded up to 16 (kShared)
//   with clusters + 24 * roundUp(rows * DV / 4, 8) (kInboxFloats)
// counters: a u32 for each of tokens * kvHeads * ceil(g / P); partials:
// 128 * (DV + 4) bytes a CTA.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_DECODE_CUH
#define FT_KERNELS_ATTENTION_DECODE_CUH

#include "attention_decode_copy.cuh"
#include "attention_fresh.cuh"

namespace ft::attention {

template <typename S, typename E, int stages, int rows> class Decode {
public:
  using T = typename S::T;

private:
  using Rows = DecodeRows<S, rows>;
  using Copies = DecodeCopies<S, stages>;
  static constexpr int BN = kDecodeBlock, kWarps = kDecodeThreads / 32;
  static constexpr int kPitchQK = Copies::kPitchQK, kPitchV = Copies::kPitchV;
  /// Of a warp: its ring, later its part.
  static constexpr int kWarpElements =
      larger(stages * Copies::kSlot, rows *kPartRow<S> * 2);
  /// Of the CTA: q.
  static constexpr int kQ = rows * Rows::kPitch;
  static constexpr int kOwn = 2 * (kWarps * kWarpElements + kQ);

public:
  /// `inbox` floats: what a cluster sends.
  static constexpr int shared(int inbox) {
    return roundUp(kOwn, 16) + 4 * inbox;
  }
  static constexpr int kShared = shared(0);
  __device__ __forceinline__ float *inbox() const {
    return reinterpret_cast<float *>(dynamicShared<char>() + roundUp(kOwn, 16));
  }
  __device__ __forceinline__ Decode(const Args<T> &a, const Fresh<T> &fresh)
      : entrance_{a, fresh}, warp_(int(threadIdx.x) / 32),
        q_(dynamicShared<T>() + kWarps * kWarpElements),
        copies_(a, dynamicShared<T>() + warp_ * kWarpElements), rows_(a) {}

  /// This warp's first blocks' old keys and values, under way.
  __device__ __forceinline__ void prefetch(const Piece &piece) {
    entrance_.prefetch(piece);
#pragma unroll
    for (int i = 0; i < stages; ++i)
      fetch(piece, piece.first + warp_ + i * kWarps, i);
  }

  /// After the wait: all of the piece.
  template <typename Score>
  __device__ __forceinline__ void attend(const Piece &piece,
                                         const Score &score) {
    int begin = piece.work.begin + piece.first * BN;
    int end = min(piece.work.begin + piece.last * BN, piece.work.end);
    entrance_.template begin<rows, Rows::D, Rows::kPitch>(
        piece, q_, begin, min(end, begin + stages * kWarps * BN), [&](int j) {
          int block = (j - begin) / BN;
          return row(block % kWarps, block / kWarps, (j - begin) % BN);
        });
    __syncthreads();
    rows_.begin(piece, q_);
    int slot = 0;
#pragma unroll 1
    for (int b = piece.first + warp_; b < piece.last; b += kWarps) {
      copies_.wait();
      rows_.attend(piece, b, u32(__cvta_generic_to_shared(copies_.keys(slot))),
                   score);
      fetch(piece, b + stages * kWarps, slot);
      enterFresh(piece, b + stages * kWarps, slot);
      slot = slot + 1 == stages ? 0 : slot + 1;
    }
    copies_.drain();
    __syncwarp();
    rows_.end();
    rows_.put(part(warp_));
    __syncthreads();
  }

  static constexpr int kThreads = kDecodeThreads;
  static __device__ __forceinline__ void sync() { __syncthreads(); }
  /// eachFour of `count` rows of the piece, until the next is prefetched.
  template <typename Done>
  __device__ __forceinline__ void eachFour(int count, const Done &done) const {
    attention::eachFour<S, kWarps>(
        0, count * (S::DV / 4), [&](int w) { return part(w); }, done);
    sync();
  }

private:
  __device__ __forceinline__ float *part(int warp) const {
    return reinterpret_cast<float *>(dynamicShared<T>() + warp * kWarpElements);
  }
  __device__ __forceinline__ void fetch(const Piece &p, int b, int slot) {
    if (b < p.last)
      copies_.fetch(p, p.work.begin + b * BN, slot);
    else
      copies_.skip();
  }
  struct Row {
    T *key, *value;
  };
  /// Where row r of the block in a warp's slot belongs.
  __device__ __forceinline__ Row row(int warp, int slot, int r) const {
    T *at = dynamicShared<T>() + warp * kWarpElements + slot * Copies::kSlot;
    return {at + r * kPitchQK, at + BN * kPitchQK + r * kPitchV};
  }
  __device__ __forceinline__ void enterFresh(const Piece &p, int b,
                                             int slot) const {
    int j0 = p.work.begin + b * BN, end = min(p.work.end, j0 + BN);
    if (b >= p.last)
      return;
#pragma unroll 1
    for (int j = max(p.oldEnd, j0); j < end; ++j)
      entrance_.template enterBoth<Rows::D>(p, j, row(warp_, slot, j - j0));
  }

  Entrance<S, E, kDecodeThreads> entrance_;
  int warp_;
  T *q_;
  Copies copies_;
  Rows rows_;
};

/// `cluster`: CTAs that the launch starts together; `mergeBytes`: of Shares.
template <typename S, typename E, int stages, int rows,
          int cluster = cluster::kCluster, int mergeBytes = kMergeBytes,
          typename Score>
__device__ __forceinline__ void runDecode(const Args<typename S::T> &a,
                                          const Fresh<typename S::T> &fresh,
                                          const Score &score) {
  launchDependents();
  using Cta = Decode<S, E, stages, rows>;
  __shared__ u64 arrived;
  Shares<S, rows, kDecodeBlock, mergeBytes> shares(a, cluster);
  Cta cta(a, fresh);
  Inbox<S, rows, cluster> inbox(&arrived, cta.inbox(), shares.team());
  Piece piece;
  bool together = cluster > 1 && shares.team() > 1;
  Place place = together ? Place{} : shares.place(blockIdx.x);
  attendPieces<S, cluster>(a, shares, place, together, piece, inbox, cta,
                           score);
}

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_DECODE_CUH
