//===- gemv.cuh - linear layers of a few rows -------------------*- C++ -*-===//
//
// y[m, n] = epilogue(sum over k of prologue(x[m])[k] * w[n, k]); x: [rows, k]
// with `xStride` elements between rows, w: [n, k] row-major, fp32 sums.
// Meant for 1 .. 8 rows (any count is right; w is read once per 8 rows).
//
// Prologue: NoNorm, RmsNorm or LayerNorm (fp32 weights; every CTA normalises
// for itself).
// Epilogue: a functor, called once for every output element, with what it
// loaded for the element some time before, after the kernel in front had ended:
//     struct Epilogue {
//       static constexpr bool kGated = false;
//       ...pointers...
//       struct Operands { ...values... };
//       __device__ Operands load(int m, int n) const;
//       __device__ void operator()(int m, int n, const Operands &o,
//                                  float y) const; // stores
//     };
// With kGated, w has two halves of n / 2 rows and the call is (m, j, o, y of
// row j, y of row n / 2 + j) for j < n / 2.
//
// f16 and bf16 multiply on tensor cores (gemv_product.cuh), x as it is stored,
// or normalised and rounded to T; float multiplies in fp32.
//
// Launch: block kThreads = 256, __launch_bounds__(kThreads, 2) so that the next
// kernel's first CTA finds room (float: 1, for registers); grid =
// multiprocessors of the target (any size is right). Dynamic shared: 0 for
// NoNorm, else min(bound of rows, 8) * pitch<T>(k) * sizeof(T) bytes, which
// bounds k: with 11 KB static it must fit the target's shared memory (227 KB on
// sm_90a, 163 KB on sm_80).
//
// Each CTA owns a balanced run of output rows, 16 (gated: two times 8) to a
// group; its warps share all the groups' chunks of k evenly, so that a group's
// sum may have parts from several warps. They are added in the order of k:
// sums depend on n, k and the grid only. A warp holds the weights of one whole
// chunk (8 KB) in registers and loads the next as it multiplies; the first one
// before it waits for the kernel in front.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_GEMV_CUH
#define FT_KERNELS_GEMV_CUH

#include "gemv_product.cuh"

