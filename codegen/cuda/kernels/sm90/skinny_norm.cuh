//===- skinny_norm.cuh - a norm between two skinny GEMMs --------*- C++ -*-===//
//
//   y[m] = W (g * h[m]) / rms(h[m])                                   RMS norm
//   y[m] = (W (g * h[m]) - mean(h[m]) * W g) / sd(h[m]) + W b        LayerNorm
//
// The GEMM that makes h begins the norm: beside h it stores g * h (f16: a
// sixteenth of it) and, of each row, the squares' sum over every block of
// outputs. The one that reads it multiplies g * h as it is, joins the sums at the
// same time, and scales its sums of row m by 1 / rms(h[m]). No kernel is between.
//
// Of a LayerNorm the first stores the rows' sums, too, and g and b as two rows of
// 16 bits, which the second multiplies behind the tokens' (Skinny::kConstants):
// W g and W b come with the products. g * h and g are rounded as a normalised x
// would be, relative to h, not to h - mean: where a row's mean is large beside
// its deviations, by so much less well.
//
// An epilogue that begins one has
//       static constexpr int kBegunSlots; // of a row: tiles x blocks of a tile
//       float *squares;                   // [kBegunSlots, kMostRows]
//       const float *gain;                // g, on 16 bytes
//       Stored *scaled; ...scaledStride;  // g * h, as y
// a LayerNorm's besides, with as many sums behind the squares',
//       static constexpr bool kBeginsMean = true;
//       const float *shift;               // b, on 16 bytes; null: 0
//       Stored *constants;                // constantsSize(outputs), on 16 bytes
// and one that ends it
//       static constexpr int kEndedSlots;
//       const float *squares; float inner, eps; // elements of a row
//       const Stored *constants;          // where C::kConstants > 0
//
// REQUIRES: rows stored whole, of 16 bits, tokens not across, where it begins;
// at most kMostRows rows.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_SKINNY_NORM_CUH
#define FT_KERNELS_SM90_SKINNY_NORM_CUH

#include "sm90/skinny_share.cuh"

namespace ft {
namespace skinny {

constexpr int kMostRows = 64;

template <typename E, typename = void> constexpr int kBegun = 0;
template <typename E>
constexpr int kBegun<E, decltype(void(E::kBegunSlots))> = E::kBegunSlots;
template <typename E, typename = void> constexpr int kEnded = 0;
template <typename E>
constexpr int kEnded<E, decltype(void(E::kEndedSlots))> = E::kEndedSlots;

template <typename E, typename = void> constexpr bool kBeginsMean = false;
template <typename E>
constexpr bool kBeginsMean<E, decltype(void(E::kBeginsMean))> = true;

/// g and b beside each other of 64 columns, as a stage's rows 0 and 1 behind the
/// tokens' have them: a swizzle leaves row 0 as it is and exchanges neighbours
/// of 16 bytes in row 1.
constexpr int kConstantValues = 2 * kDepth, kConstantBytes = 2 * kRowBytes;
/// Values, with zeros up to the end of a stage of four boxes.
__host__ __device__ constexpr int constantsSize(int n) {
  return (n + 4 * kDepth - 1) / (4 * kDepth) * (4 * kConstantValues);
}

/// What g * h is stored times: f16 has room for a sixteenth of it where h has
/// outliers, and for what is small beside them.
template <typename T> constexpr float kGainScale = 1.0f;
template <> constexpr float kGainScale<f16> = 0.0625f;

/// g of a thread's vector of eight outputs.
struct Gain {
  float value[8] = {};

  __device__ __forceinline__ void load(const float *gain) {
#pragma unroll
    for (int i = 0; i < 8; i += 4) {
      Vec16 raw = load16(gain + i);
#pragma unroll
      for (int j = 0; j < 4; ++j)
        value[i + j] = __uint_as_float(raw.word[j]);
    }
  }
  /// g * h, which is stored; the sum of h's squares.
  template <typename T>
  __device__ __forceinline__ float scale(const Vec16 &h, T *to) const {
    constexpr float s = kGainScale<T>;
    Vec16 scaled;
    float sum = 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float x[2];
      unpackPair(h.word[i], x, T{});
      sum += x[0] * x[0] + x[1] * x[1];
      scaled.word[i] =
          packPair<T>(x[0] * (s * value[2 * i]), x[1] * (s * value[2 * i + 1]));
    }
    *reinterpret_cast<Vec16 *>(to) = scaled;
    return sum;
  }
};

/// Of eight values.
template <typename T> __device__ __forceinline__ float sumOf(const Vec16 &h) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    float x[2];
    unpackPair(h.word[i], x, T{});
    sum += x[0] + x[1];
  }
  return sum;
}

