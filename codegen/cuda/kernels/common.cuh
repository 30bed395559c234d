//===- common.cuh - types, loads and reductions of every kernel -*- C++ -*-===//
//
// Needs no header: NVRTC compiles it without an include path. Every kernel
// reads true counts from the batch block; the grid only covers the bucket.
//
// Workspace convention: its first kCounterBytes hold arrival counters, zero
// between kernels (the last arriver resets what it used); what follows is
// scratch with undefined contents. Kernels run one after the other, so all
// share both parts.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_COMMON_CUH
#define FT_KERNELS_COMMON_CUH

namespace ft {

using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i64 = long long;

constexpr int kCounterBytes = 65536;

struct f16 {
  u16 bits;
};
struct bf16 {
  u16 bits;
};

//===----------------------------------------------------------------------===//
// Conversions: fp32 inside, one rounding to nearest even at a store
//===----------------------------------------------------------------------===//

__device__ __forceinline__ float toFloat(float x) { return x; }
__device__ __forceinline__ float toFloat(f16 x) {
  float r;
  asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(x.bits));
  return r;
}
__device__ __forceinline__ float toFloat(bf16 x) {
  return __uint_as_float(u32(x.bits) << 16);
}

template <typename T> __device__ __forceinline__ T fromFloat(float x);
template <> __device__ __forceinline__ float fromFloat<float>(float x) {
  return x;
}
template <> __device__ __forceinline__ f16 fromFloat<f16>(float x) {
  f16 r;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r.bits) : "f"(x));
  return r;
}
template <> __device__ __forceinline__ bf16 fromFloat<bf16>(float x) {
  bf16 r;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r.bits) : "f"(x));
  return r;
}

/// Two values as one register, `low` in the lower half.
template <typename T>
__device__ __forceinline__ u32 packPair(float low, float high);
template <>
__device__ __forceinline__ u32 packPair<f16>(float low, float high) {
  u32 r;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}
template <>
__device__ __forceinline__ u32 packPair<bf16>(float low, float high) {
  u32 r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  return r;
}

//===----------------------------------------------------------------------===//
// 16-byte vectors
//===----------------------------------------------------------------------===//

struct alignas(16) Vec16 {
  u32 word[4];
};

/// Elements of T in a Vec16.
template <typename T> constexpr int kLanes = 16 / int(sizeof(T));

/// Two packed values of a word.
__device__ __forceinline__ void unpackPair(u32 word, float *x, bf16) {
  x[0] = __uint_as_float(word << 16);
  x[1] = __uint_as_float(word & 0xffff0000u);
}
__device__ __forceinline__ void unpackPair(u32 word, float *x, f16) {
  x[0] = toFloat(f16{u16(word & 0xffffu)});
  x[1] = toFloat(f16{u16(word >> 16)});
}

/// Values h * 4 .. h * 4 + 3 of a vector of T.
template <typename T>
__device__ __forceinline__ void unpackFour(const Vec16 &v, int h, float (&x)[4],
                                           T) {
  unpackPair(v.word[2 * h], x, T{});
  unpackPair(v.word[2 * h + 1], x + 2, T{});
}
__device__ __forceinline__ void unpackFour(const Vec16 &v, int, float (&x)[4],
                                           float) {
#pragma unroll
  for (int i = 0; i < 4; ++i)
    x[i] = __uint_as_float(v.word[i]);
}

/// The line of p on its way to L1.
__device__ __forceinline__ void prefetchLine(const void *p) {
  asm volatile("prefetch.global.L1 [%0];" ::"l"(p));
}

/// Ordinary cached load, 16-byte aligned.
__device__ __forceinline__ Vec16 load16(const void *p) {
  return *static_cast<const Vec16 *>(p);
}

/// To p, by one store: an assignment is divided in four where its words have come
/// by shuffles just before.
__device__ __forceinline__ void store16(void *p, const Vec16 &v) {
  asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(p),
               "r"(v.word[0]), "r"(v.word[1]), "r"(v.word[2]), "r"(v.word[3])
               : "memory");
}

/// Four values from p, aligned to their size.
template <typename T>
__device__ __forceinline__ void loadFour(const T *p, float (&x)[4]) {
  struct alignas(8) Pairs {
    u32 word[2];
  };
  Pairs v = *reinterpret_cast<const Pairs *>(p);
  unpackPair(v.word[0], x, T{});
  unpackPair(v.word[1], x + 2, T{});
}
__device__ __forceinline__ void loadFour(const float *p, float (&x)[4]) {
  unpackFour(load16(p), 0, x, 0.0f);
}

/// Read-once data (weights): passes L1 by. Must not be written by this kernel
/// nor, before dependencyWait, by an earlier one.
__device__ __forceinline__ Vec16 loadStream16(const void *p) {
  Vec16 v;
  asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v4.u32 "
               "{%0, %1, %2, %3}, [%4];"
               : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]),
                 "=r"(v.word[3])
               : "l"(p));
  return v;
}

/// The CTA's dynamic shared memory, behind static variables. On 128 bytes: bulk
/// copies to a ring on 32 take 2 % longer, on 16 12 %.
template <typename T> __device__ __forceinline__ T *dynamicShared() {
  alignas(128) extern __shared__ Vec16 ftDynamicShared[];
  return reinterpret_cast<T *>(ftDynamicShared);
}

__device__ __forceinline__ bool aligned16(const void *p) {
  return (reinterpret_cast<u64>(p) & 15u) == 0;
}

//===----------------------------------------------------------------------===//
// Warps, kernel order, arrival counters
//===----------------------------------------------------------------------===//

__device__ __forceinline__ float warpSum(float x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset >>= 1)
    x += __shfl_xor_sync(~0u, x, offset);
  return x;
}

/// Wait until every earlier kernel's writes are visible. A kernel launched
/// with Launch::dependentLaunch must call it before it reads activations; in
/// others it costs nothing. Every kernel that may stand in such a chain calls
/// it, even if it needs nothing.
__device__ __forceinline__ void dependencyWait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
/// Let the next kernel be scheduled; promises nothing about memory.
__device__ __forceinline__ void launchDependents() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/// A load that sees other SMs' writes (L2), for data behind a counter.
__device__ __forceinline__ float loadL2(const float *p) {
  float r;
  asm volatile("ld.global.cg.f32 %0, [%1];" : "=f"(r) : "l"(p) : "memory");
  return r;
}

/// Whole-CTA arrival: every thread's earlier global writes are published;
/// true, in all threads, in the CTA that arrives last of `expected`, which
/// then sees the others' writes. Resets the counter. All threads must call;
/// sync() is where they meet.
template <typename Sync>
__device__ __forceinline__ bool arriveLast(u32 *counter, u32 expected,
                                           const Sync &sync) {
  __shared__ u32 last;
  __threadfence();
  sync();
  if (threadIdx.x == 0) {
    last = atomicAdd(counter, 1u) == expected - 1 ? 1u : 0u;
    if (last)
      *counter = 0;
  }
  sync();
  __threadfence();
  return last != 0;
}
__device__ __forceinline__ bool arriveLast(u32 *counter, u32 expected) {
  return arriveLast(counter, expected, [] { __syncthreads(); });
}

} // namespace ft

#endif // FT_KERNELS_COMMON_CUH
