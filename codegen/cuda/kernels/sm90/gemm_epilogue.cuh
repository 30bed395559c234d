//===- gemm_epilogue.cuh - from sums in registers to rows -------*- C++ -*-===//
//
// An epilogue is a struct of pointers and one function:
//     struct Epilogue {
//       using Out = bf16;                       // bf16, f16 or float
//       using Bias = bf16, Residual = bf16;     // any of the three
//       static constexpr bool kGated, kBias, kResidual;
//       static constexpr bool kWide;            // rows of 16-bit residuals and
//                       // outputs are known to lie in whole chunks of 16 bytes
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
// A thread holds two neighbouring columns of every group of eight, and replaces
// its own residuals by the outputs in shared memory (gemm_rows.cuh).
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_EPILOGUE_CUH
#define FT_KERNELS_SM90_GEMM_EPILOGUE_CUH

#include "common.cuh"
#include "sm90/async.cuh"
#include "sm90/gemm_rows.cuh"

namespace ft {
namespace gemm {

/// What becomes of a row as a whole.
enum class Norm { None, Layer, Rms };

template <typename T>
__device__ __forceinline__ void split(u32 v, float (&x)[2]) {
  x[0] = toFloat(T{u16(v & 0xffffu)});
  x[1] = toFloat(T{u16(v >> 16)});
}

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
    constexpr int each = (C::BN + 31) / 32;
    float x[each]; // all under way at once: consumers wait for them
#pragma unroll
    for (int j = 0; j < each; ++j) {
      // A gated tile's second half is a view: its columns count from its start.
      int i = threadIdx.x % 32 + 32 * j;
      bool up = i >= C::kOutputs;
      int column = n + (up ? i - C::kOutputs : i);
      x[j] = here && i < C::BN && column < half
                 ? toFloat(e.bias[C::Columns::of(column) + up * half])
                 : 0;
    }
    barrierWait(stages.biasEmpty(slot), turn >> 1 & 1 ^ 1);
#pragma unroll
    for (int j = 0; j < each; ++j)
      if (int i = threadIdx.x % 32 + 32 * j; i < C::BN)
        storeShared(stages.bias(slot) + 4 * i, __float_as_uint(x[j]));
    __syncwarp();
    warpArrive(stages.biasFull(slot));
  }
  /// By a warp of consumers: d = the bias of its columns, in all rows. Swapped,
  /// outputs are wgmma's rows, the warpgroup's from `row` on.
  template <int blocks, int sums>
  __device__ __forceinline__ void begin(float (&d)[blocks][sums], u32 turn,
                                        int row) const {
    u32 slot = turn & 1, from = stages.bias(slot);
    barrierWait(stages.biasFull(slot), turn >> 1 & 1);
    if constexpr (C::kSwapped) {
      from += 4 * (row + threadIdx.x % 128 / 32 * 16 + threadIdx.x % 32 / 4);
#pragma unroll
      for (int b = 0; b < blocks; ++b) {
        float low = loadShared1(from + 256 * b);
        float high = loadShared1(from + 256 * b + 32);
#pragma unroll
        for (int i = 0; i < sums; ++i)
          d[b][i] = i % 4 < 2 ? low : high;
      }
    } else {
      from += threadIdx.x % 4 * 8;
#pragma unroll
      for (int g = 0; g < sums / 4; ++g) {
        float2 x = loadShared2(from + 32 * g);
#pragma unroll
        for (int b = 0; b < blocks; ++b) {
          d[b][4 * g] = d[b][4 * g + 2] = x.x;
          d[b][4 * g + 1] = d[b][4 * g + 3] = x.y;
        }
      }
    }
    __syncwarp();
    warpArrive(stages.biasEmpty(slot));
  }
};

//===----------------------------------------------------------------------===//
// The end of a tile
//===----------------------------------------------------------------------===//

/// Two columns, of group `g`, to row `m` + 8 * h, any type and alignment.
template <typename T>
__device__ __forceinline__ void storePair(const Place &p, T *to, i64 stride,
                                          int m, int g, float x, float y) {
  int n = p.n + 8 * g + threadIdx.x % 4 * 2;
  T *at = to + m * stride + n;
  if (m < p.rows && n < p.half)
    at[0] = fromFloat<T>(x);
  if (m < p.rows && n + 1 < p.half)
    at[1] = fromFloat<T>(y);
}

