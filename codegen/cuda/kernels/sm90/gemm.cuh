//===- gemm.cuh - linear layers of many rows, sm_90a ------------*- C++ -*-===//
//
// out[m, n] = epilogue(sum over k of a[m, k] * w[n, k]); a: [rows, k], w:
// [n, k], both row-major 16-bit with rows of a multiple of 16 bytes, fp32 sums.
// The true number of rows is counts[axis]; what lies in later rows of `a`, NaN
// included, reaches no earlier row, and later rows of `out` are not written.
//
// A persistent CTA per multiprocessor (Config::kCtas of them) takes tiles of
// BM x BN. Two warps copy 64 columns of both operands a stage, or 128, through
// tensor maps; consumer warpgroups multiply. The CTAs of a cluster, CM tiles in
// m by CN in n, each load a part of what they share and copy it to all that
// need it. Sums are made in ascending k: results depend on neither grid nor
// tile, but for Config's splits and norm.
//
// Tensor maps (both 2-d, 128-byte swizzle, no interleave, zero fill, element =
// T, coordinate 0 contiguous): `a` is {k, bound of rows}, row stride of a's
// buffer, box {64, Config::kBoxA}; `w` is {k, n}, box {64, Config::kBoxW}; with
// HeadColumns that are not in order {k, half a head, halves of n}, box {64,
// Config::kBoxW, 2}.
//
// Launch: block Config::kThreads; grid = multiprocessors of the target *
// Config::kCtas, rounded down to a multiple of Config::kCluster (any multiple
// is right); __cluster_dims__(Config::kCluster) and __launch_bounds__(
// Config::kBound, Config::kCtas) on the kernel; dynamic shared memory
// Config::kSharedBytes; may be launched dependent. Where the kernel in front is
// a small one that prefers shared memory's largest carveout, too, this one
// begins beside it and has weights when that ends.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_CUH
#define FT_KERNELS_SM90_GEMM_CUH

#include "sm90/async.cuh"
#include "sm90/gemm_epilogue.cuh"
#include "sm90/gemm_heads.cuh"
#include "sm90/gemm_norm.cuh"
#include "sm90/gemm_producer.cuh"
#include "sm90/gemm_shape.cuh"
#include "sm90/gemm_split.cuh"
#include "sm90/gemm_swapped.cuh"
#include "sm90/gemm_swapped_norm.cuh"
#include "sm90/wgmma.cuh"

// Where a CTA's time goes: test builds have epilogues that note it.
#ifdef FT_GEMM_MARKS
#define FT_GEMM_MARK(e, number) (e).mark(number)
#else
#define FT_GEMM_MARK(e, number)
#endif

