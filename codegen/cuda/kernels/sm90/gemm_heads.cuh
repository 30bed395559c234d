//===- gemm_heads.cuh - sums of q, k and v, roped and kept ------*- C++ -*-===//
//
// The end of a tile of q-k-v, whose columns are those of HeadColumns
// (gemm_shape.cuh): rope turns q and k, q's rows are stored, and k's and v's go
// to the cache page of their token, where attention reads them. An epilogue has
// these members besides `Bias`, `bias` and the constants of gemm_epilogue.cuh
// (no gate, no residual, no norm):
//     using Out = bf16;                    // or f16
//     static constexpr int kQueries, kKeys;     // columns; v has those of k
//     static constexpr int kPageSize;           // tokens
//     Out *out; i64 outStride;                  // [rows, kQueries]
//     Out *keys, *values;                       // the layer's pages
//     const float *table;                       // of a position: cosines of
//                                               // half a head, then sines
//     const int *positions, *sequences;         // of each row
//     const int *pageTable; int pageColumns;    // of each sequence
// Rows and pages lie on 16 bytes. What rows need of the batch comes while the
// sums are made, and so do cosines and sines where registers hold them.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_HEADS_CUH
#define FT_KERNELS_SM90_GEMM_HEADS_CUH

#include "sm90/gemm_epilogue.cuh"
#include "sm90/gemm_rows.cuh"

namespace ft {
namespace gemm {

/// Finishes a warp's rows of a tile, by units of two runs.
template <typename C, typename E> class HeadsFinisher {
  using H = typename C::Columns;
  using Out = typename E::Out;
  static_assert(!E::kGated && !E::kResidual && sizeof(Out) == 2);
  static constexpr int kSums = C::BN / 2, kBlocks = C::kBlocks;
  static constexpr int kUnit = 2 * H::kRun, kGroups = kUnit / 8;
  static constexpr int kOfPart = C::kPartColumns / 8;
  /// Pairs of a thread's row in a unit: float2 of each where they are half a
  /// head apart, whose neighbours are another pair.
  static constexpr int kAngles = H::kInterleaved ? kGroups : kGroups / 2;
  using Angle = float2;
  /// Every unit has the same pairs.
  static constexpr bool kOneHead = H::kSize == kUnit;
  /// Beside the sums there is room for a unit's cosines and sines.
  static constexpr bool kAnglesEarly = kBlocks == 1 && kSums <= 96;
  using Sums = float[kBlocks][kSums];

public:
  __device__ __forceinline__ HeadsFinisher(const Place &p, const E &e,
                                           const Parts<C> &parts)
      : p_(p), e_(e), parts_(parts) {
#pragma unroll
    for (int r = 0; r < 2 * kBlocks; ++r) {
      int row = min(p.m + rowOf(r), p.rows - 1);
      position_[r] = e.positions[row];
      cell_[r] = p.n + C::BN > E::kQueries ? e.sequences[row] : 0;
    }
  }
  /// When the first product is under way: what the rows' numbers lead to.
  __device__ __forceinline__ void begin() {
    if (p_.n + C::BN > E::kQueries)
#pragma unroll
      for (int r = 0; r < 2 * kBlocks; ++r) {
        int at = position_[r], size = E::kPageSize;
        int page = e_.pageTable[i64(cell_[r]) * e_.pageColumns + at / size];
        cell_[r] = page * size + at % size;
      }
    if constexpr (kAnglesEarly)
      loadAngles(p_.n, 0);
  }
  __device__ __forceinline__ void run(const Sums &d) {
    asm volatile("" : "+r"(parts_.base)); // no addresses are made ahead
#pragma unroll
    for (int b = 0; b < kBlocks; ++b)
#pragma unroll
      for (int u = 0; u < C::BN / kUnit; ++u)
        if (int n = p_.n + u * kUnit; n < p_.half) {
          bool known = kOneHead && u > 0;
          if (!known && !(kAnglesEarly && u == 0))
            loadAngles(n, b);
          finish(d[b], b, u, n);
        }
  }

private:
  __device__ static constexpr int rowOf(int r) { return r / 2 * 64 + r % 2 * 8; }

  /// Of the unit at column n, for the rows of block b.
  __device__ __forceinline__ void loadAngles(int n, int b) {
    if (n >= E::kQueries + E::kKeys)
      return;
    int lane = threadIdx.x % 4, first = n % H::kSize / 2;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float *row = e_.table + i64(position_[2 * b + h]) * H::kSize;
#pragma unroll
      for (int i = 0; i < kAngles; ++i) {
        if constexpr (H::kInterleaved) {
          const float *at = row + first + 4 * i + lane;
          cosine_[i][h] = {at[0], at[0]};
          sine_[i][h] = {at[H::kSize / 2], at[H::kSize / 2]};
        } else {
          const float *at = row + first + 8 * i + 2 * lane;
          cosine_[i][h] = *reinterpret_cast<const Angle *>(at);
          sine_[i][h] = *reinterpret_cast<const Angle *>(at + H::kSize / 2);
        }
      }
    }
  }

