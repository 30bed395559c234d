//===- attention_decode_rows.cuh - rows by a block of keys ------*- C++ -*-===//
//
// The arithmetic of attention_decode.cuh: one warp, 8 or 16 rows and a block of
// keys at a time, an online softmax of its own; and the sum of warps' parts.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_DECODE_ROWS_CUH
#define FT_KERNELS_ATTENTION_DECODE_ROWS_CUH

#include "attention_decode_merge.cuh"
#include "attention_mma.cuh"

namespace ft::attention {

/// A block in shared memory: keys, kPitchQK elements apart, then values,
/// kPitchV apart.
template <typename S> struct PitchedBlock {
  static constexpr int kKeys = kDecodeBlock;
  static constexpr int kTile = 0; // bytes from 16 keys to the next 16
  static constexpr int kPitchQK = roundUp(S::D, 16) + 8;
  static constexpr int kPitchV = roundUp(S::DV, 16) + 8;
  static constexpr int kValues = kDecodeBlock * kPitchQK * 2; // bytes
  static constexpr int kBytes = kValues + kDecodeBlock * kPitchV * 2;

  /// 16 bytes of row `row` from element 8 * eighth on, for `at`.
  static __device__ __forceinline__ u32 keyLane(u32 block, int row,
                                                int eighth) {
    return block + row * (kPitchQK * 2) + eighth * 16;
  }
  static __device__ __forceinline__ u32 valueLane(u32 block, int row,
                                                  int eighth) {
    return block + kValues + row * (kPitchV * 2) + eighth * 16;
  }
  /// The same from d, a multiple of 16, elements further on.
  static __device__ __forceinline__ u32 at(u32 lane, int d) {
    return lane + d * 2;
  }
};

/// A warp's part of a tile of `rows`, 8 or 16. Keys, or values' columns, are
/// the 16 rows of a product, the tile's rows its columns: of each 8 of them a
/// lane has the two from lane % 4 * 2 on. `Block`: how many keys are one block
/// and how they and their values lie in shared memory.
template <typename S, int rows, typename Block = PitchedBlock<S>>
class DecodeRows {
public:
  using T = typename S::T;
  static constexpr int BN = Block::kKeys;
  static constexpr int D = roundUp(S::D, 16), DV = roundUp(S::DV, 16);
  static constexpr int kPitch = D + 8;     // of q
  static constexpr bool kKeeps = D <= 128; // q in registers

  __device__ __forceinline__ explicit DecodeRows(const Args<T> &a) : a_(a) {}

  /// `q`: the tile's rows in shared memory.
  __device__ __forceinline__ void begin(const Piece &piece, const T *q) {
    q_ = u32(
        __cvta_generic_to_shared(q + lane() % 8 * kPitch + lane() / 8 % 2 * 8));
    if constexpr (kKeeps)
#pragma unroll
      for (int d = 0; d < D; d += 16)
        loadQueries(kept_[d / 16], d);
    const Work &w = piece.work;
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      int r = row(i), token = r / w.heads;
      top_[i] = __int_as_float(0xff800000);
      sum_[i] = 0;
      position_[i] = w.firstPosition + min(token, w.tokens - 1);
      head_[i] = w.firstHead + r - token * w.heads;
    }
#pragma unroll
    for (int t = 0; t < DV / 16; ++t)
#pragma unroll
      for (int n = 0; n < N; ++n)
#pragma unroll
        for (int c = 0; c < 4; ++c)
          o_[t][n][c] = 0;
  }

  /// The block whose keys and values are in shared memory.
  template <typename Score>
  __device__ __forceinline__ void attend(const Piece &p, int b, u32 block,
                                         const Score &score) {
    multiplyKeys(block);
    mask(p, b, score);
    rescale();
    multiplyValues(block);
  }
  /// After the last block: sums of exponentials are those of all keys.
  __device__ __forceinline__ void end() {
#pragma unroll
    for (int i = 0; i < kColumns; ++i)
#pragma unroll
      for (int o = 4; o < 32; o *= 2)
        sum_[i] += __shfl_xor_sync(~0u, sum_[i], o);
  }

