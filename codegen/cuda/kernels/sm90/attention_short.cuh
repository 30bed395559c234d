//===- attention_short.cuh - attention of short sequences, sm_90a -*- C++
//-*-===//
//
// Packed sequences of some hundred tokens at most, f16 and bf16: what encoders
// attend. What it computes, Args, score functors, tensor maps and what a NaN
// among the values does: attention_tiles.cuh, with pack = 1.
//
//     using Tile = attention::Config<Shape, 1, warpgroups, keys, keys, ctas,
//                                    stages>;
//     attention::runShort<Tile>(q, k, v, args, score);
//
// The time of such attention is mostly that of its first loads, so nothing
// stands in front of them. A CTA has Config::BM tokens of the batch, as they
// come and of as many sequences as they are of, and one head; it needs their
// own keys in any case, and copies those with the queries before it knows where
// sequences begin. That is looked up meanwhile, by the warps that will
// multiply: there is no warp of copies, no queue of tiles and no turns. What
// other keys the rows see follows in blocks, forward, then backward. Where all
// fit in the stages, as for lengths to 128 and 64 tokens a tile, all are under
// way at once.
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

/// [low, high): the sequences around tokens.
struct Span {
  int low = 0, high = 0x7fffffff;
};

/// The sequence around each of `count` tokens, of which the first is the least
/// and the last the greatest; a whole warp calls. Boundaries ascend, so the
/// last one at or below a token is its sequence's start, the next its end.
template <int count>
__device__ __forceinline__ void findSpans(const int *cuTokens, int sequences,
                                          const int (&token)[count],
                                          Span (&span)[count]) {
#pragma unroll 1
  for (int base = 0; base <= sequences; base += 32) {
    int at = base + int(threadIdx.x % 32);
    int mine = at <= sequences ? cuTokens[at] : 0x7fffffff;
    int last = __shfl_sync(~0u, mine, 31);
    if (last <= token[0]) { // all lie in front
#pragma unroll
      for (int i = 0; i < count; ++i)
        span[i].low = last;
      continue;
    }
#pragma unroll 4
    for (int lane = 0; lane < 32; ++lane) {
      int boundary = __shfl_sync(~0u, mine, lane);
#pragma unroll
      for (int i = 0; i < count; ++i)
        if (boundary <= token[i])
          span[i].low = boundary;
        else
          span[i].high = min(span[i].high, boundary);
    }
    if (last > token[count - 1])
      break;
  }
}

/// The blocks of keys of one tile in the order in which they are taken: own
/// ones and what follows, then backward. Block 0 begins at the tile's first
/// token.
struct Blocks {
  int low = 0, high = 1; // numbers of blocks
  __device__ int count() const { return high - low; }
  __device__ int number(int i) const { return i < high ? i : high - 1 - i; }
};

