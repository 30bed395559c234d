//===- attention_decode.cuh - append and attention of few tokens -*- C++
//-*-===//
//
// One kernel for what a step does between its q-k-v linears and the output
// projection: norms of q and k heads, rope, append to the cache, attention over
// the pages. f16 and bf16, sm_80 and later; clusters from sm_90 on.
//
//     using Shape = attention::Shape<bf16, 128, 128, true, true>;
//     attention::runDecode<Shape, attention::Entry<64, false, false>, stages>(
//         args, fresh, score);
//
// A tile is 16 rows, (token, head) pairs of one kv head, so K and V are read
// once a kv head. Each of four warps takes blocks of 16 keys by turns, through
// a ring of its own of `stages` blocks and with a softmax of its own: between
// the first block and the last no warp waits for another. (Warps that shared
// each block, two barriers a block, took 115 us where 32 sequences of 512 keys
// of 8B take 15 to read.) Their sums are added at the end of a piece.
//
// What may be read before the kernel in front has ended: everything that the
// step does not write, or not yet. The first kernel of a program starts when
// all before it has ended, what moved the batch on included (ft_feed_finish is
// the last of a step), so batch fields, weights and every cache row of an
// earlier step are complete. In the step only this kernel writes the layer, and
// only rows from a sequence's old length on, which it reads from q, k and v
// instead. New rows and q come after the wait.
//
// Launch: block kDecodeThreads = 128, __launch_bounds__(128, DV > 128 ? 2 : 3),
// with clusters FT_CLUSTER_ALONG_X between __global__ and the name; grid.x: one
// or two CTAs a multiprocessor, with clusters a multiple of 8; dynamic shared
// memory Decode<...>::kShared:
//   pitch(x) = roundUp(x, 16) + 8
//   4 * max(stages * 32 * (pitch(D) + pitch(DV)), 64 * (DV + 4)) +
//     max(32 * pitch(D), 64 * (DV + 4))
// With one stage a CTA fits beside one of the ring GEMV in front and the next
// GEMV's weights come in meanwhile. counters: a u32 for each of tokens *
// kvHeads * ceil(g / P); partials: 128 * (DV + 4) bytes a CTA.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_DECODE_CUH
#define FT_KERNELS_ATTENTION_DECODE_CUH

#include "attention_decode_copy.cuh"
#include "attention_fresh.cuh"

namespace ft::attention {

template <typename S, typename E, int stages> class Decode {
public:
  using T = typename S::T;

private:
  using Rows = DecodeRows<S>;
  using Copies = DecodeCopies<S, stages>;
  static constexpr int BN = kDecodeBlock, kWarps = kDecodeThreads / 32;
  static constexpr int kPitchQK = Rows::kPitchQK, kPitchV = Rows::kPitchV;
  /// Of a warp: its ring, later its part.
  static constexpr int kWarpElements =
      larger(stages * Copies::kSlot, 16 * kPartRow<S> * 2);
  /// Of the CTA: q, later the sum of the parts.
  static constexpr int kQ = larger(16 * kPitchQK, 16 * kPartRow<S> * 2);

public:
  static constexpr int kShared = 2 * (kWarps * kWarpElements + kQ);
  /// A barrier for each slot of each warp, in shared memory.
  using Barriers = u64[kWarps][stages];

  __device__ __forceinline__ Decode(const Args<T> &a, const Fresh<T> &fresh,
                                    Barriers &barriers)
      : entrance_{a, fresh}, warp_(int(threadIdx.x) / 32),
        q_(dynamicShared<T>() + kWarps * kWarpElements),
        copies_(a, dynamicShared<T>() + warp_ * kWarpElements, barriers),
        rows_(a) {}

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
    entrance_.template queries<Rows::D, kPitchQK>(piece.work, q_);
#pragma unroll 1
    for (int i = 0; i < stages; ++i)
      enterFresh(piece, piece.first + warp_ + i * kWarps, i);
    __syncthreads();
    rows_.begin(piece, q_);
    int slot = 0;
#pragma unroll 1
    for (int b = piece.first + warp_; b < piece.last; b += kWarps) {
      copies_.wait(slot);
      rows_.attend(piece, b, copies_.keys(slot), copies_.values(slot), score);
      fetch(piece, b + stages * kWarps, slot);
      enterFresh(piece, b + stages * kWarps, slot);
      slot = slot + 1 == stages ? 0 : slot + 1;
    }
    copies_.drain();
    __syncwarp();
    rows_.put(part(warp_));
    copies_.written();
    __syncthreads();
  }

  /// eachSum of `rows` of the piece, until the next is prefetched.
  template <typename Done>
  __device__ __forceinline__ void each(int rows, const Done &done) const {
    eachSum<S>(
        rows, [&](int w) { return part(w); }, done);
  }
  /// Room for 16 rows of a part, free between pieces.
  __device__ __forceinline__ float *room() const {
    return reinterpret_cast<float *>(q_);
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
  __device__ __forceinline__ void enterFresh(const Piece &p, int b,
                                             int slot) const {
    int j0 = p.work.begin + b * BN;
    if (b >= p.last || j0 + BN <= p.oldEnd)
      return;
    entrance_.template keys<BN, Rows::D, kPitchQK>(p, j0, copies_.keys(slot));
    entrance_.template values<BN, kPitchV>(p, j0, copies_.values(slot));
  }

  Entrance<S, E, kDecodeThreads> entrance_;
  int warp_;
  T *q_;
  Copies copies_;
  Rows rows_;
};

/// `cluster`: CTAs that the launch starts together.
template <typename S, typename E, int stages, int cluster = cluster::kCluster,
          typename Score>
__device__ __forceinline__ void runDecode(const Args<typename S::T> &a,
                                          const Fresh<typename S::T> &fresh,
                                          const Score &score) {
  launchDependents();
  using Cta = Decode<S, E, stages>;
  __shared__ typename Cta::Barriers barriers;
  Shares<S, kDecodeBlock> shares(a, cluster);
  Cta cta(a, fresh, barriers);
  Piece piece;
  if (shares.together()) {
    int rank = int(blockIdx.x) % cluster;
    bool some = shares.ofCluster(cluster, rank, piece);
    bool own = some && piece.first < piece.last;
    if (own)
      cta.prefetch(piece);
    dependencyWait(); // in every CTA: the kernel after relies on it
    if (own)
      cta.attend(piece, score);
    if constexpr (cluster > 1)
      if (some) // or no CTA of the cluster
        mergeCluster<S, cluster>(a, piece, rank, cta, own);
    return;
  }
  int at = shares.start(blockIdx.x), stop = shares.start(blockIdx.x + 1);
  bool first = true;
  if (at < stop) {
    piece = shares.find(at, stop);
    cta.prefetch(piece);
  }
  dependencyWait();
#pragma unroll 1
  while (at < stop) {
    cta.attend(piece, score);
    finishPiece<S>(a, piece, first, shares, cta);
    first = false;
    at += piece.last - piece.first;
    if (at < stop) {
      piece = shares.find(at, stop);
      cta.prefetch(piece);
    }
  }
}

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_DECODE_CUH
