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
//   P = min(g, 16) suits. Splits: at most kMaxSplits; a batch's keys are
//   divided among about kSplitCtas CTAs, in proportion to the lengths.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_CUH
#define FT_KERNELS_ATTENTION_CUH

#include "common.cuh"

namespace ft::attention {

struct NoScore {
  static constexpr bool kIdentity = true;
  __host__ __device__ float operator()(float s, float, float, float) const {
    return s;
  }
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
  const int *positions; // paged only
  const int *cuTokens;
  const int *kvLengths; // paged only
  const int *pageTable; // paged only
  int pageColumns, pageSize;
  const int *counts;
  int sequencesAxis;
  u32 *counters;   // may be null where grid.z = 1
  float *partials; // may be null where grid.z = 1
};

__host__ __device__ constexpr int roundUp(int x, int to) {
  return (x + to - 1) / to * to;
}
__host__ __device__ constexpr int larger(int a, int b) { return a > b ? a : b; }
constexpr float kLog2e = 1.4426950408889634f;
__device__ __forceinline__ float exponential2(float x) {
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}

/// CTAs that a small batch's keys are divided among: two a multiprocessor.
constexpr int kSplitCtas = 264;
/// Splits of a sequence: mergeRow keeps one a lane.
constexpr int kMaxSplits = 32;

/// What one CTA computes: some tokens of a sequence, some heads of one kv
/// head, over the keys [begin, end) of its split.
struct Work {
  int sequence, firstToken, tokens;
  int kvHead, firstHead, heads;
  int firstPosition, lastPosition; // of the tokens
  int begin, end;
  int splits;
};

/// The sequence and first token of tile `tile`, tiles being numbered sequence
/// by sequence; false beyond the last. Every warp finds it for itself.
__device__ __forceinline__ bool findTile(const int *cuTokens, int sequences,
                                         int tokensPerTile, int tile, Work &w) {
  int lane = threadIdx.x % 32, before = 0;
  for (int base = 0; base < sequences; base += 32) {
    int s = base + lane, tiles = 0;
    if (s < sequences)
      tiles =
          (cuTokens[s + 1] - cuTokens[s] + tokensPerTile - 1) / tokensPerTile;
    int upTo = tiles;
#pragma unroll
    for (int o = 1; o < 32; o *= 2) {
      int lower = __shfl_up_sync(~0u, upTo, o);
      upTo += lane >= o ? lower : 0;
    }
    u32 hit = __ballot_sync(~0u, before + upTo > tile);
    if (hit) {
      int owner = __ffs(hit) - 1;
      int start = before + __shfl_sync(~0u, upTo - tiles, owner);
      w.sequence = base + owner;
      w.firstToken = cuTokens[w.sequence] + (tile - start) * tokensPerTile;
      w.tokens = min(tokensPerTile, cuTokens[w.sequence + 1] - w.firstToken);
      return true;
    }
    before += __shfl_sync(~0u, upTo, 31);
  }
  return false;
}

/// Keys of all sequences, whatever their masks; every warp adds for itself.
template <typename S>
__device__ __forceinline__ int totalKeys(const Args<typename S::T> &a) {
  int sequences = a.counts[a.sequencesAxis], keys = 0;
  if constexpr (!S::kPaged)
    return a.cuTokens[sequences];
  for (int s = threadIdx.x % 32; s < sequences; s += 32)
    keys += a.kvLengths[s];
#pragma unroll
  for (int o = 16; o > 0; o /= 2)
    keys += __shfl_xor_sync(~0u, keys, o);
  return keys;
}

/// This CTA's work, with keys in blocks of BN; false if there is none.
template <typename S, int BM, int BN>
__device__ __forceinline__ bool makeWork(const Args<typename S::T> &a,
                                         Work &w) {
  int group = a.heads / a.kvHeads, packs = (group + a.pack - 1) / a.pack;
  w.kvHead = blockIdx.y / packs;
  int member = blockIdx.y % packs * a.pack;
  w.firstHead = w.kvHead * group + member;
  w.heads = min(a.pack, group - member);
  // Long causal tiles, the last ones, start first.
  int tile = S::kCausal ? gridDim.x - 1 - blockIdx.x : blockIdx.x;
  if (!findTile(a.cuTokens, a.counts[a.sequencesAxis], BM / a.pack, tile, w))
    return false;
  int start = a.cuTokens[w.sequence];
  int end = a.cuTokens[w.sequence + 1] - start, begin = 0;
  w.firstPosition = w.firstToken - start;
  w.lastPosition = w.firstPosition + w.tokens - 1;
  if constexpr (S::kPaged) {
    end = a.kvLengths[w.sequence];
    w.firstPosition = a.positions[w.firstToken];
    w.lastPosition = a.positions[w.firstToken + w.tokens - 1];
  }
  if (a.window > 0) {
    begin = max(0, w.firstPosition - a.window + 1) / BN * BN;
    end = S::kCausal ? end : min(end, w.lastPosition + a.window);
  }
  if (S::kCausal)
    end = min(end, w.lastPosition + 1);
  int blocks = max(0, (end - begin + BN - 1) / BN);
  int each = max(1, blocks);
  if (gridDim.z > 1) { // long sequences get more CTAs than short ones
    int total = totalKeys<S>(a) / BN * int(gridDim.y);
    each = max(1, (total + kSplitCtas - 1) / kSplitCtas);
    each = max(each, (blocks + int(gridDim.z) - 1) / int(gridDim.z));
  }
  w.splits = max(1, (blocks + each - 1) / each);
  w.begin = begin + int(blockIdx.z) * each * BN;
  w.end = min(end, w.begin + each * BN);
  return int(blockIdx.z) < w.splits;
}

/// Whether the cache had the work's keys below `end` before this batch.
template <typename S>
__device__ __forceinline__ bool keysAreOld(const Args<typename S::T> &a,
                                           const Work &w, int end) {
  if constexpr (!S::kPaged)
    return false;
  int added = a.cuTokens[w.sequence + 1] - a.cuTokens[w.sequence];
  return min(end, w.end) <= a.kvLengths[w.sequence] - added;
}

/// Whether some pair of the tile's rows and the block's keys is masked.
template <typename S, int BN>
__device__ __forceinline__ bool blockNeedsMask(const Work &w, int window,
                                               int j0) {
  bool needs = j0 + BN > w.end;
  if (S::kCausal)
    needs |= j0 + BN - 1 > w.firstPosition;
  if (window > 0) {
    needs |= j0 <= w.lastPosition - window;
    needs |= !S::kCausal && j0 + BN - 1 >= w.firstPosition + window;
  }
  return needs;
}
template <typename S>
__device__ __forceinline__ bool visible(const Work &w, int window, int position,
                                        int j) {
  bool sees = j < w.end;
  if (S::kCausal)
    sees &= j <= position;
  if (window > 0)
    sees &= j > position - window && (S::kCausal || j < position + window);
  return sees;
}

/// Row r of a tile is token r / heads of the work, head r % heads.
template <typename S>
__device__ __forceinline__ int rowPosition(const Args<typename S::T> &a,
                                           const Work &w, int r) {
  int token = min(r / w.heads, w.tokens - 1);
  if constexpr (S::kPaged)
    return a.positions[w.firstToken + token];
  return w.firstPosition + token;
}

//===----------------------------------------------------------------------===//
// Staging rows in shared memory
//===----------------------------------------------------------------------===//

/// 16 bytes from global to shared memory, or zeros where not `real`.
__device__ __forceinline__ void copyAsync16(void *to, const void *from,
                                            bool real) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                   u32(__cvta_generic_to_shared(to))),
               "l"(from), "r"(real ? 16 : 0)
               : "memory");
}
__device__ __forceinline__ void commitCopies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
/// Wait until at most `left` of this thread's latest groups are under way.
template <int left> __device__ __forceinline__ void waitCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory");
}

