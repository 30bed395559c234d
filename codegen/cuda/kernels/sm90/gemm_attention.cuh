//===- gemm_attention.cuh - attention with its linears, sm_90a --*- C++ -*-===//
//
// q, k, v = x * w^T + bias; out = softmax(scale * q k^T) v within each sequence
// of a packed batch: both in one launch, for sequences of at most kTokens
// tokens. x: [rows, k], w: [3 * heads * kSize, k], rows of all heads' q, of
// their k, of their v; out: [rows, heads * kSize]. Sums in fp32; q, k, v and
// the weights of a row are rounded once.
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

#include "math.cuh"
#include "sm90/gemm_attention_shape.cuh"
#include "sm90/quad_rows.cuh"
#include "sm90/wgmma.cuh"

namespace ft {
namespace joined {

//===----------------------------------------------------------------------===//
// Consumers
//===----------------------------------------------------------------------===//

/// The keys that a row sees, in its tile.
struct Sight {
  int low, high;
};
/// What a thread knows of a tile: the sights of its two rows, and what any row
/// of its warpgroup sees.
struct View {
  int firstToken, tokens;
  Sight sight[2], all;
};
/// Of a thread's two rows: values by their weights, a part of these' sums.
template <typename C> struct Attended { float o[C::kSize / 2], sum[2]; };

template <typename C, typename A> struct Consumer {
  using T = typename C::T;
  static constexpr int kGroups = C::kSize / 8; // of columns of a head
  Memory<C> m;
  const A &a;
  int warpgroup = int(threadIdx.x) / 128 - 1;
  Cursor<C::kStages> at;

  __device__ int lane() const { return threadIdx.x % 32; }
  /// The first of a thread's two rows of the tile; the other lies 8 below.
  __device__ int row() const {
    return warpgroup * 64 + int(threadIdx.x) % 128 / 32 * 16 + lane() / 4;
  }

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
      barrierWait(m.full(at.stage), at.phase);
      u32 x = tileDescriptor(m.x(at.stage) + warpgroup * 64 * C::kRowBytes);
      u32 w = tileDescriptor(m.w(at.stage));
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

  __device__ Sight sightOf(const Tile &t, int row) const {
    Sight s{0, 0};
    if (row >= t.tokens)
      return s;
    for (int i = t.first; i < t.end; ++i) {
      s.low = s.high;
      s.high = a.cuTokens[i + 1] - t.firstToken;
      if (s.high > row)
        return s;
    }
    return s;
  }
  /// Of tile and head `number`. Nothing of it is written by a kernel.
  __device__ View look(int number, int tiles) const {
    View v{};
    if (number >= tiles * a.heads)
      return v;
    Tile t = findTile(a, number / a.heads);
    v.firstToken = t.firstToken;
    v.tokens = t.tokens;
    int first = warpgroup * 64, last = min(first + 64, t.tokens) - 1;
    if (first > last)
      return v;
    v.sight[0] = sightOf(t, row());
    v.sight[1] = sightOf(t, row() + 8);
    v.all = {sightOf(t, first).low, sightOf(t, last).high};
    return v;
  }

  /// o = the values of keys [begin, begin + keys) by their weights.
  template <int keys>
  __device__ __forceinline__ void attend(Attended<C> &x,
                                         const u32 (&q)[C::kSize / 16][4],
                                         const View &t, int begin) const {
    float s[keys / 2];
    u32 k = tileDescriptor(m.k() + begin * C::kRowBytes);
    discard(s);
    wgmmaFence();
#pragma unroll
    for (int d = 0; d < C::kSize / 16; ++d)
      d == 0 ? Wgmma<T, keys>::beginHeld(s, q[d], k)
             : Wgmma<T, keys>::multiplyHeld(s, q[d], k + 2 * d);
    wgmmaCommit();
    wgmmaWait<0>();
    pin(s);
    u32 p[keys / 16][4];
    mask<keys>(s, t, begin);
    softmax<keys>(x, s, p);
    u32 v = rowsDescriptor(m.v() + begin * C::kRowBytes, C::kHeldBytes);
    wgmmaFence();
#pragma unroll
    for (int j = 0; j < keys / 16; ++j)
      Wgmma<T, C::kSize>::multiplyRows(x.o, p[j],
                                       v + j * (16 * C::kRowBytes / 16));
    wgmmaCommit();
    wgmmaWait<0>();
    pin(x.o);
  }
  template <int keys>
  __device__ __forceinline__ void mask(float (&s)[keys / 2], const View &t,
                                       int begin) const {
    bool all = true;
#pragma unroll
    for (int r = 0; r < 2; ++r)
      all &= t.sight[r].low <= begin && t.sight[r].high >= begin + keys;
    if (__all_sync(~0u, all))
      return;
#pragma unroll
    for (int i = 0; i < keys / 2; ++i) {
      const Sight &x = t.sight[i / 2 % 2];
      int j = begin + i / 4 * 8 + lane() % 4 * 2 + i % 2;
      s[i] = j >= x.low && j < x.high ? s[i] : minusInfinity();
    }
  }
  __device__ static float minusInfinity() {
    return __uint_as_float(0xff800000u);
  }
  /// Weights as operands, and their sums.
  template <int keys>
  __device__ __forceinline__ void softmax(Attended<C> &x,
                                          const float (&s)[keys / 2],
                                          u32 (&p)[keys / 16][4]) const {
    float scale = a.scale * 1.44269504088896341f;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float top = minusInfinity(), other = top;
#pragma unroll
      for (int i = 2 * r; i < keys / 2; i += 4) {
        top = fmaxf(top, s[i]);
        other = fmaxf(other, s[i + 1]);
      }
      top = fmaxf(top, other);
      top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
      top = fmaxf(top, __shfl_xor_sync(~0u, top, 2));
      float pivot = top == minusInfinity() ? 0.0f : top * scale;
      float sum[2] = {0, 0};
#pragma unroll
      for (int i = 2 * r; i < keys / 2; i += 4) {
        float y = fastExp2(fmaf(s[i], scale, -pivot));
        float z = fastExp2(fmaf(s[i + 1], scale, -pivot));
        sum[0] += y, sum[1] += z;
        p[i / 8][i / 2 % 4] = packPair<T>(y, z);
      }
      x.sum[r] = sum[0] + sum[1];
    }
  }
  __device__ __forceinline__ void attendAll(Attended<C> &x,
                                            const u32 (&q)[C::kSize / 16][4],
                                            const View &t) const {
    int low = t.all.low & ~7, seen = t.all.high - low;
    if (seen <= 64)
      attend<64>(x, q, t, min(low, C::kTokens - 64));
    else if (seen <= 96)
      attend<96>(x, q, t, min(low, C::kTokens - 96));
    else
      attend<C::kTokens>(x, q, t, 0);
  }

