//===- gemm_attention_cluster.cuh - the same for few sequences, sm_90a ----===//
//
// What gemm_attention.cuh computes, for heads of 64 and a few sequences of at
// most Config::kTokens tokens, so few that a CTA a head would leave most
// multiprocessors idle, and the length of the way counts: a cluster has a
// sequence and a head, three CTAs for each block of kRows tokens. One makes q of
// the block, one k, one v, transposed, w * x^T: a block need not be a multiple
// of 64 tokens. k and v go to the CTAs of q (st.async), which attend.
//
// Weights are in shared memory, or on their way to it, before the kernel in front
// has ended; what remains are one block of x, the way of k and v, and the
// attention of kRows tokens. Products of one warpgroup follow each other at 90
// cycles, however few columns they have (on an H200 12 steps of 4 took 4,300): so
// warpgroups share k, each with stages of its own, and add their sums.
//
// Tensor maps (as gemm_attention.cuh's): x {k, bound of rows}, box {64, kRows};
// w {k, 3 * heads * 64}, box {64, 64}.
//
// Launch: block Config::kThreads; grid {heads * kCluster, sequences or more};
// __cluster_dims__(Config::kCluster); __launch_bounds__(Config::kThreads, 1);
// dynamic shared memory Config::kSharedBytes; may be launched dependent.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_ATTENTION_CLUSTER_CUH
#define FT_KERNELS_SM90_GEMM_ATTENTION_CLUSTER_CUH

#include "mma.cuh"
#include "sm90/gemm_attention_rows.cuh"

