//===- gemm_attention.cuh - attention with its linears, sm_90a --*- C++ -*-===//
//
// q, k, v = x * w^T + bias; out = softmax(scale * q k^T) v within each sequence
// of a packed batch: both in one launch, for sequences of at most kTokens
// tokens. x: [rows, k], w: [3 * heads * kSize, k], rows of all heads' q, of
// their k, of their v; out: [rows, heads * kSize], rows on 16 bytes. Sums in
// fp32; q, k, v and the weights of a row are rounded once.
//
// The batch is divided into tiles of whole sequences (field `packs`: their
// number, then the first sequence of each and the number of sequences). A
// resident CTA takes a tile and a head at a time: its three linears are one
// product of 128 rows, q stays in registers, k and v go to shared memory, and
// are attended there. Each of two warpgroups has 64 rows of the tile; of its
// keys those that they see are multiplied, 64, 96 or all.
//
// Clusters of two and three CTAs that send each other k and v, for longer
// sequences, were slower than two launches (docs/rationale/encoders.md).
//
// Tensor maps (2-d, 128-byte swizzle, zero fill, element = T, coordinate 0
// contiguous): x {k, bound of rows}, box {64, 128}; w {k, 3 * heads * kSize},
// box {64, kSize}.
//
// Launch: block Config::kThreads; grid: any number of CTAs, one a
// multiprocessor runs at once; __launch_bounds__(Config::kThreads, 1); dynamic
// shared memory Config::kSharedBytes; may be launched dependent.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_ATTENTION_CUH
#define FT_KERNELS_SM90_GEMM_ATTENTION_CUH

#include "sm90/gemm_attention_rows.cuh"

namespace ft {
namespace joined {

//===----------------------------------------------------------------------===//
// Consumers
//===----------------------------------------------------------------------===//

template <typename C, typename A> struct Consumer {
  using T = typename C::T;
  static constexpr int kGroups = C::kSize / 8; // of columns of a head
  Memory<C> m;
  const A &a;
  Rows<C, A> rows;
  int warpgroup;
  Cursor<C::kStages> at;

  __device__ Consumer(const Memory<C> &m, const A &a, int warpgroup)
      : m(m), a(a), rows{m.k(), m.v(), a, warpgroup * 64}, warpgroup(warpgroup) {}

  __device__ static int lane() { return threadIdx.x % 32; }
  __device__ int row() const { return rows.row(); }

  /// The head's biases to shared memory.
  __device__ void loadBias(int head) const {
    namedSync(1, 256);
    int i = int(threadIdx.x) - 128;
    if (i < C::kColumns) {
      float b = 0;
      if (a.bias)
        b = toFloat(
            a.bias[(i / C::kSize * a.heads + head) * C::kSize + i % C::kSize]);
      storeShared(m.bias() + 4 * i, __float_as_uint(b));
    }
    namedSync(1, 256);
  }
  /// d = x * w^T + bias of this warpgroup's rows; beside() once, when the first
  /// step is under way.
  template <typename F>
  __device__ __forceinline__ void multiply(float (&d)[C::kColumns / 2],
                                           int steps, const F &beside) {
#pragma unroll
    for (int g = 0; g < C::kColumns / 8; ++g) {
      float2 b = loadShared2(m.bias() + g * 32 + lane() % 4 * 8);
      d[4 * g] = d[4 * g + 2] = b.x;
      d[4 * g + 1] = d[4 * g + 3] = b.y;
    }
    u32 before = 0;
#pragma unroll 1
    for (int step = 0; step < steps; ++step, at.next()) {
      u32 x = uniform(
          tileDescriptor(m.x(at.stage) + warpgroup * 64 * C::kRowBytes));
      u32 w = uniform(tileDescriptor(m.w(at.stage)));
      barrierWait(m.full(at.stage), at.phase);
      wgmmaFence();
#pragma unroll
      for (int k = 0; k < 4; ++k)
        Wgmma<T, C::kColumns>::multiply(d, x + 2 * k, w + 2 * k);
      wgmmaCommit();
      if (step == 0)
        beside();
      wgmmaWait<1>();
      if (step > 0 && lane() == 0)
        barrierArrive(m.empty(before));
      before = at.stage;
    }
    wgmmaWait<0>();
    pin(d);
    if (lane() == 0)
      barrierArrive(m.empty(before));
  }

  /// Columns of k or v, from `first` on, to rows of 128 swizzled bytes. What
  /// lies behind the tile's tokens may be a NaN, which no weight of zero
  /// undoes.
  __device__ __forceinline__ void
  hold(u32 to, const float (&d)[C::kColumns / 2], int first, int tokens) const {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      u32 line = to + (row() + 8 * r) * C::kRowBytes + lane() % 4 * 4;
      bool present = row() + 8 * r < tokens;
#pragma unroll
      for (int g = 0; g < kGroups; ++g) {
        const float *pair = d + 4 * (first / 8 + g) + 2 * r;
        u32 word = packPair<T>(pair[0], pair[1]);
        storeShared(line + ((g ^ row() % 8) * 16), present ? word : 0u);
      }
    }
  }

  template <typename F>
  __device__ __forceinline__ void tile(const View &t, int head, int steps,
                                       const F &beside) {
    float d[C::kColumns / 2];
    multiply(d, steps, beside);
    u32 q[C::kSize / 16][4];
#pragma unroll
    for (int i = 0; i < C::kSize / 2; i += 2)
      q[i / 8][i / 2 % 4] = packPair<T>(d[i], d[i + 1]);
    namedSync(1, 256); // the tile before is attended
    hold(m.k(), d, C::kSize, t.tile.tokens);
    hold(m.v(), d, 2 * C::kSize, t.tile.tokens);
    asyncProxyFence();
    namedSync(1, 256);
    if (warpgroup * 64 >= t.tile.tokens)
      return;
    Attended<C> x{};
    rows.attendAll(x, q, t);
    rows.store(x, t, head);
  }

  __device__ __forceinline__ void run(int tiles, int steps) {
    int number = blockIdx.x, biased = number % a.heads;
    View view = rows.look(number, tiles), next{};
    if (number < tiles * a.heads)
      loadBias(biased);
    dependencyWait();
    for (; number < tiles * a.heads; number += gridDim.x) {
      int head = number % a.heads;
      if (head != biased)
        loadBias(head);
      biased = head;
      tile(view, head, steps, [&] { next = rows.look(number + gridDim.x, tiles); });
      view = next;
    }
  }
};

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

template <typename C, typename V>
__device__ __forceinline__ void run(const TensorMap &x, const TensorMap &w,
                                    const Args<typename C::T, V> &a) {
  launchDependents();
  int tiles = a.packs[0], steps = (a.k + 63) / 64;
  if (threadIdx.x == 0) {
    prefetchMap(x);
    prefetchMap(w);
  }
  Memory<C> m{(sharedAddress(dynamicShared<char>()) + 1023) & ~1023u};
  if (threadIdx.x / 32 < C::kStages && electOne()) {
    barrierInit(m.full(threadIdx.x / 32), 1);
    barrierInit(m.empty(threadIdx.x / 32), 8);
    barrierInitFence();
  }
  __syncthreads();
  if (threadIdx.x < 128) {
    registersDown<40>();
    if (threadIdx.x / 32 == 0 && electOne())
      Producer<C>{x, w, m}.run(a, tiles, steps);
    __syncwarp();
  } else {
    registersUp<232>();
    Consumer<C, Args<typename C::T, V>>(m, a, int(threadIdx.x) / 128 - 1)
        .run(tiles, steps);
  }
}

} // namespace joined
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_ATTENTION_CUH
