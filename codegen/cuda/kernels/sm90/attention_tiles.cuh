//===- attention_tiles.cuh - attention of many queries, sm_90a --*- C++ -*-===//
//
// f16 and bf16; what it computes, Shape, Args and score functors: attention.cuh
// of the folder above. Of Args, q, k and v, their strides, `positions`,
// `pack` and `partials` are unused; `scale` must be positive. Results depend on
// neither the grid nor on which CTA takes which tile.
//
//     using Tile = attention::Config<Shape, pack, warpgroups, keys, boxRows>;
//     attention::runTiles<Tile>(q, k, v, args, score);
//
// Persistent CTAs draw tiles (attention_schedule.cuh). A warp behind the
// warpgroups copies queries, keys and values through tensor maps
// (attention_producer.cuh); each warpgroup has 64 rows of the tile.
// A block's scores and the values of the block before are multiplied together:
// S(n) | P(n+1) V(n+1), then the softmax of S(n). Two warpgroups take turns at
// the tensor cores (named barriers), so that one's softmax falls on the other's
// products; three overlap without. Blocks go from the last key to the first:
// ragged ends and diagonals come first, those that are at most half full at
// half their width, and blocks that a warpgroup sees nothing of are left out.
// Blocks between those, of which all of its rows see every key, have a loop of
// their own, without masks, where heads are wide.
//
// Paged sequences' tokens have consecutive positions, the last one that of the
// last key. Packed sequences that share a tile are masked from each other, but
// a NaN or an infinity among the values of one reaches the rows of its
// neighbours in the tile, as 0 * NaN. What lies beyond the batch's keys reaches
// none.
//
// Tensor maps (128-byte swizzle, no interleave, zero fill, element = T), three
// dimensions, the contiguous first: {D or DV, heads, rows}. Boxes: q {64, pack,
// kTokens}, k and v {64, 1, boxRows}. rows: tokens of the buffer, or
// pages * page size of the cache layer.
//
// Launch: block Config::kThreads; grid.x = multiprocessors of the target (any
// number is right) * Config::kCtas; __launch_bounds__(Config::kThreads,
// Config::kCtas); dynamic shared memory Config::kSharedBytes; `counters` =
// workspace + 0.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_ATTENTION_TILES_CUH
#define FT_KERNELS_SM90_ATTENTION_TILES_CUH

#include "sm90/attention_producer.cuh"
#include "sm90/attention_steps.cuh"
#include "sm90/quad_rows.cuh"

namespace ft {
namespace attention {

template <typename C> struct Consumer : Steps<C> {
  using T = typename C::T;
  using Steps<C>::a, Steps<C>::at, Steps<C>::warpgroup, Steps<C>::tiles;
  using Steps<C>::passOn, Steps<C>::release, Steps<C>::skipBlock,
      Steps<C>::finish, Steps<C>::qStage, Steps<C>::qPhase;

  //===--------------------------------------------------------------------===//
  // Which keys
  //===--------------------------------------------------------------------===//

  /// The first of the thread's two rows.
  __device__ int firstRow() const {
    int thread = threadIdx.x % 128;
    return warpgroup * 64 + thread / 32 * 16 + thread % 32 / 4;
  }
  /// What the thread's rows see.
  __device__ __forceinline__ void look(Tile<C> &t, const Job &job) const {
    t.allLow = -0x7fffffff;
    t.allHigh = 0x7fffffff;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      int row = firstRow() + 8 * r, token = min(row / C::kPack, job.tokens - 1);
      t.sight[r] = sightOf<C>(a, job, token);
      t.head[r] = job.firstHead + row % C::kPack;
      t.allLow = max(t.allLow, t.sight[r].low);
      t.allHigh = min(t.allHigh, t.sight[r].high);
    }
    t.allLow = __reduce_max_sync(~0u, t.allLow);
    t.allHigh = __reduce_min_sync(~0u, t.allHigh);
  }
  /// Blocks [low, high).
  struct Range {
    int low, high;
  };
  /// Blocks that rows which all see keys [allLow, allHigh) see entirely, below
  /// the one in which the last of them sees its first key. Else none, at `low`.
  __device__ static Range seenByAll(const Job &job, int allLow, int allHigh,
                                    int low) {
    Range none{low, low};
    if (allHigh - allLow < C::BN)
      return none;
    Range seen{job.blockOf<C>(allLow), job.blockOf<C>(allHigh - 1)};
    seen.low += job.firstKey<C>(seen.low) < allLow;
    return seen.low < seen.high ? seen : none;
  }