  /// Rows first .. first + count - 1 to [count][kPartRow] floats: a row's sums,
  /// maximum, sum of exponentials.
  template <int count = rows>
  __device__ __forceinline__ void put(float *part, int first = 0) const {
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      int r = row(i) - first;
      if (count < rows && (r < 0 || r >= count))
        continue;
      float *to = part + r * kPartRow<S>;
      if (lane() < 4) {
        to[S::DV] = top_[i];
        to[S::DV + 1] = sum_[i];
      }
#pragma unroll
      for (int t = 0; t < DV / 16; ++t)
#pragma unroll
        for (int c = 0; c < 2; ++c)
          if (int column = t * 16 + c * 8 + lane() / 4; column < S::DV)
            to[column] = o_[t][i / 2][2 * c + i % 2];
    }
  }

private:
  static_assert(rows == 8 || rows == 16);
  static constexpr int N = rows / 8, kColumns = 2 * N; // of a lane
  static constexpr int kTiles = BN / 16;

  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }
  /// The tile's row in this lane's column i.
  static __device__ __forceinline__ int row(int i) {
    return i / 2 * 8 + lane() % 4 * 2 + i % 2;
  }
  __device__ __forceinline__ void loadQueries(u32 (&x)[N][2], int d) const {
#pragma unroll
    for (int n = 0; n < N; ++n)
      loadMatrices(x[n], q_ + (n * 8 * kPitch + d) * 2);
  }

  __device__ __forceinline__ void multiplyKeys(u32 block) {
    u32 k = Block::keyLane(block, lane() % 16, lane() / 16);
    // Two sums a tile: a product waits for the one before in its sum.
    float s[kTiles][2][N][4] = {};
#pragma unroll
    for (int d = 0; d < D; d += 16) {
      u32 x[4], y[N][2];
      if constexpr (!kKeeps)
        loadQueries(y, d);
      const u32(&q)[N][2] = kKeeps ? kept_[kKeeps ? d / 16 : 0] : y;
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
        loadMatrices<false>(x, Block::at(k, d) + t * Block::kTile);
#pragma unroll
        for (int n = 0; n < N; ++n)
          multiplyAdd(s[t][d / 16 % 2][n], x, q[n][0], q[n][1], T{});
      }
    }
#pragma unroll
    for (int t = 0; t < kTiles; ++t)
#pragma unroll
      for (int n = 0; n < N; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          s_[t][n][i] = s[t][0][n][i] + s[t][1][n][i];
  }

  /// Scores in base 2.
  template <typename Score>
  __device__ __forceinline__ void mask(const Piece &p, int b,
                                       const Score &score) {
    int j0 = p.work.begin + b * BN;
    bool masked = blockNeedsMask<S, BN>(p.work, a_.window, j0);
    float factor = Score::kIdentity ? a_.scale * kLog2e : a_.scale;
#pragma unroll
    for (int t = 0; t < kTiles; ++t)
#pragma unroll
      for (int n = 0; n < N; ++n)
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          int j = j0 + t * 16 + i / 2 * 8 + lane() / 4, column = 2 * n + i % 2;
          float x = s_[t][n][i] * factor;
          if constexpr (!Score::kIdentity)
            x = kLog2e * score(x, float(head_[column]),
                               float(position_[column]), float(j));
          if (masked && !visible<S>(p.work, a_.window, position_[column], j))
            x = __int_as_float(0xff800000);
          s_[t][n][i] = x;
        }
  }

  /// Scores to exponentials; what came before on the same scale.
  __device__ __forceinline__ void rescale() {
    float next[kColumns], keep[kColumns];
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      next[i] = fmaxf(s_[0][i / 2][i % 2], s_[0][i / 2][i % 2 + 2]);
#pragma unroll
      for (int t = 1; t < kTiles; ++t)
        next[i] = fmaxf(next[i],
                        fmaxf(s_[t][i / 2][i % 2], s_[t][i / 2][i % 2 + 2]));
    }
