//===- gemv_held.cuh - ring GEMVs that hold x in registers -----*- C++ -*-===//
//
// A lane multiplies the same values of k of every weight row: of each chunk
// four times 8, of one token. They fit its registers, loaded once, all at the
// same time, and a norm is made of them where they are (gemv_held_norm.cuh).
// (8 rows of 4096 in shared memory left a third less ring, and their norm took
// about 8 us of a GEMV of 8B that reads for 11.) Two CTAs that share k load and
// normalise half of x each. One or two short rows are better off in shared
// memory: most lanes would work for tokens that are not there, in code eight
// times as long, which a short kernel waits for.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_HELD_CUH
#define FT_KERNELS_SM90_GEMV_HELD_CUH

#include "sm90/gemv_held_norm.cuh"
#include "sm90/gemv_sums.cuh"

namespace ft::gemv {

/// More chunks than these need registers that the copying warps give up.
constexpr int kFewHeld = 5;
/// Products that do not wait for each other, as registers allow.
template <int chunks, int ctas>
constexpr int kHeldApart = ctas == 1 ? kRingUnits : 1 + (chunks <= 2);

/// The multiplying warps, from before the wait for the kernel in front on.
/// `apart`: of RingSums; `inner`: k of all CTAs. REQUIRES: p.k is at most
/// `chunks` chunks.
template <int chunks, int apart, int cluster, typename T, typename Norm,
          typename Epilogue>
__device__ __forceinline__ void
ringHeld(const Problem<T> &p, int inner, const Share &s,
         const RingMemory<cluster> &memory, const Norm &norm,
         const Epilogue &epilogue, RingPlace place) {
  ChunkOrder order(p.k);
  RingSums<T, apart, cluster> sums(p, memory);
  HeldNorm<T, Norm, chunks, cluster> prologue(order, inner, memory, norm,
                                              place.stages);
  dependencyWait();
  if (p.rows <= 0)
    return;
  int m = int(threadIdx.x) % 32 / 4; // this lane's token
  const T *row = p.x + m * p.xStride + sums.at;
  Held<T, chunks> x = {};
  if (m < p.rows)
    x.each(order, [&](Vec16 &vector, int i, int u) {
      int k = order(i) * kRingChunk + u * kUnitStep;
      if (k < sums.limit)
        vector = load16(row + k); // through L1: 2 us a layer of 8B
    });
  prologue.apply(x, order, sums.limit);
#pragma unroll 1
  for (int j = s.begin; j < s.end; j += perGroup<Epilogue::kGated>) {
    auto operands = loadOperands<cluster>(epilogue, p, s, j);
#pragma unroll
    for (int i = 0; i < chunks; ++i)
      if (i < order.count) {
        sums.multiply(order(i), place, x.tokens[i]);
        place.next();
      }
    sums.finish(epilogue, p, s, j, operands);
  }
}

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_HELD_CUH
