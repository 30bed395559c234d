//===- wgmma.cuh - warpgroup matrix multiply, sm_90a ------------*- C++ -*-===//
//
// d[64, N] += a[64, 16] * b, 16-bit operands, fp32 sums; N = 16, 32, ... 256,
// and 24, 40, 72.
// Tiles in shared memory have rows of 128 bytes swizzled by 128 bytes, as a
// tensor copy of 64 16-bit columns leaves them.
//   begin, multiply: a and b[N, 16] from shared memory, k along the rows;
//     `begin` starts a sum, `multiply` adds to it.
//   multiplyRows: a from registers, b[16, N] from shared memory, N along the
//     rows.
//   beginHeld, multiplyHeld: as begin and multiply, a from registers.
// Of a in registers thread t holds, two values a register: a[i] = row
//     t / 32 * 16 + t % 32 / 4 + (i % 2) * 8, columns (i / 2) * 8 + t % 4 * 2
//     and the next.
//
// Of d, thread t of the warpgroup holds, for each group g of 8 columns, at
// d[4 * g + i]: row t / 32 * 16 + t % 32 / 4 + (i / 2) * 8,
// column 8 * g + t % 4 * 2 + i % 2.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_WGMMA_CUH
#define FT_KERNELS_SM90_WGMMA_CUH

#include "common.cuh"

namespace ft {

// Descriptors of tiles are 64 bits. Groups of 8 rows follow each other at 1,024
// bytes (1024 >> 4 in bits 32 on) and are swizzled by 128 bytes (1 in bits 62
// on): the upper word is the same for all, and functions take the lower one,
// which counts bytes by 16.
#define FT_UPPER_WORD "0x40000040"

/// Of a tile whose rows are 128 swizzled bytes; `address` = its first row, at a
/// multiple of 1,024, plus 32 bytes for every 16 columns.
__device__ __forceinline__ u32 tileDescriptor(u32 address) {
  return address >> 4 | 1 << 16;
}
/// Of a tile for `multiplyRows`: `address` = its first row, at a multiple of
/// 1,024, plus 2,048 bytes for every 16 rows. Every further 64 columns lie
/// `blockBytes` on.
__device__ __forceinline__ u32 rowsDescriptor(u32 address, u32 blockBytes) {
  return address >> 4 | blockBytes >> 4 << 16;
}
/// What all lanes have, as ptxas then knows: descriptors so made lie in uniform
/// registers, and products that take them follow each other at once.
__device__ __forceinline__ u32 uniform(u32 x) {
  u32 y;
  asm volatile("shfl.sync.idx.b32 %0, %1, 0, 31, -1;" : "=r"(y) : "r"(x));
  return y;
}

/// Before the first multiply, and after other code touched the sums.
__device__ __forceinline__ void wgmmaFence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void wgmmaCommit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Until at most `pending` committed groups run.
template <int pending> __device__ __forceinline__ void wgmmaWait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}
/// Keeps the compiler from moving uses of the sums over a wait.
template <int count> __device__ __forceinline__ void pin(float (&d)[count]) {
#pragma unroll
  for (int i = 0; i < count; ++i)
    asm volatile("" : "+f"(d[i])::"memory");
}

/// Sums that `begin` will write: what they were before is of no interest, and
/// need not be kept over a loop for it.
template <int count> __device__ __forceinline__ void discard(float (&d)[count]) {
#pragma unroll
  for (int i = 0; i < count; ++i)
    asm volatile("" : "=f"(d[i]));
}

/// d = the N / 2 sums of this thread.
template <typename T, int N> struct Wgmma;