/// Finishes a warp's rows of a tile, 16 of each of its 64-row blocks.
template <typename C, typename E> class Finisher {
  static constexpr int kSums = C::kOwnSums, kBlocks = C::kBlocks;
  static constexpr int kGroups = C::kOwn / 8, kOfPart = C::kPartColumns / 8;
  using Out = typename E::Out;
  using Residual = typename E::Residual;
  static constexpr bool kPacked = sizeof(Out) == 2;
  static constexpr bool kEarly = E::kResidual && sizeof(Residual) == 2;
  using Sums = float[kBlocks][kSums];
  /// A read of residuals would wait for the stores in front of it: where all
  /// parts have slots, all are stored at the end.
  static constexpr bool kStoresLast =
      C::kWholeRows || (kEarly && C::kSlots >= C::kAllParts);

public:
  __device__ __forceinline__ Finisher(const Place &p, const E &e,
                                      const Parts<C> &parts)
      : p_(p), e_(e), parts_(parts) {}
  __device__ __forceinline__ void begin() {
    if constexpr (kEarly)
      parts_.template begin<E::kWide>(p_, e_.residual, e_.residualStride);
  }
  __device__ __forceinline__ void run(const Sums &d) {
    // No addresses are made ahead: there are no registers to hold them.
    if constexpr (!kEarly || kBlocks == 1)
      asm volatile("" : "+r"(parts_.base));
    runFrom<0>(d);
    if constexpr (kPacked && kStoresLast)
      parts_.template storeAll<E::kWide>(p_, e_.out, e_.outStride);
    __syncwarp(); // before slots are used again
  }
  /// d = what `run` would store, unrounded.
  __device__ __forceinline__ void keep(Sums &d) { keepFrom<0>(d); }

private:
  template <int q> __device__ __forceinline__ void runFrom(const Sums &d) {
    float y[kOfPart][2][2];
    results<q>(y, d);
#pragma unroll
    for (int i = 0; i < kOfPart; ++i)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        if (int g = groupOf(q, i); g < kGroups) {
          if constexpr (kPacked)
            storeShared(parts_.pair(q, i, h),
                        packPair<Out>(y[i][h][0], y[i][h][1]));
          else
            storePair(p_, e_.out, e_.outStride, rowOf(q, h), g, y[i][h][0],
                      y[i][h][1]);
        }
    if constexpr (kPacked && !kStoresLast)
      parts_.template store<E::kWide>(q, p_, e_.out, e_.outStride);
    refill<q>();
    if constexpr (q + 1 < C::kAllParts)
      runFrom<q + 1>(d);
  }
  template <int q> __device__ __forceinline__ void keepFrom(Sums &d) {
    float y[kOfPart][2][2];
    results<q>(y, d);
#pragma unroll
    for (int i = 0; i < kOfPart; ++i)
#pragma unroll
      for (int h = 0; h < 2; ++h)
        if (int g = groupOf(q, i); g < kGroups) {
          d[0][4 * g + 2 * h] = y[i][h][0];
          d[0][4 * g + 2 * h + 1] = y[i][h][1];
        }
    refill<q>();
    if constexpr (q + 1 < C::kAllParts)
      keepFrom<q + 1>(d);
  }

  __device__ static constexpr int groupOf(int q, int i) {
    return q % C::kBlockParts * kOfPart + i;
  }
  __device__ int rowOf(int q, int h) const {
    return p_.m + q / C::kBlockParts * 64 + 8 * h;
  }
  /// The slot of part q is free.
  template <int q> __device__ __forceinline__ void refill() {
    if constexpr (kEarly && q + C::kSlots < C::kAllParts) {
      if constexpr (!kPacked)
        __syncwarp();
      parts_.template fetch<E::kWide>(q + C::kSlots, p_, e_.residual,
                                      e_.residualStride);
    }
  }

  /// Of part q. All is read before any is computed: a read behind a store to
  /// shared memory waits for it. With kGated the second half of d's groups is
  /// `up`.
  template <int q>
  __device__ __forceinline__ void results(float (&y)[kOfPart][2][2],
                                          const Sums &d) {
    u32 residual[kOfPart][2];
    if constexpr (kEarly) {
      Parts<C>::template await<q>();
#pragma unroll
      for (int i = 0; i < kOfPart; ++i)
#pragma unroll
        for (int h = 0; h < 2; ++h)
          if (groupOf(q, i) < kGroups)
            residual[i][h] = loadShared(parts_.pair(q, i, h));
    }
#pragma unroll
    for (int i = 0; i < kOfPart; ++i)
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        int g = groupOf(q, i), at = 4 * g + 2 * h;
        if (g >= kGroups)
          continue;
        const float(&sums)[kSums] = d[q / C::kBlockParts];
        float r[2] = {};
        if constexpr (kEarly)
          split<Residual>(residual[i][h], r);
        else if constexpr (E::kResidual)
          loadResidual(r, rowOf(q, h), g);
#pragma unroll
        for (int j = 0; j < 2; ++j) {
          if constexpr (E::kGated)
            y[i][h][j] = e_(sums[at + j], sums[at + j + kSums / 2], r[j]);
          else
            y[i][h][j] = e_(sums[at + j], r[j]);
        }
      }
  }
  __device__ __forceinline__ void loadResidual(float (&r)[2], int m, int g) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int n = p_.n + 8 * g + threadIdx.x % 4 * 2 + i;
      if (m < p_.rows && n < p_.half)
        r[i] = toFloat(e_.residual[m * e_.residualStride + n]);
    }
  }

  const Place p_;
  const E &e_;
  Parts<C> parts_;
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_EPILOGUE_CUH
