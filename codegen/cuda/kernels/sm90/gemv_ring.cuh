//===- gemv_ring.cuh - linear layers of a few rows, by bulk copies -*- C++ -*-//
//
// The same function, prologues and epilogues as gemv.cuh, for f16 and bf16 with
// k a multiple of 8, x and w on 16 bytes and x's stride a multiple of 8. One
// CTA a multiprocessor: warps that only copy keep a ring of weights full in
// shared memory, eight warps multiply. What is under way does not pass through
// registers or L1, and the first weights come in before the kernel in front has
// ended.
//
// x is where XIn says: in registers (gemv_held.cuh); or, for one or two short
// rows, in shared memory, where their norm is made in registers
// (gemv_ring_norm.cuh). The ring: gemv_stages.cuh and gemv_sums.cuh.
//
// Launch: at most kMaxM rows; block kRingThreads = 384, __launch_bounds__(384,
// ctas); grid = at most the multiprocessors (any size is right). Dynamic shared
// memory: stages of kStageBytes and, unless x is in registers, rows of
// ringRowBytes(k) bytes behind them; all rows for XIn::Shared. One stage is
// right; it should be kFewStages at least, and more than kMaxStages or than a
// CTA's share of the weights fills are no use. `ctas` is 1 where that is more
// than half of a multiprocessor; small rings, with 2, leave room and registers
// to the kernels in front and behind, which start and end beside them.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_RING_CUH
#define FT_KERNELS_SM90_GEMV_RING_CUH

#include "sm90/gemv_held.cuh"
#include "sm90/gemv_ring_norm.cuh"

namespace ft::gemv {

/// Bytes of a row of x in shared memory.
__device__ __forceinline__ int ringRowBytes(int k) { return pitch<u16>(k) * 2; }

/// Rows of x, as stored, to shared memory.
template <typename T>
__device__ __forceinline__ void stageTokens(const Problem<T> &p, u16 *xs) {
  int vectors = p.k / 8, rowVectors = ringRowBytes(p.k) / 16;
  Vec16 *to = reinterpret_cast<Vec16 *>(xs);
  const T *from = p.x;
#pragma unroll 1
  for (int m = 0; m < p.rows; ++m, to += rowVectors, from += p.xStride)
#pragma unroll 4
    for (int v = threadIdx.x; v < vectors; v += kThreads)
      to[v] = load16(from + v * 8);
}

/// The multiplying warps. Rows of x lie at `rows`, `rowBytes` apart. `apart`:
/// of RingSums.
template <int apart, typename Epilogue, typename T>
__device__ __forceinline__ void
ringRows(const Problem<T> &p, const Share &s, const RingMemory<1> &memory,
         const char *rows, i64 rowBytes, const Epilogue &epilogue,
         RingPlace place) {
  ChunkOrder order(p.k);
  RingSums<T, apart> sums(p, memory);
  // This lane's token; sums of those that are not there are not stored.
  int m = min(int(threadIdx.x) % 32 / 4, p.rows - 1);
  rows += m * rowBytes + sums.at * 2;
  Tokens<T> tokens[kRingUnits];
  auto load = [&](int c) { // a chunk ahead, where they are far
#pragma unroll
    for (int u = 0; u < kRingUnits; ++u) {
      int k = c * kRingChunk + u * kUnitStep;
      tokens[u].load(rows + k * 2, k < sums.limit);
    }
  };
  int c = order.first;
  load(c);
#pragma unroll 1
  for (int j = s.begin; j < s.end; j += perGroup<Epilogue::kGated>) {
    auto operands = loadOperands<1>(epilogue, p, s, j);
#pragma unroll 1
    for (int left = order.count; left > 0; --left, place.next()) {
      sums.multiply(c, place, tokens);
      c = order.next(c);
      load(c);
    }
    sums.finish(epilogue, p, s, j, operands);
  }
}

/// Where rows of x are: in registers, in shared memory, or there if they fit.
enum class XIn { Registers, Shared, SharedIfRoom };

/// How dynamic shared memory is divided: x, where it must or can be there
/// beside kFewStages; all else is ring.
struct RingLayout {
  int rowBytes, stages;
  bool near; // x is in shared memory
  __device__ __forceinline__ char *rows() const {
    return dynamicShared<char>() + stages * kStageBytes;
  }
  /// `beside`: bytes that are no ring.
  __device__ __forceinline__ RingLayout(XIn where, int rows, int k, int beside)
      : rowBytes(ringRowBytes(k)) {
    u32 shared;
    asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(shared));
    shared -= beside;
    int x = rows * rowBytes;
    near =
        where == XIn::Shared || (where == XIn::SharedIfRoom &&
                                 x + kFewStages * kStageBytes <= int(shared));
    stages = min((int(shared) - near * x) / kStageBytes, kMaxStages);
  }
};

