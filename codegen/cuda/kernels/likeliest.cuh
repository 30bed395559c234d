//===- likeliest.cuh - linears that keep each row's largest -----*- C++ -*-===//
//
// What an epilogue does with a linear's outputs where of each row the index of
// the largest is all that is read: as argmax.cuh would find it, lowest on a tie,
// NaN never, NaNs alone 0. The outputs themselves are stored nowhere. (33 MB of
// 8B's logits of 64 sequences: docs/rationale/decode.md.)
//
//   likeliest::begin<most>();      // before the template's first barrier
//   gemv::run... or skinny::run... // whose epilogue calls offer()
//   likeliest::finish<most>(rows, out, counters);
//
// `most`: rows at most. Each CTA keeps the best of its outputs in shared memory,
// and adds it to those of all in L2 by atomic maxima, which have no order: the
// last CTA to come stores the indices. `counters`: workspace + 0, of which this
// uses 8 x (1 + most) bytes. out: int[rows].
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_LIKELIEST_CUH
#define FT_KERNELS_LIKELIEST_CUH

#include "argmax.cuh"

namespace ft::likeliest {

/// The rows that an epilogue keeps the largest output of; 0: it stores outputs.
template <typename Epilogue, typename = void> constexpr int kMostOf = 0;
template <typename Epilogue>
constexpr int kMostOf<Epilogue, decltype(void(Epilogue::kMostRows))> =
    Epilogue::kMostRows;

/// By row, the best so far of this CTA, packed; 0: none.
template <int most> __device__ __forceinline__ volatile u64 *bests() {
  __shared__ u64 best[most];
  return best;
}

template <int most> __device__ __forceinline__ void begin() {
  if (threadIdx.x < most)
    bests<most>()[threadIdx.x] = 0;
}

template <int most>
__device__ __forceinline__ void offer(int row, argmax::Best best) {
  if (best.index == argmax::kNone)
    return;
  u64 word = argmax::packed(best.value, best.index);
  volatile u64 *held = bests<most>() + row;
  if (word > *held) // few are
    atomicMax(const_cast<u64 *>(held), word);
}
/// Output n of a row.
template <int most>
__device__ __forceinline__ void offer(int row, int n, float y) {
  offer<most>(row, {y, y == y ? n : argmax::kNone});
}

/// A thread's best of outputs that come in the order of their numbers.
struct Running {
  argmax::Best best = argmax::nothing();

  __device__ __forceinline__ void add(int n, float y) {
    bool first = best.index == argmax::kNone && y == best.value;
    if (y > best.value || first)
      best = {y, n};
  }
  /// With those of the lanes that differ in the bits of `lanes`.
  template <int lanes> __device__ __forceinline__ void merge() {
#pragma unroll
    for (int bit = 16; bit > 0; bit >>= 1)
      if (lanes & bit)
        best = argmax::better(best,
                              {__shfl_xor_sync(~0u, best.value, bit),
                               __shfl_xor_sync(~0u, best.index, bit)});
  }
};

/// Every thread of the CTA.
template <int most>
__device__ __forceinline__ void finish(int rows, int *out, u32 *counters) {
  u64 *words = reinterpret_cast<u64 *>(counters) + 1;
  __syncthreads();
  int row = threadIdx.x;
  static_assert(most <= 64); // there are as many threads
  bool mine = row < min(rows, most);
  if (mine)
    if (u64 word = bests<most>()[row])
      atomicMax(words + row, word);
  if (!arriveLast(counters, gridDim.x) || !mine)
    return;
  u64 all = atomicExch(words + row, 0ull);
  out[row] = all ? argmax::indexOf(all) : 0;
}

} // namespace ft::likeliest

#endif // FT_KERNELS_LIKELIEST_CUH