#pragma unroll
    for (int o = 4; o < 32; o *= 2)
#pragma unroll
      for (int i = 0; i < kColumns; ++i)
        next[i] = fmaxf(next[i], __shfl_xor_sync(~0u, next[i], o));
#pragma unroll
    for (int i = 0; i < kColumns; ++i) {
      next[i] = fmaxf(top_[i], next[i]);
      float pivot = next[i] == __int_as_float(0xff800000) ? 0.0f : next[i];
      keep[i] = exponential2(top_[i] - pivot);
      top_[i] = next[i];
      sum_[i] *= keep[i];
#pragma unroll
      for (int t = 0; t < kTiles; ++t) {
        float(&s)[4] = s_[t][i / 2];
        s[i % 2] = exponential2(s[i % 2] - pivot);
        s[i % 2 + 2] = exponential2(s[i % 2 + 2] - pivot);
        sum_[i] += s[i % 2] + s[i % 2 + 2];
      }
    }
#pragma unroll
    for (int t = 0; t < DV / 16; ++t)
#pragma unroll
      for (int n = 0; n < N; ++n)
#pragma unroll
        for (int c = 0; c < 4; ++c)
          o_[t][n][c] *= keep[2 * n + c % 2];
  }

  __device__ __forceinline__ void multiplyValues(u32 block) {
    u32 v =
        Block::valueLane(block, lane() % 8 + lane() / 16 * 8, lane() / 8 % 2);
#pragma unroll
    for (int t = 0; t < kTiles; ++t) {
      u32 y[N][2];
#pragma unroll
      for (int n = 0; n < N; ++n)
#pragma unroll
        for (int i = 0; i < 2; ++i)
          y[n][i] =
              transposed(packPair<T>(s_[t][n][2 * i], s_[t][n][2 * i + 1]));
#pragma unroll
      for (int d = 0; d < DV; d += 16) {
        u32 x[4];
        loadMatrices<true>(x, Block::at(v, d) + t * Block::kTile);
#pragma unroll
        for (int n = 0; n < N; ++n)
          multiplyAdd(o_[d / 16][n], x, y[n][0], y[n][1], T{});
      }
    }
  }

  const Args<T> &a_;
  u32 q_;
  u32 kept_[kKeeps ? D / 16 : 1][N][2];
  float s_[kTiles][N][4], top_[kColumns], sum_[kColumns];
  float o_[DV / 16][N][4];
  int position_[kColumns], head_[kColumns];
};

/// done(vector, four values, maximum, sum) for every four neighbours of the
/// sum of `warps` parts, vectors first .. last - 1 of the tile; part(w): what
/// DecodeRows::put left of warp w, from the row of vector `first` on.
template <typename S, int warps, typename Part, typename Done>
__device__ __forceinline__ void eachFour(int first, int last, const Part &part,
                                         const Done &done) {
  constexpr int kRowVectors = S::DV / 4;
#pragma unroll 1
  for (int v = int(threadIdx.x); v < last - first; v += warps * 32) {
    int r = v / kRowVectors, c = (v - r * kRowVectors) * 4;
    float tops[warps], sums[warps], values[warps][4];
#pragma unroll
    for (int w = 0; w < warps; ++w) {
      const float *row = part(w) + r * kPartRow<S>;
      tops[w] = row[S::DV];
      sums[w] = row[S::DV + 1];
      loadFour(row + c, values[w]);
    }
    Merged<4> merged;
    merged.add(tops, sums, values);
    done(first + v, merged.value, merged.top, merged.sum);
  }
}

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_DECODE_ROWS_CUH