namespace ft {
namespace gemm {

/// What ends a tile.
template <typename C, typename E, bool heads, bool swapped>
struct FinisherChoice {
  using Type = Finisher<C, E>;
};
template <typename C, typename E> struct FinisherChoice<C, E, true, false> {
  using Type = HeadsFinisher<C, E>;
};
template <typename C, typename E> struct FinisherChoice<C, E, false, true> {
  using Type = SwappedFinisher<C, E>;
};
template <typename C, typename E>
using FinisherOf =
    typename FinisherChoice<C, E, C::Columns::kHeads, C::kSwapped>::Type;

//===----------------------------------------------------------------------===//
// Consumer: a warpgroup
//===----------------------------------------------------------------------===//

template <typename C> struct Consumer {
  static constexpr int kBlocks = C::kRows / 64; // wgmmas that share w
  static constexpr int kReleases = C::CM + C::CN - 1;
  using Sums = float[kBlocks][C::kN / 2];

  Stages<C> stages;
  int cm, cn, split;

  /// Tells every CTA that writes to this one's stage that this warp is done.
  __device__ void release(u32 stage) const {
    int lane = threadIdx.x % 32;
    if constexpr (C::kPart == 1) {
      if (lane == 0)
        barrierArrive(stages.empty(stage));
    } else if (lane < kReleases) {
      int rank = lane < C::CM ? lane + C::CM * cn
                              : cm + C::CM * ((cn + 1 + lane - C::CM) % C::CN);
      barrierArriveAt(stages.empty(stage), split * C::kPart + rank);
    }
  }

  /// Ping-pong: a barrier tells only a phase from the one before it, so a
  /// warpgroup may look at a stage only when the other one is done with all
  /// stages in front: sums are made in turns, and stored side by side.
  __device__ void awaitTurn(int warpgroup, u32 turn) const {
    if constexpr (C::kPingPong)
      barrierWait(stages.turn(warpgroup),
                  warpgroup == 0 ? ~turn & 1 : turn & 1);
  }
  __device__ void passTurn(int warpgroup) const {
    if constexpr (C::kPingPong)
      if (threadIdx.x % 32 == 0)
        barrierArrive(stages.turn(warpgroup ^ 1));
  }

  template <typename E>
  __device__ __forceinline__ void begin(Sums &d, u32 turn, int row) const {
    if constexpr (E::kBias) {
      Bias<C, E>{stages}.begin(d, turn, row);
    } else {
#pragma unroll
      for (int b = 0; b < kBlocks; ++b)
#pragma unroll
        for (int i = 0; i < C::kN / 2; ++i)
          d[b][i] = 0;
    }
  }
  /// Of a stage's operands; `row`: the warpgroup's first of wgmma's rows.
  __device__ void descriptors(u32 &a, u32 &w, u32 stage, int row) const {
    u32 rowsOf = uniform(tileDescriptor(
        (C::kSwapped ? stages.w(stage) : stages.a(stage)) + row * kRowBytes));
    if constexpr (C::kSwapped) {
      w = rowsOf;
      a = uniform(tileDescriptor(stages.a(stage)));
    } else {
      a = rowsOf;
      w = C::kRows == C::BM ? a + C::kBoxes * C::kBytesA / 16
                            : uniform(tileDescriptor(stages.w(stage)));
    }
  }
  /// d += one tile's product, rows from `row` on. beside() once, when the first
  /// step is under way.
  template <typename F>
  __device__ __forceinline__ void multiply(Sums &d, Cursor<C::kStages> &at,
                                           int steps, int row,
                                           F &&beside) const {
    u32 before = 0;
    if (steps == 0)
      beside();
    for (int step = 0; step < steps; ++step, at.next()) {
      u32 a, w;
      descriptors(a, w, at.stage, row);
      barrierWait(stages.full(at.stage), at.phase);
      wgmmaFence();
#pragma unroll
      for (int k = 0; k < C::kDepth / 16; ++k) {
        u32 x = a + k / 4 * (C::kBytesA / 16) + 2 * (k % 4);
        u32 y = w + k / 4 * (C::kBytesW / 16) + 2 * (k % 4);
#pragma unroll
        for (int b = 0; b < kBlocks; ++b) // addresses count 16 bytes
          Wgmma<typename C::T, C::kN>::multiply(
              d[b], (C::kSwapped ? y : x) + b * (64 * kRowBytes / 16),
              C::kSwapped ? x : y);
      }
      wgmmaCommit();
      if (step == 0)
        beside();
      wgmmaWait<1>();
      if (step > 0)
        release(before);
      before = at.stage;
    }
    wgmmaWait<0>();
#pragma unroll
    for (int b = 0; b < kBlocks; ++b)
      pin(d[b]);
    if (steps > 0)
      release(before);
  }

  template <typename E>
  __device__ __forceinline__ void run(const Problem &p, const Tiles<C> &tiles,
                                      int first, int stride, int warpgroup,
                                      const E &e) const {
    Cursor<C::kStages> at;
    int row = C::kPingPong ? 0 : warpgroup * C::kRows;
    int thread = threadIdx.x % 128;
    Parts<C> rows{
        stages.slab(warpgroup * 4 + (C::kSwapped ? 0 : thread / 32))};
    u32 taken = 0; // tiles seen
    dependencyWait();
    FT_GEMM_MARK(e, 2);
    for (int t = first; t < tiles.count(); t += stride, ++taken) {
      if (C::kPingPong && int(taken % 2) != warpgroup) {
        at.skip(p.steps);
        continue;
      }
      int m, n;
      tiles.find(t, m, n);
      Place place{m + cm * C::BM, p.rows,
                  n + cn * C::kOutputs + split * C::kOwn, p.outputs};
      if constexpr (C::kSwapped)
        place.n += row;
      else
        place.m += row + thread / 32 * 16 + thread % 32 / 4;
      Sums d;
      begin<E>(d, taken, row);
      awaitTurn(warpgroup, taken / 2);
      FinisherOf<C, E> finish(place, e, rows);
#ifdef FT_GEMM_MARKS
      if (taken == 0) {
        FT_GEMM_MARK(e, 3);
        barrierWait(stages.full(at.stage), at.phase);
        FT_GEMM_MARK(e, 4);
      }
#endif
      // Residuals would keep the first product waiting; beside whole tiles'
      // sums there are no registers for it.
      constexpr bool early = kBlocks == 2 && !C::Columns::kHeads;
      if (early)
        finish.begin();
      multiply(d, at, p.steps, row, [&] {
        if (!early)
          finish.begin();
      });
      FT_GEMM_MARK(e, 5);
      passTurn(warpgroup);
      if constexpr (C::kSplits > 1) {
        float own[1][C::kOwnSums];
        SplitSums<C>{stages, split, cm + C::CM * cn}.exchange(
            own[0], d[0], warpgroup, taken);
        FT_GEMM_MARK(e, 6);
        finish.run(own);
      } else if constexpr (C::kNorm && C::kSwapped) {
        RowNumbers<C> exchange{stages, cn, p.outputs};
        SwappedNorm<C, E>(place, e, exchange).run(d, finish, row, taken);
      } else if constexpr (C::kNorm) {
        finish.keep(d);
        RowNumbers<C> exchange{stages, cn, p.outputs};
        NormFinisher<C, E>(place, e, exchange)
            .run(d[0], row + thread / 32 * 16 + thread % 32 / 4, taken, rows);
      } else {
        FT_GEMM_MARK(e, 6);
        finish.run(d);
      }
      FT_GEMM_MARK(e, 7);
    }
    if constexpr (C::kSplits > 1)
      if (taken > 0)
        SplitSums<C>{stages, split, cm + C::CM * cn}.end(taken);
  }
};

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// Registers a thread of the producer and of a consumer may hold; together
/// they fit a multiprocessor.
template <typename C>
constexpr int kProducerRegisters = C::kWarpgroups == 3 ? 32 : 40;
template <typename C>
constexpr int kConsumerRegisters = C::kWarpgroups == 3   ? 160
                                   : C::kWarpgroups == 1 ? 208
                                   : C::kSpare           ? 168
                                                         : 232;
/// One warpgroup of consumers, alone, needs no more than the launch gives.
template <typename C>
constexpr bool kMoveRegisters = C::kWarpgroups *C::kCtas > 1;

template <typename C>
__device__ __forceinline__ void initBarriers(const Stages<C> &stages) {
  constexpr int warps = 4 * (C::kPingPong ? 1 : C::kWarpgroups);
  constexpr int all = C::kThreads / 32;
  // One thread of each warp: an instruction of several lanes initialises one
  // barrier after the other.
  int warp = threadIdx.x / 32;
  if (electOne()) {
    for (int s = warp; s < C::kStages; s += all) {
      barrierInit(stages.full(s), 1);
      barrierInit(stages.empty(s), warps * Consumer<C>::kReleases);
    }
    if (C::kPingPong && warp < 2)
      barrierInit(stages.turn(warp), 4);
    if (C::kSplits > 1 && warp == 0) {
      barrierInit(stages.sumsFull(), 1);
      barrierInit(stages.sumsFree(), (C::kSplits - 1) * C::kStoring);
    }
    if (C::kNorm && warp < 2)
      barrierInit(stages.rowsFull(warp), 1);
    if (warp < 2) {
      barrierInit(stages.biasFull(warp), kWarpArrivals);
      barrierInit(stages.biasEmpty(warp), warps * kWarpArrivals);
    }
    barrierInitFence();
  }
  __syncwarp();
  if constexpr (C::kCluster == 1)
    __syncthreads();
  else
    clusterBarrier();
}

/// n: rows of w. counts is not written by the kernels before.
template <typename C, typename E>
__device__ __forceinline__ void run(const TensorMap &a, const TensorMap &w,
                                    int n, int k, const int *counts, int axis,
                                    const E &e) {
  static_assert(C::kGated == E::kGated);
  static_assert(C::kNorm == (E::kNorm != Norm::None));
  FT_GEMM_MARK(e, 0);
  launchDependents();
  int rows = counts[axis]; // under way while the barriers are made
  if (threadIdx.x == 0) {
    prefetchMap(a);
    prefetchMap(w);
  }
  Stages<C> stages{(sharedAddress(dynamicShared<char>()) + 1023) & ~1023u};
  initBarriers(stages);
  FT_GEMM_MARK(e, 1);

  int rank = C::kCluster == 1 ? 0 : int(clusterRank());
  int split = rank / C::kPart, cm = rank % C::CM, cn = rank % C::kPart / C::CM;
  int steps = (k + C::kDepth - 1) / C::kDepth;
  int own = (steps + C::kSplits - 1) / C::kSplits;
  Problem p{rows, C::kGated ? n / 2 : n, split * own,
            max(0, min(own, steps - split * own))};
  Tiles<C> tiles(p.rows, p.outputs);
  int first = blockIdx.x / C::kCluster, stride = gridDim.x / C::kCluster;
  if (threadIdx.x < 128) {
    if constexpr (kMoveRegisters<C>)
      registersDown<kProducerRegisters<C>>();
    int warp = threadIdx.x / 32;
    Producer<C> producer{a, w, stages, cm, cn, split, p.outputs};
    if (warp == 0 && electOne())
      producer.loadActivations(p, tiles, first, stride);
    if (warp == 2 && electOne())
      producer.loadWeights(p, tiles, first, stride);
    if (E::kBias && warp == 1)
      for (int t = first, turn = 0; t < tiles.count(); t += stride, ++turn) {
        int m, n;
        tiles.find(t, m, n);
        Bias<C, E>{stages}.write(e, n + cn * C::kOutputs, p.outputs, split == 0,
                                 turn);
      }
    __syncwarp();
  } else {
    if constexpr (kMoveRegisters<C>)
      registersUp<kConsumerRegisters<C>>();
    if constexpr (C::kNorm)
      NormColumns<C, E>{stages}.fill(e, cn * C::kOutputs, p.outputs);
    Consumer<C>{stages, cm, cn, split}.run(p, tiles, first, stride,
                                           threadIdx.x / 128 - 1, e);
  }
}

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_CUH
