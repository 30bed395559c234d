//===- attention_short.cuh - attention of encoders, sm_90a ------*- C++ -*-===//
//
// Packed sequences of some hundred tokens, f16 and bf16: what encoders attend.
// What it computes, Args, score functors, the maps of k and v and what a NaN
// among the values does: attention_tiles.cuh, with pack = 1. q is read through
// its pointer, whose rows begin on 16 bytes.
//
//     using Tile = attention::Config<Shape, 1, warpgroups, keys, keys, ctas,
//                                    stages, true>;
//     attention::runShort<Tile>(k, v, args, score);
//
// A CTA has Config::BM tokens of the batch, as they come and of as many
// sequences as they are of, and one head; several CTAs of a multiprocessor
// cover each other's waits, so there is no warp of copies, no queue of tiles
// and no turns. Which keys the rows see is looked up before the wait for the
// kernel in front: cuTokens and counts are not written by kernels. All blocks
// of keys that fit in the stages are then under way at once, and each thread
// loads its rows of q, as operands of its products, to registers. The last
// block is multiplied as short as it is, in quarters.
//
// Launch: block 128 * warpgroups; grid {ceil(bound of tokens / BM), heads};
// __launch_bounds__(128 * warpgroups, Config::kCtas); dynamic shared memory
// Config::kSharedBytes; may be launched dependent. No counters.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_ATTENTION_SHORT_CUH
#define FT_KERNELS_SM90_ATTENTION_SHORT_CUH

#include "sm90/attention_tiles.cuh"

namespace ft {
namespace attention {

/// The last boundary at or below each of two tokens; a whole warp calls.
/// Boundaries ascend from 0.
__device__ __forceinline__ void findBoundaries(const int *cuTokens, int count,
                                               const int (&token)[2],
                                               int (&found)[2]) {
  int step = 1;
  while (step * 32 < count)
    step *= 32;
  found[0] = found[1] = 0;
#pragma unroll 1
  for (; step > 0; step /= 32) {
    int at[2], boundary[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      at[i] = found[i] + int(threadIdx.x % 32) * step;
      boundary[i] = cuTokens[min(at[i], count - 1)];
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      u32 below = __ballot_sync(~0u, at[i] < count && boundary[i] <= token[i]);
      found[i] += (__popc(below) - 1) * step;
    }
  }
}

template <typename C> struct Short {
  using T = typename C::T;
  static constexpr int kHalf = roundUp(C::BN / 2, 16);
  static constexpr int kQuarter = roundUp(C::BN / 4, 16);
  const TensorMap &q, &k, &v;
  const Args<T> &a;
  Consumer<C> math; // what is done with a tile in registers
  Job job{};
  int total = 0, count = 0;    // tokens of the batch; blocks of the tile
  int from = 0, upTo = 0;      // blocks that this warpgroup sees
  int anyLow = 0, anyHigh = 0; // what some row of the warp sees
  int end = 0;                 // after the last key that it sees

  __device__ Short(const TensorMap &q, const TensorMap &k, const TensorMap &v,
                   const Args<T> &a, const Stages<C> &at)
      : q(q), k(k), v(v),
        a(a), math{a, at, __shfl_sync(~0u, int(threadIdx.x) / 128, 0)} {
    job.firstToken = (C::kHeadsFirst ? blockIdx.y : blockIdx.x) * C::BM;
    job.firstHead = C::kHeadsFirst ? blockIdx.x : blockIdx.y;
    job.heads = 1;
    job.kvHead = job.firstHead / (a.heads / a.kvHeads);
  }
  __device__ int firstKey(int i) const { return job.begin + i * C::BN; }
  __device__ static u32 stageOf(int i) { return i % C::kStages; }
  __device__ static u32 phaseOf(int i) { return i / C::kStages & 1; }

  //===--------------------------------------------------------------------===//
  // Which keys
  //===--------------------------------------------------------------------===//

  /// What the rows see; false where the tile lies past the last token.
  __device__ bool find(Tile<C> &t, int firstRow) {
    int sequences = a.counts[a.sequencesAxis];
    int edge[2] = {job.firstToken, job.firstToken + C::BM - 1}, owner[2];
    findBoundaries(a.cuTokens, sequences + 1, edge, owner);
    total = a.cuTokens[sequences];
    job.tokens = min(C::BM, total - job.firstToken);
    if (job.tokens <= 0)
      return false;
    // Of the tile, of the thread's rows, of the warpgroup, of the tile.
    int last = job.firstToken + job.tokens - 1;
    int rows = job.firstToken + math.warpgroup * 64;
    int token[6] = {job.firstToken,           rows,      rows + firstRow % 64,
                    rows + firstRow % 64 + 8, rows + 63, last};
    Sight all[6];
    int low = a.cuTokens[owner[0]], high = a.cuTokens[owner[0] + 1];
#pragma unroll
    for (int i = 0; i < 6; ++i) {
      token[i] = min(token[i], last);
      all[i] = {token[i], low, low, high};
    }
#pragma unroll 1
    for (int s = owner[0] + 1; high <= last; ++s) {
      int start = high;
      high = a.cuTokens[s + 1];
#pragma unroll
      for (int i = 0; i < 6; ++i)
        if (token[i] >= start)
          all[i] = {token[i], start, start, high};
    }
#pragma unroll
    for (int i = 0; i < 6; ++i)
      narrowSight<C>(a, all[i]);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      t.sight[r] = all[2 + r];
      t.head[r] = job.firstHead;
    }
    t.allLow = __reduce_max_sync(~0u, max(all[2].low, all[3].low));
    t.allHigh = __reduce_min_sync(~0u, min(all[2].high, all[3].high));
    anyLow = __reduce_min_sync(~0u, min(all[2].low, all[3].low));
    anyHigh = __reduce_max_sync(~0u, max(all[2].high, all[3].high));
    // Sights only move forward, from row to row.
    job.begin = all[0].low;
    job.end = all[5].high;
    count = (job.end - job.begin + C::BN - 1) / C::BN;
    if (math.warpgroup * 64 < job.tokens) {
      end = __shfl_sync(~0u, all[4].high, 0);
      from = __shfl_sync(~0u, all[1].low - job.begin, 0) / C::BN;
      upTo = (end - job.begin + C::BN - 1) / C::BN;
    }
    return true;
  }

