//===- gemv_ring.cuh - linear layers of a few rows, by bulk copies -*- C++ -*-//
//
// The same function, prologues and epilogues as gemv.cuh, for f16 and bf16 with
// k a multiple of 8, x and w on 16 bytes and x's stride a multiple of 8. One
// CTA a multiprocessor: warps that only copy keep a ring of weights full in
// shared memory, eight warps multiply. What is under way does not pass through
// registers or L1, and the first weights come in before the kernel in front has
// ended.
//
// Where k is small, several rows of x are held in registers and all of shared
// memory is ring (gemv_held.cuh); elsewhere rows of x are in shared memory as
// far as they must or can be. The ring: gemv_stages.cuh.
//
// Launch: block kRingThreads = 384, __launch_bounds__(384, 1); grid = at most
// the multiprocessors (any size is right). Dynamic shared memory: the more the
// faster (H200, one token: 8 stages take 5 % less time than 6), at least
// kFewStages * kStageBytes, and with a norm, where x is held kFewRows *
// ringRowBytes(k) on top, elsewhere min(bound of rows, 8) times. It should be
// so much that no second CTA fits a multiprocessor: two of these beside each
// other read slower (4 stages: 128 us a layer of 8B started early, 119 not; 8
// stages: 113 and 120).
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_RING_CUH
#define FT_KERNELS_SM90_GEMV_RING_CUH

#include "sm90/gemv_held.cuh"

namespace ft::gemv {

/// Bytes of a row of x in shared memory.
__device__ __forceinline__ int ringRowBytes(int k) { return pitch<u16>(k) * 2; }

/// Rows m0 .. of x, as stored, to shared memory.
template <typename T>
__device__ __forceinline__ void stageTokens(const Problem<T> &p, int m0,
                                            u16 *xs) {
  int vectors = p.k / 8, rows = min(p.rows - m0, kMaxM);
  int rowVectors = ringRowBytes(p.k) / 16;
  Vec16 *to = reinterpret_cast<Vec16 *>(xs);
#pragma unroll 4
  for (int i = threadIdx.x; i < rows * vectors; i += kThreads) {
    int m = i / vectors, v = i % vectors;
    to[m * rowVectors + v] = load16(p.x + (m0 + m) * p.xStride + v * 8);
  }
}

/// The multiplying warps, rows m0 .. of x, which lie at `rows`, `rowBytes`
/// apart; `place` goes on.
template <typename Epilogue, typename T>
__device__ __forceinline__ void
ringRows(const Problem<T> &p, const Share &s, const RingMemory &memory, int m0,
         const char *rows, i64 rowBytes, const Epilogue &epilogue,
         RingPlace &place) {
  ChunkOrder order(p.k);
  RingSums<T> sums(p, memory);
  int m = threadIdx.x % 32 / 4; // this lane's token
  rows += m * rowBytes + sums.at * 2;
  Tokens<T> tokens[kRingUnits];
  auto load = [&](int c) { // a chunk ahead, where they are far
#pragma unroll
    for (int u = 0; u < kRingUnits; ++u) {
      int k = c * kRingChunk + u * 32;
      tokens[u].load(rows + k * 2, m0 + m < p.rows && k < sums.limit);
    }
  };
  load(order(0));
#pragma unroll 1
  for (int g = 0; g < s.groups; ++g) {
#pragma unroll 1
    for (int i = 0; i < order.count; ++i, place.next()) {
      sums.multiply(order(i), place, tokens);
      load(order(i + 1 == order.count ? 0 : i + 1));
    }
    sums.finish(epilogue, p, s, m0, g);
  }
}

/// How dynamic shared memory is divided: rows of x where they must or can be
/// near, beside kFewStages, all else is ring.
struct RingLayout {
  int rowBytes, stages;
  bool near; // rows of x are in shared memory
  __device__ __forceinline__ char *rows() const {
    return dynamicShared<char>() + stages * kStageBytes;
  }
  /// `rows`: how many are not held in registers.
  __device__ __forceinline__ RingLayout(bool normed, int rows, int k)
      : rowBytes(ringRowBytes(k)) {
    u32 shared;
    asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(shared));
    int needed = min(rows, kMaxM) * rowBytes;
    near = rows > 0 &&
           (normed || needed + kFewStages * kStageBytes <= int(shared));
    stages = min((int(shared) - near * needed) / kStageBytes, kMaxStages);
  }
};

/// Rows m0 .. of x near or far, as RingLayout has it.
template <typename T, typename Norm, typename Epilogue>
__device__ __forceinline__ void
ringFrom(const RingLayout &layout, const Problem<T> &p, const Share &s,
         const RingMemory &memory, int m0, const Norm &norm,
         const Epilogue &epilogue, RingPlace &place) {
  char *rows = layout.rows();
  if constexpr (Norm::kPresent)
    normalise<true>(p, m0, norm, reinterpret_cast<T *>(rows), WarpsSync());
  else if (layout.near)
    stageTokens(p, m0, reinterpret_cast<u16 *>(rows));
  WarpsSync()();
  bool near = layout.near;
  ringRows(p, s, memory, m0,
           near ? rows : reinterpret_cast<const char *>(p.x + m0 * p.xStride),
           near ? layout.rowBytes : p.xStride * 2, epilogue, place);
}

/// As gemv::run. `held`: k is at most kHeldValues, the norm no LayerNorm, and
/// more rows of x than kFewRows are held in registers.
template <bool held, typename T, typename Norm, typename Epilogue>
__device__ __forceinline__ void
runRing(const T *x, i64 xStride, const T *w, int n, int k, const int *counts,
        int axis, const Norm &norm, const Epilogue &epilogue) {
  __shared__ RingState state;
  launchDependents();
  Problem<T> p{x, xStride, w, n, k, counts[axis]};
  Share s = makeShare<Epilogue::kGated>(n);
  bool inRegisters = held && p.rows > kFewRows;
  RingLayout layout(Norm::kPresent, inRegisters ? 0 : p.rows, k);
  RingMemory memory{sharedAddress(dynamicShared<char>()), &state};
  if (threadIdx.x < layout.stages) {
    barrierInit(memory.full(threadIdx.x), kRingCopiers);
    barrierInit(memory.empty(threadIdx.x), kWarps);
    barrierInitFence();
  }
  __syncthreads();
  RingPlace place{layout.stages};
  if (threadIdx.x >= kThreads) {
    if (electOne())
      copyWeights<Epilogue::kGated>(p, s, memory, place);
    return;
  }
  touchNorm(norm, k);
  dependencyWait();
#pragma unroll 1
  for (int m0 = 0; m0 < p.rows; m0 += kMaxM) {
    if (m0 > 0)
      WarpsSync()(); // shared memory is free
    if constexpr (held)
      if (inRegisters) {
        ringHeld(p, s, memory, m0, norm, epilogue, place);
        continue;
      }
    ringFrom(layout, p, s, memory, m0, norm, epilogue, place);
  }
}

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_RING_CUH
