//===- gemm_epilogue.cuh - from sums in registers to rows -------*- C++ -*-===//
//
// An epilogue is a struct of pointers and one function:
//     struct Epilogue {
//       using Out = bf16;                       // bf16, f16 or float
//       using Bias = bf16, Residual = bf16;     // any of the three
//       static constexpr bool kGated, kBias, kResidual;
//       static constexpr gemm::Norm kNorm;      // not None: see gemm_norm.cuh
//       const Bias *bias;                       // [n]
//       const Residual *residual;               // [rows, outputs]
//       i64 residualStride;
//       Out *out;
//       i64 outStride;
//       __device__ float operator()(float y, float r) const;           // or
//       __device__ float operator()(float gate, float up, float r) const;
//     };
// y, gate and up have their bias; r is the residual or 0. With kGated, w has
// two halves of n / 2 rows, gate first, and there are n / 2 outputs.
//
// A thread holds two neighbouring columns of every group of eight. Rows of
// 16-bit outputs pass through shared memory, a slab for each warp's 16 rows, so
// that they move in 16 bytes a lane, neighbours side by side, by short loops:
// long unrolled ones would wait for their instructions, which a tile meets
// once. Residuals come into the slab while the sums are made, and a thread
// replaces its own by the outputs.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_EPILOGUE_CUH
#define FT_KERNELS_SM90_GEMM_EPILOGUE_CUH

#include "common.cuh"
#include "sm90/async.cuh"
#include "sm90/gemm_shape.cuh"
#include "sm90/quad_rows.cuh"