  __device__ __forceinline__ void store(Attended<C> &x, const View &t,
                                        int head) const {
    constexpr int width = kGroups % 4 == 0 ? 4 : 2;
    bool wide = gemm::wideRows(a.out, a.outStride);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      int own = row() + 8 * r;
      x.sum[r] += __shfl_xor_sync(~0u, x.sum[r], 1);
      x.sum[r] += __shfl_xor_sync(~0u, x.sum[r], 2);
      float factor = 1 / x.sum[r];
      gemm::Row<T> to{a.out + i64(t.firstToken + own) * a.outStride +
                          head * C::kSize,
                      C::kSize, own < t.tokens, wide};
#pragma unroll
      for (int first = 0; first < kGroups; first += width) {
        gemm::Pairs<width> y;
#pragma unroll
        for (int g = 0; g < width; ++g)
#pragma unroll
          for (int i = 0; i < 2; ++i)
            y.v[g][i] = x.o[4 * (first + g) + 2 * r + i] * factor;
        gemm::store(y, to, 8 * first);
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
    hold(m.k(), d, C::kSize, t.tokens);
    hold(m.v(), d, 2 * C::kSize, t.tokens);
    asyncProxyFence();
    namedSync(1, 256);
    if (warpgroup * 64 >= t.tokens)
      return;
    Attended<C> x{};
    attendAll(x, q, t);
    store(x, t, head);
  }

  __device__ __forceinline__ void run(int tiles, int steps) {
    int number = blockIdx.x, biased = number % a.heads;
    View view = look(number, tiles), next{};
    if (number < tiles * a.heads)
      loadBias(biased);
    dependencyWait();
    for (; number < tiles * a.heads; number += gridDim.x) {
      int head = number % a.heads;
      if (head != biased)
        loadBias(head);
      biased = head;
      tile(view, head, steps, [&] { next = look(number + gridDim.x, tiles); });
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
    if (threadIdx.x == 0)
      Producer<C>{x, w, m}.run(a, tiles, steps);
    __syncwarp();
  } else {
    registersUp<232>();
    Consumer<C, Args<typename C::T, V>>{m, a}.run(tiles, steps);
  }
}

} // namespace joined
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_ATTENTION_CUH
