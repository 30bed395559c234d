//===- resident_shape.cuh - how gemm_resident.cuh is cut -------*- C++ -*-===//
#ifndef FT_KERNELS_SM90_RESIDENT_SHAPE_CUH
#define FT_KERNELS_SM90_RESIDENT_SHAPE_CUH

#include "sm90/async.cuh"

namespace ft {
namespace resident {

/// Values of k of a box: rows of 128 bytes, swizzled.
constexpr int kBox = 64;

/// `rows` of x at once (8, 16 or 32), eight times `groups` columns of a CTA, or
/// of a cluster of `splits` that share k; `boxes` of k for each of `warps`.
template <typename T_, int rows, int groups, int warps, int boxes,
          int splits = 1>
struct Resident {
  using T = T_;
  static constexpr int kRows = rows, kGroups = groups, kWarps = warps,
                       kBoxes = boxes, kSplits = splits;
  static constexpr int kThreads = 32 * warps;
  static constexpr int kColumns = 8 * groups, kOwn = kColumns / splits;
  static constexpr int kDepth = splits * warps * boxes * kBox;
  static constexpr int kBlocks = (rows + 15) / 16;
  using Sums = float[kBlocks][groups][4];
  static_assert(groups <= 4 && kOwn % 4 == 0 && kColumns % splits == 0);

  /// Outputs of a thread.
  static constexpr int kOutputs = (rows * kOwn + kThreads - 1) / kThreads;

  static constexpr int kBytesX = rows * 128, kBytesW = kColumns * 128;
  static constexpr int kInboxBytes = splits > 1 ? rows *kColumns * 4 : 0;
  static constexpr int kBarrierBytes = 16 * warps + 16;
  /// `norm`: with one.
  static constexpr int sharedBytes(bool norm) {
    return 1024 + warps * boxes * (kBytesX + kBytesW) + kInboxBytes +
           kBarrierBytes + (norm ? 8 * (warps + 1) * (rows + kColumns) : 0);
  }

  /// Bytes from a warp's sums to one of them: eight rows of four lanes that
  /// store two each, and neighbours that are read, lie in different banks.
  static __device__ __forceinline__ int place(int row, int column) {
    if constexpr (groups % 2 == 0)
      column ^= (groups == 2 ? row / 2 % 2 : row % 4) * 8;
    return (row * kColumns + column) * 4;
  }
};

/// Row `row`, bytes 16 * chunk on, of a box.
__device__ __forceinline__ u32 at(u32 box, int row, int chunk) {
  return box + row * 128 + (chunk ^ row % 8) * 16;
}

/// The CTA's shared memory: all boxes of x, of w, the others' sums, what a norm
/// needs, barriers.
template <typename C> class Memory {
public:
  __device__ __forceinline__ Memory()
      : base_((sharedAddress(dynamicShared<char>()) + 1023) & ~1023u),
        warp_(threadIdx.x / 32) {}

  __device__ __forceinline__ u32 firstX(int warp) const {
    return base_ + warp * C::kBoxes * C::kBytesX;
  }
  /// Of this warp's.
  __device__ __forceinline__ u32 x(int box) const {
    return firstX(warp_) + box * C::kBytesX;
  }
  __device__ __forceinline__ u32 w(int box) const {
    return firstX(C::kWarps) + (warp_ * C::kBoxes + box) * C::kBytesW;
  }
  /// Where the CTA's sums of `rank` arrive.
  __device__ __forceinline__ u32 inbox(int rank, int row, int column) const {
    return end() + ((rank * C::kRows + row) * C::kOwn + column) * 4;
  }
  /// Barriers: this warp's boxes, all sums of the others.
  __device__ __forceinline__ u32 xFull() const { return barriers(warp_); }
  __device__ __forceinline__ u32 wFull() const { return barriers(warp_) + 8; }
  __device__ __forceinline__ u32 sumsFull() const {
    return barriers(C::kWarps);
  }
  /// Two numbers of a row, of a warp's (or, warp kWarps, of all) values.
  __device__ __forceinline__ u32 rowNumbers(int warp, int row) const {
    return barriers(C::kWarps + 1) + (warp * C::kRows + row) * 8;
  }
  /// Two numbers of a column, of a warp's (or, warp kWarps, of all) values.
  __device__ __forceinline__ u32 columnNumbers(int warp, int column) const {
    return rowNumbers(C::kWarps + 1, 0) + (warp * C::kColumns + column) * 8;
  }

private:
  __device__ __forceinline__ u32 end() const {
    return firstX(C::kWarps) + C::kWarps * C::kBoxes * C::kBytesW;
  }
  __device__ __forceinline__ u32 barriers(int warp) const {
    return end() + C::kInboxBytes + 16 * warp;
  }

  u32 base_;
  int warp_;
};

/// This thread's outputs: neighbours have neighbouring columns.
template <typename C> struct Output {
  int column, top; // the CTA's first
  __device__ __forceinline__ Output(int column, int top)
      : column(column), top(top) {}
  /// done(number, row, column)
  template <typename Done>
  __device__ __forceinline__ void each(const Done &done) const {
#pragma unroll
    for (int i = 0; i < C::kOutputs; ++i) {
      int at = int(threadIdx.x) + i * C::kThreads;
      if (C::kRows * C::kOwn % C::kThreads == 0 || at < C::kRows * C::kOwn)
        done(i, top + at / C::kOwn, column + at % C::kOwn);
    }
  }
};

__device__ __forceinline__ float loadShared1(u32 from) {
  return __uint_as_float(loadShared(from));
}
__device__ __forceinline__ void storeSharedVec(u32 to, const Vec16 &v) {
  asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(to),
               "r"(v.word[0]), "r"(v.word[1]), "r"(v.word[2]), "r"(v.word[3])
               : "memory");
}

} // namespace resident
} // namespace ft

#endif // FT_KERNELS_SM90_RESIDENT_SHAPE_CUH
