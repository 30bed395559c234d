//===- DeviceText.h - kernel headers for the host's compiler ----*- C++ -*-===//
//
// The kernels' headers hold what their callers need too: element types,
// arguments, sizes of shared memory. This lets a C++ compiler read them; device
// functions are declared and parsed, never called.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_DEVICETEXT_H
#define FT_TEST_EMULATOR_DEVICETEXT_H

#include <algorithm>
#include <cmath>

#define __device__ inline
#define __host__
#define __global__
#define __shared__
#define __forceinline__
#define __grid_constant__
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __CUDA_ARCH__ 900

namespace ft {
using std::max;
using std::min;

struct DeviceIndex {
  unsigned x, y, z;
};
inline DeviceIndex threadIdx, blockIdx, blockDim, gridDim;
struct float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

template <typename T> T __shfl_sync(unsigned, T x, int) { return x; }
template <typename T> T __shfl_up_sync(unsigned, T x, int) { return x; }
template <typename T> T __shfl_down_sync(unsigned, T x, int) { return x; }
template <typename T> T __shfl_xor_sync(unsigned, T x, int) { return x; }
template <typename T> T __reduce_add_sync(unsigned, T x) { return x; }
template <typename T> T __reduce_max_sync(unsigned, T x) { return x; }
template <typename T> T __reduce_min_sync(unsigned, T x) { return x; }
inline unsigned __ballot_sync(unsigned, bool) { return 0; }
inline bool __any_sync(unsigned, bool x) { return x; }
inline bool __all_sync(unsigned, bool x) { return x; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(unsigned x) { return __builtin_ffs(int(x)); }
inline int __clz(unsigned x) { return x ? __builtin_clz(x) : 32; }
inline int __clzll(unsigned long long x) { return x ? __builtin_clzll(x) : 64; }
inline unsigned __brev(unsigned x) { return x; }
inline float __uint_as_float(unsigned x) { return float(x); }
inline float __int_as_float(int x) { return float(x); }
inline unsigned __float_as_uint(float x) { return unsigned(x); }
inline int __float_as_int(float x) { return int(x); }
inline unsigned long long __cvta_generic_to_shared(const void *) { return 0; }
inline unsigned __umulhi(unsigned x, unsigned) { return x; }
inline void __syncthreads() {}
inline void __syncwarp() {}
inline void __threadfence() {}
inline float __fadd_rn(float x, float y) { return x + y; }
template <typename T, typename U> T atomicExch(T *p, U) { return *p; }
template <typename T, typename U> T atomicAdd(T *p, U) { return *p; }
template <typename T, typename U> T atomicMax(T *p, U) { return *p; }
template <typename T, typename U> T atomicMin(T *p, U) { return *p; }
} // namespace ft

#endif // FT_TEST_EMULATOR_DEVICETEXT_H