  //===--------------------------------------------------------------------===//
  // Copies: of keys by one warp, of values by another
  //===--------------------------------------------------------------------===//

  __device__ void copyBlock(int i, bool values) const {
    const Stages<C> &at = math.at;
    u32 s = stageOf(i), full = values ? at.vFull(s) : at.kFull(s);
    barrierExpect(full, values ? C::kVBytes : C::kKBytes);
    for (int c = 0; c < (values ? C::kColumnsV : C::kColumnsQK); ++c)
      copyBox((values ? at.v(s) : at.k(s)) + c * C::BN * C::kRowBytes,
              values ? v : k, 64 * c, job.kvHead, firstKey(i), full);
  }
  __device__ void copyFirst() const {
    if (!C::kHeld && threadIdx.x == 0) {
      u32 full = math.at.qFull(0);
      barrierExpect(full, C::kQBytes);
      for (int c = 0; c < C::kColumnsQK; ++c)
        copyBox(math.at.q(0) + c * C::BM * C::kRowBytes, q, 64 * c,
                job.firstHead, job.firstToken, full);
    }
    if (threadIdx.x < 64 && threadIdx.x % 32 == 0)
      for (int i = 0; i < min(C::kStages, count); ++i)
        copyBlock(i, threadIdx.x == 32);
    __syncwarp();
  }
  /// This warp is done with block i. Where warpgroups share stages, one is
  /// filled again a block later, so that the first need not wait for the last.
  __device__ void done(int i) const {
    if (count <= C::kStages)
      return;
    math.release(math.at.kEmpty(stageOf(i)));
    i -= C::kWarpgroups > 1 && C::kStages > 2;
    int next = i + C::kStages;
    if (threadIdx.x < 64 && threadIdx.x % 32 == 0 && i >= 0 && next < count) {
      barrierWait(math.at.kEmpty(stageOf(i)), phaseOf(i));
      copyBlock(next, threadIdx.x == 32);
    }
    __syncwarp();
  }
  __device__ void skip(int i) const {
    if (count <= C::kStages)
      return;
    barrierWait(math.at.kFull(stageOf(i)), phaseOf(i));
    barrierWait(math.at.vFull(stageOf(i)), phaseOf(i));
    done(i);
  }

