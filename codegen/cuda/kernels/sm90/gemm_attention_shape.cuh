//===- gemm_attention_shape.cuh - tiles of gemm_attention.cuh ---*- C++ -*-===//
//
// Sizes, arguments, shared memory, and the copies that fill it.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_ATTENTION_SHAPE_CUH
#define FT_KERNELS_SM90_GEMM_ATTENTION_SHAPE_CUH

#include "sm90/async.cuh"

namespace ft {
namespace joined {

template <typename T_, int size = 64> struct Config {
  using T = T_;
  static_assert(size % 16 == 0 && size <= 64, "a row of k is 128 bytes");
  static constexpr int kTokens = 128, kSize = size, kColumns = 3 * size;
  static constexpr int kFewKeys = 64, kSomeKeys = 96; // steps of attention
  static constexpr int kThreads = 384, kStages = 4;
  static constexpr u32 kRowBytes = 128; // 64 columns of x, w, k or v
  static constexpr u32 kStageBytes = (kTokens + kColumns) * kRowBytes;
  static constexpr u32 kHeldBytes = kTokens * kRowBytes; // of k, and of v
  static constexpr u32 kBiasBytes = 4 * kColumns;
  static constexpr u32 kSharedBytes =
      1024 + kStages * (kStageBytes + 16) + 2 * kHeldBytes + kBiasBytes;
  static_assert(kSharedBytes <= 232448);
};

template <typename T, typename V> struct Args {
  const int *counts;
  int tokensAxis;
  const int *cuTokens, *packs;
  const V *bias; // [3 * heads * kSize], or null
  int heads, k;
  float scale;
  T *out;
  i64 outStride;
};

template <typename C> struct Memory {
  u32 base;
  __device__ u32 x(u32 stage) const { return base + stage * C::kStageBytes; }
  __device__ u32 w(u32 stage) const {
    return x(stage) + C::kTokens * C::kRowBytes;
  }
  __device__ u32 k() const { return x(C::kStages); }
  __device__ u32 v() const { return k() + C::kHeldBytes; }
  __device__ u32 bias() const { return v() + C::kHeldBytes; }
  __device__ u32 full(u32 stage) const {
    return bias() + C::kBiasBytes + 8 * stage;
  }
  __device__ u32 empty(u32 stage) const { return full(C::kStages + stage); }
};

/// A tile of whole sequences.
struct Tile {
  int first, end;         // sequences
  int firstToken, tokens; // rows of x
};
template <typename A> __device__ Tile findTile(const A &a, int number) {
  Tile t;
  t.first = a.packs[1 + number];
  t.end = a.packs[2 + number];
  t.firstToken = a.cuTokens[t.first];
  t.tokens = a.cuTokens[t.end] - t.firstToken;
  return t;
}

//===----------------------------------------------------------------------===//
// Producer
//===----------------------------------------------------------------------===//

template <typename C> struct Producer {
  const TensorMap &x, &w;
  Memory<C> m;

  __device__ void loadW(u32 stage, int head, int heads, int k) const {
#pragma unroll
    for (int part = 0; part < 3; ++part)
      copyBox(m.w(stage) + part * C::kSize * C::kRowBytes, w, k,
              (part * heads + head) * C::kSize, m.full(stage));
  }
  /// Weights do not wait for the kernel before, x does; with many rows one
  /// stage is ahead, as gemm_producer.cuh has it.
  template <typename A>
  __device__ void run(const A &a, int tiles, int steps) const {
    int ahead = 0, first = blockIdx.x, row = rowOf(a, first, tiles);
    if (first < tiles * a.heads)
      for (int most = a.counts[a.tokensAxis] > 2048 ? 1 : C::kStages;
           ahead < min(most, steps); ++ahead) {
        barrierExpect(m.full(ahead), C::kStageBytes);
        loadW(ahead, first % a.heads, a.heads, ahead * 64);
      }
    dependencyWait();
    Cursor<C::kStages> at;
    for (int t = first; t < tiles * a.heads; t += gridDim.x) {
      int next = rowOf(a, t + gridDim.x, tiles); // under way beside copies
      for (int step = 0; step < steps; ++step, at.next()) {
        if (ahead > 0) {
          --ahead;
        } else {
          barrierWait(m.empty(at.stage), at.phase ^ 1);
          barrierExpect(m.full(at.stage), C::kStageBytes);
          loadW(at.stage, t % a.heads, a.heads, step * 64);
        }
        copyBox(m.x(at.stage), x, step * 64, row, m.full(at.stage));
      }
      row = next;
    }
  }
  template <typename A>
  __device__ static int rowOf(const A &a, int t, int tiles) {
    return t < tiles * a.heads ? findTile(a, t / a.heads).firstToken : 0;
  }
};

} // namespace joined
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_ATTENTION_SHAPE_CUH
