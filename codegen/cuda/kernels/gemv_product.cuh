//===- gemv_product.cuh - the parts of gemv.cuh -----------------*- C++ -*-===//
//
// How a warp multiplies 16 weight rows by up to 8 tokens.
//
// Lane (g, t) = (lane / 4, lane % 4) loads 16 bytes of weight rows g and g + 8
// at vector t of each unit of four vectors. For f16 and bf16 these registers
// are A fragments of mma.m16n8k16 as they stand, if the 32 values of k of a
// unit are renamed: step h of a unit's two multiplies, as columns 2t, 2t + 1,
// 2t + 8 and 2t + 9, the values 8t + 4h + 0 .. 3. The token side, B, is renamed
// likewise: lane (g, t) holds the same 8 values of token g.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_GEMV_PRODUCT_CUH
#define FT_KERNELS_GEMV_PRODUCT_CUH

#include "gemv_norm.cuh"

namespace ft::gemv {

constexpr int kDepth = 8; // units of a chunk
/// Values of k in a unit and in a chunk.
template <typename T> constexpr int kUnit = 4 * kLanes<T>;
template <typename T> constexpr int kChunk = kDepth *kUnit<T>;

/// Outputs of a group.
template <bool gated> constexpr int perGroup = gated ? 8 : 16;

/// The output rows [begin, end) of a CTA, or of a cluster.
struct Share {
  int begin, end; // gated: of n / 2
  int groups;
};

/// Share `i` of `count`.
template <bool gated>
__device__ __forceinline__ Share makeShare(int n, u32 i, u32 count) {
  // One division of 32 bits: nothing is copied before the share is known.
  u32 outputs = u32(gated ? n / 2 : n), quotient = outputs / count;
  u32 rest = outputs - quotient * count;
  Share s;
  s.begin = int(i * quotient + min(i, rest));
  s.end = s.begin + int(quotient + (i < rest));
  s.groups = (s.end - s.begin + perGroup<gated> - 1) / perGroup<gated>;
  return s;
}

/// A lane's two weight rows.
template <typename T> struct Rows { const T *low, *high; };

/// Rows of group `g`, clamped to the share.
template <bool gated, typename T>
__device__ __forceinline__ Rows<T> rowsOf(const Problem<T> &p, const Share &s,
                                          int g) {
  int lane = threadIdx.x % 32, first = s.begin + g * perGroup<gated> + lane / 4;
  int low = min(first, s.end - 1);
  int high = gated ? low + p.n / 2 : min(first + 8, s.end - 1);
  const T *w = p.w + lane % 4 * kLanes<T>;
  return {w + i64(low) * p.k, w + i64(high) * p.k};
}

struct Weights {
  Vec16 low, high;
};

/// The weights of one chunk. Beyond k they are zero.
template <typename T> struct Ring {
  Weights weights[kDepth];

  __device__ __forceinline__ void load(int i, const Rows<T> &rows, int chunk,
                                       int k) {
    int at = chunk * kChunk<T> + i * kUnit<T>;
    bool inside = at + int(threadIdx.x) % 4 * kLanes<T> < k;
    weights[i] = {};
    if (inside) {
      weights[i].low = loadStream16(rows.low + at);
      weights[i].high = loadStream16(rows.high + at);
    }
  }
  __device__ __forceinline__ void loadChunk(const Rows<T> &rows, int chunk,
                                            int k) {
#pragma unroll
    for (int i = 0; i < kDepth; ++i)
      load(i, rows, chunk, k);
  }
};

#define FT_GEMV_MMA(type)                                                      \
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type          \
               ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "           \
               "{%0, %1, %2, %3};"                                             \
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                \
               : "r"(w.low.word[2 * h]), "r"(w.high.word[2 * h]),              \
                 "r"(w.low.word[2 * h + 1]), "r"(w.high.word[2 * h + 1]),      \
                 "r"(b0), "r"(b1))
/// c += step `h` of the unit `w` by the token values (b0, b1).
__device__ __forceinline__ void multiplyAdd(float (&c)[4], const Weights &w,
                                            int h, u32 b0, u32 b1, f16) {
  FT_GEMV_MMA("f16");
}
__device__ __forceinline__ void multiplyAdd(float (&c)[4], const Weights &w,
                                            int h, u32 b0, u32 b1, bf16) {
  FT_GEMV_MMA("bf16");
}
#undef FT_GEMV_MMA

/// The sums of a warp's present group, for f16 and bf16. A lane holds rows g
/// and g + 8 of tokens 2t and 2t + 1. Tokens beyond the count are zero.
template <typename T, bool shared> class Product {
public:
  __device__ __forceinline__ Product(const Problem<T> &p, int m0, const T *xs) {
    int lane = threadIdx.x % 32, m = lane / 4;
    limit_ = m0 + m < p.rows ? p.k - lane % 4 * 8 : 0;
    x_ = (shared ? xs + m * pitch<T>(p.k) : p.x + (m0 + m) * p.xStride) +
         lane % 4 * 8;
  }
  /// Half a chunk ahead.
  __device__ __forceinline__ void load(int chunk, int i) {
    int at = chunk * kChunk<T> + i * kUnit<T>;
    tokens_[i % kAhead] = {};
    if (at < limit_)
      tokens_[i % kAhead] = load16(x_ + at);
  }
  __device__ __forceinline__ void begin(int chunk) {
#pragma unroll
    for (int i = 0; i < kAhead; ++i)
      load(chunk, i);
  }
  __device__ __forceinline__ void multiply(const Weights &w, int, int i) {
    const Vec16 &x = tokens_[i % kAhead];
    multiplyAdd(sums_, w, 0, x.word[0], x.word[1], T{});
    multiplyAdd(sums_, w, 1, x.word[2], x.word[3], T{});
  }
  /// To `sums`, [token][row], and begins anew.
  __device__ __forceinline__ void flush(float *sums, int pitch) {
    int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      sums[(lane % 4 * 2 + i % 2) * pitch + lane / 4 + i / 2 * 8] = sums_[i];
      sums_[i] = 0;
    }
  }

private:
  static constexpr int kAhead = kDepth / 2;
  const T *x_;
  int limit_; // of the units' first values
  Vec16 tokens_[kAhead];
  float sums_[4] = {};
};

