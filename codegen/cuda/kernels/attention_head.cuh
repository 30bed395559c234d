//===- attention_head.cuh - a head of q, k or v as it enters ----*- C++ -*-===//
//
// One warp brings a head from where the linears left it to shared memory: its
// norm, rope, one rounding. Loads are apart from arithmetic, so that a warp can
// have several heads under way.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_HEAD_CUH
#define FT_KERNELS_ATTENTION_HEAD_CUH

#include "attention_share.cuh"

namespace ft::attention {

/// How q and k enter. `half`: pairs that rope turns, 0 without one; elements
/// from 2 * half on pass through. Pairs are (j, j + half), or neighbours.
template <int half, bool interleaved, bool norm> struct Entry {
  static constexpr int kHalf = half;
  static constexpr bool kInterleaved = interleaved, kNorm = norm;
};

/// A position's cosines and sines, as the lanes of a warp need them.
template <typename E> struct Angles {
  static constexpr int kPairs = (E::kHalf + 31) / 32;
  float cosine[kPairs > 0 ? kPairs : 1], sine[kPairs > 0 ? kPairs : 1];

  __device__ __forceinline__ void load(const float *table) {
#pragma unroll
    for (int p = 0; p < kPairs; ++p)
      if (int i = 32 * p + int(threadIdx.x) % 32; i < E::kHalf) {
        cosine[p] = table[i];
        sine[p] = table[E::kHalf + i];
      }
  }
};

/// A head as it enters, of E and D elements, by a whole warp: loaded, then
/// normed, rotated and stored, so that several can be under way.
template <typename E, int D, typename T> class Head {
public:
  __device__ __forceinline__ void load(const T *from) {
    each([&](int slot, int e) { raw_[slot] = from[e]; });
  }
  /// To `to`, zeros up to `padded`; also to `page` where it is not null.
  template <int padded, typename To>
  __device__ __forceinline__ void enter(const Angles<E> &angles,
                                        const float *weight, float eps,
                                        const To &to, T *page) const {
    float factor = 1;
    if constexpr (E::kNorm) {
      float sum = 0;
      each([&](int slot, int) {
        sum += toFloat(raw_[slot]) * toFloat(raw_[slot]);
      });
      factor = 1.0f / sqrtf(warpSum(sum) / D + eps);
    }
    auto value = [&](int slot, int e) {
      float x = toFloat(raw_[slot]);
      return E::kNorm ? x * factor * weight[e] : x;
    };
    auto put = [&](int e, float x) {
      T rounded = fromFloat<T>(x);
      to[e] = rounded;
      if (page)
        page[e] = rounded;
    };
#pragma unroll
    for (int p = 0; p < kPairs; ++p)
      if (int i = 32 * p + lane(); i < E::kHalf) {
        float x = value(2 * p, first(i)), y = value(2 * p + 1, second(i));
        float cosine = angles.cosine[p], sine = angles.sine[p];
        put(first(i), x * cosine - y * sine);
        put(second(i), y * cosine + x * sine);
      }
#pragma unroll
    for (int r = 0; r < kRest; ++r)
      if (int e = 2 * E::kHalf + 32 * r + lane(); e < D)
        put(e, value(2 * kPairs + r, e));
    for (int e = D + lane(); e < padded; e += 32)
      to[e] = T{};
  }

private:
  static constexpr int kPairs = (E::kHalf + 31) / 32;
  static constexpr int kRest = (D - 2 * E::kHalf + 31) / 32;

  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }
  static __device__ __forceinline__ int first(int i) {
    return E::kInterleaved ? 2 * i : i;
  }
  static __device__ __forceinline__ int second(int i) {
    return E::kInterleaved ? 2 * i + 1 : i + E::kHalf;
  }
  /// work(slot, element) for what this lane holds.
  template <typename Work>
  static __device__ __forceinline__ void each(const Work &work) {
#pragma unroll
    for (int p = 0; p < kPairs; ++p)
      if (int i = 32 * p + lane(); i < E::kHalf) {
        work(2 * p, first(i));
        work(2 * p + 1, second(i));
      }
#pragma unroll
    for (int r = 0; r < kRest; ++r)
      if (int e = 2 * E::kHalf + 32 * r + lane(); e < D)
        work(2 * kPairs + r, e);
  }

  T raw_[2 * kPairs + kRest] = {};
};

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_HEAD_CUH