  /// x cos - y sin, y cos + x sin.
  __device__ static void turn(float &x, float &y, float cosine, float sine) {
    float turned = x * cosine - y * sine;
    y = y * cosine + x * sine;
    x = turned;
  }

  /// Unit u, which begins at column n.
  __device__ __forceinline__ void finish(const float (&d)[kSums], int b, int u,
                                         int n) const {
    bool turns = n < E::kQueries + E::kKeys;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float y[kGroups][2];
#pragma unroll
      for (int g = 0; g < kGroups; ++g)
#pragma unroll
        for (int i = 0; i < 2; ++i)
          y[g][i] = d[4 * (u * kGroups + g) + 2 * h + i];
      if (turns)
#pragma unroll
        for (int i = 0; i < kAngles; ++i) {
          float2 c = cosine_[i][h], s = sine_[i][h];
          if constexpr (H::kInterleaved) {
            turn(y[i][0], y[i][1], c.x, s.x);
          } else {
            turn(y[i][0], y[i + kAngles][0], c.x, s.x);
            turn(y[i][1], y[i + kAngles][1], c.y, s.y);
          }
        }
#pragma unroll
      for (int g = 0; g < kGroups; ++g)
        storeShared(parts_.pair(partOf(u, g), g % kOfPart, h),
                    packPair<Out>(y[g][0], y[g][1]));
    }
    store(b, u, n);
  }

  __device__ static constexpr int partOf(int u, int g) {
    return (u * kGroups + g) / kOfPart;
  }

  /// The unit's rows to where they are read, 16 bytes a lane.
  __device__ __forceinline__ void store(int b, int u, int n) const {
    int lane = threadIdx.x % 32, chunk = lane % 4;
    bool query = n < E::kQueries, key = n < E::kQueries + E::kKeys;
    Out *plane = key ? e_.keys : e_.values;
    int before = query ? 0 : E::kQueries + (key ? 0 : E::kKeys);
    __syncwarp();
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      int m = p_.m + rowOf(2 * b + h);
      Out *to = query ? e_.out + m * e_.outStride
                      : plane + i64(cell_[2 * b + h]) * E::kKeys;
#pragma unroll
      for (int q = 0; q < kUnit / C::kPartColumns; ++q) {
        int column = H::of(n + C::kPartColumns * q + 8 * chunk) - before;
        Vec16 v = loadSharedVec(
            parts_.place(partOf(u, 0) + q, lane / 4 + 8 * h, chunk));
        if (m < p_.rows)
          *reinterpret_cast<Vec16 *>(to + column) = v;
      }
    }
    __syncwarp(); // before slots are used again
  }

  const Place p_;
  const E &e_;
  Parts<C> parts_;
  int position_[2 * kBlocks], cell_[2 * kBlocks]; // the sequence, until begin()
  Angle cosine_[kAngles][2], sine_[kAngles][2];
};

template <typename C, typename E, bool heads> struct FinisherChoice {
  using Type = Finisher<C, E>;
};
template <typename C, typename E> struct FinisherChoice<C, E, true> {
  using Type = HeadsFinisher<C, E>;
};
template <typename C, typename E>
using FinisherOf = typename FinisherChoice<C, E, C::Columns::kHeads>::Type;

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_HEADS_CUH