  /// The thread's part of its rows: 16 bytes a load, transposed among the four
  /// lanes that share a row.
  __device__ __forceinline__ void loadQueries(Tile<C> &t) const {
    constexpr int sets = (C::D + 31) / 32;
    int quad = threadIdx.x % 4;
    Vec16 part[2][sets];
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      const T *row =
          a.q + t.sight[r].at * a.qStride + job.firstHead * C::S::D + 8 * quad;
#pragma unroll
      for (int s = 0; s < sets; ++s) {
        part[r][s] = Vec16{};
        if (C::S::D % 32 == 0 || 32 * s + 8 * quad < C::S::D)
          part[r][s] = *reinterpret_cast<const Vec16 *>(row + 32 * s);
      }
    }
#pragma unroll
    for (int r = 0; r < 2; ++r)
#pragma unroll
      for (int s = 0; s < sets; ++s) {
        gemm::transposeQuad(part[r][s].word);
#pragma unroll
        for (int i = 0; i < 4; ++i)
          if (2 * s + i / 2 < C::D / 16)
            t.q[2 * s + i / 2][i % 2 * 2 + r] = part[r][s].word[i];
      }
  }

  //===--------------------------------------------------------------------===//
  // A tile
  //===--------------------------------------------------------------------===//

  __device__ __forceinline__ void awaitKeys(int i) const {
    if (i < upTo)
      barrierWait(math.at.kFull(stageOf(i)), phaseOf(i));
  }
  /// s = q k^T of the first keys of block i, which are there, under way.
  template <int count>
  __device__ __forceinline__ void scores(const Tile<C> &t, float (&s)[count],
                                         int i) {
    math.k.stage = stageOf(i);
    discard(s);
    wgmmaFence();
    math.scores(t, s);
  }
  /// o += p v of block i, under way.
  template <int N> __device__ __forceinline__ void values(Tile<C> &t, int i) {
    math.v.stage = stageOf(i);
    barrierWait(math.at.vFull(math.v.stage), phaseOf(i));
    if (firstKey(i) + N > total)
      math.clearTail(total - firstKey(i));
    wgmmaFence();
    math.template values<N>(t);
  }
  /// The last ones.
  template <int N> __device__ __forceinline__ void finish(Tile<C> &t, int i) {
    values<N>(t, i);
    wgmmaWait<0>();
    pin(t.o);
  }
  /// Scores of block i to weights; true where sums must be multiplied by
  /// `keep`.
  template <int N, typename Score>
  __device__ __forceinline__ bool weigh(Tile<C> &t, float (&s)[N / 2],
                                        const Score &score, int i,
                                        float (&keep)[2]) {
    int j0 = firstKey(i);
    math.adjust(t, s, score, j0);
    float factor = Score::kIdentity ? a.scale * kLog2e : 1.0f;
    return math.softmax(t, s, factor, keep);
  }
  template <int N, typename Score>
  __device__ __forceinline__ void start(Tile<C> &t, const Score &score, int i) {
    float s[N / 2], keep[2];
    scores(t, s, i);
    wgmmaWait<0>();
    pin(s);
    weigh<N>(t, s, score, i, keep);
    math.pack(t, s);
    awaitKeys(i + 1);
  }
  /// Scores of block i while the values of the one before are added.
  template <int N, typename Score>
  __device__ __forceinline__ void step(Tile<C> &t, const Score &score, int i) {
    float s[N / 2], keep[2];
    scores(t, s, i);
    values<C::BN>(t, i - 1);
    wgmmaWait<1>();
    if (C::kSkip && (firstKey(i) >= anyHigh || firstKey(i) + N <= anyLow)) {
      awaitKeys(i + 1);
      wgmmaWait<0>();
      pin(t.o);
      done(i - 1);
      __syncwarp();
#pragma unroll
      for (int j = 0; j < N / 16; ++j)
#pragma unroll
        for (int e = 0; e < 4; ++e)
          t.p[j][e] = 0;
      return;
    }
    pin(s);
    bool grew = weigh<N>(t, s, score, i, keep);
    pin(s);
    awaitKeys(i + 1); // ptxas moves the wait for the values up: not over a loop
    wgmmaWait<0>();
    pin(t.o);
    pin(s); // packed now: p is an operand until here
    done(i - 1);
    if (grew)
      math.rescale(t, keep);
    math.pack(t, s);
  }
  /// All of block i before the next.
  template <int N, typename Score>
  __device__ __forceinline__ void whole(Tile<C> &t, const Score &score, int i) {
    float s[N / 2], keep[2];
    awaitKeys(i);
    scores(t, s, i);
    wgmmaWait<0>();
    pin(s);
    if (weigh<N>(t, s, score, i, keep))
      math.rescale(t, keep);
    math.pack(t, s);
    finish<N>(t, i);
    done(i);
  }
  template <typename Score>
  __device__ __forceinline__ void runApart(Tile<C> &t, const Score &score,
                                           int firstRow) {
    for (int i = 0; i < from; ++i)
      skip(i);
    int rest = end - firstKey(upTo - 1);
    int full = rest > kHalf ? upTo : upTo - 1;
#pragma unroll 1
    for (int i = from; i < full; ++i)
      whole<C::BN>(t, score, i);
    if (full < upTo && rest > kQuarter)
      whole<kHalf>(t, score, full);
    else if (full < upTo)
      whole<kQuarter>(t, score, full);
    for (int i = upTo; i < count; ++i)
      skip(i);
    math.store(t, job, firstRow);
  }
  /// The last block, of at most N keys.
  template <int N, typename Score>
  __device__ __forceinline__ void last(Tile<C> &t, const Score &score, int i) {
    if (i > from)
      step<N>(t, score, i);
    else
      start<N>(t, score, i);
    finish<N>(t, i);
  }

