//===- attention_decode.cuh - append and attention of few tokens -*- C++
//-*-===//
//
// One kernel for what a step does between its q-k-v linears and the output
// projection: norms of q and k heads, rope, append to the cache, attention over
// the pages. f16 and bf16, sm_80 and later; clusters from sm_90 on.
//
//     using Shape = attention::Shape<bf16, 128, 128, true, true>;
//     attention::runDecode<Shape, attention::Entry<64, false, false>>(
//         args, fresh, score);
//
// A tile is 16 rows, (token, head) pairs of one kv head, so K and V are read
// once a kv head. Four warps share a block of 32 keys: for the scores each has
// 8 keys, for the values each a quarter of the columns, so that no sums of
// warps are left to add. Keys and values are a ring of kStages blocks each,
// refilled as soon as a block's scores (values) are made.
//
// What may be read before the kernel in front has ended: everything that the
// step does not write, or not yet. The first kernel of a program starts when
// all before it has ended, what moved the batch on included (ft_feed_finish is
// the last of a step), so batch fields, weights and every cache row of an
// earlier step are complete. In the step only this kernel writes the layer, and
// only rows from a sequence's old length on, which it reads from q, k and v
// instead. New rows and q come after the wait.
//
// Launch: block kDecodeThreads = 128, __launch_bounds__(128, 3), between
// __global__ and the name FT_CLUSTER_ALONG_X; grid.x: about one CTA a
// multiprocessor, a multiple of 8 (any is right); dynamic shared memory
// Decode<...>::kShared:
//   pitchQK = roundUp(D, 32) + 8, pitchV = roundUp(DV, 16) + 8
//   64 * kStages * (pitchQK + pitchV) + 32 * pitchQK + 1280 + 512
// small, so that a CTA fits beside one of the ring GEMV in front and the next
// GEMV's weights come in meanwhile. counters: a u32 for each of tokens *
// kvHeads * ceil(g / P); partials: 128 * (DV + 4) bytes a CTA.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_DECODE_CUH
#define FT_KERNELS_ATTENTION_DECODE_CUH

#include "attention_decode_merge.cuh"
#include "attention_decode_rows.cuh"
#include "attention_fresh.cuh"