template <typename C> struct Short {
  using T = typename C::T;
  const TensorMap &q, &k, &v;
  const Args<T> &a;
  Consumer<C> math; // what is done with a tile in registers
  Job job{};
  Blocks blocks;
  int total = 0;

  __device__ Short(const TensorMap &q, const TensorMap &k, const TensorMap &v,
                   const Args<T> &a, const Stages<C> &at)
      : q(q), k(k), v(v), a(a), math{a, at, int(threadIdx.x) / 128} {
    job.firstToken = blockIdx.x * C::BM;
    job.firstHead = blockIdx.y;
    job.heads = 1;
    job.kvHead = job.firstHead / (a.heads / a.kvHeads);
  }
  __device__ int firstKey(int i) const {
    return job.firstToken + blocks.number(i) * C::BN;
  }
  __device__ static u32 stageOf(int i) { return i % C::kStages; }
  __device__ static u32 phaseOf(int i) { return i / C::kStages & 1; }

  //===--------------------------------------------------------------------===//
  // Copies: one thread
  //===--------------------------------------------------------------------===//

  __device__ void copyQueries() const {
    u32 full = math.at.qFull(0);
    barrierExpect(full, C::kQBytes);
    for (int c = 0; c < C::kColumnsQK; ++c)
      copyBox(math.at.q(0) + c * C::BM * C::kRowBytes, q, 64 * c, job.firstHead,
              job.firstToken, full);
  }
  __device__ void copyBlock(int i) const {
    const Stages<C> &at = math.at;
    u32 s = stageOf(i);
    barrierExpect(at.kFull(s), C::kKBytes);
    for (int c = 0; c < C::kColumnsQK; ++c)
      copyBox(at.k(s) + c * C::BN * C::kRowBytes, k, 64 * c, job.kvHead,
              firstKey(i), at.kFull(s));
    barrierExpect(at.vFull(s), C::kVBytes);
    for (int c = 0; c < C::kColumnsV; ++c)
      copyBox(at.v(s) + c * C::BN * C::kRowBytes, v, 64 * c, job.kvHead,
              firstKey(i), at.vFull(s));
  }
  /// Block i into the stage that all warps are done with.
  __device__ void refill(int i) const {
    if (threadIdx.x == 0 && i < blocks.count()) {
      barrierWait(math.at.kEmpty(stageOf(i)), phaseOf(i) ^ 1);
      copyBlock(i);
    }
    __syncwarp();
  }

  //===--------------------------------------------------------------------===//
  // A tile
  //===--------------------------------------------------------------------===//

  /// What the rows see; false where the tile lies past the last token.
  __device__ bool find(Tile<C> &t, int firstRow) {
    int sequences = a.counts[a.sequencesAxis];
    total = a.cuTokens[sequences];
    job.tokens = min(C::BM, total - job.firstToken);
    if (job.tokens <= 0)
      return false;
    int last = job.firstToken + job.tokens - 1;
    int token[4] = {job.firstToken, min(job.firstToken + firstRow, last),
                    min(job.firstToken + firstRow + 8, last), last};
    Span span[4];
    findSpans(a.cuTokens, sequences, token, span);
    Sight all[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      all[i] = {token[i], span[i].low, span[i].low, span[i].high};
      narrowSight<C>(a, all[i]);
    }
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      t.sight[r] = all[1 + r];
      t.head[r] = job.firstHead;
      t.allLow = max(t.allLow, t.sight[r].low);
      t.allHigh = min(t.allHigh, t.sight[r].high);
    }
    t.allLow = __reduce_max_sync(~0u, t.allLow);
    t.allHigh = __reduce_min_sync(~0u, t.allHigh);
    // Sights only move forward, from row to row.
    blocks.low = -((job.firstToken - all[0].low + C::BN - 1) / C::BN);
    blocks.high = (all[3].high - job.firstToken + C::BN - 1) / C::BN;
    return true;
  }

  /// o += p v of block i, under way.
  __device__ __forceinline__ void values(Tile<C> &t, int i) {
    math.v.stage = stageOf(i);
    barrierWait(math.at.vFull(math.v.stage), phaseOf(i));
    if (firstKey(i) + C::BN > total)
      math.clearTail(total - firstKey(i));
    wgmmaFence();
    math.values(t);
  }
  __device__ __forceinline__ void scores(Tile<C> &t, int i) {
    math.k.stage = stageOf(i);
    barrierWait(math.at.kFull(math.k.stage), phaseOf(i));
    wgmmaFence();
    math.scores(t.s);
  }

  template <typename Score>
  __device__ __forceinline__ void run(Tile<C> &t, const Score &score,
                                      int firstRow) {
    float factor = Score::kIdentity ? a.scale * kLog2e : 1.0f, keep[2];
    int count = blocks.count();
    barrierWait(math.at.qFull(0), 0);
    scores(t, 0);
    wgmmaWait<0>();
    pin(t.s);
    math.adjust(t, score, firstKey(0));
    math.softmax(t, factor, keep);
    math.pack(t);
#pragma unroll 1
    for (int i = 1; i < count; ++i) {
      scores(t, i);
      values(t, i - 1);
      wgmmaWait<1>();
      pin(t.s);
      math.adjust(t, score, firstKey(i));
      bool grew = math.softmax(t, factor, keep);
      wgmmaWait<0>();
      pin(t.o);
      math.release(math.at.kEmpty(stageOf(i - 1)));
      refill(i - 1 + C::kStages);
      if (grew)
        math.rescale(t, keep);
      math.pack(t);
    }
    values(t, count - 1);
    wgmmaWait<0>();
    pin(t.o);
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
  static_assert(!C::S::kPaged && C::kPack == 1 && C::BM % C::BN == 0);
  Stages<C> at(dynamicShared<char>());
  if (threadIdx.x == 0) {
    barrierInit(at.qFull(0), 1);
    for (u32 s = 0; s < C::kStages; ++s) {
      barrierInit(at.kFull(s), 1);
      barrierInit(at.vFull(s), 1);
      barrierInit(at.kEmpty(s), 4 * C::kWarpgroups);
    }
    barrierInitFence();
  }
  launchDependents();
  dependencyWait();
  Short<C> tile(q, k, v, a, at);
  if (threadIdx.x == 0) {
    tile.copyBlock(0);
    tile.copyQueries();
  }
  __syncthreads();
  Tile<C> t;
  int thread = threadIdx.x % 128;
  int firstRow = tile.math.warpgroup * 64 + thread / 32 * 16 + thread % 32 / 4;
  if (!tile.find(t, firstRow)) {
    // Nobody leaves while copies to its shared memory are under way.
    barrierWait(at.qFull(0), 0);
    barrierWait(at.kFull(0), 0);
    barrierWait(at.vFull(0), 0);
    return;
  }
  if (threadIdx.x == 0)
    for (int i = 1; i < min(C::kStages, tile.blocks.count()); ++i)
      tile.copyBlock(i);
  __syncwarp();
  tile.run(t, score, firstRow);
}

} // namespace attention
} // namespace ft

#endif // FT_KERNELS_SM90_ATTENTION_SHORT_CUH