// The operand lists of 1 .. 16 groups of 16 columns (8 registers).
#define FT_R1 "%0, %1, %2, %3, %4, %5, %6, %7"
#define FT_R2 FT_R1 ", %8, %9, %10, %11, %12, %13, %14, %15"
#define FT_R3 FT_R2 ", %16, %17, %18, %19, %20, %21, %22, %23"
#define FT_R4 FT_R3 ", %24, %25, %26, %27, %28, %29, %30, %31"
#define FT_R5 FT_R4 ", %32, %33, %34, %35, %36, %37, %38, %39"
#define FT_R6 FT_R5 ", %40, %41, %42, %43, %44, %45, %46, %47"
#define FT_R7 FT_R6 ", %48, %49, %50, %51, %52, %53, %54, %55"
#define FT_R8 FT_R7 ", %56, %57, %58, %59, %60, %61, %62, %63"
#define FT_R9 FT_R8 ", %64, %65, %66, %67, %68, %69, %70, %71"
#define FT_R10 FT_R9 ", %72, %73, %74, %75, %76, %77, %78, %79"
#define FT_R11 FT_R10 ", %80, %81, %82, %83, %84, %85, %86, %87"
#define FT_R12 FT_R11 ", %88, %89, %90, %91, %92, %93, %94, %95"
#define FT_R13 FT_R12 ", %96, %97, %98, %99, %100, %101, %102, %103"
#define FT_R14 FT_R13 ", %104, %105, %106, %107, %108, %109, %110, %111"
#define FT_R15 FT_R14 ", %112, %113, %114, %115, %116, %117, %118, %119"
#define FT_R16 FT_R15 ", %120, %121, %122, %123, %124, %125, %126, %127"
#define FT_R1h FT_R1 ", %8, %9, %10, %11" // and half a group
#define FT_R2h FT_R2 ", %16, %17, %18, %19"
#define FT_R4h FT_R4 ", %32, %33, %34, %35"
#define FT_F(i) "+f"(d[i])
#define FT_F8(i)                                                               \
  FT_F(i), FT_F(i + 1), FT_F(i + 2), FT_F(i + 3), FT_F(i + 4), FT_F(i + 5),    \
      FT_F(i + 6), FT_F(i + 7)
#define FT_D1 FT_F8(0)
#define FT_D1h FT_D1, FT_F(8), FT_F(9), FT_F(10), FT_F(11)
#define FT_D2 FT_D1, FT_F8(8)
#define FT_D2h FT_D2, FT_F(16), FT_F(17), FT_F(18), FT_F(19)
#define FT_D3 FT_D2, FT_F8(16)
#define FT_D4 FT_D3, FT_F8(24)
#define FT_D4h FT_D4, FT_F(32), FT_F(33), FT_F(34), FT_F(35)
#define FT_D5 FT_D4, FT_F8(32)
#define FT_D6 FT_D5, FT_F8(40)
#define FT_D7 FT_D6, FT_F8(48)
#define FT_D8 FT_D7, FT_F8(56)
#define FT_D9 FT_D8, FT_F8(64)
#define FT_D10 FT_D9, FT_F8(72)
#define FT_D11 FT_D10, FT_F8(80)
#define FT_D12 FT_D11, FT_F8(88)
#define FT_D13 FT_D12, FT_F8(96)
#define FT_D14 FT_D13, FT_F8(104)
#define FT_D15 FT_D14, FT_F8(112)
#define FT_D16 FT_D15, FT_F8(120)

// The operands after the sums are numbered from N / 2: a, b, c, e, f.
#define FT_WGMMA_SHARED(call, N, type, groups, a, b, keep)                     \
  static __device__ __forceinline__ void call(float (&d)[N / 2], u32 aTile,    \
                                              u32 bTile) {                     \
    asm volatile("{\n\t"                                                       \
                 ".reg .pred p;\n\t"                                           \
                 ".reg .b64 x, y;\n\t"                                         \
                 "setp.eq.u32 p, " #keep ", 1;\n\t"                            \
                 "mov.b64 x, {%" #a ", " FT_UPPER_WORD "};\n\t"                \
                 "mov.b64 y, {%" #b ", " FT_UPPER_WORD "};\n\t"                \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." type "."    \
                 type " {" FT_R##groups "}, x, y, p, 1, 1, 0, 0;\n\t"          \
                 "}"                                                           \
                 : FT_D##groups                                                \
                 : "r"(aTile), "r"(bTile));                                    \
  }