/// A warp of each CTA: g and b of a norm of `n` values as two rows.
template <typename T, typename E>
__device__ __forceinline__ void storeConstants(const E &e, int n) {
  auto pack = [](const Gain &from, float scale) {
    Vec16 packed;
#pragma unroll
    for (int i = 0; i < 4; ++i)
      packed.word[i] = packPair<T>(from.value[2 * i] * scale,
                                   from.value[2 * i + 1] * scale);
    return packed;
  };
  int lane = threadIdx.x % 32, all = constantsSize(n) / 2;
#pragma unroll 1
  for (int at = (blockIdx.x * 32 + lane) * 8; at < all;
       at += gridDim.x * 32 * 8) {
    Gain gain, shift;
    if (at < n) {
      gain.load(e.gain + at);
      if (e.shift)
        shift.load(e.shift + at);
    }
    dependencyWait(); // nobody reads what was there
    T *to = e.constants + at / kDepth * kConstantValues;
    int vector = at % kDepth / 8;
    *reinterpret_cast<Vec16 *>(to + vector * 8) = pack(gain, kGainScale<T>);
    *reinterpret_cast<Vec16 *>(to + kDepth + (vector ^ 1) * 8) = pack(shift, 1);
  }
}

/// The end of a norm. A warp of its own, behind those that copy, joins the sums
/// while others multiply: sums of products wait for it when they are complete.
/// (Joined by the warps that multiply, before they begin, they cost 0.7 us with
/// 32 rows of 8B, 1.3 with 64.)
template <typename C, typename E> struct NormEnd {
  static constexpr int kSlots = kEnded<E>, kBarrier = 4;
  static constexpr int kRows = C::NT < 32 ? C::NT : 32; // at once
  static constexpr int kParts = 32 / kRows;             // of a row's sums

  /// 1 / rms of each row, or 1 / sd.
  static __device__ __forceinline__ float *factors() {
    __shared__ float factor[kMostRows];
    return factor;
  }
  static __device__ __forceinline__ float *means() {
    __shared__ float mean[kMostRows];
    return mean;
  }
  /// Lanes side by side have rows side by side, as their sums lie.
  static __device__ __forceinline__ void make(const E &e, int rows) {
    int lane = threadIdx.x % 32, part = lane / kRows;
    dependencyWait();
#pragma unroll 1
    for (int m = lane % kRows; m - lane % kRows < min(rows, kMostRows);
         m += kRows) {
      float square = joined(e.squares, m, part, rows) / e.inner;
      if constexpr (C::kConstants > 0) {
        float mean =
            joined(e.squares + kSlots * kMostRows, m, part, rows) / e.inner;
        square = fmaxf(square - mean * mean, 0.0f);
        if (part == 0)
          means()[m] = mean;
      }
      if (part == 0)
        factors()[m] = rsqrtf(square + e.eps) / kGainScale<typename C::T>;
    }
    namedArrive(kBarrier, C::kConsumers + 32);
  }
  /// The warps that multiply, once.
  static __device__ __forceinline__ void wait() {
    namedSync(kBarrier, C::kConsumers + 32);
  }
  /// Sums of a part of k become their share of y.
  static __device__ __forceinline__ void
  scale(int pass, float (&d)[C::kBlocks][C::kAllSums]) {
    int lane = threadIdx.x % 32;
#pragma unroll
    for (int b = 0; b < C::kBlocks; ++b) {
      float gain[2] = {}, shift[2] = {}; // W g and W b of two outputs
      if constexpr (C::kConstants > 0) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          gain[h] = __shfl_sync(~0u, d[b][C::kSums + 2 * h], lane & ~3);
          shift[h] = __shfl_sync(~0u, d[b][C::kSums + 2 * h + 1], lane & ~3);
        }
      }
#pragma unroll
      for (int i = 0; i < C::kSums; ++i) {
        int m = C::kAcross > 0
                    ? threadIdx.x / 32 * 16 + lane / 4 + i / 2 % 2 * 8
                    : i / 4 * 8 + lane % 4 * 2 + i % 2;
        int row = min(pass * C::NT + m, kMostRows - 1), h = i / 2 % 2;
        if constexpr (C::kConstants > 0) {
          d[b][i] = (d[b][i] - means()[row] * gain[h]) * factors()[row] +
                    shift[h];
        } else {
          d[b][i] *= factors()[row];
        }
      }
    }
  }

private:
  /// Of row m over all slots, in all lanes that share it.
  static __device__ __forceinline__ float joined(const float *sums, int m,
                                                 int part, int rows) {
    float sum = m < rows ? add(sums + m, part) : 0;
#pragma unroll
    for (int other = kRows; other < 32; other *= 2)
      sum += __shfl_xor_sync(~0u, sum, other);
    return sum;
  }
  /// This lane's share of a row's sums, which other SMs have written.
  static __device__ __forceinline__ float add(const float *squares, int part) {
    constexpr int ahead = 32;
    float sum = 0;
#pragma unroll 1
    for (int first = part; first < kSlots; first += ahead * kParts) {
      float v[ahead];
#pragma unroll
      for (int i = 0; i < ahead; ++i) {
        int slot = first + i * kParts;
        v[i] = slot < kSlots ? loadL2(squares + slot * kMostRows) : 0.0f;
      }
#pragma unroll
      for (float one : v)
        sum += one;
    }
    return sum;
  }
};
/// Threads of a CTA.
template <typename C, typename E>
constexpr int kThreadsOf =
    C::kThreads + (kEnded<E> > 0 || kBeginsMean<E> ? 32 : 0);

} // namespace skinny
} // namespace ft

#endif // FT_KERNELS_SM90_SKINNY_NORM_CUH