  //===--------------------------------------------------------------------===//
  // A tile
  //===--------------------------------------------------------------------===//

  /// Block n, which comes first, as wide as it is full.
  template <typename Score>
  __device__ __forceinline__ void first(Tile<C> &t, Weights<C> &p,
                                        const Job &job, const Score &score,
                                        int n, int upTo) {
    if (upTo - job.firstKey<C>(n) > C::kHalf)
      this->template start<C::BN>(t, p, job, score, n);
    else
      this->template start<C::kHalf>(t, p, job, score, n);
  }
  /// Blocks [low, high) of the tile, from the last to the first; of the last,
  /// rows see keys before `upTo`.
  template <typename Score>
  __device__ __forceinline__ void blocks(Tile<C> &t, const Job &job,
                                         const Score &score, int low, int high,
                                         int upTo) {
    Weights<C> p;
    int n = high - 1;
    first(t, p, job, score, n, upTo);
    if constexpr (C::kWide || !C::kPairs) {
#pragma unroll 1
      for (--n; n >= low; --n)
        if constexpr (C::kWide)
          this->maskedStep(t, p, job, score, n);
        else
          this->step(t, p, p, job, score, n);
      finish(t, p);
    } else { // by twos: weights change places without being moved
      Weights<C> other;
#pragma unroll 1
      while (true) {
        if (--n < low)
          return finish(t, p);
        this->step(t, p, other, job, score, n);
        if (--n < low)
          return finish(t, other);
        this->step(t, other, p, job, score, n);
      }
    }
  }
  /// The same in phases, for scores without a region: in front of the blocks
  /// that all rows see, `clear`, and behind them a step with masks looks for
  /// maxima; between them no mask is thought of, and what rows see is not kept.
  __device__ __forceinline__ void phases(Tile<C> &t, const Job &job, int low,
                                         int high, int upTo, Range clear) {
    constexpr NoScore score;
    Weights<C> p;
    look(t, job);
    int n = high - 1;
    first(t, p, job, score, n--, upTo);
#pragma unroll 1
    for (int stop = clear.high;; stop = low) {
#pragma unroll 1
      for (; n >= stop; --n)
        this->maskedStep(t, p, job, score, n);
      if (n < low)
        break;
      clearBlocks(t, p, job, n - clear.low + 1);
      n = clear.low - 1;
      if (n < low)
        break;
      look(t, job);
    }
    finish(t, p);
  }
  /// So many blocks that all rows see.
  __device__ __forceinline__ void clearBlocks(Tile<C> &t, Weights<C> &p,
                                              const Job &job, int count) {
    constexpr NoScore score;
    if constexpr (C::kPairs) { // weights change places without being moved
      Weights<C> other;
#pragma unroll 1
      for (; count > 1; count -= 2) {
        this->step(t, p, other, job, score, 0);
        this->step(t, other, p, job, score, 0);
      }
      if (count == 0)
        return;
      this->step(t, p, other, job, score, 0);
      move(p, other); // which costs less than a block with masks
    } else {
#pragma unroll 1
      for (; count > 0; --count)
        this->step(t, p, p, job, score, 0);
    }
  }
  /// By instructions that stay behind the step. As an assignment they move into
  /// it, and ptxas serialises all products: causal 8,192 took 1,240 us for 897.
  __device__ __forceinline__ static void move(Weights<C> &to,
                                              const Weights<C> &from) {
#pragma unroll
    for (int j = 0; j < C::BN / 16; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        asm volatile("mov.b32 %0, %1;"
                     : "=r"(to.of[j][i])
                     : "r"(from.of[j][i]));
  }

  __device__ __forceinline__ void store(Tile<C> &t, const Job &job,
                                        int firstRow) const {
    constexpr int groups = C::DV / 8;
    bool wide = gemm::wideRows(a.out, a.outStride) && C::S::DV % 8 == 0;
    float scale[2];
#pragma unroll
    for (int lanes = 1; lanes <= 2; lanes *= 2)
#pragma unroll
      for (int r = 0; r < 2; ++r)
        t.sum[r] += __shfl_xor_sync(~0u, t.sum[r], lanes);
#pragma unroll
    for (int r = 0; r < 2; ++r)
      scale[r] = t.sum[r] == 0 ? 0.0f : 1 / t.sum[r];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      int row = firstRow + 8 * r, token = row / C::kPack, h = row % C::kPack;
      gemm::Row<T> to{a.out + (job.firstToken + token) * a.outStride +
                          (job.firstHead + h) * C::S::DV,
                      C::S::DV, token < job.tokens && h < job.heads, wide};
      gemm::Pairs<groups> y;
#pragma unroll
      for (int g = 0; g < groups; ++g)
#pragma unroll
        for (int i = 0; i < 2; ++i)
          y.v[g][i] = t.o[4 * g + 2 * r + i] * scale[r];
      gemm::store(y, to);
    }
  }

