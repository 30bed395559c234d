//===- attention_tiles.cuh - attention of many queries, sm_90a --*- C++ -*-===//
//
// f16 and bf16; what it computes, Shape, Args and score functors: attention.cuh
// of the folder above. Of Args, q, k and v, their strides, `pack` and
// `partials` are unused; `scale` must be positive. Results depend on neither
// the grid nor on which CTA takes which tile.
//
//     using Tile = attention::Config<Shape, pack, warpgroups, keys, boxRows>;
//     attention::runTiles<Tile>(q, k, v, args, score);
//
// Persistent CTAs draw tiles (attention_work.cuh). Of a warpgroup of producers
// one warp plans tiles and one copies queries, keys and values through tensor
// maps (attention_producer.cuh); each other warpgroup has 64 rows of the tile.
// A block's scores and the values of the block before are multiplied together:
// S(n) | P(n+1) V(n+1), then the softmax of S(n). Two warpgroups take turns at
// the tensor cores (named barriers), so that one's softmax falls on the other's
// products; three overlap without. Blocks go from the last key to the first:
// ragged ends and diagonals come first, those that are at most half full at
// half their width, and blocks that a warpgroup sees nothing of are left out.
//
// Paged sequences' tokens have consecutive positions. Packed sequences that
// share a tile are masked from each other, but a NaN or
// an infinity among the values of one reaches the rows of its neighbours in the
// tile, as 0 * NaN. What lies beyond the batch's keys reaches none.
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
#include "sm90/attention_softmax.cuh"
#include "sm90/quad_rows.cuh"
#include "sm90/wgmma.cuh"

