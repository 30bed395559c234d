//===- gemm_attention.cuh - attention with its linears, sm_90a --*- C++ -*-===//
//
// q, k, v = x * w^T + bias; out = softmax(scale * q k^T) v within each sequence
// of a packed batch: both in one launch, for sequences of at most kTokens *
// kParts tokens. x: [rows, k], w: [3 * heads * kSize, k], rows of all heads' q, of
// their k, of their v; out: [rows, heads * kSize]. Sums in fp32; q, k, v and the
// weights of a row are rounded once.
//
// The batch is divided into tiles of whole sequences (field `packs`: their
// number, then the first sequence of each and the number of sequences). A
// cluster of kParts CTAs takes a tile and a head at a time, each CTA 128 rows:
// their three linears are one product, q stays in registers, k and v go to
// shared memory and from there to the other CTAs, and are attended, the CTA's
// own first, while the others' are on their way. Each of two warpgroups has 64
// rows. Of 128 keys those that its rows see are multiplied, 64, 96 or all.
//
// Tensor maps (2-d, 128-byte swizzle, zero fill, element = T, coordinate 0
// contiguous): x {k, bound of rows}, box {64, 128}; w {k, 3 * heads * kSize},
// box {64, kSize}.
//
// Launch: block Config::kThreads; grid: any multiple of kParts that runs at
// once; __cluster_dims__(kParts); __launch_bounds__(Config::kThreads, 1);
// dynamic shared memory Config::kSharedBytes; may be launched dependent.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_ATTENTION_CUH
#define FT_KERNELS_SM90_GEMM_ATTENTION_CUH

#include "math.cuh"
#include "sm90/async.cuh"
#include "sm90/quad_rows.cuh"
#include "sm90/wgmma.cuh"

