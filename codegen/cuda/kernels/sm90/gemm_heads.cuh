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
  static constexpr int kSums = C::kOwnSums, kBlocks = C::kBlocks;
  static constexpr int kUnit = 2 * H::kRun, kGroups = kUnit / 8;
  static constexpr int kOfPart = C::kPartColumns / 8;
  /// Of a thread's row in a unit: two pairs each where they are half a head
  /// apart, one where they are neighbours.
  static constexpr int kAngles = H::kInterleaved ? kGroups : kGroups / 2;
  /// Units of what the CTA stores of a tile, and of a head: so many have pairs
  /// of their own.
  static constexpr int kUnits = C::kOwn / kUnit, kOfHead = H::kSize / kUnit;
  /// Beside whole tiles' sums there are no registers for more than is at hand;
  /// the other warpgroup's products hide that it is waited for.
  static constexpr bool kEarly = kBlocks == 1;
  static constexpr int kAtOnce = kEarly ? kAngles : 1;
  /// Units whose cosines and sines are held at once, and of those the ones that
  /// there is room for beside the sums.
  static constexpr int kSetRegisters = 4 * kAngles * (H::kInterleaved ? 1 : 2);
  static constexpr int kRoom = kEarly ? (128 - kSums) / kSetRegisters : 0;
  static constexpr int kMost = kUnits < kOfHead ? kUnits : kOfHead;
  static constexpr int kAhead = kRoom < kMost ? kRoom : kMost;
  static constexpr int kSets = kAhead < 1 ? 1 : kAhead;
  using Sums = float[kBlocks][kSums];

public:
  __device__ __forceinline__ HeadsFinisher(const Place &p, const E &e,
                                           const Parts<C> &parts)
      : p_(p), e_(e), parts_(parts) {
    if constexpr (kEarly)
      loadRows();
  }
  /// When the first product is under way.
  __device__ __forceinline__ void begin() {
    if constexpr (kEarly) {
      loadPages();
#pragma unroll
      for (int u = 0; u < kAhead; ++u)
        loadUnit(u);
    }
  }
  __device__ __forceinline__ void run(const Sums &d) {
    asm volatile("" : "+r"(parts_.base)); // no addresses are made ahead
    if constexpr (kEarly && kAhead == 0)
      loadUnit(0);
#pragma unroll
    for (int b = 0; b < kBlocks; ++b)
#pragma unroll
      for (int u = 0; u < kUnits; ++u)
        if (int n = p_.n + u * kUnit; n < p_.half) {
#pragma unroll
          for (int h = 0; h < 2; ++h) {
            int position = kEarly ? 0 : e_.positions[rowOf(b, h)];
#pragma unroll
            for (int i = 0; i < kAngles; i += kAtOnce) {
              if constexpr (!kEarly)
                loadAngles(u, h, position, i);
              turn(d[b], u, h, n, i);
            }
          }
          if (kEarly && u + 1 < kUnits && comes(u + 1))
            loadUnit(u + 1);
          store(b, u, n);
        }
  }

