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
#include "attention_fresh.cuh"
#include "attention_mma.cuh"

namespace ft::attention {

template <typename S, typename E, int stages> class Decode {
public:
  using T = typename S::T;

private:
  static constexpr int BN = kDecodeBlock;
  static constexpr int D = roundUp(S::D, 32), DV = roundUp(S::DV, 16);
  static constexpr int kPitchQK = D + 8, kPitchV = DV + 8, kPitchP = BN + 8;
  static constexpr int kPairs = DV / 16;              // 16 columns each
  static constexpr int kWarpPairs = (kPairs + 3) / 4; // of a warp
  static constexpr int kKeySlot = BN * kPitchQK, kValueSlot = BN * kPitchV;

public:
  static constexpr int kShared = 2 * stages * (kKeySlot + kValueSlot) +
                                 2 * 16 * kPitchQK + 2 * 16 * kPitchP + 512;

  __device__ __forceinline__ Decode(const Args<T> &a, const Fresh<T> &fresh)
      : a_(a), entrance_{a, fresh}, keys_(dynamicShared<T>()),
        values_(keys_ + stages * kKeySlot), q_(values_ + stages * kValueSlot),
        p_(q_ + 16 * kPitchQK),
        rows_(reinterpret_cast<float *>(p_ + 16 * kPitchP)) {}

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
    begin(piece);
    waitCopies<2 * stages - 1>();
    __syncthreads();
#pragma unroll 1
    for (int b = piece.first; b < piece.last; ++b) {
      scores(b);
      mask(piece, b, score);
      __syncthreads(); // the maxima; nobody needs these keys any more
      if (b > piece.first) {
        fetchValues(piece, b + stages - 1);
        freshValues(piece, b + stages - 1);
      }
      fetchKeys(piece, b + stages);
      freshKeys(piece, b + stages);
      exponentials();
      waitCopies<2 * stages - 2>();
      __syncthreads(); // the exponentials, these values, the next keys
      values(b);
    }
    waitCopies<0>();
    total();
  }

  /// done(row, column, value, maximum, sum) for this thread's part of rows.
  template <typename Done>
  __device__ __forceinline__ void each(const Done &done) const {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
    for (int w = 0; w < kWarpPairs; ++w)
#pragma unroll
      for (int c = 0; c < 8; ++c) {
        int half = c % 4 / 2, pair = w * 4 + warp;
        int column = pair * 16 + c / 4 * 8 + lane % 4 * 2 + c % 2;
        if (pair < kPairs && column < S::DV)
          done(lane / 4 + 8 * half, column, o_[w][c / 4][c % 4], top_[half],
               sum_[half]);
      }
  }
  /// Room for 16 rows of DV + 2 sums, free between pieces.
  __device__ __forceinline__ float *room() const {
    static_assert(4 * 16 * kPartRow<S> <= 2 * stages * (kKeySlot + kValueSlot));
    return reinterpret_cast<float *>(keys_);
  }

private:
  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }
  static __device__ __forceinline__ int warp() { return threadIdx.x / 32; }

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

  __device__ __forceinline__ void begin(const Piece &piece) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int r = lane() / 4 + 8 * i;
      top_[i] = __int_as_float(0xff800000);
      sum_[i] = 0;
      position_[i] = rowPosition<S>(a_, piece.work, r);
      head_[i] = piece.work.firstHead + r % piece.work.heads;
    }
#pragma unroll
    for (int w = 0; w < kWarpPairs; ++w)