/// Rows 0 .. rows-1 of `width` elements, padded with zeros to `padded`, to
/// shared memory; row(r) is an address, or null for a row of zeros, and `any`
/// a valid address. Without `wide` (16-byte alignment) elements are copied one
/// by one.
template <int rows, int width, int padded, int pitch, int threads, typename T,
          typename Row>
__device__ __forceinline__ void stage(T *to, const T *any, bool wide,
                                      const Row &row) {
  if (!wide) {
#pragma unroll 1
    for (int i = threadIdx.x; i < rows * padded; i += threads) {
      int r = i / padded, column = i % padded;
      const T *source = row(r);
      to[r * pitch + column] = source && column < width ? source[column] : T{};
    }
    return;
  }
  constexpr int V = kLanes<T>, chunks = padded / V;
#pragma unroll 2
  for (int c = threadIdx.x; c < rows * chunks; c += threads) {
    int r = c / chunks, column = c % chunks * V;
    const T *source = row(r);
    bool real = source && column < width;
    copyAsync16(to + r * pitch + column, real ? source + column : any, real);
  }
}

/// Rows of keys or values of one block.
template <typename S, int BN, int width> struct KeyRows {
  using T = typename S::T;
  const T *plane;
  i64 stride;
  const int *pages;
  int pageSize, first, end;
  bool uniform; // the block lies in one page

  __device__ KeyRows(const Args<T> &a, const Work &w, const T *from,
                     i64 packedStride, int j0)
      : plane(from + w.kvHead * width), stride(packedStride), first(j0),
        end(w.end), uniform(true) {
    if constexpr (S::kPaged) {
      stride = i64(a.kvHeads) * width;
      pages = a.pageTable + i64(w.sequence) * a.pageColumns;
      pageSize = a.pageSize;
      uniform = pageSize % BN == 0;
      if (uniform && j0 < end)
        plane +=
            (i64(pages[j0 / pageSize]) * pageSize + j0 % pageSize) * stride;
    } else {
      plane += (a.cuTokens[w.sequence] + j0) * stride;
    }
  }
  __device__ const T *operator()(int r) const {
    if (first + r >= end)
      return nullptr;
    if (uniform)
      return plane + r * stride;
    int j = first + r;
    return plane +
           (i64(pages[j / pageSize]) * pageSize + j % pageSize) * stride;
  }
};