/// The multiplying warps where x is not held. `ctas` of a multiprocessor: two
/// have fewer registers.
template <XIn where, int ctas, typename T, typename Norm, typename Epilogue>
__device__ __forceinline__ void
ringFew(const RingLayout &layout, const Problem<T> &p, const Share &s,
        const RingMemory<1> &memory, const Norm &norm,
        const Epilogue &epilogue) {
  constexpr int vectors = ctas > 1 ? 1 : 2, apart = kRingUnits / ctas;
  char *rows = layout.rows();
  T *xs = reinterpret_cast<T *>(rows);
  RingPlace place{layout.stages};
  if constexpr (Norm::kPresent) {
    FewNorm<T, Norm, vectors> few(p, norm);
    if (!few.fits())
      touchNorm(norm, p.k);
    dependencyWait();
    if (few.fits())
      few.normalise(p, norm, xs, WarpsSync());
    else
      normalise<true>(p, 0, norm, xs, WarpsSync());
  } else {
    dependencyWait();
    if (where == XIn::Shared || layout.near)
      stageTokens(p, reinterpret_cast<u16 *>(rows));
  }
  WarpsSync()();
  if (p.rows == 0)
    return;
  if constexpr (where == XIn::SharedIfRoom)
    if (!layout.near)
      return ringRows<apart>(p, s, memory, reinterpret_cast<const char *>(p.x),
                             p.xStride * 2, epilogue, place);
  ringRows<apart>(p, s, memory, rows, layout.rowBytes, epilogue, place);
}

/// As gemv::run, for at most kMaxM rows. `chunks` of k that a CTA holds: for
/// XIn::Registers.
template <XIn where, int ctas, int chunks = 0, int cluster = 1, typename T,
          typename Norm, typename Epilogue>
__device__ __forceinline__ void
runRing(const T *x, i64 xStride, const T *w, int n, int k, const int *counts,
        int axis, const Norm &norm, const Epilogue &epilogue) {
  constexpr bool gated = Epilogue::kGated, held = where == XIn::Registers;
  static_assert(!Norm::kPresent || where != XIn::SharedIfRoom);
  static_assert(held == (chunks > 0));
  static_assert(cluster == 1 || held);
  __shared__ RingState<cluster> state;
  int count = counts[axis]; // under way first: all else is short
  launchDependents();
  RingMemory<cluster> memory{sharedAddress(dynamicShared<char>()), &state};
  initRing(memory);
  if constexpr (cluster > 1) {
    __syncwarp();
    clusterArriveRelaxed();
  }
  Share s = makeShare<gated>(n, blockIdx.x / cluster, gridDim.x / cluster);
  KPart<cluster> part(k, int(rankIn<cluster>()));
  Problem<T> p{x + part.begin, xStride, w + part.begin, n, part.count, count};
  RingLayout layout(where, p.rows, k, kHeldNormBytes<Norm, chunks>);
  __syncthreads();
  // Beyond what __launch_bounds__ leaves all warps.
  constexpr bool many = chunks > kFewHeld || ctas > 1;
  if (threadIdx.x >= kThreads) {
    if constexpr (many)
      registersDown<kCopierRegisters>();
    if (p.rows > 0 && electOne())
      copyWeights<gated>(p, k, s, memory, RingPlace{layout.stages});
    if constexpr (cluster > 1) {
      __syncwarp();
      clusterWait();
    }
    return;
  }
  if constexpr (many)
    registersUp<kMultiplierRegisters<ctas>>();
  if constexpr (cluster > 1)
    clusterWait(); // the others' inboxes are there
  if constexpr (held)
    ringHeld<chunks, kHeldApart<chunks, ctas>>(p, k, s, memory, norm, epilogue,
                                               RingPlace{layout.stages});
  else
    ringFew<where, ctas>(layout, p, s, memory, norm, epilogue);
}

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_RING_CUH
