//===- gemv_ring_norm.cuh - norms' weights, before the wait -----*- C++ -*-===//
//
// A norm's weights are no activations: a ring GEMV fetches them while the
// kernel in front still runs. FewNorm keeps them in registers, and the rows
// too, once from memory to shared memory. They must not be spilled: a thread
// that stores a weight to the stack waits for it, before it waits for the
// kernel in front (H200, 8B: 2 us a GEMV).
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_RING_NORM_CUH
#define FT_KERNELS_SM90_GEMV_RING_NORM_CUH

#include "gemv_norm.cuh"

namespace ft::gemv {

/// A null pointer is passed over.
__device__ __forceinline__ void prefetchNear(const void *p) {
  if (p)
    asm volatile("prefetch.global.L1 [%0];" ::"l"(p));
}

/// The prologue's weights, before the wait; threads 0 .. kThreads - 1.
template <typename Norm>
__device__ __forceinline__ void touchNorm(const Norm &norm, int k) {
  if constexpr (Norm::kPresent)
    for (int at = threadIdx.x * 32; at < k; at += kThreads * 32) {
      prefetchNear(norm.weight + at);
      if constexpr (Norm::kCentred)
        prefetchNear(norm.bias ? norm.bias + at : nullptr);
    }
}

/// Eight of them, on 16 bytes.
__device__ __forceinline__ void loadEight(const float *p, float (&v)[8]) {
  loadFour(p, *reinterpret_cast<float(*)[4]>(v));
  loadFour(p + 4, *reinterpret_cast<float(*)[4]>(v + 4));
}

/// The norm of rows 0 .. of x where they are so few and short that a thread has
/// at most `vectors` times 8 values, and weights lie on 16 bytes. So do rows of
/// x, and k is a multiple of 8. Threads 0 .. kThreads - 1.
template <typename T, typename Norm, int vectors> class FewNorm {
public:
  /// Loads the weights if the rows fit.
  __device__ __forceinline__ FewNorm(const Problem<T> &p, const Norm &norm) {
    while (warps_ * p.rows > kWarps && warps_ > 0)
      warps_ /= 2;
    fits_ = p.k <= vectors * 256 * warps_ && aligned16(norm.weight);
    if constexpr (Norm::kCentred)
      fits_ &= aligned16(norm.bias);
    inverse_ = 1.0f / float(p.k);
    if (!fits_)
      return;
    each(p.k, [&](int v, int k) {
      loadEight(norm.weight + k, weight_[v]);
      if constexpr (Norm::kCentred)
        if (norm.bias)
          loadEight(norm.bias + k, bias_[v]);
    });
  }
  __device__ __forceinline__ bool fits() const { return fits_; }

  /// To `xs`, pitch<T>(k) elements apart; the threads have not met since.
  /// REQUIRES: fits.
  template <typename Sync>
  __device__ __forceinline__ void normalise(const Problem<T> &p,
                                            const Norm &norm, T *xs,
                                            const Sync &sync) const {
    int m = int(threadIdx.x) / (32 * warps_);
    int end = m < p.rows ? p.k : 0;
    const T *x = p.x + m * p.xStride;
    xs += m * pitch<T>(p.k);
    Vec16 raw[vectors];
    float sum = 0, mean = 0;
    each(end, [&](int v, int k) { raw[v] = load16(x + k); });
    each(end, [&](int v, int) {
      float values[8];
      unpackEight<T>(raw[v], values);
#pragma unroll
      for (int i = 0; i < 8; ++i)
        sum += Norm::kCentred ? values[i] : values[i] * values[i];
    });
    float square = total(sum, 0, sync) * inverse_;
    if constexpr (Norm::kCentred) {
      mean = square, sum = 0;
      each(end, [&](int v, int) {
        float values[8];
        unpackEight<T>(raw[v], values);
#pragma unroll
        for (int i = 0; i < 8; ++i)
          sum += (values[i] - mean) * (values[i] - mean);
      });
      square = total(sum, 1, sync) * inverse_;
    }
    float factor = rsqrtf(square + norm.eps);
    each(end, [&](int v, int k) {
      float values[8];
      unpackEight<T>(raw[v], values);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        values[i] = (values[i] - mean) * factor * weight_[v][i];
        if constexpr (Norm::kCentred)
          values[i] += bias_[v][i];
      }
      storeValues(xs + k, values);
    });
  }

private:
  /// The thread's vectors that begin before `end`.
  template <typename Do>
  __device__ __forceinline__ void each(int end, const Do &work) const {
    int start = int(threadIdx.x) % (32 * warps_) * 8;
#pragma unroll
    for (int v = 0; v < vectors; ++v)
      if (int k = start + v * 256 * warps_; k < end)
        work(v, k);
  }
  /// Over the warps of this thread's row.
  template <typename Sync>
  __device__ __forceinline__ float total(float v, int which,
                                         const Sync &sync) const {
    __shared__ float scratch[2][kWarps];
    int warp = threadIdx.x / 32;
    v = warpSum(v);
    if (threadIdx.x % 32 == 0)
      scratch[which][warp] = v;
    sync();
    return sumOfWarps(scratch[which], warp & -warps_, warps_);
  }

  int warps_ = kWarps; // of a row
  bool fits_;
  float inverse_; // 1 / k
  float weight_[vectors][8], bias_[vectors][8] = {};
};

/// No norm: nothing to hold.
template <typename T, int vectors> class FewNorm<T, NoNorm, vectors> {
public:
  __device__ __forceinline__ FewNorm(const Problem<T> &, const NoNorm &) {}
  __device__ __forceinline__ bool fits() const { return false; }
};

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_RING_NORM_CUH
