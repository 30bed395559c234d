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
// A thread holds two neighbouring columns of every group of eight. Four lanes
// transpose four groups so that each moves 16 bytes of a row at once.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_EPILOGUE_CUH
#define FT_KERNELS_SM90_GEMM_EPILOGUE_CUH

#include "common.cuh"

namespace ft {
namespace gemm {

/// What becomes of a row as a whole.
enum class Norm { None, Layer, Rms };

/// Two columns of each of G groups of eight.
template <int G> struct Pairs { float v[G][2]; };

/// In each quad of lanes: v[i] of lane j goes to v[j] of lane i.
__device__ __forceinline__ void transposeQuad(u32 (&v)[4]) {
#pragma unroll
  for (int bit = 1; bit <= 2; bit *= 2)
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (!(i & bit)) {
        bool upper = threadIdx.x & bit;
        u32 got = __shfl_xor_sync(~0u, upper ? v[i] : v[i | bit], bit);
        v[i] = upper ? got : v[i];
        v[i | bit] = upper ? v[i | bit] : got;
      }
}

template <typename T>
__device__ __forceinline__ void split(u32 v, float (&x)[2]) {
  x[0] = toFloat(T{u16(v & 0xffffu)});
  x[1] = toFloat(T{u16(v >> 16)});
}

/// A row of `limit` elements, or none. `wide`: 16-byte accesses are possible
/// at columns that are multiples of 8.
template <typename T> struct Row {
  T *at;
  int limit;
  bool present, wide;
};

/// Any alignment.
template <int G, typename T>
__device__ __forceinline__ void load(Pairs<G> &y, const Row<const T> &row,
                                     int n) {
  int quad = threadIdx.x % 4;
#pragma unroll
  for (int g = 0; g < G; ++g)
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int column = n + 8 * g + 2 * quad + i;
      y.v[g][i] =
          row.present && column < row.limit ? toFloat(row.at[column]) : 0.0f;
    }
}

template <int G, typename T>
__device__ __forceinline__ void store(const Pairs<G> &y, const Row<T> &row,
                                      int n) {
  int quad = threadIdx.x % 4;
  bool whole = row.wide && n + 8 * G <= row.limit;
  if constexpr (G == 4 && sizeof(T) == 2) {
    if (whole) {
      Vec16 v;
#pragma unroll
      for (int g = 0; g < G; ++g)
        v.word[g] = packPair<T>(y.v[g][0], y.v[g][1]);
      transposeQuad(v.word);
      if (row.present)
        *reinterpret_cast<Vec16 *>(row.at + n + 8 * quad) = v;
      return;
    }
  } else {
    if (whole) {
#pragma unroll
      for (int g = 0; g < G; ++g) {
        T *at = row.at + n + 8 * g + 2 * quad;
        if (!row.present)
          continue;
        if constexpr (sizeof(T) == 2)
          *reinterpret_cast<u32 *>(at) = packPair<T>(y.v[g][0], y.v[g][1]);
        else
          *reinterpret_cast<float2 *>(at) = {y.v[g][0], y.v[g][1]};
      }
      return;
    }
  }
#pragma unroll
  for (int g = 0; g < G; ++g)
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int column = n + 8 * g + 2 * quad + i;
      if (row.present && column < row.limit)
        row.at[column] = fromFloat<T>(y.v[g][i]);
    }
}

template <typename T>
__device__ __forceinline__ bool wideRows(const T *p, i64 stride) {
  return aligned16(p) && stride % kLanes<T> == 0;
}

/// Where a warp's 16 rows of a 64-row tile go.
struct Place {
  int m;    // this thread's first row; its second is m + 8
  int rows; // true count
  int n;    // first output column of the tile
  int half; // outputs; row of w where the second half begins
};

//===----------------------------------------------------------------------===//
// Operands, under way before the sums are complete
//===----------------------------------------------------------------------===//