namespace ft::gemv {

/// A warp's run [begin, end) of the CTA's chunks, which lie group by group.
struct Run {
  int chunks; // of a group
  int total;  // of the CTA
  int warp = threadIdx.x / 32;
  int begin = of(warp), end = of(warp + 1);
  __device__ __forceinline__ int of(int w) const {
    return int(i64(total) * w / kWarps);
  }
};

/// Sums of 16 weight rows by kMaxM tokens, [token][row]; the pitch keeps a
/// fragment's stores apart.
constexpr int kSumPitch = 20;
struct Sums {
  float value[kMaxM * kSumPitch];
};

/// Adds the parts of group `g` that warps `first` .. `last` hold and stores the
/// outputs. The first warp's part is its second entry of `parts`, later ones'
/// parts are the first entries.
template <typename Epilogue, typename T>
__device__ __forceinline__ void
emitGroup(const Epilogue &epilogue, const Problem<T> &p, const Share &s,
          const Run &run, int m0, int g, int last, const Sums (*parts)[2]) {
  constexpr int per = perGroup<Epilogue::kGated>;
  int count = min(p.rows - m0, kMaxM) * per;
#pragma unroll 1
  for (int o = threadIdx.x % 32; o < count; o += 32) {
    int m = o / per, r = o % per, j = s.begin + g * per + r;
    float y = 0, y2 = 0;
#pragma unroll 1
    for (int w = run.warp; w <= last; ++w) {
      if (run.of(w) == run.of(w + 1))
        continue;
      const float *part = parts[w][w == run.warp].value + m * kSumPitch + r;
      y += part[0];
      if constexpr (Epilogue::kGated)
        y2 += part[8];
    }
    if (j >= s.end)
      continue;
    if constexpr (Epilogue::kGated)
      epilogue(m0 + m, j, epilogue.load(m0 + m, j), y, y2);
    else
      epilogue(m0 + m, j, epilogue.load(m0 + m, j), y);
  }
}

/// The group that begins in this warp's run and goes on in later warps'.
template <typename Epilogue, typename T>
__device__ __forceinline__ void
emitShared(const Epilogue &epilogue, const Problem<T> &p, const Share &s,
           const Run &run, int m0, const Sums (*parts)[2]) {
  int g = (run.end - 1) / run.chunks, groupEnd = (g + 1) * run.chunks;
  if (run.begin == run.end || groupEnd == run.end || g * run.chunks < run.begin)
    return;
  int last = run.warp;
  while (last + 1 < kWarps && run.of(last + 1) < groupEnd)
    ++last;
  emitGroup(epilogue, p, s, run, m0, g, last, parts);
}

/// Rows m0 .. of x, at most kMaxM, against this CTA's share of the weights.
/// `ring` holds the run's first chunk.
template <bool shared, typename Epilogue, typename T>
__device__ __forceinline__ void
stream(const Problem<T> &p, const Share &s, const Run &run, int m0,
       const Epilogue &epilogue, const T *xs, Ring<T> &ring, Sums (*parts)[2]) {
  constexpr bool gated = Epilogue::kGated;
  Product<T, shared> product(p, m0, xs);
  int g = run.begin / run.chunks, c = run.begin % run.chunks;
  product.begin(c);
#pragma unroll 1
  for (int chunk = run.begin; chunk < run.end; ++chunk) {
    bool more = chunk + 1 < run.end, complete = c + 1 == run.chunks;
    int nextGroup = complete ? g + 1 : g, nextChunk = complete ? 0 : c + 1;
    Rows<T> rows = rowsOf<gated>(p, s, nextGroup);
#pragma unroll
    for (int i = 0; i < kDepth; ++i) {
      product.multiply(ring.weights[i], c, i);
      if (more)
        ring.load(i, rows, nextChunk, p.k);
      if (i < kDepth / 2)
        product.load(c, i + kDepth / 2);
      else if (more)
        product.load(nextChunk, i - kDepth / 2);
    }
    if (complete || !more) {
      bool starts = g * run.chunks >= run.begin;
      product.flush(parts[run.warp][starts].value, kSumPitch);
      __syncwarp();
      if (starts && complete)
        emitGroup(epilogue, p, s, run, m0, g, run.warp, parts);
      __syncwarp();
    }
    g = nextGroup;
    c = nextChunk;
  }
  __syncthreads();
  emitShared(epilogue, p, s, run, m0, parts);
}

/// Any alignment: a warp makes one output at a time.
template <bool shared, typename Epilogue, typename T>
__device__ __forceinline__ void scalar(const Problem<T> &p, const Share &s,
                                       int m0, const Epilogue &epilogue,
                                       const T *xs) {
  int rows = min(p.rows - m0, kMaxM), outputs = (s.end - s.begin) * rows;
#pragma unroll 1
  for (int o = threadIdx.x / 32; o < outputs; o += kWarps) {
    int j = s.begin + o / rows, m = o % rows;
    const T *w = p.w + i64(j) * p.k;
    const T *x = p.x + (m0 + m) * p.xStride;
    float y = 0, y2 = 0;
#pragma unroll 1
    for (int k = threadIdx.x % 32; k < p.k; k += 32) {
      float v = toFloat(shared ? xs[m * pitch<T>(p.k) + k] : x[k]);
      y += toFloat(w[k]) * v;
      if constexpr (Epilogue::kGated)
        y2 += toFloat(w[i64(p.n / 2) * p.k + k]) * v;
    }
    y = warpSum(y);
    if constexpr (Epilogue::kGated)
      y2 = warpSum(y2);
    if (threadIdx.x % 32 != 0)
      continue;
    if constexpr (Epilogue::kGated)
      epilogue(m0 + m, j, epilogue.load(m0 + m, j), y, y2);
    else
      epilogue(m0 + m, j, epilogue.load(m0 + m, j), y);
  }
}

/// counts[axis] is the true number of x's rows. `w` is not written by any
/// kernel of the program; x may be the work of the kernel before.
template <typename T, typename Norm, typename Epilogue>
__device__ __forceinline__ void
run(const T *x, i64 xStride, const T *w, int n, int k, const int *counts,
    int axis, const Norm &norm, const Epilogue &epilogue) {
  constexpr bool gated = Epilogue::kGated, shared = Norm::kPresent;
  __shared__ Sums parts[kWarps][2];
  launchDependents();
  Problem<T> p{x, xStride, w, n, k, counts[axis]};
  Share s = makeShare<gated>(n, blockIdx.x, gridDim.x);
  Run run{(k + kChunk<T> - 1) / kChunk<T>,
          s.groups * ((k + kChunk<T> - 1) / kChunk<T>)};
  bool wide = k % kLanes<T> == 0 && aligned16(w) &&
              (shared || (aligned16(x) && xStride % kLanes<T> == 0));
  T *xs = dynamicShared<T>();
  if (p.rows <= 0)
    dependencyWait();
#pragma unroll 1
  for (int m0 = 0; m0 < p.rows; m0 += kMaxM) {
    Ring<T> ring;
    if (wide && run.begin < run.end)
      ring.loadChunk(rowsOf<gated>(p, s, run.begin / run.chunks),
                     run.begin % run.chunks, k);
    if (m0 == 0)
      dependencyWait();
    else
      __syncthreads(); // shared memory is free again
    if constexpr (shared)
      normalise(p, m0, norm, xs);
    if (wide)
      stream<shared>(p, s, run, m0, epilogue, xs, ring, parts);
    else
      scalar<shared>(p, s, m0, epilogue, xs);
  }
}

} // namespace ft::gemv

#endif // FT_KERNELS_GEMV_CUH
