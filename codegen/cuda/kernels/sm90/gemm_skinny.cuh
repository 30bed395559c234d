//===- gemm_skinny.cuh - linear layers of some rows, sm_90a -----*- C++ -*-===//
//
// y[m, n] = epilogue(sum over k of x[m, k] * w[n, k]) for about 9 to 64 rows
// of x (any count is right; w is read once for every NT rows), f16 and bf16,
// rows of a multiple of 16 bytes, fp32 sums. Epilogues are those of gemv.cuh;
// where y's rows are stored whole, with
//       using Stored = ...; Stored *out; ...outStride (elements);
//       __device__ float value(const Operands &o, float y) const; // of a sum
// and where of each row the largest alone is kept (likeliest.cuh), `value` and
//       static constexpr int kMostRows;
// What begins or ends a norm has more (skinny_norm.cuh).
//
// Weights are the 64-row operand of wgmma and tokens the N side, so few tokens
// cost no padding to 64 rows. A tile has as many outputs as divide evenly among
// the multiprocessors, over all of k or, by CTAs of a cluster, a part of it:
// rows of a block beyond the tile are products of what lies there and are not
// stored. 64 tokens may be the 64-row operand instead, and all of a tile's rows
// of w the other (skinny_across.cuh). Two warps copy, one weights, which do not
// wait for the kernel in front, one tokens. Sums depend on n, k and Skinny's
// parameters only.
//
// Tensor maps as in gemm.cuh: `x` with box {64, NT}, `w` with box {64, size}
// (gated: a copy for the gate rows, one for the up rows).
//
// Launch: block kThreadsOf<Skinny, Epilogue>, __launch_bounds__ of it,
// __cluster_dims__(kSplits); grid = any multiple of kSplits, at most as many
// clusters as run at once; `size` <= kReach; dynamic shared memory 1024 +
// kBehindBytes + two stages at least, more is ring; may be launched dependent.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_SKINNY_CUH
#define FT_KERNELS_SM90_GEMM_SKINNY_CUH

#include "likeliest.cuh"
#include "sm90/skinny_across.cuh"
#include "sm90/skinny_split.cuh"
#include "sm90/skinny_store.cuh"
#include "sm90/wgmma.cuh"

