//===- skinny_norm.cuh - an RMS norm between two skinny GEMMs ---*- C++ -*-===//
//
//   y[m] = W (g * h[m]) / rms(h[m])
//
// The GEMM that makes h begins the norm: beside h it stores g * h (f16: a
// sixteenth of it) and, of each row, the squares' sum over every block of
// outputs. The one that reads it multiplies g * h as it is, joins the sums at the
// same time, and scales its sums of row m by 1 / rms(h[m]). No kernel is between.
//
// An epilogue that begins one has
//       static constexpr int kBegunSlots; // of a row: tiles x blocks of a tile
//       float *squares;                   // [kBegunSlots, kMostRows]
//       const float *gain;                // g, on 16 bytes
//       Stored *scaled; ...scaledStride;  // g * h, as y
// and one that ends it
//       static constexpr int kEndedSlots;
//       const float *squares; float inner, eps; // elements of a row
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

/// The end of a norm. A warp of its own, behind those that copy, joins the sums
/// while others multiply: sums of products wait for it when they are complete.
/// (Joined by the warps that multiply, before they begin, they cost 0.7 us with
/// 32 rows of 8B, 1.3 with 64.)
template <typename C, typename E> struct NormEnd {
  static constexpr int kSlots = kEnded<E>, kBarrier = 4;
  static constexpr int kRows = C::NT < 32 ? C::NT : 32; // at once
  static constexpr int kParts = 32 / kRows;             // of a row's sums

  /// 1 / rms of each row.
  static __device__ __forceinline__ float *factors() {
    __shared__ float factor[kMostRows];
    return factor;
  }
  /// Lanes side by side have rows side by side, as their sums lie.
  static __device__ __forceinline__ void make(const E &e, int rows) {
    int lane = threadIdx.x % 32, part = lane / kRows;
    dependencyWait();
#pragma unroll 1
    for (int m = lane % kRows; m - lane % kRows < min(rows, kMostRows);
         m += kRows) {
      float sum = m < rows ? add(e.squares + m, part) : 0;
#pragma unroll
      for (int other = kRows; other < 32; other *= 2)
        sum += __shfl_xor_sync(~0u, sum, other);
      if (part == 0)
        factors()[m] =
            rsqrtf(sum / e.inner + e.eps) / kGainScale<typename C::T>;
    }
    namedArrive(kBarrier, C::kConsumers + 32);
  }
  /// The warps that multiply, once.
  static __device__ __forceinline__ void wait() {
    namedSync(kBarrier, C::kConsumers + 32);
  }
  static __device__ __forceinline__ void
  scale(int pass, float (&d)[C::kBlocks][C::kSums]) {
    int lane = threadIdx.x % 32;
#pragma unroll
    for (int b = 0; b < C::kBlocks; ++b)
#pragma unroll
      for (int i = 0; i < C::kSums; ++i) {
        int m = C::kAcross > 0
                    ? threadIdx.x / 32 * 16 + lane / 4 + i / 2 % 2 * 8
                    : i / 4 * 8 + lane % 4 * 2 + i % 2;
        d[b][i] *= factors()[min(pass * C::NT + m, kMostRows - 1)];
      }
  }

private:
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
constexpr int kThreadsOf = C::kThreads + (kEnded<E> > 0 ? 32 : 0);

} // namespace skinny
} // namespace ft

#endif // FT_KERNELS_SM90_SKINNY_NORM_CUH