namespace ft {
namespace joined {

template <typename T_, int size = 64, int parts = 1> struct Config {
  using T = T_;
  static_assert(size % 16 == 0 && size <= 64, "a row of k is 128 bytes");
  static_assert(parts >= 1 && parts <= 3);
  static constexpr int kTokens = 128, kSize = size, kColumns = 3 * size;
  static constexpr int kParts = parts;
  static constexpr int kThreads = 384, kStages = parts == 3 ? 3 : 4;
  static constexpr u32 kRowBytes = 128; // 64 columns of x, w, k or v
  static constexpr u32 kStageBytes = (kTokens + kColumns) * kRowBytes;
  static constexpr u32 kHeldBytes = kTokens * kRowBytes; // of k, and of v
  static constexpr u32 kWarpBytes = 16 * kRowBytes;      // of a warp's rows
  static constexpr u32 kBiasBytes = 4 * kColumns;
  static constexpr u32 kSharedBytes = 1024 + kStages * (kStageBytes + 16) +
                                      parts * (2 * kHeldBytes + 16) + kBiasBytes;
  static_assert(kSharedBytes <= 232448);
};

template <typename T, typename V> struct Args {
  const int *counts;
  int tokensAxis;
  const int *cuTokens, *packs;
  const V *bias; // [3 * heads * kSize], or null
  int heads, k;
  float scale;
  T *out;
  i64 outStride;
};

template <typename C> struct Memory {
  u32 base;
  __device__ u32 x(u32 stage) const { return base + stage * C::kStageBytes; }
  __device__ u32 w(u32 stage) const {
    return x(stage) + C::kTokens * C::kRowBytes;
  }
  /// Of the CTA of rank `part`.
  __device__ u32 k(u32 part) const {
    return x(C::kStages) + part * 2 * C::kHeldBytes;
  }
  __device__ u32 v(u32 part) const { return k(part) + C::kHeldBytes; }
  __device__ u32 bias() const { return k(C::kParts); }
  __device__ u32 full(u32 stage) const {
    return bias() + C::kBiasBytes + 8 * stage;
  }
  __device__ u32 empty(u32 stage) const { return full(C::kStages + stage); }
  /// Keys and values of rank `part` have come.
  __device__ u32 held(u32 part) const { return empty(C::kStages + part); }
  /// All CTAs are done with this one's.
  __device__ u32 free() const { return held(C::kParts); }
};

/// A tile of whole sequences.
struct Tile {
  int first, end;         // sequences
  int firstToken, tokens; // rows of x
};
template <typename A> __device__ Tile findTile(const A &a, int number) {
  Tile t;
  t.first = a.packs[1 + number];
  t.end = a.packs[2 + number];
  t.firstToken = a.cuTokens[t.first];
  t.tokens = a.cuTokens[t.end] - t.firstToken;
  return t;
}

//===----------------------------------------------------------------------===//
// Producer
//===----------------------------------------------------------------------===//

template <typename C> struct Producer {
  const TensorMap &x, &w;
  Memory<C> m;
  int rank, first, stride; // of tiles and heads

  __device__ void loadW(u32 stage, int head, int heads, int k) const {
#pragma unroll
    for (int part = 0; part < 3; ++part)
      copyBox(m.w(stage) + part * C::kSize * C::kRowBytes, w, k,
              (part * heads + head) * C::kSize, m.full(stage));
  }
  /// Weights do not wait for the kernel before, x does; with many rows one stage
  /// is ahead, as gemm_producer.cuh has it.
  template <typename A>
  __device__ void run(const A &a, int tiles, int steps) const {
    int ahead = 0, row = rowOf(a, first, tiles);
    if (row >= 0)
      for (int most = a.counts[a.tokensAxis] > 512 ? 1 : C::kStages;
           ahead < min(most, steps); ++ahead) {
        barrierExpect(m.full(ahead), C::kStageBytes);
        loadW(ahead, first % a.heads, a.heads, ahead * 64);
      }
    dependencyWait();
    Cursor<C::kStages> at;
    for (int t = first; t < tiles * a.heads; t += stride) {
      int next = rowOf(a, t + stride, tiles); // under way beside copies
      for (int step = 0; row >= 0 && step < steps; ++step, at.next()) {
        if (ahead > 0) {
          --ahead;
        } else {
          barrierWait(m.empty(at.stage), at.phase ^ 1);
          barrierExpect(m.full(at.stage), C::kStageBytes);
          loadW(at.stage, t % a.heads, a.heads, step * 64);
        }
        copyBox(m.x(at.stage), x, step * 64, row, m.full(at.stage));
      }
      row = next;
    }
  }
  /// This CTA's first row, -1 where the tile leaves it none.
  template <typename A>
  __device__ int rowOf(const A &a, int t, int tiles) const {
    if (t >= tiles * a.heads)
      return -1;
    Tile tile = findTile(a, t / a.heads);
    int own = rank * C::kTokens;
    return own < tile.tokens ? tile.firstToken + own : -1;
  }
};

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
/// Of a thread's two rows, so far.
template <typename C> struct Attended {
  float o[C::kSize / 2], top[2], sum[2];
};

template <typename C, typename A> struct Consumer {
  using T = typename C::T;
  static constexpr int kGroups = C::kSize / 8; // of columns of a head
  Memory<C> m;
  const A &a;
  int rank, first, stride; // of tiles and heads
  int warpgroup = int(threadIdx.x) / 128 - 1;
  Cursor<C::kStages> at;
  u32 sent = 0, came[C::kParts] = {}; // tiles

  __device__ int lane() const { return threadIdx.x % 32; }
  /// The first of a thread's two rows of the CTA; the other lies 8 below.
  __device__ int row() const {
    return warpgroup * 64 + int(threadIdx.x) % 128 / 32 * 16 + lane() / 4;
  }
  __device__ bool presentIn(const View &t, int part) const {
    return part * C::kTokens < t.tokens;
  }

  /// The head's biases to shared memory.
  __device__ void loadBias(int head) const {
    namedSync(1, 256);
    int i = int(threadIdx.x) - 128;
    if (i < C::kColumns) {
      float b = 0;
      if (a.bias)
        b = toFloat(a.bias[(i / C::kSize * a.heads + head) * C::kSize +
                           i % C::kSize]);
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
  /// lies behind the tile's tokens may be a NaN, which no weight of zero undoes.
  __device__ __forceinline__ void hold(u32 to, const float (&d)[C::kColumns / 2],
                                       int first, int tokens) const {
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
    int own = rank * C::kTokens, first = own + warpgroup * 64;
    int last = min(first + 64, t.tokens) - 1;
    if (first > last)
      return v;
    v.sight[0] = sightOf(t, own + row());
    v.sight[1] = sightOf(t, own + row() + 8);
    v.all = {sightOf(t, first).low, sightOf(t, last).high};
    return v;
  }

  /// Keys [begin, begin + keys) of `part`: their weights, and their values to
  /// what was attended.
  template <int keys>
  __device__ __forceinline__ void attend(Attended<C> &x,
                                         const u32 (&q)[C::kSize / 16][4],
                                         const View &t, int part,
                                         int begin) const {
    float s[keys / 2];
    u32 k = tileDescriptor(m.k(part) + begin * C::kRowBytes);
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
    mask<keys>(s, t, part * C::kTokens + begin);
    softmax<keys>(x, s, p);
    u32 v = rowsDescriptor(m.v(part) + begin * C::kRowBytes, C::kHeldBytes);
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
  /// Weights as operands, by the maxima so far.
  template <int keys>
  __device__ __forceinline__ void softmax(Attended<C> &x,
                                          const float (&s)[keys / 2],
                                          u32 (&p)[keys / 16][4]) const {
    float scale = a.scale * 1.44269504088896341f;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float top = x.top[r], other = top;
#pragma unroll
      for (int i = 2 * r; i < keys / 2; i += 4) {
        top = fmaxf(top, s[i]);
        other = fmaxf(other, s[i + 1]);
      }
      top = fmaxf(top, other);
      top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
      top = fmaxf(top, __shfl_xor_sync(~0u, top, 2));
      if constexpr (C::kParts > 1) {
        float keep =
            top == x.top[r] ? 1.0f : fastExp2((x.top[r] - top) * scale);
        x.sum[r] *= keep;
#pragma unroll
        for (int i = 2 * r; i < C::kSize / 2; i += 4)
          x.o[i] *= keep, x.o[i + 1] *= keep;
      }
      x.top[r] = top;
      float pivot = top == minusInfinity() ? 0.0f : top * scale;
      float sum[2] = {0, 0};
#pragma unroll
      for (int i = 2 * r; i < keys / 2; i += 4) {
        float y = fastExp2(fmaf(s[i], scale, -pivot));
        float z = fastExp2(fmaf(s[i + 1], scale, -pivot));
        sum[0] += y, sum[1] += z;
        p[i / 8][i / 2 % 4] = packPair<T>(y, z);
      }
      x.sum[r] += sum[0] + sum[1];
    }
  }
  /// What the warpgroup's rows see of `part`.
  __device__ __forceinline__ void attendPart(Attended<C> &x,
                                             const u32 (&q)[C::kSize / 16][4],
                                             const View &t, int part) const {
    int base = part * C::kTokens;
    int low = max(t.all.low - base, 0) & ~7;
    int high = min(t.all.high - base, C::kTokens);
    if (high <= low)
      return;
    if (high - low <= 64)
      attend<64>(x, q, t, part, min(low, C::kTokens - 64));
    else if (high - low <= 96)
      attend<96>(x, q, t, part, min(low, C::kTokens - 96));
    else
      attend<C::kTokens>(x, q, t, part, 0);
  }

  __device__ __forceinline__ void store(Attended<C> &x, const View &t,
                                        int head) const {
    constexpr int width = kGroups % 4 == 0 ? 4 : 2;
    bool wide = gemm::wideRows(a.out, a.outStride);
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      int own = rank * C::kTokens + row() + 8 * r;
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

  //===--------------------------------------------------------------------===//
  // Other CTAs' keys and values
  //===--------------------------------------------------------------------===//

  /// This warp's rows of them to all others.
  __device__ __forceinline__ void send() {
    __syncwarp();
    u32 other = lane() / 2 + 1;
    if (other < C::kParts) {
      other = (rank + other) % C::kParts;
      u32 from = (lane() % 2 ? m.v(rank) : m.k(rank)) +
                 (threadIdx.x / 32 - 4) * C::kWarpBytes;
      copyToCluster(remoteAddress(from, other), from, C::kWarpBytes,
                    remoteAddress(m.held(rank), other));
    }
    __syncwarp();
    ++sent;
  }
  __device__ __forceinline__ void expectOthers(const View &t) const {
    if (threadIdx.x == 128)
      for (int part = 0; part < C::kParts; ++part)
        if (part != rank && presentIn(t, part))
          barrierExpect(m.held(part), 2 * C::kHeldBytes);
  }
  __device__ __forceinline__ void attendOthers(Attended<C> &x,
                                               const u32 (&q)[C::kSize / 16][4],
                                               const View &t) {
#pragma unroll
    for (int i = 1; i < C::kParts; ++i) {
      int part = (rank + i) % C::kParts;
      if (!presentIn(t, part))
        continue;
      u32 turn = 0;
#pragma unroll
      for (int p = 0; p < C::kParts; ++p)
        if (p == part)
          turn = came[p]++;
      barrierWait(m.held(part), turn & 1);
      attendPart(x, q, t, part);
      __syncwarp();
      if (lane() == 0)
        barrierArriveAt(m.free(), part);
    }
  }

  /// q, and k and v to where they are attended.
  template <typename F>
  __device__ __forceinline__ void project(u32 (&q)[C::kSize / 16][4],
                                          const View &t, int steps,
                                          const F &beside) {
    float d[C::kColumns / 2];
    multiply(d, steps, beside);
#pragma unroll
    for (int i = 0; i < C::kSize / 2; i += 2)
      q[i / 8][i / 2 % 4] = packPair<T>(d[i], d[i + 1]);
    if (C::kParts > 1 && sent > 0)
      barrierWait(m.free(), ~sent & 1);
    namedSync(1, 256); // the tile before is attended
    hold(m.k(rank), d, C::kSize, t.tokens - rank * C::kTokens);
    hold(m.v(rank), d, 2 * C::kSize, t.tokens - rank * C::kTokens);
    asyncProxyFence();
    if constexpr (C::kParts > 1)
      send();
    namedSync(1, 256);
  }
  template <typename F>
  __device__ __forceinline__ void tile(const View &t, int head, int steps,
                                       const F &beside) {
    if (C::kParts > 1)
      expectOthers(t);
    u32 q[C::kSize / 16][4] = {};
    Attended<C> x{};
    x.top[0] = x.top[1] = minusInfinity();
    if (presentIn(t, rank)) {
      project(q, t, steps, beside);
      attendPart(x, q, t, rank);
    } else {
      beside();
    }
    attendOthers(x, q, t);
    store(x, t, head);
  }

  __device__ __forceinline__ void run(int tiles, int steps) {
    int number = first, biased = number % a.heads;
    View view = look(number, tiles), next{};
    if (number < tiles * a.heads)
      loadBias(biased);
    dependencyWait();
    for (; number < tiles * a.heads; number += stride) {
      int head = number % a.heads;
      if (head != biased)
        loadBias(head);
      biased = head;
      tile(view, head, steps, [&] { next = look(number + stride, tiles); });
      view = next;
    }
  }
};

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

template <typename C>
__device__ __forceinline__ void initBarriers(const Memory<C> &m) {
  int warp = threadIdx.x / 32;
  if (electOne()) {
    if (warp < C::kStages) {
      barrierInit(m.full(warp), 1);
      barrierInit(m.empty(warp), 8);
    }
    if (warp < C::kParts)
      barrierInit(m.held(warp), 1);
    if (warp == C::kStages)
      barrierInit(m.free(), 8 * (C::kParts > 1 ? C::kParts - 1 : 1));
    barrierInitFence();
  }
  __syncwarp();
  if constexpr (C::kParts == 1)
    __syncthreads();
  else
    clusterBarrier();
}

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
  initBarriers(m);
  int rank = C::kParts == 1 ? 0 : int(clusterRank());
  int first = blockIdx.x / C::kParts, stride = gridDim.x / C::kParts;
  if (threadIdx.x < 128) {
    registersDown<40>();
    if (threadIdx.x == 0)
      Producer<C>{x, w, m, rank, first, stride}.run(a, tiles, steps);
    __syncwarp();
  } else {
    registersUp<232>();
    Consumer<C, Args<typename C::T, V>>{m, a, rank, first, stride}.run(tiles,
                                                                      steps);
  }
  if constexpr (C::kParts > 1)
    clusterBarrier(); // nobody leaves while others write to it
}

} // namespace joined
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_ATTENTION_CUH