namespace ft {
namespace attention {

template <typename C> struct Consumer : Softmax<C> {
  using T = typename C::T;
  using Softmax<C>::a, Softmax<C>::adjust, Softmax<C>::maxima,
      Softmax<C>::exponentials, Softmax<C>::pack, Softmax<C>::rescale;
  Stages<C> at;
  int warpgroup;
  /// Stage and phase in one register.
  struct Place {
    u32 packed = 0;
    __device__ u32 stage() const { return packed & 0xff; }
    __device__ u32 phase() const { return packed >> 8; }
    __device__ void next() {
      bool last = stage() + 1 == C::kStages;
      packed = last ? (packed ^ 0x100) & 0x100 : packed + 1;
    }
  };
  Place k, v;
  u32 tiles = 0; // done: one register tells where queries and the job are

  __device__ u32 qStage() const { return tiles % C::kQStages; }
  __device__ u32 qPhase() const { return tiles / C::kQStages & 1; }

  //===--------------------------------------------------------------------===//
  // Turns and stages
  //===--------------------------------------------------------------------===//

  __device__ void await() const {
    if constexpr (C::kTurns)
      namedSync(1 + warpgroup, 256);
  }
  __device__ void passOn() const {
    if constexpr (C::kTurns)
      namedArrive(1 + (warpgroup + 1) % C::kWarpgroups, 256);
  }
  __device__ void release(u32 barrier) const {
    if (threadIdx.x % 32 == 0)
      barrierArrive(barrier);
  }
  /// A block that this warpgroup sees nothing of.
  __device__ void skipBlock() {
    await();
    passOn();
    barrierWait(at.kFull(k.stage()), k.phase());
    release(at.kEmpty(k.stage()));
    k.next();
    barrierWait(at.vFull(v.stage()), v.phase());
    release(at.vEmpty(v.stage()));
    v.next();
  }

  //===--------------------------------------------------------------------===//
  // Products
  //===--------------------------------------------------------------------===//

  /// s = q k^T of the first keys of the block in `stage`, under way.
  template <int count>
  __device__ __forceinline__ void scores(float (&s)[count]) const {
    u32 rows = tileDescriptor(at.q(qStage()) + warpgroup * 64 * C::kRowBytes);
    u32 keys = tileDescriptor(at.k(k.stage()));
    using W = Wgmma<T, 2 * count>;
#pragma unroll
    for (int d = 0; d < C::D; d += 16) { // addresses count 16 bytes
      u32 x = rows + (d / 64 * C::BM * C::kRowBytes + d % 64 * 2) / 16;
      u32 y = keys + (d / 64 * C::BN * C::kRowBytes + d % 64 * 2) / 16;
      d == 0 ? W::begin(s, x, y) : W::multiply(s, x, y);
    }
    wgmmaCommit();
  }
  /// o += p v of the first N keys of the block at `v`, under way.
  template <int N = C::BN>
  __device__ __forceinline__ void values(Tile<C> &t,
                                         const Weights<C> &p) const {
    u32 rows = rowsDescriptor(at.v(v.stage()), C::BN * C::kRowBytes);
#pragma unroll
    for (int j = 0; j < N / 16; ++j)
      Wgmma<T, C::DV>::multiplyRows(t.o, p.of[j],
                                    rows + j * (16 * C::kRowBytes / 16));
    wgmmaCommit();
  }
  /// What follows the last key in its block may be anything: its weight is
  /// zero, which is not enough for a NaN. Every warpgroup does this alone.
  __device__ void clearTail(int present) const {
    char *base = at.memory + (at.v(v.stage()) - at.base);
    constexpr int chunks = C::kRowBytes / 16;
    int count = (C::BN - present) * chunks;
#pragma unroll 1
    for (int c = 0; c < C::kColumnsV; ++c)
#pragma unroll 1
      for (int i = threadIdx.x % 128; i < count; i += 128)
        reinterpret_cast<Vec16 *>(base)[(c * C::BN + present) * chunks + i] =
            Vec16{};
    asyncProxyFence();
    namedSync(4 + warpgroup, 128);
  }

  //===--------------------------------------------------------------------===//
  // A tile
  //===--------------------------------------------------------------------===//

  /// The block that comes first, n, of which rows see at most N keys: weights.
  template <int N, typename Score>
  __device__ __forceinline__ void
  start(Tile<C> &t, Weights<C> &p, const Job &job, const Score &score, int n) {
    float factor = Score::kIdentity ? a.scale * kLog2e : 1.0f, keep[2];
    float s[N / 2];
    barrierWait(at.kFull(k.stage()), k.phase());
    await();
    discard(s);
    wgmmaFence();
    scores(s);
    passOn();
    wgmmaWait<0>();
    pin(s);
    release(at.kEmpty(k.stage()));
    k.next();
    int j0 = job.firstKey<C>(n);
    adjust(t, s, score, j0, job.endOfKeys<C>(n));
    maxima(t, s, factor, keep);
    Sums sums;
    exponentials<0, N / 16>(t, s, factor, p.of, sums);
    sums.addTo(t.sum);
#pragma unroll
    for (int j = N / 16; j < C::BN / 16; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        p.of[j][i] = 0;
    if (j0 + C::BN > job.end) {
      barrierWait(at.vFull(v.stage()), v.phase());
      clearTail(job.end - j0);
    }
  }
  /// Block n: its scores and, with their weights p, the values of the block
  /// after it; then its own weights, to `next`.
  template <typename Score>
  __device__ __forceinline__ void step(Tile<C> &t, const Weights<C> &p,
                                       Weights<C> &next, const Job &job,
                                       const Score &score, int n) {
    constexpr int groups = C::BN / 16, ahead = C::kAhead;
    float factor = Score::kIdentity ? a.scale * kLog2e : 1.0f, keep[2];
    float s[C::BN / 2];
    Sums sums;
    barrierWait(at.kFull(k.stage()), k.phase());
    barrierWait(at.vFull(v.stage()), v.phase());
    await();
    discard(s);
    wgmmaFence();
    scores(s);
    wgmmaFence();
    values(t, p);
    passOn();
    wgmmaWait<ahead != 0>();
    pin(s);
    release(at.kEmpty(k.stage()));
    k.next();
    adjust(t, s, score, job.firstKey<C>(n), job.endOfKeys<C>(n));
    if constexpr (ahead > 0) {
      exponentials<0, ahead>(t, s, factor, next.of, sums);
      stayBefore(sums);
      wgmmaWait<0>();
    }
    pin(t.o);
    release(at.vEmpty(v.stage()));
    v.next();
    // With the maxima so far, and again where a sum says that one grew much.
    bool again = t.open;
    if (!again) {
      exponentials<ahead, groups>(t, s, factor, next.of, sums);
      again = !sums.small();
    }
    if (again) {
      bool grew = maxima(t, s, factor, keep);
      sums = Sums{};
      exponentials<0, groups>(t, s, factor, next.of, sums);
      if (grew)
        rescale(t, keep);
    }
    sums.addTo(t.sum);
  }
  /// Work whose results are `sums` stays in front of a wait for products: ptxas
  /// moves that up, but not over a loop. This one ends at once.
  __device__ __forceinline__ void stayBefore(Sums &sums) const {
    pin(sums.part[0]);
    pin(sums.part[1]);
    barrierWait(at.vFull(v.stage()), v.phase());
  }
  /// The same with maxima looked for in every block (C::kLong): all exponentials
  /// are made in the scores' place, and are packed when the values are done with
  /// p.
  template <typename Score>
  __device__ __forceinline__ void longStep(Tile<C> &t, Weights<C> &p,
                                           const Job &job, const Score &score,
                                           int n) {
    float factor = Score::kIdentity ? a.scale * kLog2e : 1.0f, keep[2];
    float s[C::BN / 2];
    barrierWait(at.kFull(k.stage()), k.phase());
    await();
    discard(s);
    wgmmaFence();
    scores(s);
    barrierWait(at.vFull(v.stage()), v.phase());
    wgmmaFence();
    values(t, p);
    passOn();
    wgmmaWait<1>();
    pin(s);
    release(at.kEmpty(k.stage()));
    k.next();
    adjust(t, s, score, job.firstKey<C>(n), job.endOfKeys<C>(n));
    bool grew = maxima(t, s, factor, keep);
    Sums sums;
    exponentials(t, s, factor, sums);
    wgmmaWait<0>();
    pin(t.o);
    release(at.vEmpty(v.stage()));
    v.next();
    sums.addTo(t.sum);
    if (grew)
      rescale(t, keep);
    pack(p, s);
  }
  /// Blocks [low, high) of the tile, from the last to the first; of the last,
  /// rows see keys before `upTo`.
  template <typename Score>
  __device__ __forceinline__ void blocks(Tile<C> &t, const Job &job,
                                         const Score &score, int low, int high,
                                         int upTo) {
    Weights<C> p;
    int n = high - 1, j0 = job.firstKey<C>(n);
    if (upTo - j0 > C::kHalf)
      start<C::BN>(t, p, job, score, n);
    else
      start<C::kHalf>(t, p, job, score, n);
    if constexpr (C::kLong || C::kAhead == 0) {
#pragma unroll 1
      for (--n; n >= low; --n)
        if constexpr (C::kLong)
          longStep(t, p, job, score, n);
        else
          step(t, p, p, job, score, n);
      finish(t, p);
    } else { // by twos: weights change places without being moved
      Weights<C> other;
#pragma unroll 1
      while (true) {
        if (--n < low)
          return finish(t, p);
        step(t, p, other, job, score, n);
        if (--n < low)
          return finish(t, other);
        step(t, other, p, job, score, n);
      }
    }
  }
  /// The values of the block that comes last.
  __device__ __forceinline__ void finish(Tile<C> &t, const Weights<C> &p) {
    barrierWait(at.vFull(v.stage()), v.phase());
    wgmmaFence();
    values(t, p);
    wgmmaWait<0>();
    pin(t.o);
    release(at.vEmpty(v.stage()));
    v.next();
  }

  __device__ __forceinline__ void store(Tile<C> &t, const Job &job,
                                        int firstRow) const {
    constexpr int groups = C::DV / 8;
    bool wide = gemm::wideRows(a.out, a.outStride) && C::S::DV % 8 == 0;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      int row = firstRow + 8 * r, token = row / C::kPack, h = row % C::kPack;
      t.sum[r] += __shfl_xor_sync(~0u, t.sum[r], 1);
      t.sum[r] += __shfl_xor_sync(~0u, t.sum[r], 2);
      float scale = t.sum[r] == 0 ? 0.0f : 1 / t.sum[r];
      gemm::Row<T> to{a.out + (job.firstToken + token) * a.outStride +
                          (job.firstHead + h) * C::S::DV,
                      C::S::DV, token < job.tokens && h < job.heads, wide};
      auto put = [&](auto y, int first) {
        constexpr int count = sizeof(y.v) / sizeof(y.v[0]);
#pragma unroll
        for (int g = 0; g < count; ++g)
#pragma unroll
          for (int i = 0; i < 2; ++i)
            y.v[g][i] = t.o[4 * (first + g) + 2 * r + i] * scale;
        gemm::store(y, to, 8 * first);
      };
#pragma unroll
      for (int g = 0; g + 4 <= groups; g += 4)
        put(gemm::Pairs<4>{}, g);
      if constexpr (groups % 4 != 0)
        put(gemm::Pairs<groups % 4>{}, groups / 4 * 4);
    }
  }

  template <typename Score>
  __device__ __forceinline__ void tile(const Job &job, const Score &score) {
    Tile<C> t;
    int thread = threadIdx.x % 128;
    int firstRow = warpgroup * 64 + thread / 32 * 16 + thread % 32 / 4;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      int row = firstRow + 8 * r, token = min(row / C::kPack, job.tokens - 1);
      t.sight[r] = sightOf<C>(a, job, token);
      t.head[r] = job.firstHead + row % C::kPack;
      t.allLow = max(t.allLow, t.sight[r].low);
      t.allHigh = min(t.allHigh, t.sight[r].high);
    }
    t.allLow = __reduce_max_sync(~0u, t.allLow);
    t.allHigh = __reduce_min_sync(~0u, t.allHigh);
    // Sights only move forward, from row to row.
    int first = warpgroup * 64 / C::kPack, n = job.blocks;
    int last = min((warpgroup * 64 + 63) / C::kPack, job.tokens - 1);
    int low = 0, high = 0, upTo = 0;
    if (first < job.tokens) {
      int from = max(sightOf<C>(a, job, first).low, job.begin);
      upTo = min(sightOf<C>(a, job, last).high, job.end);
      low = job.blockOf<C>(from);
      high = upTo > from ? job.blockOf<C>(upTo - 1) + 1 : low;
    }
    for (; n > high; --n)
      skipBlock();
    if (low < high)
      blocks(t, job, score, low, high, upTo);
    release(at.qEmpty(qStage()));
    for (n = low < high ? low : n; n > 0; --n)
      skipBlock();
    store(t, job, firstRow);
  }