namespace ft {
namespace gemm {

/// What becomes of a row as a whole.
enum class Norm { None, Layer, Rms };

template <typename T>
__device__ __forceinline__ void split(u32 v, float (&x)[2]) {
  x[0] = toFloat(T{u16(v & 0xffffu)});
  x[1] = toFloat(T{u16(v >> 16)});
}

/// Where a warp's 16 rows of a 64-row tile go.
struct Place {
  int m;    // this thread's first row; its second is m + 8
  int rows; // true count
  int n;    // first output column of the tile
  int half; // outputs; row of w where the second half begins
  __device__ int warpRow() const { return m - threadIdx.x % 32 / 4; }
};

//===----------------------------------------------------------------------===//
// Bias
//===----------------------------------------------------------------------===//

/// What the sums of each tile begin with, as fp32 in shared memory: a warp of
/// the producers' writes it, any type and alignment, while the tile before is
/// made. Two slots, each with a barrier for full and one for empty.
template <typename C, typename E> struct Bias {
  Stages<C> stages;

  /// By the warp that writes. `here`: this CTA's sums begin with it, else zero.
  __device__ __forceinline__ void write(const E &e, int n, int half, bool here,
                                        u32 turn) const {
    u32 slot = turn & 1;
    barrierWait(stages.biasEmpty(slot), turn >> 1 & 1 ^ 1);
#pragma unroll 1
    for (int i = threadIdx.x % 32; i < C::BN; i += 32) {
      // A gated tile's second half is a view: its columns count from its start.
      bool up = i >= C::kOutputs;
      int column = n + (up ? i - C::kOutputs : i);
      float x = here && column < half ? toFloat(e.bias[column + up * half]) : 0;
      storeShared(stages.bias(slot) + 4 * i, __float_as_uint(x));
    }
    __syncwarp();
    if (threadIdx.x % 32 == 0)
      barrierArrive(stages.biasFull(slot));
  }
  /// By a warp of consumers: d = the bias of its columns, in all rows.
  template <int blocks, int sums>
  __device__ __forceinline__ void begin(float (&d)[blocks][sums],
                                        u32 turn) const {
    u32 slot = turn & 1, from = stages.bias(slot) + threadIdx.x % 4 * 8;
    barrierWait(stages.biasFull(slot), turn >> 1 & 1);
#pragma unroll
    for (int g = 0; g < sums / 4; ++g) {
      float2 x = loadShared2(from + 32 * g);
#pragma unroll
      for (int b = 0; b < blocks; ++b) {
        d[b][4 * g] = d[b][4 * g + 2] = x.x;
        d[b][4 * g + 1] = d[b][4 * g + 3] = x.y;
      }
    }
    __syncwarp();
    if (threadIdx.x % 32 == 0)
      barrierArrive(stages.biasEmpty(slot));
  }
};

//===----------------------------------------------------------------------===//
// Rows through shared memory
//===----------------------------------------------------------------------===//

/// A warp's 16 rows of `columns` 16-bit values. The pitch spreads eight rows
/// over all banks.
template <int columns> struct Slab {
  static constexpr int kPitch = 2 * columns + 16;
  static constexpr int kChunks = columns / 8; // of 16 bytes, in a row
  u32 base;

  /// This thread's two columns of group g, of row h.
  __device__ u32 pair(int g, int h) const {
    int lane = threadIdx.x % 32;
    return base + (lane / 4 + 8 * h) * kPitch + 16 * g + lane % 4 * 4;
  }
  /// chunk(row, column, address) for each of this lane's chunks.
  template <typename F> __device__ __forceinline__ void each(F &&chunk) const {
#pragma unroll 3
    for (int j = 0; j < (kChunks + 1) / 2; ++j) {
      int i = threadIdx.x % 32 + 32 * j, row = i / kChunks, at = i % kChunks;
      if (kChunks % 2 == 0 || row < 16)
        chunk(row, 8 * at, base + row * kPitch + 16 * at);
    }
  }
};

/// The rows of `from` at `p`, under way to the slab; `awaitRows` them. No value
/// is promised where there is no row or column.
template <int columns, typename T>
__device__ __forceinline__ void fetchRows(const Slab<columns> &slab,
                                          const Place &p, const T *from,
                                          i64 stride) {
  bool wide = wideRows(from, stride) && p.half % 8 == 0;
  int m = p.warpRow(), n = p.n;
  if (wide) {
    slab.each([&](int row, int column, u32 to) {
      if (m + row < p.rows && n + column < p.half)
        copyAsync16(to, from + (m + row) * stride + n + column);
    });
  } else {
#pragma unroll 1
    for (int i = threadIdx.x % 32; i < 16 * columns; i += 32) {
      int row = i / columns, column = i % columns;
      if (m + row < p.rows && n + column < p.half)
        storeShared(slab.base + row * Slab<columns>::kPitch + 2 * column,
                    from[(m + row) * stride + n + column].bits);
    }
  }
}
/// By the whole warp, before it reads what fetchRows brought.
__device__ __forceinline__ void awaitRows() {
  copyAsyncWait();
  __syncwarp();
}

/// The slab to the rows of `to` at `p`: whole rows at once, since lines of L2
/// that are written in parts cost more than a wait.
template <int columns, typename T>
__device__ __forceinline__ void storeRows(const Slab<columns> &slab,
                                          const Place &p, T *to, i64 stride) {
  __syncwarp();
  bool wide = wideRows(to, stride) && p.half % 8 == 0;
  int m = p.warpRow(), n = p.n;
  if (wide) {
    slab.each([&](int row, int column, u32 from) {
      Vec16 v = loadSharedVec(from);
      if (m + row < p.rows && n + column < p.half)
        *reinterpret_cast<Vec16 *>(to + (m + row) * stride + n + column) = v;
    });
  } else {
#pragma unroll 1
    for (int i = threadIdx.x % 32; i < 16 * columns; i += 32) {
      int row = i / columns, column = i % columns;
      if (m + row < p.rows && n + column < p.half)
        to[(m + row) * stride + n + column] = T{
            loadShared16(slab.base + row * Slab<columns>::kPitch + 2 * column)};
    }
  }
  __syncwarp(); // before the slab is used again
}

//===----------------------------------------------------------------------===//
// The end of a tile
//===----------------------------------------------------------------------===//

/// Two columns to row `m` + 8 * h, any type and alignment.
template <typename T>
__device__ __forceinline__ void storePair(const Place &p, T *to, i64 stride,
                                          int g, int h, float x, float y) {
  int m = p.m + 8 * h, n = p.n + 8 * g + threadIdx.x % 4 * 2;
  T *at = to + m * stride + n;
  if (m < p.rows && n < p.half)
    at[0] = fromFloat<T>(x);
  if (m < p.rows && n + 1 < p.half)
    at[1] = fromFloat<T>(y);
}

/// Finishes a warp's 16 rows of one 64-row tile. Its residuals come while the
/// sums are made.
template <typename E, int sums> class Finisher {
  static constexpr int kGroups = E::kGated ? sums / 8 : sums / 4;
  using Out = typename E::Out;
  using Residual = typename E::Residual;
  static constexpr bool kSlab = sizeof(Out) == 2;
  static constexpr bool kEarly = E::kResidual && sizeof(Residual) == 2;

public:
  __device__ __forceinline__ Finisher(const Place &p, const E &e,
                                      Slab<8 * kGroups> slab)
      : p_(p), e_(e), slab_(slab) {}
  __device__ __forceinline__ void begin() {
    if constexpr (kEarly)
      fetchRows(slab_, p_, e_.residual, e_.residualStride);
  }

  __device__ __forceinline__ void run(const float (&d)[sums]) {
    if constexpr (kEarly)
      awaitRows();
#pragma unroll
    for (int g = 0; g < kGroups; ++g)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float y[2];
        compute(y, d, g, h);
        if constexpr (kSlab)
          storeShared(slab_.pair(g, h), packPair<Out>(y[0], y[1]));
        else
          storePair(p_, e_.out, e_.outStride, g, h, y[0], y[1]);
      }
    if constexpr (kSlab)
      storeRows(slab_, p_, e_.out, e_.outStride);
  }

  /// d = what `run` would store, unrounded.
  __device__ __forceinline__ void keep(float (&d)[sums]) {
    if constexpr (kEarly)
      awaitRows();
#pragma unroll
    for (int g = 0; g < kGroups; ++g)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float y[2];
        compute(y, d, g, h);
        d[4 * g + 2 * h] = y[0];
        d[4 * g + 2 * h + 1] = y[1];
      }
  }

private:
  /// Group g of the outputs, of row h. With kGated the second half of d's
  /// groups is `up`.
  __device__ __forceinline__ void compute(float (&y)[2], const float (&d)[sums],
                                          int g, int h) {
    float r[2] = {};
    if constexpr (kEarly)
      split<Residual>(loadShared(slab_.pair(g, h)), r);
    else if constexpr (E::kResidual) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        int m = p_.m + 8 * h, n = p_.n + 8 * g + threadIdx.x % 4 * 2 + i;
        if (m < p_.rows && n < p_.half)
          r[i] = toFloat(e_.residual[m * e_.residualStride + n]);
      }
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int at = 4 * g + 2 * h + i;
      if constexpr (E::kGated)
        y[i] = e_(d[at], d[at + sums / 2], r[i]);
      else
        y[i] = e_(d[at], r[i]);
    }
  }

  const Place p_;
  const E &e_;
  const Slab<8 * kGroups> slab_;
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_EPILOGUE_CUH