  template <typename Score>
  __device__ __forceinline__ void tile(const Job &job, const Score &score) {
    constexpr bool phased = C::kWide && Score::kIdentity;
    Tile<C> t;
    if constexpr (!phased)
      look(t, job);
    // Sights only move forward, from row to row.
    int first = warpgroup * 64 / C::kPack, n = job.blocks;
    int last = min((warpgroup * 64 + 63) / C::kPack, job.tokens - 1);
    int low = 0, high = 0, upTo = 0;
    Range clear{0, 0};
    if (first < job.tokens) {
      Sight least = sightOf<C>(a, job, first), most = sightOf<C>(a, job, last);
      int from = max(least.low, job.begin);
      upTo = min(most.high, job.end);
      low = job.blockOf<C>(from);
      high = upTo > from ? job.blockOf<C>(upTo - 1) + 1 : low;
      if constexpr (phased)
        clear = seenByAll(job, max(most.low, job.begin), least.high, low);
    }
    for (; n > high; --n)
      skipBlock();
    if (low < high) {
      if constexpr (phased)
        phases(t, job, low, high, upTo, clear);
      else
        blocks(t, job, score, low, high, upTo);
    } else {
      this->awaitQueries();
    }
    release(at.qEmpty(qStage()));
    for (n = low < high ? low : n; n > 0; --n)
      skipBlock();
    store(t, job, firstRow());
  }

  template <typename Score> __device__ void run(const Score &score) {
    if (warpgroup == C::kWarpgroups - 1)
      passOn(); // the first turn
#pragma unroll 1
    for (;; ++tiles) {
      if (tiles > 0) // the first one was looked up before the barriers were met
        this->awaitQueries();
      const Job &job = at.job(tiles % kJobs); // read where needed, not kept
      if (job.tokens == 0)
        return;
      tile(job, score);
    }
  }
};

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

template <typename C, typename Score>
__device__ __forceinline__ void
runTiles(const TensorMap &q, const TensorMap &k, const TensorMap &v,
         const Args<typename C::T> &a, const Score &score) {
  launchDependents();
  Stages<C> at(dynamicShared<char>());
  int warpgroup = threadIdx.x / 128;
  bool copies = threadIdx.x / 32 == 4 * C::kWarpgroups;
  Producer<C> producer{q, k, v, a, at};
  if (copies)
    producer.open();
  else if (warpgroup < C::kWarpgroups)
    at.init();
  __syncthreads();
  constexpr int few = C::kWarpgroups == 3 ? 32 : 40;
  if (warpgroup == C::kWarpgroups) {
    if constexpr (C::kMoveRegisters)
      registersDown<few>();
    if (copies)
      producer.copy();
  } else {
    // The producer's wait for the kernel in front is everyone's: what is stored
    // comes after a tile's queries and keys, whose copies come after that.
    if constexpr (C::kMoveRegisters)
      registersUp<C::kRegisters>();
    Consumer<C>{{{a}, at, warpgroup}}.run(score);
  }
}

} // namespace attention
} // namespace ft

#endif // FT_KERNELS_SM90_ATTENTION_TILES_CUH