#define FT_WGMMA_HELD(call, N, type, groups, a, b, c, e, f, keep, rowsOfB)     \
  static __device__ __forceinline__ void call(                                 \
      float (&d)[N / 2], const u32 (&rows)[4], u32 bTile) {                    \
    asm volatile("{\n\t"                                                       \
                 ".reg .pred p;\n\t"                                           \
                 ".reg .b64 y;\n\t"                                            \
                 "setp.eq.u32 p, " #keep ", 1;\n\t"                            \
                 "mov.b64 y, {%" #f ", " FT_UPPER_WORD "};\n\t"                \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." type "."    \
                 type " {" FT_R##groups "}, {%" #a ", %" #b ", %" #c ", %" #e  \
                 "}, y, p, 1, 1, " #rowsOfB ";\n\t"                            \
                 "}"                                                           \
                 : FT_D##groups                                                \
                 : "r"(rows[0]), "r"(rows[1]), "r"(rows[2]), "r"(rows[3]),     \
                   "r"(bTile));                                                \
  }
#define FT_WGMMA_TYPE(T, type, N, groups, a, b, c, e, f)                       \
  template <> struct Wgmma<T, N> {                                             \
    FT_WGMMA_SHARED(begin, N, type, groups, a, b, 0)                           \
    FT_WGMMA_SHARED(multiply, N, type, groups, a, b, 1)                        \
    FT_WGMMA_HELD(multiplyRows, N, type, groups, a, b, c, e, f, 1, 1)          \
    FT_WGMMA_HELD(beginHeld, N, type, groups, a, b, c, e, f, 0, 0)             \
    FT_WGMMA_HELD(multiplyHeld, N, type, groups, a, b, c, e, f, 1, 0)          \
  };
#define FT_WGMMA(N, groups, a, b, c, e, f)                                     \
  FT_WGMMA_TYPE(bf16, "bf16", N, groups, a, b, c, e, f)                        \
  FT_WGMMA_TYPE(f16, "f16", N, groups, a, b, c, e, f)

FT_WGMMA(16, 1, 8, 9, 10, 11, 12)
FT_WGMMA(24, 1h, 12, 13, 14, 15, 16)
FT_WGMMA(32, 2, 16, 17, 18, 19, 20)
FT_WGMMA(40, 2h, 20, 21, 22, 23, 24)
FT_WGMMA(48, 3, 24, 25, 26, 27, 28)
FT_WGMMA(64, 4, 32, 33, 34, 35, 36)
FT_WGMMA(72, 4h, 36, 37, 38, 39, 40)
FT_WGMMA(80, 5, 40, 41, 42, 43, 44)
FT_WGMMA(96, 6, 48, 49, 50, 51, 52)
FT_WGMMA(112, 7, 56, 57, 58, 59, 60)
FT_WGMMA(128, 8, 64, 65, 66, 67, 68)
FT_WGMMA(144, 9, 72, 73, 74, 75, 76)
FT_WGMMA(160, 10, 80, 81, 82, 83, 84)
FT_WGMMA(176, 11, 88, 89, 90, 91, 92)
FT_WGMMA(192, 12, 96, 97, 98, 99, 100)
FT_WGMMA(208, 13, 104, 105, 106, 107, 108)
FT_WGMMA(224, 14, 112, 113, 114, 115, 116)
FT_WGMMA(240, 15, 120, 121, 122, 123, 124)
FT_WGMMA(256, 16, 128, 129, 130, 131, 132)

#undef FT_UPPER_WORD
#undef FT_WGMMA
#undef FT_WGMMA_TYPE
#undef FT_WGMMA_SHARED
#undef FT_WGMMA_HELD

} // namespace ft

#endif // FT_KERNELS_SM90_WGMMA_CUH
