//===- gemm_attention_rows.cuh - rows that attend in a tile -----*- C++ -*-===//
//
// A warpgroup attends 64 rows of a tile of gemm_attention.cuh, whose k and v
// lie in shared memory: of its keys those that the rows see are multiplied.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_ATTENTION_ROWS_CUH
#define FT_KERNELS_SM90_GEMM_ATTENTION_ROWS_CUH

#include "math.cuh"
#include "sm90/gemm_attention_shape.cuh"
#include "sm90/quad_rows.cuh"
#include "sm90/wgmma.cuh"

namespace ft {
namespace joined {

/// The keys [low, high) that a row sees, in its tile; in one register.
struct Sight {
  u32 bits = 0;
  __device__ Sight() {}
  __device__ Sight(int low, int high) : bits(u32(high) << 16 | u32(low)) {}
  __device__ int low() const { return int(bits & 0xffff); }
  __device__ int high() const { return int(bits >> 16); }
};
/// What a thread knows of a tile: the sights of its two rows, what all rows of
/// its warp see, and what any row of its warpgroup does.
struct View {
  Tile tile;
  Sight sight[2], common, any;
};
/// Of a thread's two rows: values by their weights, a part of these' sums.
template <typename C> struct Attended { float o[C::kSize / 2], sum[2]; };

/// Rows `first` to `first` + 63 of a tile, whose keys and values lie at `k` and
/// `v`, rows of 128 swizzled bytes.
template <typename C, typename A> struct Rows {
  using T = typename C::T;
  static constexpr int kGroups = C::kSize / 8; // of columns of a head
  u32 k, v;
  const A &a;
  int first;

  __device__ static int lane() { return threadIdx.x % 32; }
  /// The first of a thread's two rows of the tile; the other lies 8 below.
  __device__ int row() const {
    return first + int(threadIdx.x) % 128 / 32 * 16 + lane() / 4;
  }

  __device__ Sight sightOf(const Tile &t, int row) const {
    if (row >= t.tokens || t.first + 1 == t.end) // rows behind are not stored
      return {0, t.tokens};
    int low = 0, high = 0;
    for (int i = t.first; i < t.end && high <= row; ++i) {
      low = high;
      high = a.cuTokens[i + 1] - t.firstToken;
    }
    return {low, high};
  }
  __device__ View viewOf(const Tile &t) const {
    View v{t};
    int last = min(first + 64, t.tokens) - 1;
    if (first > last)
      return v;
    Sight x = sightOf(t, row()), y = sightOf(t, row() + 8);
    v.sight[0] = x, v.sight[1] = y;
    v.any = {sightOf(t, first).low(), sightOf(t, last).high()};
    v.common = {int(__reduce_max_sync(~0u, u32(max(x.low(), y.low())))),
                int(__reduce_min_sync(~0u, u32(min(x.high(), y.high()))))};
    return v;
  }
  /// Of tile and head `number`. Nothing of it is written by a kernel.
  __device__ View look(int number, int tiles) const {
    return number < tiles * a.heads ? viewOf(findTile(a, number / a.heads))
                                    : View{};
  }

  /// Scores of keys [begin, begin + keys).
  template <int keys>
  __device__ __forceinline__ void score(float (&s)[keys / 2],
                                        const u32 (&q)[C::kSize / 16][4],
                                        int begin) const {
    u32 from = tileDescriptor(k + begin * C::kRowBytes);
#pragma unroll
    for (int d = 0; d < C::kSize / 16; ++d)
      d == 0 ? Wgmma<T, keys>::beginHeld(s, q[d], from)
             : Wgmma<T, keys>::multiplyHeld(s, q[d], from + 2 * d);
  }
  /// o += the values of keys [begin, begin + keys) by their weights.
  template <int keys>
  __device__ __forceinline__ void weigh(Attended<C> &x,
                                        const u32 (&p)[keys / 16][4],
                                        int begin) const {
    u32 from = rowsDescriptor(v + begin * C::kRowBytes, C::kHeldBytes);
#pragma unroll
    for (int j = 0; j < keys / 16; ++j)
      Wgmma<T, C::kSize>::multiplyRows(x.o, p[j],
                                       from + j * (16 * C::kRowBytes / 16));
  }
  /// o = the values of keys [begin, begin + keys) by their weights.
  template <int keys>
  __device__ __forceinline__ void attend(Attended<C> &x,
                                         const u32 (&q)[C::kSize / 16][4],
                                         const View &t, int begin) const {
    float s[keys / 2];
    discard(s);
    wgmmaFence();
    score<keys>(s, q, begin);
    wgmmaCommit();
    wgmmaWait<0>();
    pin(s);
    u32 p[keys / 16][4];
    mask<keys>(s, t, begin);
    softmax<keys>(x, s, p);
    wgmmaFence();
    weigh<keys>(x, p, begin);
    wgmmaCommit();
    wgmmaWait<0>();
    pin(x.o);
  }
  /// The same of all keys, more than an instruction has registers for.
  __device__ __forceinline__ void attendHalves(
      Attended<C> &x, const u32 (&q)[C::kSize / 16][4], const View &t) const {
    constexpr int kFirst = C::kSomeKeys, kSecond = C::kTokens - kFirst;
    float s[kFirst / 2], z[kSecond / 2];
    discard(s), discard(z);
    wgmmaFence();
    score<kFirst>(s, q, 0);
    wgmmaCommit();
    score<kSecond>(z, q, kFirst);
    wgmmaCommit();
    wgmmaWait<1>();
    pin(s);
    mask<kFirst>(s, t, 0);
    float top[2] = {topOf<kFirst>(s, 0), topOf<kFirst>(s, 1)};
    wgmmaWait<0>();
    pin(z);
    mask<kSecond>(z, t, kFirst);
    u32 p[kFirst / 16][4], r[kSecond / 16][4];
#pragma unroll
    for (int i = 0; i < 2; ++i)
      top[i] = pivotOf(fmaxf(top[i], topOf<kSecond>(z, i)));
    x.sum[0] = weightsOf<kFirst>(s, p, 0, top[0]);
    x.sum[1] = weightsOf<kFirst>(s, p, 1, top[1]);
    wgmmaFence();
    weigh<kFirst>(x, p, 0);
    wgmmaCommit();
    x.sum[0] += weightsOf<kSecond>(z, r, 0, top[0]);
    x.sum[1] += weightsOf<kSecond>(z, r, 1, top[1]);
    wgmmaFence();
    weigh<kSecond>(x, r, kFirst);
    wgmmaCommit();
    wgmmaWait<0>();
    pin(x.o);
  }
  template <int keys>
  __device__ __forceinline__ void mask(float (&s)[keys / 2], const View &t,
                                       int begin) const {
    if (t.common.low() <= begin && t.common.high() >= begin + keys)
      return;
#pragma unroll
    for (int j = 0; j < keys; j += 16) {
      if (t.common.low() <= begin + j && t.common.high() >= begin + j + 16)
        continue;
#pragma unroll
      for (int i = j / 2; i < j / 2 + 8; ++i) {
        const Sight &x = t.sight[i / 2 % 2];
        int key = begin + i / 4 * 8 + lane() % 4 * 2 + i % 2;
        s[i] = key >= x.low() && key < x.high() ? s[i] : minusInfinity();
      }
    }
  }
  __device__ static float minusInfinity() {
    return __uint_as_float(0xff800000u);
  }
  /// The largest score of row r among this thread's.
  template <int keys>
  __device__ __forceinline__ static float topOf(const float (&s)[keys / 2],
                                                int r) {
    float top = minusInfinity(), other = top;
#pragma unroll
    for (int i = 2 * r; i < keys / 2; i += 4) {
      top = fmaxf(top, s[i]);
      other = fmaxf(other, s[i + 1]);
    }
    return fmaxf(top, other);
  }
  /// Of the four lanes of a row: what its exponents are reduced by.
  __device__ __forceinline__ float pivotOf(float top) const {
    top = fmaxf(top, __shfl_xor_sync(~0u, top, 1));
    top = fmaxf(top, __shfl_xor_sync(~0u, top, 2));
    return top == minusInfinity() ? 0.0f : top * exponentScale();
  }
  __device__ float exponentScale() const {
    return a.scale * 1.44269504088896341f;
  }
  /// Weights of row r as operands; their sum.
  template <int keys>
  __device__ __forceinline__ float weightsOf(const float (&s)[keys / 2],
                                             u32 (&p)[keys / 16][4], int r,
                                             float pivot) const {
    float scale = exponentScale(), sum[2] = {0, 0};
#pragma unroll
    for (int i = 2 * r; i < keys / 2; i += 4) {
      float y = fastExp2(fmaf(s[i], scale, -pivot));
      float z = fastExp2(fmaf(s[i + 1], scale, -pivot));
      sum[0] += y, sum[1] += z;
      p[i / 8][i / 2 % 4] = packPair<T>(y, z);
    }
    return sum[0] + sum[1];
  }
  /// Weights as operands, and their sums.
  template <int keys>
  __device__ __forceinline__ void softmax(Attended<C> &x,
                                          const float (&s)[keys / 2],
                                          u32 (&p)[keys / 16][4]) const {
#pragma unroll
    for (int r = 0; r < 2; ++r)
      x.sum[r] = weightsOf<keys>(s, p, r, pivotOf(topOf<keys>(s, r)));
  }
  __device__ __forceinline__ void attendAll(Attended<C> &x,
                                            const u32 (&q)[C::kSize / 16][4],
                                            const View &t) const {
    int low = t.any.low() & ~7, seen = t.any.high() - low;
    if (seen <= C::kFewKeys)
      attend<C::kFewKeys>(x, q, t, min(low, C::kTokens - C::kFewKeys));
    else if (seen <= C::kSomeKeys)
      attend<C::kSomeKeys>(x, q, t, min(low, C::kTokens - C::kSomeKeys));
    else if constexpr (C::kTokens <= 128)
      attend<C::kTokens>(x, q, t, 0);
    else
      attendHalves(x, q, t);
  }

  /// REQUIRES: rows of `out` lie on 16 bytes.
  __device__ __forceinline__ void store(Attended<C> &x, const View &t,
                                        int head) const {
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      int own = row() + 8 * r;
      x.sum[r] += __shfl_xor_sync(~0u, x.sum[r], 1);
      x.sum[r] += __shfl_xor_sync(~0u, x.sum[r], 2);
      float factor = fastReciprocal(x.sum[r]);
      gemm::Row<T> to{a.out + i64(t.tile.firstToken + own) * a.outStride +
                          head * C::kSize,
                      C::kSize, own < t.tile.tokens, /*wide=*/true};
      gemm::Pairs<kGroups> y;
#pragma unroll
      for (int g = 0; g < kGroups; ++g)
#pragma unroll
        for (int i = 0; i < 2; ++i)
          y.v[g][i] = x.o[4 * g + 2 * r + i] * factor;
      gemm::store(y, to);
    }
  }
};

} // namespace joined
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_ATTENTION_ROWS_CUH