#pragma unroll
      for (int c = 0; c < 8; ++c)
        o_[w][c / 4][c % 4] = 0;
  }

  /// s = q k^T for this warp's 8 keys; even and odd steps in two chains.
  __device__ __forceinline__ void scores(int b) {
    const T *q = q_ + lane() % 16 * kPitchQK + lane() / 16 * 8;
    const T *k =
        keySlot(b) + (warp() * 8 + lane() % 8) * kPitchQK + lane() / 8 * 8;
    float odd[4] = {};
#pragma unroll
    for (int i = 0; i < 4; ++i)
      s_[i] = 0;
#pragma unroll
    for (int d = 0; d < D; d += 32) {
      u32 x[4], y[4], z[4];
      loadMatrices<false>(z, k + d);
      loadMatrices<false>(x, q + d);
      loadMatrices<false>(y, q + d + 16);
      multiplyAdd(s_, x, z[0], z[1], T{});
      multiplyAdd(odd, y, z[2], z[3], T{});
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
      s_[i] += odd[i];
  }

  /// Scores in base 2, masked; this warp's maxima to shared memory.
  template <typename Score>
  __device__ __forceinline__ void mask(const Piece &p, int b,
                                       const Score &score) {
    int j0 = p.work.begin + b * BN;
    bool masked = blockNeedsMask<S, BN>(p.work, a_.window, j0);
    float factor = Score::kIdentity ? a_.scale * kLog2e : a_.scale;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      int j = j0 + warp() * 8 + lane() % 4 * 2 + i % 2;
      float x = s_[i] * factor;
      if constexpr (!Score::kIdentity)
        x = kLog2e *
            score(x, float(head_[i / 2]), float(position_[i / 2]), float(j));
      if (masked && !visible<S>(p.work, a_.window, position_[i / 2], j))
        x = __int_as_float(0xff800000);
      s_[i] = x;
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float most = fmaxf(s_[2 * i], s_[2 * i + 1]);
      most = fmaxf(most, __shfl_xor_sync(~0u, most, 1));
      most = fmaxf(most, __shfl_xor_sync(~0u, most, 2));
      if (lane() % 4 == 0)
        rows_[warp() * 16 + lane() / 4 + 8 * i] = most;
    }
  }

  /// To shared memory as T; rescales what came before.
  __device__ __forceinline__ void exponentials() {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int r = lane() / 4 + 8 * i;
      float next = top_[i];
#pragma unroll
      for (int w = 0; w < 4; ++w)
        next = fmaxf(next, rows_[w * 16 + r]);
      float pivot = next == __int_as_float(0xff800000) ? 0.0f : next;
      float keep = exponential2(top_[i] - pivot);
      top_[i] = next;
      float x = exponential2(s_[2 * i] - pivot);
      float y = exponential2(s_[2 * i + 1] - pivot);
      sum_[i] = sum_[i] * keep + x + y;
      *reinterpret_cast<u32 *>(p_ + r * kPitchP + warp() * 8 + lane() % 4 * 2) =
          packPair<T>(x, y);
#pragma unroll
      for (int w = 0; w < kWarpPairs; ++w)
#pragma unroll
        for (int t = 0; t < 2; ++t) {
          o_[w][t][2 * i] *= keep;
          o_[w][t][2 * i + 1] *= keep;
        }
    }
  }

  /// o += exponentials * v for this warp's columns.
  __device__ __forceinline__ void values(int b) {
    const T *p = p_ + lane() % 16 * kPitchP + lane() / 16 * 8;
    const T *v =
        valueSlot(b) + lane() % 16 * kPitchV + lane() / 16 * 8 + warp() * 16;
#pragma unroll
    for (int j = 0; j < BN; j += 16) {
      u32 x[4], y[4];
      loadMatrices<false>(x, p + j);
#pragma unroll
      for (int w = 0; w < kWarpPairs; ++w)
        if (w * 4 + warp() < kPairs) {
          loadMatrices<true>(y, v + j * kPitchV + w * 64);
          multiplyAdd(o_[w][0], x, y[0], y[1], T{});
          multiplyAdd(o_[w][1], x, y[2], y[3], T{});
        }
    }
  }

  /// The warps' sums of exponentials, in order. Shared memory is free after.
  __device__ __forceinline__ void total() {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      sum_[i] += __shfl_xor_sync(~0u, sum_[i], 1);
      sum_[i] += __shfl_xor_sync(~0u, sum_[i], 2);
      if (lane() % 4 == 0)
        rows_[64 + warp() * 16 + lane() / 4 + 8 * i] = sum_[i];
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      sum_[i] = 0;
#pragma unroll
      for (int w = 0; w < 4; ++w)
        sum_[i] += rows_[64 + w * 16 + lane() / 4 + 8 * i];
    }
  }

  const Args<T> &a_;
  Entrance<S, E, kDecodeThreads> entrance_;
  T *keys_, *values_, *q_, *p_;
  float *rows_; // of each warp: 16 maxima; then 16 sums
  float s_[4], top_[2], sum_[2];
  float o_[kWarpPairs][2][4];
  int position_[2], head_[2];
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