/// Two columns of a weight vector, as stored.
template <typename T> struct RawPair {
  u32 word[sizeof(T) / 2];
  __device__ __forceinline__ void load(const T *p) {
    if constexpr (sizeof(T) == 2)
      asm volatile("ld.global.nc.u32 %0, [%1];" : "=r"(word[0]) : "l"(p));
    else
      asm volatile("ld.global.nc.v2.u32 {%0, %1}, [%2];"
                   : "=r"(word[0]), "=r"(word[1])
                   : "l"(p));
  }
  /// Any alignment; zero where there is no column.
  __device__ __forceinline__ void load(const T *p, int present) {
    T low{}, high{};
    if (present > 0)
      low = p[0];
    if (present > 1)
      high = p[1];
    if constexpr (sizeof(T) == 2) {
      word[0] = u32(low.bits) | u32(high.bits) << 16;
    } else {
      word[0] = __float_as_uint(low);
      word[1] = __float_as_uint(high);
    }
  }
  __device__ __forceinline__ void get(float (&x)[2]) const {
    if constexpr (sizeof(T) == 2)
      split<T>(word[0], x);
    else
      x[0] = __uint_as_float(word[0]), x[1] = __uint_as_float(word[1]);
  }
};

/// The bias of this thread's columns in `groups` groups.
template <typename T, int groups> struct BiasSlice {
  RawPair<T> pair[groups];

  __device__ __forceinline__ void fetch(const T *bias, int n, int limit) {
    int column = n + threadIdx.x % 4 * 2;
    bool whole = (reinterpret_cast<u64>(bias) & (2 * sizeof(T) - 1)) == 0 &&
                 n % 2 == 0 && n + 8 * groups <= limit;
    if (whole) {
#pragma unroll
      for (int g = 0; g < groups; ++g)
        pair[g].load(bias + column + 8 * g);
    } else {
#pragma unroll
      for (int g = 0; g < groups; ++g)
        pair[g].load(bias + column + 8 * g, limit - column - 8 * g);
    }
  }
};

/// 16 bytes a lane of 32 columns of both rows, some blocks ahead of their use.
template <typename T, int groups, int ahead> struct ResidualSlice {
  static constexpr int kBlocks = groups / 4;
  Vec16 raw[ahead][2];

  __device__ __forceinline__ void fetch(const Row<const T> (&rows)[2], int n,
                                        int block) {
    if (block >= kBlocks)
      return;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      Vec16 &v = raw[block % ahead][h];
      v = Vec16{};
      if (rows[h].present)
        asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]),
                       "=r"(v.word[3])
                     : "l"(rows[h].at + n + 32 * block + threadIdx.x % 4 * 8));
    }
  }
};