namespace ft::attention {

template <typename S, typename E, int stages> class Decode {
public:
  using T = typename S::T;

private:
  using Rows = DecodeRows<S>;
  static constexpr int BN = kDecodeBlock, D = Rows::D, DV = Rows::DV;
  static constexpr int kPitchQK = Rows::kPitchQK, kPitchV = Rows::kPitchV;
  static constexpr int kKeySlot = BN * kPitchQK, kValueSlot = BN * kPitchV;

public:
  static constexpr int kShared =
      2 * stages * (kKeySlot + kValueSlot) + 2 * 16 * kPitchQK + Rows::kScratch;

  __device__ __forceinline__ Decode(const Args<T> &a, const Fresh<T> &fresh)
      : a_(a), entrance_{a, fresh}, keys_(dynamicShared<T>()),
        values_(keys_ + stages * kKeySlot), q_(values_ + stages * kValueSlot),
        rows_(a, q_ + 16 * kPitchQK) {}

  /// The first blocks' old keys and values, under way.
  __device__ __forceinline__ void prefetch(const Piece &piece) {
    entrance_.prefetch(piece);
#pragma unroll
    for (int i = 0; i < stages; ++i) {
      fetchKeys(piece, piece.first + i);
      fetchValues(piece, piece.first + i);
    }
  }

  /// After the wait: all of the piece. Its sums are in registers then.
  template <typename Score>
  __device__ __forceinline__ void attend(const Piece &piece,
                                         const Score &score) {
    entrance_.template queries<D, kPitchQK>(piece.work, q_);
#pragma unroll 1
    for (int b = piece.first; b < min(piece.first + stages, piece.last); ++b)
      freshKeys(piece, b), freshValues(piece, b);
    rows_.begin(piece);
    waitCopies<2 * stages - 1>();
    __syncthreads();
#pragma unroll 1
    for (int b = piece.first; b < piece.last; ++b) {
      rows_.scores(q_, keySlot(b));
      rows_.mask(piece, b, score);
      __syncthreads(); // the maxima; nobody needs these keys any more
      if (b > piece.first) {
        fetchValues(piece, b + stages - 1);
        freshValues(piece, b + stages - 1);
      }
      fetchKeys(piece, b + stages);
      freshKeys(piece, b + stages);
      rows_.exponentials();
      waitCopies<2 * stages - 2>();
      __syncthreads(); // the exponentials, these values, the next keys
      rows_.values(valueSlot(b));
    }
    waitCopies<0>();
    rows_.total();
  }

  /// DecodeRows::each.
  template <typename Done>
  __device__ __forceinline__ void each(const Done &done) const {
    rows_.each(done);
  }
  /// Room for 16 rows of a part, free between pieces.
  __device__ __forceinline__ float *room() const {
    static_assert(4 * 16 * kPartRow<S> <= 2 * stages * (kKeySlot + kValueSlot));
    return reinterpret_cast<float *>(keys_);
  }

private:
  /// Rows that are not old are zeros; new ones are left out.
  template <int width, int padded, int pitch>
  __device__ __forceinline__ void fetch(const Piece &p, int b, const T *plane,
                                        T *to) const {
    constexpr int chunks = padded / kLanes<T>;
    if (b < p.last) {
      int j0 = p.work.begin + b * BN;
      Work old = p.work;
      old.end = min(old.end, p.oldEnd);
      KeyRows<S, BN, width> rows(a_, old, plane, 0, j0);
#pragma unroll 2
      for (int c = threadIdx.x; c < BN * chunks; c += kDecodeThreads) {
        int r = c / chunks, column = c % chunks * kLanes<T>;
        const T *source = rows(r);
        bool real = source && column < width;
        if (source || j0 + r >= p.work.end)
          copyAsync16(to + r * pitch + column, real ? source + column : plane,
                      real);
      }
    }
    commitCopies();
  }
  __device__ __forceinline__ void fetchKeys(const Piece &p, int b) const {
    fetch<S::D, D, kPitchQK>(p, b, a_.k, keySlot(b));
  }
  __device__ __forceinline__ void fetchValues(const Piece &p, int b) const {
    fetch<S::DV, DV, kPitchV>(p, b, a_.v, valueSlot(b));
  }
  __device__ __forceinline__ void freshKeys(const Piece &p, int b) const {
    if (b < p.last)
      entrance_.template keys<BN, D, kPitchQK>(p, p.work.begin + b * BN,
                                               keySlot(b));
  }
  __device__ __forceinline__ void freshValues(const Piece &p, int b) const {
    if (b < p.last)
      entrance_.template values<BN, kPitchV>(p, p.work.begin + b * BN,
                                             valueSlot(b));
  }
  __device__ __forceinline__ T *keySlot(int b) const {
    return keys_ + b % stages * kKeySlot;
  }
  __device__ __forceinline__ T *valueSlot(int b) const {
    return values_ + b % stages * kValueSlot;
  }

  const Args<T> &a_;
  Entrance<S, E, kDecodeThreads> entrance_;
  T *keys_, *values_, *q_;
  Rows rows_;
};

/// `cluster`: CTAs that the launch starts together.
template <typename S, typename E, int stages = 2,
          int cluster = cluster::kCluster, typename Score>
__device__ __forceinline__ void runDecode(const Args<typename S::T> &a,
                                          const Fresh<typename S::T> &fresh,
                                          const Score &score) {
  launchDependents();
  Shares<S, kDecodeBlock> shares(a, cluster);
  Decode<S, E, stages> cta(a, fresh);
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