private:
  /// Whether the angles of unit u are not held when it is turned next.
  __device__ static constexpr bool comes(int u) {
    return u >= (kAhead < 1 ? 1 : kAhead) && (kSets < kOfHead || u < kOfHead);
  }

  /// A row of this thread that exists.
  __device__ int rowOf(int b, int h) const {
    return min(p_.m + 64 * b + 8 * h, p_.rows - 1);
  }
  __device__ __forceinline__ void loadRows() {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      position_[h] = e_.positions[rowOf(0, h)];
      page_[h] = keeps() ? e_.sequences[rowOf(0, h)] : 0;
    }
  }
  /// Whether there are columns of k or v.
  __device__ bool keeps() const { return p_.n + C::kOwn > E::kQueries; }
  /// From sequences to the pages of their tokens.
  __device__ __forceinline__ void loadPages() {
    if (keeps())
#pragma unroll
      for (int h = 0; h < 2; ++h)
        page_[h] = pageOf(page_[h], position_[h]);
  }
  __device__ int pageOf(int sequence, int position) const {
    return e_
        .pageTable[i64(sequence) * e_.pageColumns + position / E::kPageSize];
  }
  /// The place in the cache of a row's token.
  __device__ __forceinline__ i64 cellOf(int b, int h) const {
    int position = kEarly ? position_[h] : e_.positions[rowOf(b, h)];
    int page = kEarly ? page_[h] : pageOf(e_.sequences[rowOf(b, h)], position);
    return page * i64(E::kPageSize) + position % E::kPageSize;
  }

  __device__ __forceinline__ void loadUnit(int u) {
#pragma unroll
    for (int h = 0; h < 2; ++h)
      loadAngles(u, h, position_[h], 0);
  }
  /// Of unit u, for row h; kAtOnce from `first` on.
  __device__ __forceinline__ void loadAngles(int u, int h, int position,
                                             int first) {
    int n = p_.n + u * kUnit, lane = threadIdx.x % 4;
    if (n >= E::kQueries + E::kKeys)
      return;
    const float *row = e_.table + i64(position) * H::kSize + n % H::kSize / 2;
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      float2 &c = cosine_[u % kSets][i][h], &s = sine_[u % kSets][i][h];
      if constexpr (H::kInterleaved) {
        const float *at = row + 4 * (first + i) + lane;
        c.x = at[0], s.x = at[H::kSize / 2];
      } else {
        const float *at = row + 8 * (first + i) + 2 * lane;
        c = *reinterpret_cast<const float2 *>(at);
        s = *reinterpret_cast<const float2 *>(at + H::kSize / 2);
      }
    }
  }

  /// x cos - y sin, y cos + x sin.
  __device__ static void turn(float &x, float &y, float cosine, float sine) {
    float turned = x * cosine - y * sine;
    y = y * cosine + x * sine;
    x = turned;
  }

  /// Row h of unit u, which begins at column n, to the slots of its parts: the
  /// pairs whose angles are at hand.
  __device__ __forceinline__ void turn(const float (&d)[kSums], int u, int h,
                                       int n, int first) const {
    constexpr int other = H::kInterleaved ? 0 : kAngles;
    bool turns = n < E::kQueries + E::kKeys;
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      float2 c = cosine_[u % kSets][i][h], s = sine_[u % kSets][i][h];
      int g = first + i, at = 4 * (u * kGroups + g) + 2 * h;
      float x[2] = {d[at], d[at + 1]};
      float y[2] = {d[at + 4 * other], d[at + 4 * other + 1]};
      if (H::kInterleaved && turns) {
        turn(x[0], x[1], c.x, s.x);
      } else if (turns) {
        turn(x[0], y[0], c.x, s.x);
        turn(x[1], y[1], c.y, s.y);
      }
      put(u, g, h, x);
      if (!H::kInterleaved)
        put(u, g + other, h, y);
    }
  }
  __device__ __forceinline__ void put(int u, int g, int h,
                                      const float (&x)[2]) const {
    storeShared(parts_.pair(partOf(u, g), g % kOfPart, h),
                packPair<Out>(x[0], x[1]));
  }

  __device__ static constexpr int partOf(int u, int g) {
    return (u * kGroups + g) / kOfPart;
  }

  /// The unit's rows to where they are read, 16 bytes a lane.
  __device__ __forceinline__ void store(int b, int u, int n) const {
    int lane = threadIdx.x % 32, chunk = lane % 4;
    bool query = n < E::kQueries, key = n < E::kQueries + E::kKeys;
    Out *plane = key ? e_.keys : e_.values;
    int first = H::of(n) - (query ? 0 : E::kQueries + (key ? 0 : E::kKeys));
    __syncwarp();
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      int m = p_.m + 64 * b + 8 * h;
      Out *to =
          query ? e_.out + m * e_.outStride : plane + cellOf(b, h) * E::kKeys;
#pragma unroll
      for (int q = 0; q < kUnit / C::kPartColumns; ++q) {
        int at = C::kPartColumns * q + 8 * chunk; // in the unit
        int column = H::kInterleaved
                         ? first + at
                         : first + at / H::kRun * (H::kSize / 2) + at % H::kRun;
        Vec16 v = loadSharedVec(
            parts_.place(partOf(u, 0) + q, lane / 4 + 8 * h, chunk));
        if (m < p_.rows)
          store16(to + column, v);
      }
    }
    __syncwarp(); // before slots are used again
  }

  const Place p_;
  const E &e_;
  Parts<C> parts_;
  int position_[2], page_[2]; // kEarly; the sequence before its page is there
  float2 cosine_[kSets][kAtOnce][2], sine_[kSets][kAtOnce][2];
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_HEADS_CUH