/// Whether every row of q, k and v starts on 16 bytes.
template <typename S>
__device__ __forceinline__ bool rowsAligned(const Args<typename S::T> &a) {
  constexpr int V = kLanes<typename S::T>;
  bool strides = a.qStride % V == 0;
  if (!S::kPaged)
    strides &= a.kStride % V == 0 && a.vStride % V == 0;
  return strides && S::D % V == 0 && S::DV % V == 0 && aligned16(a.q) &&
         aligned16(a.k) && aligned16(a.v);
}

//===----------------------------------------------------------------------===//
// The end: partial results to outputs
//===----------------------------------------------------------------------===//

template <bool base2> __device__ __forceinline__ float power(float x) {
  return base2 ? exponential2(x) : expf(x);
}

/// Merges `parts` partial results of a row in order: DV unnormalised sums, then
/// the maximum and the sum of the exponentials; at most kMaxSplits parts.
/// at(part, column) reads; done(column, value, maximum, sum) gets columns lane,
/// lane + 32, ...
template <typename S, bool base2, typename At, typename Done>
__device__ __forceinline__ void mergeRow(int parts, const At &at,
                                         const Done &done) {
  const float kNothing = __int_as_float(0xff800000);
  int lane = threadIdx.x % 32;
  float mine = lane < parts ? at(lane, S::DV) : kNothing, top = mine;
#pragma unroll
  for (int o = 16; o > 0; o /= 2)
    top = fmaxf(top, __shfl_xor_sync(~0u, top, o));
  float pivot = top == kNothing ? 0.0f : top;
  float weight = lane < parts ? power<base2>(mine - pivot) : 0.0f;
  float sum = warpSum(lane < parts ? at(lane, S::DV + 1) * weight : 0.0f);
#pragma unroll
  for (int c0 = 0; c0 < S::DV; c0 += 32) {
    int c = min(c0 + lane, S::DV - 1);
    float value = 0;
#pragma unroll 8
    for (int p = 0; p < parts; ++p)
      value += at(p, c) * __shfl_sync(~0u, weight, p);
    if (c0 + lane < S::DV)
      done(c, value, top, sum);
  }
}

/// Merges the parts [parts][BM][pitch] in shared memory, then the splits
/// through global memory in the CTA that arrives last, and stores the rows.
/// All threads must call.
template <typename S, int BM, int parts, int pitch, int threads, bool base2>
__device__ void finish(const Args<typename S::T> &a, const Work &w,
                       const float *shared) {
  int rows = w.tokens * w.heads, firstRow = threadIdx.x / 32;
  int tile = blockIdx.x * gridDim.y + blockIdx.y;
  float *scratch = a.partials + i64(tile) * gridDim.z * BM * (S::DV + 2);
  auto store = [&](int r, int c, float value, float sum) {
    typename S::T *out = a.out + (w.firstToken + r / w.heads) * a.outStride +
                         (w.firstHead + r % w.heads) * S::DV;
    out[c] = fromFloat<typename S::T>(sum == 0 ? 0.0f : value / sum);
  };
#pragma unroll 1
  for (int r = firstRow; r < rows; r += threads / 32)
    mergeRow<S, base2>(
        parts, [&](int p, int c) { return shared[(p * BM + r) * pitch + c]; },
        [&](int c, float value, float top, float sum) {
          if (w.splits == 1)
            return store(r, c, value, sum);
          float *to = scratch + (blockIdx.z * BM + r) * (S::DV + 2);
          to[c] = value;
          if (c == 0) {
            to[S::DV] = top;
            to[S::DV + 1] = sum;
          }
        });
  if (w.splits == 1 || !arriveLast(a.counters + tile, w.splits))
    return;
#pragma unroll 1
  for (int r = firstRow; r < rows; r += threads / 32)
    mergeRow<S, base2>(
        w.splits,
        [&](int p, int c) {
          return loadL2(scratch + (p * BM + r) * (S::DV + 2) + c);
        },
        [&](int c, float value, float, float sum) { store(r, c, value, sum); });
}

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_CUH
