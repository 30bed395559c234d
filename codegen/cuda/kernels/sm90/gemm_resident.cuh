//===- gemm_resident.cuh - linear layers of small weights ------*- C++ -*-===//
//
// y[m, n] = epilogue(sum over k of norm(x)[m, k] * w[n, k]) for up to some 64
// rows of x (any count is right: each `rows` more are a turn), f16 and bf16,
// rows of a multiple of 16 bytes, fp32 sums. Norms and epilogues are those of
// gemv.cuh.
//
// A linear of a small model is over before a ring has filled. Here a CTA has
// few columns, whose weights are all in shared memory before the kernel in
// front has ended: two CTAs fit a multiprocessor, so the next kernel's weights
// come while this one multiplies. What remains behind the wait is x's way from
// L2, its products (mma, k divided among the warps, each with boxes and a
// barrier of its own), and the sums' way through shared memory. Where k is too
// long, the CTAs of a cluster share it and send each other their sums.
//
// A norm costs little then (resident_norm.cuh). Sums depend on n, k and
// Resident's parameters only.
//
// Tensor maps as in gemm.cuh: `x` with box {64, kRows}, `w` with box {64,
// kColumns}.
//
// Launch: block kThreads, __launch_bounds__(kThreads, 2), __cluster_dims__(
// kSplits); grid = columns / kColumns, rounded up, times kSplits; k is at most
// kDepth; dynamic shared memory sharedBytes(norm); may be launched dependent.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_RESIDENT_CUH
#define FT_KERNELS_SM90_GEMM_RESIDENT_CUH

#include "sm90/resident_norm.cuh"

