//===- attention_short.cuh - attention of few tokens, sm_90a ----*- C++ -*-===//
//
// Packed sequences, f16 and bf16, whose tiles fill the GPU about once: what
// encoders attend at small batches. What it computes, Args, score functors, the
// maps and what a NaN among the values does: attention_tiles.cuh, with pack = 1
// and one warpgroup.
//
//     using Tile = attention::Config<Shape, 1, 1, keys, keys, ctas, stages,
//                                    true>;
//     attention::runShort<Tile>(q, k, v, args, score);
//
// A CTA has 64 tokens of the batch, as they come and of as many sequences as
// they are of, and one head; several CTAs of a multiprocessor cover each
// other's waits, so there is no warp of copies, no queue of tiles, and no block
// of keys is multiplied beside another. Which keys the rows see is looked up
// before the wait for the kernel in front: cuTokens and counts are not written
// by kernels. All blocks of keys that fit in the stages are then under way at
// once. The last block is multiplied as short as it is, in quarters.
//
// Launch: block 128; grid {heads, ceil(bound of tokens / 64)};
// __launch_bounds__(128, Config::kCtas); dynamic shared memory
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
  static constexpr int kQuarter = roundUp(C::BN / 4, 16);
  const TensorMap &q, &k, &v;
  const Args<T> &a;
  Consumer<C> math; // what is done with a tile in registers
  Job job{};
  int total = 0; // tokens of the batch

  __device__ Short(const TensorMap &q, const TensorMap &k, const TensorMap &v,
                   const Args<T> &a, const Stages<C> &at)
      : q(q), k(k), v(v), a(a), math{a, at, 0} {
    job.firstToken = blockIdx.y * C::BM;
    job.firstHead = blockIdx.x;
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
    // Of the tile's first token, of the thread's two, of the tile's last.
    int last = job.firstToken + job.tokens - 1, row = job.firstToken + firstRow;
    int token[4] = {job.firstToken, min(row, last), min(row + 8, last), last};
    Sight all[4];
    int low = a.cuTokens[owner[0]], high = a.cuTokens[owner[0] + 1];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      all[i] = {token[i], low, low, high};
#pragma unroll 1
    for (int s = owner[0] + 1; high <= last; ++s) {
      int start = high;
      high = a.cuTokens[s + 1];
#pragma unroll
      for (int i = 0; i < 4; ++i)
        if (token[i] >= start)
          all[i] = {token[i], start, start, high};
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
      narrowSight<C>(a, all[i]);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      t.sight[r] = all[1 + r];
      t.head[r] = job.firstHead;
    }
    t.allLow = __reduce_max_sync(~0u, max(all[1].low, all[2].low));
    t.allHigh = __reduce_min_sync(~0u, min(all[1].high, all[2].high));
    // Sights only move forward, from row to row.
    job.begin = all[0].low;
    job.end = all[3].high;
    job.blocks = (job.end - job.begin + C::BN - 1) / C::BN;
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
    if (threadIdx.x == 0) {
      u32 full = math.at.qFull(0);
      barrierExpect(full, C::kQBytes);
      for (int c = 0; c < C::kColumnsQK; ++c)
        copyBox(math.at.q(0) + c * C::BM * C::kRowBytes, q, 64 * c,
                job.firstHead, job.firstToken, full);
    }
    if (threadIdx.x < 64 && threadIdx.x % 32 == 0)
      for (int i = 0; i < min(C::kStages, job.blocks); ++i)
        copyBlock(i, threadIdx.x == 32);
    __syncwarp();
  }
  /// This warp is done with block i, whose stage is filled again.
  __device__ void done(int i) const {
    int next = i + C::kStages;
    if (job.blocks <= C::kStages)
      return;
    math.release(math.at.kEmpty(stageOf(i)));
    if (threadIdx.x < 64 && threadIdx.x % 32 == 0 && next < job.blocks) {
      barrierWait(math.at.kEmpty(stageOf(i)), phaseOf(i));
      copyBlock(next, threadIdx.x == 32);
    }
    __syncwarp();
  }

  //===--------------------------------------------------------------------===//
  // A tile
  //===--------------------------------------------------------------------===//

  /// Block i, of which the rows see at most N keys.
  template <int N, typename Score>
  __device__ __forceinline__ void block(Tile<C> &t, const Score &score, int i) {
    float s[N / 2], keep[2];
    int j0 = firstKey(i);
    math.k.stage = math.v.stage = stageOf(i);
    barrierWait(math.at.kFull(math.k.stage), phaseOf(i));
    discard(s);
    wgmmaFence();
    math.scores(s);
    wgmmaWait<0>();
    pin(s);
    math.adjust(t, s, score, j0);
    float factor = Score::kIdentity ? a.scale * kLog2e : 1.0f;
    if (math.softmax(t, s, factor, keep))
      math.rescale(t, keep);
    math.pack(t, s);
    barrierWait(math.at.vFull(math.v.stage), phaseOf(i));
    if (j0 + N > total)
      math.clearTail(total - j0);
    wgmmaFence();
    math.template values<N>(t);
    wgmmaWait<0>();
    pin(t.o);
    done(i);
  }

  template <typename Score>
  __device__ __forceinline__ void run(Tile<C> &t, const Score &score,
                                      int firstRow) {
    int rest = job.end - firstKey(job.blocks - 1);
    int whole = rest > C::kHalf + kQuarter ? job.blocks : job.blocks - 1;
    barrierWait(math.at.qFull(0), 0);
#pragma unroll 1
    for (int i = 0; i < whole; ++i)
      block<C::BN>(t, score, i);
    if (whole < job.blocks && rest > C::kHalf)
      block<C::kHalf + kQuarter>(t, score, whole);
    else if (whole < job.blocks && rest > kQuarter)
      block<C::kHalf>(t, score, whole);
    else if (whole < job.blocks)
      block<kQuarter>(t, score, whole);
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
  static_assert(C::kBrief && !C::S::kPaged && C::kPack == 1 && C::BN % 32 == 0);
  launchDependents();
  Stages<C> at(dynamicShared<char>());
  if (threadIdx.x == 0) {
    for (const TensorMap *map : {&q, &k, &v})
      prefetchMap(*map);
    barrierInit(at.qFull(0), 1);
    for (u32 s = 0; s < C::kStages; ++s) {
      barrierInit(at.kFull(s), 1);
      barrierInit(at.vFull(s), 1);
      barrierInit(at.kEmpty(s), 4);
    }
    barrierInitFence();
  }
  Short<C> tile(q, k, v, a, at);
  Tile<C> t;
  int firstRow = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;
  bool some = tile.find(t, firstRow);
  __syncthreads();
  dependencyWait(); // in every CTA: the kernel after relies on it
  if (!some)
    return;
  tile.copyFirst();
  tile.run(t, score, firstRow);
}

} // namespace attention
} // namespace ft

#endif // FT_KERNELS_SM90_ATTENTION_SHORT_CUH