  template <typename Score>
  __device__ __forceinline__ void run(Tile<C> &t, const Score &score,
                                      int firstRow) {
    for (int i = 0; i < from; ++i)
      skip(i);
    int rest = end - firstKey(upTo - 1);
    int whole = rest > kHalf ? upTo : upTo - 1;
    awaitKeys(from);
    if (from < whole) {
      start<C::BN>(t, score, from);
#pragma unroll 1
      for (int i = from + 1; i < whole; ++i)
        step<C::BN>(t, score, i);
    }
    if (whole == upTo)
      finish<C::BN>(t, whole - 1);
    else if (rest > kQuarter)
      last<kHalf>(t, score, whole);
    else
      last<kQuarter>(t, score, whole);
    for (int i = upTo - 1; i < count; ++i)
      i < upTo ? done(i) : skip(i);
    math.store(t, job, firstRow);
  }
};

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

template <typename C, typename Score>
__device__ __forceinline__ void
runShort(const TensorMap &q, const TensorMap &k, const TensorMap &v,
         const Args<typename C::T> &a, const Score &score) {
  // A step waits for the keys of the next before it frees the last one's stage.
  static_assert(C::kApart || C::kStages >= 3 + (C::kWarpgroups > 1));
  static_assert(C::kBrief && !C::S::kPaged && C::kPack == 1 && C::BN % 32 == 0);
  launchDependents();
  Stages<C> at(dynamicShared<char>());
  if (threadIdx.x == 0) {
    if (!C::kHeld)
      barrierInit(at.qFull(0), 1);
    prefetchMap(k);
    prefetchMap(v);
    for (u32 s = 0; s < C::kStages; ++s) {
      barrierInit(at.kFull(s), 1);
      barrierInit(at.vFull(s), 1);
      barrierInit(at.kEmpty(s), 4 * C::kWarpgroups);
    }
    barrierInitFence();
  }
  Short<C> tile(q, k, v, a, at);
  Tile<C> t;
  int thread = threadIdx.x % 128;
  int firstRow = tile.math.warpgroup * 64 + thread / 32 * 16 + thread % 32 / 4;
  bool some = tile.find(t, firstRow);
  __syncthreads();
  dependencyWait(); // in every CTA: the kernel after relies on it
  if (!some)
    return;
  tile.copyFirst();
  if (C::kHeld)
    tile.loadQueries(t);
  else
    barrierWait(at.qFull(0), 0);
  if (tile.from < tile.upTo)
    C::kApart ? tile.runApart(t, score, firstRow)
              : tile.run(t, score, firstRow);
  else
    for (int i = 0; i < tile.count; ++i)
      tile.skip(i);
}

} // namespace attention
} // namespace ft

#endif // FT_KERNELS_SM90_ATTENTION_SHORT_CUH
