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
// A CTA has up to 64 tokens of the batch and one head: of one sequence where
// the tiles then have 48 or more on average, else as they come and of as many
// sequences as they are of. Several CTAs of a multiprocessor cover each other's
// waits, so there is no warp of copies, no queue of tiles, and no block of keys
// is multiplied beside another. Which keys the rows see is looked up before the
// wait for the kernel in front: cuTokens and counts are not written by kernels.
// All blocks of keys that fit in the stages are then under way at once. The
// last block is multiplied as short as it is, in quarters.
//
// Launch: block 128; grid {heads, ceil(bound of tokens / kTokensOfTile)};
// __launch_bounds__(128, Config::kCtas); dynamic shared memory
// Config::kSharedBytes; may be launched dependent. No counters.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_ATTENTION_SHORT_CUH
#define FT_KERNELS_SM90_ATTENTION_SHORT_CUH

#include "sm90/attention_tiles.cuh"

namespace ft {
namespace attention {

/// The last boundary at or below a token; a whole warp calls. Boundaries ascend
/// from 0.
__device__ __forceinline__ int findBoundary(const int *cuTokens, int count,
                                            int token) {
  int step = 1, found = 0;
  while (step * 32 < count)
    step *= 32;
#pragma unroll 1
  for (; step > 0; step /= 32) {
    int at = found + int(threadIdx.x % 32) * step;
    int boundary = cuTokens[min(at, count - 1)];
    u32 below = __ballot_sync(~0u, at < count && boundary <= token);
    found += (__popc(below) - 1) * step;
  }
  return found;
}

/// At least so many on average, where sequences share no tile.
constexpr int kTokensOfTile = 48;

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
      : q(q), k(k), v(v), a(a), math{{{a}, at, 0}} {
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

  /// How many tiles there are if none has tokens of two sequences, and which
  /// one `number` is: its first token, keys [low, high). A whole warp calls.
  __device__ int tilesBySequence(int sequences, int number, int &low,
                                 int &high) {
    int before = 0, lane = threadIdx.x % 32;
#pragma unroll 1
    for (int base = 0; base < sequences; base += 32) {
      int begin = a.cuTokens[min(base + lane, sequences)];
      int end = a.cuTokens[min(base + lane + 1, sequences)];
      int own = (end - begin + C::BM - 1) / C::BM, sum = own;
#pragma unroll
      for (int step = 1; step < 32; step *= 2) {
        int other = __shfl_up_sync(~0u, sum, step);
        sum += lane >= step ? other : 0;
      }
      int tile = number - before - (sum - own);
      u32 holds = __ballot_sync(~0u, 0 <= tile && tile < own);
      if (holds != 0) {
        int from = __ffs(int(holds)) - 1;
        low = __shfl_sync(~0u, begin, from);
        high = __shfl_sync(~0u, end, from);
        job.firstToken = low + C::BM * __shfl_sync(~0u, tile, from);
      }
      before += __shfl_sync(~0u, sum, 31);
    }
    return before;
  }

  /// What the rows see; false where there is no such tile.
  __device__ bool find(Tile<C> &t, int firstRow) {
    int sequences = a.counts[a.sequencesAxis], number = blockIdx.y;
    int low = 0, high = 0, next = 0;
    total = a.cuTokens[sequences];
    int tiles = tilesBySequence(sequences, number, low, high);
    if (tiles <= (total + kTokensOfTile - 1) / kTokensOfTile) {
      if (number >= tiles)
        return false;
      job.tokens = min(C::BM, high - job.firstToken);
    } else {
      job.firstToken = number * C::BM;
      job.tokens = min(C::BM, total - job.firstToken);
      if (job.tokens <= 0)
        return false;
      int owner = findBoundary(a.cuTokens, sequences + 1, job.firstToken);
      low = a.cuTokens[owner], high = a.cuTokens[owner + 1];
      next = owner + 1;
    }
    // Of the tile's first token, of the thread's two, of the tile's last.
    int last = job.firstToken + job.tokens - 1, row = job.firstToken + firstRow;
    int token[4] = {job.firstToken, min(row, last), min(row + 8, last), last};
    Sight all[4];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      all[i] = {token[i], low, low, high};
#pragma unroll 1
    for (int s = next; high <= last; ++s) {
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
    math.k.packed = math.v.packed = stageOf(i);
    u32 queries = math.queryRows(), keys = math.keyRows();
    barrierWait(math.at.kFull(math.k.stage()), phaseOf(i));
    discard(s);
    wgmmaFence();
    math.scores(s, queries, keys);
    wgmmaWait<0>();
    pin(s);
    math.adjust(t, s, score, j0, job.end);
    float factor = Score::kIdentity ? a.scale * kLog2e : 1.0f;
    Weights<C> p;
    Sums sums;
    // Of so few blocks the first one's maxima are always looked for.
    if (math.maxima(t, s, factor, keep))
      math.rescale(t, keep);
    math.template exponentials<0, N / 16>(t, s, factor, p.of, sums);
    sums.addTo(t.sum);
    u32 rows = math.valueRows();
    barrierWait(math.at.vFull(math.v.stage()), phaseOf(i));
    if (j0 + N > total)
      math.clearTail(total - j0);
    wgmmaFence();
    math.template values<N>(t, p, rows);
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
  if (electOne()) { // an instruction makes one barrier: warps share them
    u32 warp = threadIdx.x / 32;
    for (u32 s = warp; s < C::kStages; s += 4) {
      barrierInit(at.kFull(s), 1);
      barrierInit(at.vFull(s), 1);
      barrierInit(at.kEmpty(s), 4 * kWarpArrivals);
    }
    if (warp == 3)
      barrierInit(at.qFull(0), 1);
    barrierInitFence();
    if (warp == 1)
      prefetchMap(q);
    if (warp == 2)
      prefetchMap(k);
    if (warp == 3)
      prefetchMap(v);
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