  template <typename Score> __device__ void run(const Score &score) {
    if (warpgroup == C::kWarpgroups - 1)
      passOn(); // the first turn
#pragma unroll 1
    for (;; ++tiles) {
      barrierWait(at.qFull(qStage()), qPhase());
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
  if (threadIdx.x == 0) {
    for (const TensorMap *map : {&q, &k, &v})
      prefetchMap(*map);
    for (u32 s = 0; s < C::kQStages; ++s) {
      barrierInit(at.qFull(s), 1);
      barrierInit(at.qEmpty(s), 4 * C::kWarpgroups);
    }
    for (u32 s = 0; s < C::kStages; ++s) {
      for (u32 full : {at.kFull(s), at.vFull(s)})
        barrierInit(full, 1);
      for (u32 empty : {at.kEmpty(s), at.vEmpty(s)})
        barrierInit(empty, 4 * C::kWarpgroups);
    }
    barrierInitFence();
  }
  __syncthreads();
  constexpr int few = C::kWarpgroups == 3 ? 32 : 40;
  int warpgroup = threadIdx.x / 128;
  if (warpgroup == C::kWarpgroups) {
    if constexpr (C::kMoveRegisters)
      registersDown<few>();
    Producer<C> producer{q, k, v, a, at};
    int warp = threadIdx.x / 32 - 4 * C::kWarpgroups;
    if (warp == 0)
      producer.copy();
    else if (warp == 1)
      producer.plan();
  } else {
    dependencyWait(); // for what is stored; loads wait for the producer's
    if constexpr (C::kMoveRegisters)
      registersUp<C::kRegisters>();
    Consumer<C>{{a}, at, warpgroup}.run(score);
  }
}

} // namespace attention
} // namespace ft

#endif // FT_KERNELS_SM90_ATTENTION_TILES_CUH