namespace ft {
namespace resident {

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Of the warp's boxes; `rows`: what the norm wants to know of them.
template <typename C, typename Numbers>
__device__ __forceinline__ void multiply(typename C::Sums &d, Numbers &rows,
                                         const Memory<C> &memory) {
  using T = typename C::T;
  int lane = threadIdx.x % 32;
#pragma unroll
  for (int box = 0; box < C::kBoxes; ++box)
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      u32 w[C::kGroups][4]; // of two products, 16 values of k each
#pragma unroll
      for (int g = 0; g < C::kGroups; ++g)
        loadMatrices<false>(
            w[g], at(memory.w(box), g * 8 + lane % 8, half * 4 + lane / 8));
#pragma unroll
      for (int s = 0; s < 2; ++s)
#pragma unroll
        for (int b = 0; b < C::kBlocks; ++b) {
          u32 x[4] = {};
          int chunk = half * 4 + s * 2;
          if constexpr (C::kRows >= 16) {
            loadMatrices<false>(x, at(memory.x(box),
                                      b * 16 + lane / 8 % 2 * 8 + lane % 8,
                                      chunk + lane / 16));
          } else {
            u32 eight[2];
            loadMatrices(eight,
                         at(memory.x(box), lane % 8, chunk + lane / 8 % 2));
            x[0] = eight[0], x[2] = eight[1];
          }
#pragma unroll
          for (int g = 0; g < C::kGroups; ++g)
            multiplyAdd(d[b][g], x, w[g][2 * s], w[g][2 * s + 1], T{});
          rows.add(b, x, box + half + s == 0);
        }
    }
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// The warp's, over its first box of x.
template <typename C>
__device__ __forceinline__ void store(const typename C::Sums &d,
                                      const Memory<C> &memory) {
  int row = threadIdx.x % 32 / 4, column = threadIdx.x % 4 * 2;
  __syncwarp();
#pragma unroll
  for (int b = 0; b < C::kBlocks; ++b)
#pragma unroll
    for (int g = 0; g < C::kGroups; ++g)
#pragma unroll
      for (int h = 0; h < (C::kRows >= 16 ? 2 : 1); ++h)
        storeShared2(memory.x(0) +
                         C::place(b * 16 + h * 8 + row, g * 8 + column),
                     d[b][g][2 * h], d[b][g][2 * h + 1]);
}

/// Over the CTA's warps.
template <typename C>
__device__ __forceinline__ float sumOf(const Memory<C> &memory, int row,
                                       int column) {
  float sum = 0;
#pragma unroll
  for (int warp = 0; warp < C::kWarps; ++warp)
    sum += loadShared1(memory.firstX(warp) + C::place(row, column));
  return sum;
}

/// Each CTA of the cluster sends the others the sums of their columns.
template <typename C>
__device__ __forceinline__ void exchange(const Memory<C> &memory, int rank,
                                         u32 turn) {
  constexpr int kFours = C::kColumns / 4;
#pragma unroll 1
  for (int i = threadIdx.x; i < C::kRows * kFours; i += C::kThreads) {
    int row = i / kFours, column = i % kFours * 4, owner = column / C::kOwn;
    float4 sum = {0, 0, 0, 0};
#pragma unroll
    for (int warp = 0; warp < C::kWarps; ++warp) {
      float4 v = loadShared4(memory.firstX(warp) + C::place(row, column));
      sum.x += v.x, sum.y += v.y, sum.z += v.z, sum.w += v.w;
    }
    u32 to = memory.inbox(rank, row, column % C::kOwn);
    storeRemote(remoteAddress(to, owner),
                remoteAddress(memory.sumsFull(), owner), sum.x, sum.y, sum.z,
                sum.w);
  }
  barrierWait(memory.sumsFull(), turn & 1);
}

/// Over the cluster's CTAs, in the order of k.
template <typename C>
__device__ __forceinline__ float sumOfAll(const Memory<C> &memory, int row,
                                          int column) {
  float sum = 0;
#pragma unroll
  for (int rank = 0; rank < C::kSplits; ++rank)
    sum += loadShared1(memory.inbox(rank, row, column));
  return sum;
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

/// Barriers, then weights, which do not wait. One thread a warp.
template <typename C>
__device__ __forceinline__ void begin(const TensorMap &x, const TensorMap &w,
                                      const Memory<C> &memory, int column,
                                      int depth) {
  barrierInit(memory.xFull(), 1);
  barrierInit(memory.wFull(), 1);
  if (C::kSplits > 1 && threadIdx.x < 32) {
    barrierInit(memory.sumsFull(), 1);
    barrierExpect(memory.sumsFull(), C::kInboxBytes);
  }
  barrierInitFence();
  barrierExpect(memory.wFull(), C::kBoxes * C::kBytesW);
#pragma unroll
  for (int box = 0; box < C::kBoxes; ++box)
    copyBox(memory.w(box), w, depth + box * kBox, column, memory.wFull());
  prefetchMap(x);
}

template <typename C, typename Norm, typename E>
__device__ __forceinline__ void run(const TensorMap &x, const TensorMap &w,
                                    int n, int k, const int *counts, int axis,
                                    const Norm &norm, const E &epilogue) {
  static_assert(!E::kGated && (!Norm::kPresent || C::kSplits == 1));
  launchDependents();
  const Memory<C> memory;
  int rank = C::kSplits > 1 ? int(clusterRank()) : 0;
  int column = int(blockIdx.x) / C::kSplits * C::kColumns;
  int depth = (rank * C::kWarps + int(threadIdx.x) / 32) * C::kBoxes * kBox;
  bool copies = electOne();
  if (copies)
    begin(x, w, memory, column, depth);
  __syncwarp();
  if constexpr (C::kSplits > 1)
    clusterArriveRelaxed();
  Fold<C, Norm> fold(memory, norm, k, depth);
  if constexpr (C::kSplits > 1)
    clusterWait();
  dependencyWait();

  int rows = 0;
#pragma unroll 1
  for (int turn = 0;; ++turn) {
    int top = turn * C::kRows;
    if (copies) {
      barrierExpect(memory.xFull(), C::kBoxes * C::kBytesX);
#pragma unroll
      for (int box = 0; box < C::kBoxes; ++box)
        copyBox(memory.x(box), x, depth + box * kBox, top, memory.xFull());
    }
    if (turn == 0)
      rows = counts[axis];
    typename E::Operands operands[C::kOutputs] = {};
    Output<C> out(column + rank * C::kOwn, top);
    out.each([&](int i, int row, int j) {
      if (row < rows && j < n)
        operands[i] = epilogue.load(row, j);
    });
    if (turn == 0)
      barrierWait(memory.wFull(), 0);
    barrierWait(memory.xFull(), turn & 1);

    typename C::Sums d = {};
    typename Fold<C, Norm>::Rows numbers;
    multiply(d, numbers, memory);
    store(d, memory);
    numbers.store(memory);
    __syncthreads();
    if constexpr (C::kSplits > 1)
      exchange(memory, rank, turn);
    fold.addRows(memory);
    float y[C::kOutputs];
    out.each([&](int i, int row, int j) {
      int m = row - top, c = j - out.column;
      y[i] = C::kSplits > 1 ? sumOfAll(memory, m, c) : sumOf(memory, m, c);
    });
    if constexpr (Norm::kPresent)
      __syncthreads();
    out.each([&](int i, int row, int j) {
      if (row < rows && j < n)
        epilogue(row, j, operands[i],
                 fold.apply(memory, row - top, j - out.column, y[i]));
    });
    if (top + C::kRows >= rows)
      return;
    asyncProxyFence(); // sums lie where x goes
    __syncthreads();
    if constexpr (C::kSplits > 1) {
      if (threadIdx.x == 0)
        barrierExpect(memory.sumsFull(), C::kInboxBytes);
      clusterBarrier();
    }
  }
}

} // namespace resident
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_RESIDENT_CUH
