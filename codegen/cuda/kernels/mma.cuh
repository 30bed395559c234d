//===- mma.cuh - matrices of 8 x 8 and their products -----------*- C++ -*-===//
//
// One function an instruction, sm_80 and later.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_MMA_CUH
#define FT_KERNELS_MMA_CUH

#include "common.cuh"

namespace ft {

template <bool transposed>
__device__ __forceinline__ void loadMatrices(u32 (&r)[4], u32 address) {
  if constexpr (transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 "
                 "{%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 "
                 "{%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
}

template <bool transposed>
__device__ __forceinline__ void loadMatrices(u32 (&r)[4], const void *p) {
  loadMatrices<transposed>(r, u32(__cvta_generic_to_shared(p)));
}

/// Two of the four: the rows of lanes 0 .. 15.
__device__ __forceinline__ void loadMatrices(u32 (&r)[2], u32 address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(address)
               : "memory");
}
/// The transposes of four matrices of 8 x 8, sm_90: lane 8 m + i has the address
/// of what becomes row i of matrix m.
__device__ __forceinline__ void storeMatricesTransposed(u32 address,
                                                        const u32 (&r)[4]) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 "
               "[%0], {%1, %2, %3, %4};" ::"r"(address),
               "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
               : "memory");
}
/// Of two: lanes 0 .. 15 have addresses.
__device__ __forceinline__ void storeMatricesTransposed(u32 address,
                                                        const u32 (&r)[2]) {
  asm volatile(
      "stmatrix.sync.aligned.m8n8.x2.trans.shared.b16 [%0], {%1, %2};" ::"r"(
          address),
      "r"(r[0]), "r"(r[1])
      : "memory");
}
/// Four matrices of 8 x 8, sm_90: lane 8 m + i has the address of row i of
/// matrix m.
__device__ __forceinline__ void storeMatrices(u32 address, const u32 (&r)[4]) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.shared.b16 "
               "[%0], {%1, %2, %3, %4};" ::"r"(address),
               "r"(r[0]), "r"(r[1]), "r"(r[2]), "r"(r[3])
               : "memory");
}
/// Two: lanes 0 .. 15 have addresses.
__device__ __forceinline__ void storeMatrices(u32 address, const u32 (&r)[2]) {
  asm volatile("stmatrix.sync.aligned.m8n8.x2.shared.b16 [%0], {%1, %2};" ::"r"(
                   address),
               "r"(r[0]), "r"(r[1])
               : "memory");
}
/// The transpose of a matrix of 8 x 8.
__device__ __forceinline__ u32 transposed(u32 x) {
  u32 r;
  asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(r) : "r"(x));
  return r;
}

#define FT_MMA(type)                                                           \
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type          \
               ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "           \
               "{%0, %1, %2, %3};"                                             \
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1))
__device__ __forceinline__ void multiplyAdd(float (&c)[4], const u32 (&a)[4],
                                            u32 b0, u32 b1, f16) {
  FT_MMA("f16");
}
__device__ __forceinline__ void multiplyAdd(float (&c)[4], const u32 (&a)[4],
                                            u32 b0, u32 b1, bf16) {
  FT_MMA("bf16");
}
#undef FT_MMA

} // namespace ft

#endif // FT_KERNELS_MMA_CUH