namespace ft {
namespace skinny {

/// One thread.
template <typename C>
__device__ __forceinline__ void copyWeights(const TensorMap &w,
                                            const Problem &p,
                                            const Ring<C> &ring, int rows) {
  constexpr u32 kFirst = 65536; // under way: x waits behind no more of them
  CachePolicy policy = evictFirst();
  RingPlace at(ring.w);
  u32 bytes = C::kBoxes * C::kHalves * p.size * kRowBytes;
  int fill = max(1, int(kFirst / bytes));
  int pass = 0;
  do {
#pragma unroll 1
    for (int tile = p.first; tile < p.tiles; tile += p.stride) {
      int step = p.at;
#pragma unroll 1
      for (int left = p.end - p.begin; left > 0;
           --left, at.next(), step = p.next(step)) {
        if (at.first && at.stage >= fill)
          barrierWait(ring.w.full(at.stage - fill), 0);
        if (!at.first)
          barrierWait(ring.w.empty(at.stage), at.phase ^ 1);
        u32 full = ring.w.full(at.stage);
        barrierExpect(full, bytes);
#pragma unroll
        for (int i = 0; i < C::kBoxes; ++i)
#pragma unroll
          for (int half = 0; half < C::kHalves; ++half)
            copyBox(ring.w.at(at.stage) + i * ring.box + half * ring.half, w,
                    (step * C::kBoxes + i) * kDepth,
                    tile * p.size + half * p.outputs, full, policy);
      }
    }
  } while (++pass * C::NT < rows);
}

/// One thread.
template <typename C, typename E>
__device__ __forceinline__ void copyTokens(const TensorMap &x, const Problem &p,
                                           const Ring<C> &ring, const E &e,
                                           int rows) {
  constexpr u32 constants = C::kConstants > 0 ? kConstantBytes : 0;
  constexpr u32 bytes = C::kBoxes * (C::NT * kRowBytes + constants);
  prefetchMap(x);
  dependencyWait();
  RingPlace at(ring.x);
  int pass = 0;
  do {
#pragma unroll 1
    for (int tile = p.first; tile < p.tiles; tile += p.stride) {
      int step = p.at;
#pragma unroll 1
      for (int left = p.end - p.begin; left > 0;
           --left, at.next(), step = p.next(step)) {
        if (!at.first)
          barrierWait(ring.x.empty(at.stage), at.phase ^ 1);
        u32 full = ring.x.full(at.stage);
        barrierExpect(full, bytes);
#pragma unroll
        for (int i = 0; i < C::kBoxes; ++i) {
          u32 to = ring.x.at(at.stage) + i * (C::kRowsOfX * kRowBytes);
          copyBox(to, x, (step * C::kBoxes + i) * kDepth, pass * C::NT, full);
          if constexpr (constants > 0)
            copyBulk(to + C::NT * kRowBytes,
                     e.constants + (step * C::kBoxes + i) * kConstantValues,
                     constants, full);
        }
      }
    }
  } while (++pass * C::NT < rows);
}

/// The warpgroups that multiply.
template <typename C, typename E> struct Consumer {
  using Operands = typename E::Operands;
  const Problem &p;
  const Ring<C> &ring;
  const E &e;
  int rows;

  /// Outputs' blocks; across, a thread's sums of outputs are a block.
  static constexpr int kStored = C::kAcross > 0 ? 1 : C::kStored;
  static constexpr int kValues =
      C::kAcross > 0 ? C::kRun / C::kHalves : C::kRun;
  using AllOperands = Operands[kStored][kValues];
  /// Whether what the epilogue needs is loaded before the products: if it finds
  /// room beside their sums.
  static constexpr bool kAhead =
      C::kBlocks * C::kSums + kStored * kValues <= 64;

  float d[C::kBlocks][C::kAllSums];
  /// Of a block, with those of constants where all are this CTA's own.
  static constexpr int kOwn = C::kSplits == 1 ? C::kAllSums : C::kRun;

  /// One tile's sums. The stages of w and x that come next.
  __device__ __forceinline__ void multiply(RingPlace &w, RingPlace &x) {
    u32 beforeW = 0, beforeX = 0;
    auto release = [&] {
      if (threadIdx.x % 32 == 0) {
        barrierArrive(ring.w.empty(beforeW));
        barrierArrive(ring.x.empty(beforeX));
      }
    };
    u32 rows[C::kBlocks];
#pragma unroll
    for (int b = 0; b < C::kBlocks; ++b) {
      if constexpr (C::kAcross == 0)
        rows[b] =
            ring.blockStart(block(b % C::kStored)) * (kRowBytes / 16) +
            (b >= C::kStored ? ring.half / 16 : 0);
#pragma unroll
      for (int i = 0; i < C::kAllSums; ++i)
        d[b][i] = 0;
    }
#pragma unroll 1
    for (int step = p.begin; step < p.end; ++step, w.next(), x.next()) {
      barrierWait(ring.w.full(w.stage), w.phase);
      barrierWait(ring.x.full(x.stage), x.phase);
      wgmmaFence();
#pragma unroll
      for (int i = 0; i < C::kBoxes; ++i) {
        u32 tile = tileDescriptor(ring.w.at(w.stage) + i * ring.box);
        u32 tokens =
            tileDescriptor(ring.x.at(x.stage) + i * (C::kRowsOfX * kRowBytes));
#pragma unroll
        for (int k = 0; k < kDepth / 16; ++k) // addresses count 16 bytes
#pragma unroll
          for (int b = 0; b < C::kBlocks; ++b)
            if constexpr (C::kAcross > 0)
              Wgmma<typename C::T, C::kAcross>::multiply(d[b], tokens + 2 * k,
                                                         tile + 2 * k);
            else
              Wgmma<typename C::T, C::kRowsOfX>::multiply(
                  d[b], tile + rows[b] + 2 * k, tokens + 2 * k);
      }
      wgmmaCommit();
      wgmmaWait<1>();
      if (step > p.begin)
        release();
      beforeW = w.stage, beforeX = x.stage;
    }
    wgmmaWait<0>();
#pragma unroll
    for (int b = 0; b < C::kBlocks; ++b)
      pin(d[b]);
    if (p.begin < p.end)
      release();
  }

  /// The number of this warpgroup's block `b` among a tile's blocks of outputs.
  static __device__ __forceinline__ int block(int b) {
    return int(threadIdx.x) / 128 * C::kStored + b;
  }

  /// f(b, i, token, output) for each sum that this CTA stores. Outputs are
  /// looked at once for all tokens: there are up to 64 sums, and the kernel
  /// behind waits for the last.
  template <typename F>
  __device__ __forceinline__ void each(int tile, int pass, F &&f) const {
    int thread = threadIdx.x % 128;
    int sum = C::kSplits > 1 ? p.split * C::kRun : 0;
    int token = pass * C::NT + sum / 4 * 8 + thread % 4 * 2;
    constexpr bool half = C::kRun < 4; // of four sums, those of one output
#pragma unroll
    for (int b = 0; b < C::kStored; ++b)
#pragma unroll
      for (int h = 0; h < (half ? 1 : 2); ++h) {
        int at = ring.blockStart(block(b)) + thread / 32 * 16 +
                 thread % 32 / 4 + (half ? sum / 2 % 2 : h) * 8;
        int n = tile * p.size + at;
        if (at < block(b) * 64 || at >= p.size || n >= p.outputs)
          continue;
#pragma unroll
        for (int i = 0; i < C::kRun; ++i)
          if (half || i / 2 % 2 == h)
            if (int m = token + i / 4 * 8 + i % 2; m < rows)
              f(b, i, m, n);
      }
  }

  __device__ __forceinline__ void load(int tile, int pass,
                                       AllOperands &operands) const {
    if constexpr (C::kAcross > 0)
      AcrossStore<C, E>{p, ring, e, rows}.load(tile, pass, operands[0]);
    else
      each(tile, pass,
           [&](int b, int i, int m, int n) { operands[b][i] = e.load(m, n); });
  }

  /// Of a norm that begins: before the products, which take long enough.
  using Gains = Gain[kStored];
  __device__ __forceinline__ void loadGains(int tile, Gains &gains) const {
    if constexpr (kBegun<E> > 0)
#pragma unroll
      for (int b = 0; b < kStored; ++b)
        gains[b] = WholeRows<C, E>{p, ring, e, rows}.gainOf(
            tile, ring.blockStart(block(b)));
  }

  __device__ __forceinline__ void run() {
    RingPlace w(ring.w), x(ring.x);
    u32 turn = 0;
    dependencyWait();
#pragma unroll 1
    for (int pass = 0; pass * C::NT < max(1, rows); ++pass)
#pragma unroll 1
      for (int tile = p.first; tile < p.tiles; tile += p.stride, ++turn) {
        AllOperands operands = {};
        if (kAhead)
          load(tile, pass, operands);
        Gains gains;
        loadGains(tile, gains);
        multiply(w, x);
        if constexpr (kEnded<E> > 0) {
          if (turn == 0)
            NormEnd<C, E>::wait();
          NormEnd<C, E>::scale(pass, d);
        }
        if constexpr (C::kSplits == 1) {
          store(tile, pass, d, operands, gains);
        } else {
          float own[C::kBlocks][C::kRun];
          SplitSums<C> sums{ring, p.split};
          sums.exchange(d, own, turn);
          store(tile, pass, own, operands, gains);
          if (tile + p.stride < p.tiles || (pass + 1) * C::NT < rows)
            sums.release();
        }
      }
  }

  __device__ __forceinline__ void
  storeWhole(int tile, int pass, const float (&sums)[C::kBlocks][kOwn],
             const AllOperands &operands, const Gains &gains) const {
    WholeRows<C, E> whole{p, ring, e, rows};
    int token = pass * C::NT + (C::kSplits > 1 ? p.split * C::kRun * 2 : 0);
    whole.begin();
#pragma unroll
    for (int b = 0; b < C::kStored; ++b)
      whole.store(tile, ring.blockStart(block(b)), block(b) * 64, token,
                  [&](int i) {
                    if constexpr (C::kGated)
                      return e.value(operands[b][i], sums[b][i],
                                     sums[b + C::kStored][i]);
                    else
                      return e.value(operands[b][i], sums[b][i]);
                  },
                  gains[b]);
  }

  /// f(b, i, token, output, place among the thread's tokens) for each sum.
  template <typename F>
  __device__ __forceinline__ void eachPlaced(int tile, int pass, F &&f) const {
    if constexpr (C::kAcross > 0)
      AcrossStore<C, E>{p, ring, e, rows}.each(
          tile, pass,
          [&](int i, int m, int n) { f(0, i, m, n, i / 2 % 2); });
    else
      each(tile, pass, [&](int b, int i, int m, int n) {
        f(b, i, m, n, i / 4 * 2 + i % 2);
      });
  }
  /// What is kept of a tile: of each token the largest.
  __device__ __forceinline__ void
  keepLargest(int tile, int pass, const float (&sums)[C::kBlocks][kOwn],
              const AllOperands &operands) const {
    constexpr bool across = C::kAcross > 0;
    constexpr int tokens = across ? 2 : C::kRun / 2, most = E::kMostRows;
    constexpr int lanes = across ? 3 : 28; // that have a token's outputs
    static_assert(C::kSplits == 1 && !C::kGated);
    likeliest::Running best[tokens];
    eachPlaced(tile, pass, [&](int b, int i, int m, int n, int place) {
      Operands own = kAhead ? operands[b][i] : e.load(m, n);
      best[place].add(n, e.value(own, sums[b][i]));
    });
    int lane = threadIdx.x % 32;
    int token = pass * C::NT + (across ? threadIdx.x / 32 * 16 + lane / 4
                                       : lane % 4 * 2);
#pragma unroll
    for (int t = 0; t < tokens; ++t) {
      best[t].template merge<lanes>();
      if ((lane & lanes) == 0)
        likeliest::offer<most>(
            token + (across ? t * 8 : t / 2 * 8 + t % 2), best[t].best);
    }
  }

  __device__ __forceinline__ void
  store(int tile, int pass, const float (&sums)[C::kBlocks][kOwn],
        AllOperands &operands, const Gains &gains) const {
    if constexpr (likeliest::kMostOf<E> > 0)
      return keepLargest(tile, pass, sums, operands);
    if constexpr (C::kStoredBytes > 0) {
      if (!kAhead)
        load(tile, pass, operands);
      if constexpr (C::kAcross > 0)
        return AcrossStore<C, E>{p, ring, e, rows}.store(tile, pass, sums[0],
                                                         operands[0]);
      else
        return storeWhole(tile, pass, sums, operands, gains);
    }
    each(tile, pass, [&](int b, int i, int m, int n) {
      Operands own = kAhead ? operands[b][i] : e.load(m, n);
      if constexpr (C::kGated)
        e(m, n, own, sums[b][i], sums[b + C::kStored][i]);
      else
        e(m, n, own, sums[b][i]);
    });
  }
};

/// n: rows of w; size: outputs of a tile. counts is not written by the kernels
/// before.
template <typename C, typename E>
__device__ __forceinline__ void run(const TensorMap &x, const TensorMap &w,
                                    int n, int k, int size, const int *counts,
                                    int axis, const E &epilogue) {
  static_assert(C::kGated == E::kGated);
  __shared__ State state;
  int rows = counts[axis]; // under way first; weights do not wait for it
  launchDependents();
  Ring<C> ring(&state, size,
               n > C::kHalves * size * int(gridDim.x / C::kSplits));
  ring.init();
  Problem p = Problem::make<C>(n, k, size);
  __syncwarp();
  if constexpr (C::kSplits > 1)
    clusterArriveRelaxed();
  __syncthreads();
  if (int(threadIdx.x) < C::kConsumers) {
    Consumer<C, E>{p, ring, epilogue, rows}.run();
    return;
  }
  if (kThreadsOf<C, E> > C::kThreads && int(threadIdx.x) >= C::kThreads) {
    if constexpr (kEnded<E> > 0)
      NormEnd<C, E>::make(epilogue, rows);
    if constexpr (kBeginsMean<E>)
      storeConstants<typename C::T>(epilogue, p.outputs);
  } else if (electOne()) {
    if (int(threadIdx.x) < C::kConsumers + 32)
      copyWeights(w, p, ring, rows);
    else
      copyTokens(x, p, ring, epilogue, rows);
  }
  __syncwarp();
  if constexpr (C::kSplits > 1)
    clusterWait();
}

} // namespace skinny
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_SKINNY_CUH