/// Finishes this thread's two rows of one 64-row tile. Constructed before the
/// sums are made, so that their making hides the loads; `ahead` of the blocks
/// of 32 columns are fetched that early.
template <typename E, int sums, int ahead> class Finisher {
  static constexpr int kGroups = E::kGated ? sums / 8 : sums / 4;
  using Out = typename E::Out;
  using Residual = typename E::Residual;
  /// The residual can be fetched early, 16 bytes at a time.
  static constexpr bool kEarly = E::kResidual && sizeof(Residual) == 2;

public:
  __device__ __forceinline__ Finisher(const Place &p, const E &e)
      : p_(p), e_(e) {
    if constexpr (E::kBias) {
      bias_.fetch(e.bias, p.n, p.half);
      if constexpr (E::kGated)
        // A view of the second half: its columns count from its own start.
        up_.fetch(e.bias + p.half, p.n, p.half);
    }
    if constexpr (E::kResidual) {
      bool wide = wideRows(e.residual, e.residualStride);
      whole_ = wide && p.n + 8 * kGroups <= p.half;
#pragma unroll
      for (int h = 0; h < 2; ++h)
        residualRows_[h] = {e.residual + (p.m + 8 * h) * e.residualStride,
                            p.half, p.m + 8 * h < p.rows, wide};
      if constexpr (kEarly)
        if (whole_)
#pragma unroll
          for (int b = 0; b < ahead; ++b)
            residual_.fetch(residualRows_, p.n, b);
    }
  }

  __device__ __forceinline__ void run(const float (&d)[sums]) {
    bool wide = wideRows(e_.out, e_.outStride);
#pragma unroll
    for (int h = 0; h < 2; ++h)
      outRows_[h] = {e_.out + (p_.m + 8 * h) * e_.outStride, p_.half,
                     p_.m + 8 * h < p_.rows, wide};
#pragma unroll
    for (int first = 0; first + 4 <= kGroups; first += 4)
      finishGroups<4>(d, first);
    if constexpr (kGroups % 4 != 0)
      finishGroups<kGroups % 4>(d, kGroups / 4 * 4);
  }

  /// d = what `run` would store, unrounded.
  __device__ __forceinline__ void keep(float (&d)[sums]) {
#pragma unroll
    for (int first = 0; first + 4 <= kGroups; first += 4)
      keepGroups<4>(d, first);
    if constexpr (kGroups % 4 != 0)
      keepGroups<kGroups % 4>(d, kGroups / 4 * 4);
  }

private:
  template <int G>
  __device__ __forceinline__ void loadResidual(Pairs<G> &r, int first, int h) {
    if constexpr (G == 4 && kEarly)
      if (whole_) {
        Vec16 v = residual_.raw[first / 4 % ahead][h];
        transposeQuad(v.word);
#pragma unroll
        for (int g = 0; g < G; ++g)
          split<Residual>(v.word[g], r.v[g]);
        return;
      }
    load(r, residualRows_[h], p_.n + 8 * first);
  }

  /// Groups first .. first + G - 1 of the outputs, of row h. With kGated the
  /// second half of d's groups is `up`.
  template <int G>
  __device__ __forceinline__ void compute(Pairs<G> &y, const float (&d)[sums],
                                          int first, int h) {
    Pairs<G> residual{};
    if constexpr (E::kResidual)
      loadResidual(residual, first, h);
#pragma unroll
    for (int g = 0; g < G; ++g) {
      float bias[2] = {}, up[2] = {};
      if constexpr (E::kBias)
        bias_.pair[first + g].get(bias);
      if constexpr (E::kBias && E::kGated)
        up_.pair[first + g].get(up);
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        int at = 4 * (first + g) + 2 * h + i;
        float value = d[at] + bias[i];
        if constexpr (E::kGated)
          y.v[g][i] = e_(value, d[at + sums / 2] + up[i], residual.v[g][i]);
        else
          y.v[g][i] = e_(value, residual.v[g][i]);
      }
    }
  }
  template <int G> __device__ __forceinline__ void fetchNext(int first) {
    if constexpr (G == 4 && kEarly)
      if (whole_)
        residual_.fetch(residualRows_, p_.n, first / 4 + ahead);
  }
  template <int G>
  __device__ __forceinline__ void finishGroups(const float (&d)[sums],
                                               int first) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      Pairs<G> y;
      compute(y, d, first, h);
      store(y, outRows_[h], p_.n + 8 * first);
    }
    fetchNext<G>(first);
  }
  /// The same, left in d.
  template <int G>
  __device__ __forceinline__ void keepGroups(float (&d)[sums], int first) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      Pairs<G> y;
      compute(y, d, first, h);
#pragma unroll
      for (int g = 0; g < G; ++g)
#pragma unroll
        for (int i = 0; i < 2; ++i)
          d[4 * (first + g) + 2 * h + i] = y.v[g][i];
    }
    fetchNext<G>(first);
  }

  const Place p_;
  const E &e_;
  bool whole_ = false;
  BiasSlice<typename E::Bias, kGroups> bias_, up_;
  ResidualSlice<Residual, kGroups, ahead> residual_;
  Row<const Residual> residualRows_[2];
  Row<Out> outRows_[2];
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_EPILOGUE_CUH