/// The same in fp32: a lane adds its vectors of both rows for every token.
template <bool shared> class Product<float, shared> {
public:
  __device__ __forceinline__ Product(const Problem<float> &p, int m0,
                                     const float *xs)
      : x_(shared ? xs : p.x + m0 * p.xStride),
        stride_(shared ? pitch<float>(p.k) : p.xStride), k_(p.k),
        tokens_(min(p.rows - m0, kMaxM)) {
    x_ += threadIdx.x % 4 * 4;
    k_ -= threadIdx.x % 4 * 4;
  }
  __device__ __forceinline__ void load(int, int) {}
  __device__ __forceinline__ void begin(int) {}
  __device__ __forceinline__ void multiply(const Weights &w, int chunk, int i) {
    int at = chunk * kChunk<float> + i * kUnit<float>;
    float low[4], high[4], x[4];
    unpackFour(w.low, 0, low, 0.0f);
    unpackFour(w.high, 0, high, 0.0f);
    if (at >= k_)
      return;
#pragma unroll
    for (int m = 0; m < kMaxM; ++m) {
      if (m >= tokens_)
        break;
      loadFour(x_ + m * stride_ + at, x);
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        sums_[0][m] += low[e] * x[e];
        sums_[1][m] += high[e] * x[e];
      }
    }
  }
  __device__ __forceinline__ void flush(float *sums, int pitch) {
    int lane = threadIdx.x % 32;
#pragma unroll
    for (int m = 0; m < kMaxM; ++m)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float v = sums_[half][m];
        v += __shfl_xor_sync(~0u, v, 1);
        v += __shfl_xor_sync(~0u, v, 2);
        if (lane % 4 == 0)
          sums[m * pitch + lane / 4 + half * 8] = v;
        sums_[half][m] = 0;
      }
  }

private:
  const float *x_;
  i64 stride_;
  int k_, tokens_;
  float sums_[2][kMaxM] = {};
};

} // namespace ft::gemv

#endif // FT_KERNELS_GEMV_PRODUCT_CUH