namespace ft {
namespace joined {

/// `rows` tokens of a block, a multiple of 16; `blocks` of a sequence of at most
/// `tokens` tokens; `stages` of 64 columns for each warpgroup: for all of k, or
/// used `again`.
template <typename T_, int rows, int blocks, int tokens, int stages,
          bool again = false>
struct ClusterConfig {
  using T = T_;
  static constexpr int kRows = rows, kBlocks = blocks, kTokens = tokens;
  static constexpr int kSize = 64, kStages = stages;
  /// Scores of more than 128 keys leave registers for two.
  static constexpr int kWarpgroups = tokens <= 128 ? 3 : 2;
  static constexpr bool kAgain = again;
  static constexpr int kCluster = 3 * blocks;
  static constexpr int kFewKeys = tokens < 64 ? tokens : 64;
  static constexpr int kSomeKeys = tokens <= 64    ? kFewKeys
                                   : tokens <= 128 ? 96
                                                   : 112;
  static constexpr int kThreads = 128 * kWarpgroups;
  static constexpr int kAttending = (rows + 63) / 64; // warpgroups
  static constexpr u32 kRowBytes = 128;
  static constexpr u32 kStageBytes = (rows + kSize) * kRowBytes;
  static constexpr u32 kBlockBytes = rows * kRowBytes; // of q, k or v
  static constexpr u32 kHeldBytes = blocks * kBlockBytes;
  static constexpr u32 kAllStages = kWarpgroups * stages;
  static constexpr u32 kSharedBytes =
      1024 + kAllStages * (kStageBytes + 16) + 2 * kHeldBytes + 8;
  /// Of a warpgroup, for the first one.
  static constexpr u32 kSumBytes = kSize * rows * 4;
  static_assert(kSumBytes <= stages * kStageBytes);
  static_assert(rows % 16 == 0 && rows <= 128);
  static_assert(tokens % 16 == 0 && tokens <= 224);
  static_assert(tokens <= rows * blocks && kCluster <= 8);
  static_assert(kSharedBytes <= 232448);
};

template <typename T, typename V> struct ClusterArgs {
  const int *counts;
  int sequencesAxis;
  const int *cuTokens;
  const V *bias; // [3 * heads * 64], or null
  int heads, k;
  float scale;
  T *out;
  i64 outStride;
};

template <typename C> struct ClusterMemory {
  u32 base;
  __device__ u32 x(u32 stage) const { return base + stage * C::kStageBytes; }
  __device__ u32 w(u32 stage) const { return x(stage) + C::kBlockBytes; }
  /// What this CTA made, by token, where the first stage was.
  __device__ u32 own() const { return x(0); }
  /// Of all blocks, in the CTAs of q.
  __device__ u32 k() const { return x(C::kAllStages); }
  __device__ u32 v() const { return k() + C::kHeldBytes; }
  __device__ u32 full(u32 stage) const {
    return v() + C::kHeldBytes + 8 * stage;
  }
  __device__ u32 empty(u32 stage) const { return full(C::kAllStages + stage); }
  __device__ u32 held() const { return full(2 * C::kAllStages); } // k and v
};

/// A CTA's work: a role (0: q, 1: k, 2: v), a block, a head, a sequence.
template <typename C, typename A> struct Member {
  using T = typename C::T;
  using Sums = float[C::kRows / 2];
  ClusterMemory<C> m;
  const A &a;
  int role, block, head;
  int firstToken = 0, tokens = 0; // of the sequence

  __device__ static int lane() { return threadIdx.x % 32; }
  __device__ static int warp() { return int(threadIdx.x) / 32; }

  __device__ static int warpgroup() { return int(threadIdx.x) / 128; }
  /// Stage i of this warpgroup.
  __device__ static u32 stageOf(u32 i) { return warpgroup() * C::kStages + i; }

  /// Step `i` of this warpgroup's; behind the last column of k come zeros.
  __device__ int columnOf(int i) const {
    return (i * C::kWarpgroups + warpgroup()) * 64;
  }
  __device__ void copyW(const TensorMap &w, u32 stage, int i) const {
    barrierExpect(m.full(stage), C::kStageBytes);
    copyBox(m.w(stage), w, columnOf(i), (role * a.heads + head) * C::kSize,
            m.full(stage));
  }
  __device__ void copyX(const TensorMap &x, u32 stage, int i) const {
    copyBox(m.x(stage), x, columnOf(i), firstToken + block * C::kRows,
            m.full(stage));
  }
  /// The warpgroup's first stages; weights do not wait for the kernel before.
  __device__ void begin(const TensorMap &x, const TensorMap &w,
                        int steps) const {
    int ahead = C::kAgain ? min(C::kStages, steps) : C::kStages;
    for (int i = 0; i < ahead; ++i)
      copyW(w, stageOf(i), i);
    dependencyWait();
    for (int i = 0; i < ahead; ++i)
      copyX(x, stageOf(i), i);
  }

  /// Of this thread's two rows of the head.
  __device__ float2 bias() const {
    if (!a.bias)
      return {0, 0};
    const auto *from = a.bias + (role * a.heads + head) * C::kSize +
                       warp() % 4 * 16 + lane() / 4;
    return {toFloat(from[0]), toFloat(from[8])};
  }
  /// d += w * x^T of a stage.
  __device__ __forceinline__ void multiply(Sums &d, u32 stage,
                                           u32 phase) const {
    u32 rows = uniform(tileDescriptor(m.w(stage)));
    u32 tokens = uniform(tileDescriptor(m.x(stage)));
    barrierWait(m.full(stage), phase);
    wgmmaFence();
#pragma unroll
    for (int k = 0; k < 4; ++k)
      Wgmma<T, C::kRows>::multiply(d, rows + 2 * k, tokens + 2 * k);
    wgmmaCommit();
  }
  /// d[64 of w, tokens] = w * x^T + bias, over this warpgroup's steps.
  __device__ __forceinline__ void multiplyAll(Sums &d, float2 bias,
                                              const TensorMap &x,
                                              const TensorMap &w,
                                              int steps) const {
#pragma unroll
    for (int g = 0; g < C::kRows / 8; ++g) {
      d[4 * g] = d[4 * g + 1] = bias.x;
      d[4 * g + 2] = d[4 * g + 3] = bias.y;
    }
    if constexpr (!C::kAgain) { // as a loop ptxas makes each product wait
#pragma unroll
      for (int i = 0; i < C::kStages; ++i)
        multiply(d, stageOf(i), 0);
      wgmmaWait<0>();
    } else {
      Cursor<C::kStages> at;
#pragma unroll 1
      for (int i = 0; i < steps; ++i, at.next()) {
        multiply(d, stageOf(at.stage), at.phase);
        wgmmaWait<0>(); // copies beside a product, too
        if (i + C::kStages < steps)
          refill(x, w, i + C::kStages, at);
      }
    }
    pin(d);
  }
  /// With step `i`, of the stage at `at`, which this warp is done with.
  __device__ __forceinline__ void refill(const TensorMap &x, const TensorMap &w,
                                         int i,
                                         Cursor<C::kStages> at) const {
    u32 stage = stageOf(at.stage);
    if (lane() == 0)
      barrierArrive(m.empty(stage));
    if (warp() % 4 == 0 && electOne()) {
      barrierWait(m.empty(stage), at.phase);
      copyW(w, stage, i);
      copyX(x, stage, i);
    }
    __syncwarp();
  }
  /// The others' sums to the first warpgroup's, in order.
  __device__ __forceinline__ void join(Sums &d) const {
    u32 at = threadIdx.x % 128 * 16;
    namedSync(1, C::kThreads); // stages were multiplied by all
    if (warpgroup() > 0) {
#pragma unroll
      for (int i = 0; i < C::kRows / 2; i += 4)
        storeShared4(m.x(stageOf(0)) + at + i * 512,
                     {d[i], d[i + 1], d[i + 2], d[i + 3]});
    }
    namedSync(1, C::kThreads);
    if (warpgroup() > 0)
      return;
#pragma unroll
    for (int i = 0; i < C::kRows / 2; i += 4)
#pragma unroll
      for (int other = 1; other < C::kWarpgroups; ++other) {
        float4 more = loadShared4(m.x(other * C::kStages) + at + i * 512);
        d[i] += more.x, d[i + 1] += more.y;
        d[i + 2] += more.z, d[i + 3] += more.w;
      }
  }
  /// d by tokens, in rows of 128 swizzled bytes; zeros from token `limit` on: of
  /// what lies there a weight of zero may make a NaN.
  __device__ __forceinline__ void keep(const Sums &d, int limit) const {
    int line = lane() / 16 * 8 + lane() % 8, chunk = warp() * 2 + lane() / 8 % 2;
    u32 to = m.own() + line * C::kRowBytes + (chunk ^ lane() % 8) * 16;
#pragma unroll
    for (int j = 0; j < C::kRows / 16; ++j) {
      u32 r[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        int token = 16 * j + i / 2 * 8 + lane() % 4 * 2;
        r[i] = packPair<T>(d[8 * j + 2 * i], d[8 * j + 2 * i + 1]) &
               (token + 1 < limit ? ~0u
                : token < limit   ? 0xffffu
                                  : 0u);
      }
      storeMatricesTransposed(to + j * (16 * C::kRowBytes), r);
    }
  }
  /// k or v of this block to all CTAs of q.
  __device__ __forceinline__ void send() const {
    u32 to = (role == 1 ? m.k() : m.v()) + block * C::kBlockBytes;
#pragma unroll
    for (u32 i = threadIdx.x * 16; i < C::kBlockBytes; i += 128 * 16) {
      float4 part = loadShared4(m.own() + i);
#pragma unroll
      for (int b = 0; b < C::kBlocks; ++b)
        storeRemote(remoteAddress(to + i, 3 * b),
                    remoteAddress(m.held(), 3 * b), part.x, part.y, part.z,
                    part.w);
    }
  }

  /// This warpgroup's rows of the block, from the keys and values of all.
  __device__ __forceinline__ void attend() const {
    u32 q[C::kSize / 16][4];
    int local = warp() / 4 * 64, end = min((block + 1) * C::kRows, tokens);
    Rows<C, A> rows{m.k(), m.v(), a, block * C::kRows + local};
    u32 line = m.own() + (local + warp() % 4 * 16 + lane() % 16) * C::kRowBytes;
#pragma unroll
    for (int i = 0; i < C::kSize / 16; ++i)
      loadMatrices<false>(q[i],
                          line + ((2 * i + lane() / 16) ^ lane() % 8) * 16);
    barrierWait(m.held(), 0);
    asyncProxyFence(); // stores came by the generic proxy
    if (rows.first >= end)
      return;
    Sight all(0, tokens);
    View view{{0, 1, firstToken, end}, {all, all}, all, all};
    Attended<C> x{};
    rows.attendAll(x, q, view);
    rows.store(x, view, head);
  }

  __device__ __forceinline__ void run(const TensorMap &x, const TensorMap &w,
                                      bool present) {
    int steps = (a.k + 64 * C::kWarpgroups - 1) / (64 * C::kWarpgroups);
    if (present && warp() % 4 == 0 && electOne())
      begin(x, w, steps);
    __syncwarp();
    float2 b = warpgroup() == 0 ? bias() : float2{};
    dependencyWait();
    if (!present)
      return;
    {
      Sums d;
      multiplyAll(d, b, x, w, steps);
      join(d);
      int left = tokens - block * C::kRows;
      if (warpgroup() == 0)
        keep(d, role == 0 ? C::kRows : left);
    }
    if (role == 0 && warpgroup() < C::kAttending) {
      namedSync(2, 128 * C::kAttending);
      attend();
    } else if (role != 0 && warpgroup() == 0) {
      namedSync(2, 128);
      send();
    }
  }
};

template <typename C, typename V>
__device__ __forceinline__ void runCluster(const TensorMap &x,
                                           const TensorMap &w,
                                           const ClusterArgs<typename C::T, V> &a) {
  launchDependents();
  int rank = int(clusterRank()), sequence = int(blockIdx.y);
  ClusterMemory<C> m{(sharedAddress(dynamicShared<char>()) + 1023) & ~1023u};
  if (threadIdx.x == 0) {
    prefetchMap(x);
    prefetchMap(w);
  }
  if (electOne()) { // an instruction makes one barrier: warps share them
    u32 warp = threadIdx.x / 32;
#pragma unroll 1
    for (u32 s = warp; s < C::kAllStages; s += C::kThreads / 32) {
      barrierInit(m.full(s), 1);
      barrierInit(m.empty(s), 4);
    }
    if (warp == 1)
      barrierInit(m.held(), 1);
    barrierInitFence();
    if (warp == 1 && rank % 3 == 0)
      barrierExpect(m.held(), 2 * C::kHeldBytes);
  }
  __syncwarp();
  clusterBarrier(); // others' barriers are there
  Member<C, ClusterArgs<typename C::T, V>> member{
      m, a, rank % 3, rank / 3, int(blockIdx.x) / C::kCluster};
  bool present = sequence < a.counts[a.sequencesAxis];
  if (present) {
    member.firstToken = a.cuTokens[sequence];
    member.tokens = a.cuTokens[sequence + 1] - member.firstToken;
  }
  member.run(x, w, present);
}

} // namespace joined
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_ATTENTION_CLUSTER_CUH
