//===- attention_steps.cuh - a block of keys after another ------*- C++ -*-===//
//
// What a warpgroup of attention_tiles.cuh does with a block of keys: it waits
// for its turn and for keys and values, multiplies, and makes weights.
//
// Of narrow heads a step finds out for itself whether its block needs masks.
// Wide heads have two kinds: `step` for blocks that all rows of the warpgroup
// see entirely, behind others of which every row saw a key, and `maskedStep`
// for the rest and for scores with a region (32/8 x 128 causal at 8,192 on an
// H200: 1,001 us with masked steps alone, 961 with both; with maxima in every
// block of both kinds 994).
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_ATTENTION_STEPS_CUH
#define FT_KERNELS_SM90_ATTENTION_STEPS_CUH

#include "sm90/attention_softmax.cuh"
#include "sm90/wgmma.cuh"

namespace ft {
namespace attention {

template <typename C> struct Steps : Softmax<C> {
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
  __device__ void release(u32 barrier) const { warpArrive(barrier); }
  /// The tile's queries are there, and the job of a tile behind the first.
  __device__ void awaitQueries() const {
    barrierWait(at.qFull(qStage()), qPhase());
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

  /// Descriptors of what is multiplied next. They are made before a
  /// warpgroup's turn, in uniform registers: where they are used, as ptxas has
  /// it, making them is part of the turn (32/8 x 128 causal at 8,192 on an
  /// H200: 1,001 us, with phases 961; narrow heads do not care).
  __device__ __forceinline__ u32 queryRows() const {
    return uniform(
        tileDescriptor(at.q(qStage()) + warpgroup * 64 * C::kRowBytes));
  }
  __device__ __forceinline__ u32 keyRows() const {
    return uniform(tileDescriptor(at.k(k.stage())));
  }
  __device__ __forceinline__ u32 valueRows() const {
    return uniform(rowsDescriptor(at.v(v.stage()), C::BN * C::kRowBytes));
  }
  /// s = q k^T of queries and keys at `rows` and `keys`, under way.
  template <int count>
  __device__ __forceinline__ void scores(float (&s)[count], u32 rows,
                                         u32 keys) const {
    using W = Wgmma<T, 2 * count>;
#pragma unroll
    for (int d = 0; d < C::D; d += 16) { // addresses count 16 bytes
      u32 x = rows + (d / 64 * C::BM * C::kRowBytes + d % 64 * 2) / 16;
      u32 y = keys + (d / 64 * C::BN * C::kRowBytes + d % 64 * 2) / 16;
      d == 0 ? W::begin(s, x, y) : W::multiply(s, x, y);
    }
    wgmmaCommit();
  }
  /// o += p v of the first N keys of the block at `rows`, under way.
  template <int N = C::BN>
  __device__ __forceinline__ void values(Tile<C> &t, const Weights<C> &p,
                                         u32 rows) const {
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
    u32 queries = queryRows(), keys = keyRows();
    awaitQueries();
    barrierWait(at.kFull(k.stage()), k.phase());
    await();
    discard(s);
    wgmmaFence();
    scores(s, queries, keys);
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
    u32 queries = queryRows(), keys = keyRows(), rows = valueRows();
    barrierWait(at.kFull(k.stage()), k.phase());
    barrierWait(at.vFull(v.stage()), v.phase());
    await();
    discard(s);
    wgmmaFence();
    scores(s, queries, keys);
    wgmmaFence();
    values(t, p, rows);
    passOn();
    wgmmaWait<ahead != 0>();
    pin(s);
    release(at.kEmpty(k.stage()));
    k.next();
    if constexpr (!C::kWide)
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
    bool again = !C::kWide && t.open;
    if (!again) {
      exponentials<ahead, groups>(t, s, factor, next.of, sums);
      again = !sums.small();
    }
    if (again) {
      bool grew = maxima(t, s, factor, keep, 0);
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
  /// The same of a block with masks, whose maxima are always looked for: all
  /// exponentials are made in the scores' place, and are packed when the values
  /// are done with p. Made while values are multiplied they cost more (32/8 x
  /// 128 causal at 16,384: 3,946 us, so 4,022).
  template <typename Score>
  __device__ __forceinline__ void maskedStep(Tile<C> &t, Weights<C> &p,
                                             const Job &job, const Score &score,
                                             int n) {
    float factor = Score::kIdentity ? a.scale * kLog2e : 1.0f, keep[2];
    float s[C::BN / 2];
    u32 queries = queryRows(), keys = keyRows(), rows = valueRows();
    barrierWait(at.kFull(k.stage()), k.phase());
    await();
    discard(s);
    wgmmaFence();
    scores(s, queries, keys);
    barrierWait(at.vFull(v.stage()), v.phase());
    wgmmaFence();
    values(t, p, rows);
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
  /// The values of the block that comes last.
  __device__ __forceinline__ void finish(Tile<C> &t, const Weights<C> &p) {
    u32 rows = valueRows();
    barrierWait(at.vFull(v.stage()), v.phase());
    wgmmaFence();
    values(t, p, rows);
    wgmmaWait<0>();
    pin(t.o);
    release(at.vEmpty(v.stage()));
    v.next();
  }
};

} // namespace attention
} // namespace ft

#endif // FT_KERNELS_SM90_ATTENTION_STEPS_CUH
