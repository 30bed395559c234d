//===- gemm_rows.cuh - rows of a tile through shared memory ----*- C++ -*-===//
//
// gemm_epilogue.cuh's residuals come and its outputs leave by parts of 32
// columns, so that they move in 16 bytes a lane, neighbours side by side; each
// warp has some slots of a part of its 16 rows. Residuals of as many parts come
// while the sums are made, the others' when a slot is free.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_ROWS_CUH
#define FT_KERNELS_SM90_GEMM_ROWS_CUH

#include "common.cuh"
#include "sm90/async.cuh"
#include "sm90/gemm_shape.cuh"
#include "sm90/quad_rows.cuh"

namespace ft {
namespace gemm {

/// Where a warp's rows of a tile go.
struct Place {
  int m;    // this thread's first row; its second is m + 8; 64 on, if there
  int rows; // true count
  int n;    // first output column of the tile
  int half; // outputs; row of w where the second half begins
  __device__ int warpRow() const { return m - threadIdx.x % 32 / 4; }
};

/// A warp's rows of 16-bit values on their way in or out. Part q is 32 columns
/// of 16 rows, four chunks of 16 bytes a row; a tile's 64-row blocks follow one
/// another. A chunk's place in two rows' 128 bytes depends on the row, so that
/// eight rows' pairs of one group lie in all banks. Where a tile's rows do not
/// begin at multiples of a part's 64 bytes, L2 takes twice as long for parts:
/// then whole rows lie behind one another, and are stored at once.
template <typename C> struct Parts {
  static constexpr int kColumns = C::kPartColumns;
  static constexpr int kOfBlock = C::kBlockParts, kAll = C::kAllParts;
  u32 base;

  __device__ static u32 swizzled(u32 row, u32 chunk) {
    return row / 2 * 128 + row % 2 * 64 + (chunk ^ row / 2 % 4) * 16;
  }
  /// No column of part q lies behind the tile.
  __device__ static constexpr bool isWhole(int q) {
    return (q % kOfBlock + 1) * kColumns <= C::kOwn;
  }
  /// Of chunk `chunk` in row `row` of part q.
  __device__ u32 place(int q, u32 row, u32 chunk) const {
    if constexpr (C::kWholeRows)
      return base + row * C::kRowPitch + 64 * q + 16 * chunk;
    else
      return base + q % C::kSlots * C::kPartBytes + swizzled(row, chunk);
  }
  /// This thread's two columns of group `g` of part q, of row h.
  __device__ __forceinline__ u32 pair(int q, int g, int h) const {
    u32 lane = threadIdx.x % 32;
    return place(q, lane / 4 + 8 * h, g) + lane % 4 * 4;
  }
  /// chunk(row, column, address) for both of this lane's chunks of part q; row
  /// and column count from the tile's first.
  template <typename F>
  __device__ __forceinline__ void each(int q, F &&chunk) const {
    u32 lane = threadIdx.x % 32;
#pragma unroll
    for (u32 j = 0; j < 2; ++j) {
      int column = q % kOfBlock * kColumns + int(lane % 4) * 8;
      if (isWhole(q) || column < C::kOwn)
        chunk(q / kOfBlock * 64 + int(lane / 4 + 8 * j), column,
              place(q, lane / 4 + 8 * j, lane % 4));
    }
  }
  /// The same for elements, a column a lane.
  template <typename F>
  __device__ __forceinline__ void eachElement(int q, F &&element) const {
    u32 lane = threadIdx.x % 32;
    int column = q % kOfBlock * kColumns + int(lane);
#pragma unroll 1
    for (u32 row = 0; row < 16; ++row)
      if (isWhole(q) || column < C::kOwn)
        element(q / kOfBlock * 64 + int(row), column,
                place(q, row, lane / 8) + lane % 8 * 2);
  }

  /// Whether rows of `p.half` elements lie in whole chunks: `wide` where the
  /// text knows it.
  template <bool wide, typename T>
  __device__ static bool isWide(const Place &p, const T *at, i64 stride) {
    return wide || (wideRows(at, stride) && p.half % 8 == 0);
  }

  /// Part q of the rows of `from` at `p`, under way, as a group of copies. No
  /// value is promised where there is no row or column.
  template <bool wide, typename T>
  __device__ __forceinline__ void fetch(int q, const Place &p, const T *from,
                                        i64 stride) const {
    int m = p.warpRow(), n = p.n;
    if (isWide<wide>(p, from, stride))
      each(q, [&](int row, int column, u32 to) {
        if (m + row < p.rows && n + column < p.half)
          copyAsync16(to, from + (m + row) * stride + n + column);
      });
    else {
      __syncwarp(); // others' chunks were read
      eachElement(q, [&](int row, int column, u32 to) {
        if (m + row < p.rows && n + column < p.half)
          storeShared(to, from[(m + row) * stride + n + column].bits);
      });
    }
    copyAsyncCommit();
  }
  /// The first parts, as many as there are slots.
  template <bool wide, typename T>
  __device__ __forceinline__ void begin(const Place &p, const T *from,
                                        i64 stride) const {
#pragma unroll
    for (int q = 0; q < C::kSlots && q < kAll; ++q)
      fetch<wide>(q, p, from, stride);
  }
  /// Part q has come. By the whole warp; q is a constant.
  template <int q> __device__ __forceinline__ static void await() {
    copyAsyncWaitGroups<(C::kSlots < kAll - q ? C::kSlots : kAll - q) - 1>();
    __syncwarp();
  }

  /// Gated tiles keep twice the sums: with a store that has to stay whole
  /// 128x176p and 128x192p spill some registers.
  __device__ __forceinline__ static void put(void *to, const Vec16 &v) {
    if constexpr (C::kGated)
      *static_cast<Vec16 *>(to) = v;
    else
      store16(to, v);
  }
  /// All parts, that the warp's threads have written, to the rows of `to`.
  template <bool wide, typename T>
  __device__ __forceinline__ void storeAll(const Place &p, T *to,
                                           i64 stride) const {
    if (!C::kWholeRows || !isWide<wide>(p, to, stride)) {
#pragma unroll
      for (int q = 0; q < kAll; ++q)
        store<wide>(q, p, to, stride);
      return;
    }
    constexpr int chunks = C::kOwn / 8;
    int m = p.warpRow(), n = p.n;
    __syncwarp();
#pragma unroll 3
    for (int j = 0; j < (chunks + 1) / 2; ++j) {
      int i = threadIdx.x % 32 + 32 * j, row = i / chunks, at = i % chunks;
      if (chunks % 2 != 0 && row >= 16)
        continue;
      Vec16 v = loadSharedVec(base + row * C::kRowPitch + 16 * at);
      if (m + row < p.rows && n + 8 * at < p.half)
        put(to + (m + row) * stride + n + 8 * at, v);
    }
  }
  /// Part q, that the warp's threads have written, to the rows of `to`.
  template <bool wide, typename T>
  __device__ __forceinline__ void store(int q, const Place &p, T *to,
                                        i64 stride) const {
    int m = p.warpRow(), n = p.n;
    __syncwarp();
    if (isWide<wide>(p, to, stride))
      each(q, [&](int row, int column, u32 from) {
        Vec16 v = loadSharedVec(from);
        if (m + row < p.rows && n + column < p.half)
          put(to + (m + row) * stride + n + column, v);
      });
    else {
      eachElement(q, [&](int row, int column, u32 from) {
        if (m + row < p.rows && n + column < p.half)
          to[(m + row) * stride + n + column] = T{loadShared16(from)};
      });
      __syncwarp(); // others' chunks were read
    }
  }
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_ROWS_CUH
