//===- attention.cuh - operands, masks and work split -----------*- C++ -*-===//
//
// out[t, h] = sum over keys j of softmax_j(score(scale * q[t,h].k[j,h/g])) v[j]
// within each sequence, g = heads / kvHeads, online softmax in fp32. Keys are
// the sequence's own packed tokens or the cache's positions 0 .. kv length - 1.
// causal: key position <= query position; window w > 0: key position > query
// position - w and, where not causal, < query position + w. A row without keys
// gives 0.
//
// Two kernels with the same arguments, in attention_mma.cuh (f16, bf16 on
// mma.m16n8k16) and attention_f32.cuh (float, exact fp32), each in two shapes:
//   tile rows BM = 64: prefill, encoders;  BM = 16: few queries a sequence,
//   where the warps split the keys.
// A tile's rows are (token, head) pairs: `pack` query heads of one kv head
// times BM / pack tokens of one sequence, so K and V are read once a kv head.
//
// Score functor (inlined; score regions):
//     struct Score {
//       static constexpr bool kIdentity = false;
//       ...table pointers...
//       __device__ float operator()(float s, float head, float query,
//                                   float key) const;
//     };
//
// Launch geometry, P = pack (1 <= P <= min(g, BM)), TPT = BM / P tokens a tile:
//   grid.x  ceil(tokens / TPT) + sequences (bounds); or, for BM = 16, simply
//           the bound of tokens: no sequence has more tiles than tokens
//   grid.y  kvHeads * ceil(g / P)
//   grid.z  splits of the keys over CTAs, >= 1; CTAs that a short sequence has
//           no use for leave. Several want `counters` (workspace + 0, a u32
//           each of grid.x * grid.y) and `partials` (workspace +
//           kCounterBytes, 4 * BM * (DV + 2) bytes each of the whole grid).
//   P = min(g, 16) suits. Splits: about 264 / (grid.y * usual sequences).
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_CUH
#define FT_KERNELS_ATTENTION_CUH

#include "common.cuh"

namespace ft::attention {

struct NoScore {
  static constexpr bool kIdentity = true;
  __device__ float operator()(float s, float, float, float) const { return s; }
};

/// Compile-time choices. D and DV: head sizes of q/k and of v, 32 .. 256.
template <typename Element, int d, int dv, bool causal, bool paged>
struct Shape {
  using T = Element;
  static constexpr int D = d, DV = dv;
  static constexpr bool kCausal = causal, kPaged = paged;
};

/// Run-time arguments. Strides in elements between tokens; head h of a token
/// lies at h * D (h * DV for v and out).
template <typename T> struct Args {
  const T *q;
  i64 qStride;
  /// Paged: [pages, pageSize, kvHeads, D or DV] of the layer; strides unused.
  /// Packed: [tokens, ...] with strides.
  const T *k;
  const T *v;
  i64 kStride, vStride;
  T *out;
  i64 outStride;
  int heads, kvHeads, pack;
  int window; // 0 = none
  float scale;
  const int *positions;  // paged only
  const int *cuTokens;
  const int *kvLengths;  // paged only
  const int *pageTable;  // paged only
  int pageColumns, pageSize;
  const int *counts;
  int sequencesAxis;
  u32 *counters;   // may be null where grid.z = 1
  float *partials; // may be null where grid.z = 1
};

