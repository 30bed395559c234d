//===- async.cuh - barriers, tensor copies, clusters, sm_90a ----*- C++ -*-===//
//
// One function an instruction, no policy. Shared-memory addresses are 32-bit
// (`sharedAddress`); barriers are 8-byte words in shared memory.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_ASYNC_CUH
#define FT_KERNELS_SM90_ASYNC_CUH

#include "common.cuh"

namespace ft {

/// A CUtensorMap, encoded by the host; a `const __grid_constant__` parameter.
struct alignas(64) TensorMap {
  u64 opaque[16];
};

__device__ __forceinline__ u32 sharedAddress(const void *p) {
  return u32(__cvta_generic_to_shared(p));
}

/// True in one thread of a whole warp: what it issues needs no loop over lanes.
__device__ __forceinline__ bool electOne() {
  u32 one;
  asm volatile("{\n\t"
               ".reg .pred p;\n\t"
               "elect.sync _|p, 0xffffffff;\n\t"
               "selp.u32 %0, 1, 0, p;\n\t"
               "}"
               : "=r"(one));
  return one != 0;
}

//===----------------------------------------------------------------------===//
// mbarrier
//===----------------------------------------------------------------------===//

__device__ __forceinline__ void barrierInit(u32 barrier, u32 arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier),
               "r"(arrivals)
               : "memory");
}
/// Makes initialised barriers visible to the copy engine and to the cluster;
/// a CTA or cluster barrier must follow.
__device__ __forceinline__ void barrierInitFence() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}
/// One arrival that also announces `bytes` of copies to come.
__device__ __forceinline__ void barrierExpect(u32 barrier, u32 bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier),
      "r"(bytes)
      : "memory");
}
__device__ __forceinline__ void barrierArrive(u32 barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier)
               : "memory");
}
/// Arrivals by which a warp says that all its lanes are done with something:
/// one lane's, behind what orders the others' accesses before it.
/// compute-sanitizer's racecheck sees no such order: for it, each lane arrives.
#ifdef FT_EACH_LANE_ARRIVES
constexpr u32 kWarpArrivals = 32;
#else
constexpr u32 kWarpArrivals = 1;
#endif
/// A whole warp calls; `barrier` counts kWarpArrivals of it.
__device__ __forceinline__ void warpArrive(u32 barrier) {
  if (kWarpArrivals == 32 || threadIdx.x % 32 == 0)
    barrierArrive(barrier);
}
/// Arrival at the same barrier of CTA `rank` of the cluster. Relaxed: it says
/// that something was read, and publishes no writes; a release would wait for
/// every store of the thread to reach L2 (MEMBAR.GPU), at each stage of a ring.
__device__ __forceinline__ void barrierArriveAt(u32 barrier, u32 rank) {
  asm volatile("{\n\t"
               ".reg .b32 remote;\n\t"
               "mapa.shared::cluster.u32 remote, %0, %1;\n\t"
               "mbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, "
               "[remote];\n\t"
               "}" ::"r"(barrier),
               "r"(rank)
               : "memory");
}
/// The same behind writes to shared memory that the other CTA's follow.
__device__ __forceinline__ void barrierReleaseAt(u32 barrier, u32 rank) {
  asm volatile("{\n\t"
               ".reg .b32 remote;\n\t"
               "mapa.shared::cluster.u32 remote, %0, %1;\n\t"
               "mbarrier.arrive.release.cluster.shared::cluster.b64 _, "
               "[remote];\n\t"
               "}" ::"r"(barrier),
               "r"(rank)
               : "memory");
}
/// Blocks until the phase of parity `parity` is complete. A fresh barrier
/// counts its phase of parity 1 as complete. Test builds define FT_SPIN_LIMIT:
/// a barrier that nobody completes then costs a wrong result and no hang.
__device__ __forceinline__ void barrierWait(u32 barrier, u32 parity) {
  u32 done = 0;
#ifdef FT_SPIN_LIMIT
  u32 spins = 0;
#endif
  do {
    asm volatile("{\n\t"
                 ".reg .pred p;\n\t"
                 "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n\t"
                 "selp.u32 %0, 1, 0, p;\n\t"
                 "}"
                 : "=r"(done)
                 : "r"(barrier), "r"(parity)
                 : "memory");
#ifdef FT_SPIN_LIMIT
    if (++spins > FT_SPIN_LIMIT)
      return;
#endif
  } while (!done);
}

/// A position in a ring of stages; `phase` flips at each turn.
template <int stages> struct Cursor {
  u32 stage = 0, phase = 0;
  __device__ void next() {
    if (++stage == stages) {
      stage = 0;
      phase ^= 1;
    }
  }
  __device__ void skip(u32 steps) {
    u32 sum = stage + steps;
    stage = sum % stages;
    phase ^= sum / stages & 1;
  }
};

/// `threads` of the CTA, in whole warps, meet at barrier `id`, 1 .. 15.
__device__ __forceinline__ void namedSync(int id, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
/// Arrival without waiting.
__device__ __forceinline__ void namedArrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
/// Ordinary writes to shared memory, before a barrier after which tensor cores
/// or the copy engine read them.
__device__ __forceinline__ void asyncProxyFence() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/// 16 bytes by this thread, which waits with copyAsyncWait.
__device__ __forceinline__ void copyAsync16(u32 to, const void *from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(from)
               : "memory");
}
/// Until all of this thread's have arrived.
__device__ __forceinline__ void copyAsyncWait() {
  asm volatile("cp.async.wait_all;" ::: "memory");
}
/// This thread's copies so far are a group; until at most `pending` later ones
/// are under way.
__device__ __forceinline__ void copyAsyncCommit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int pending> __device__ __forceinline__ void copyAsyncWaitGroups() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

//===----------------------------------------------------------------------===//
// Bulk copies
//===----------------------------------------------------------------------===//

/// What L2 is to do with a line, for copies. A type of its own: no number of an
/// overload passes for one.
struct CachePolicy {
  u64 bits;
};
__device__ __forceinline__ CachePolicy evictFirst() {
  CachePolicy policy;
  asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;"
               : "=l"(policy.bits));
  return policy;
}
/// As without a policy.
__device__ __forceinline__ CachePolicy evictNormal() {
  CachePolicy policy;
  asm volatile("createpolicy.fractional.L2::evict_normal.b64 %0, 1.0;"
               : "=l"(policy.bits));
  return policy;
}

/// `bytes`, a multiple of 16, to shared memory. Counts on `barrier`.
__device__ __forceinline__ void copyBulk(u32 to, const void *from, u32 bytes,
                                         u32 barrier) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx"
               "::bytes [%0], [%1], %2, [%3];" ::"r"(to),
               "l"(from), "r"(bytes), "r"(barrier)
               : "memory");
}
/// The same by a policy for L2.
__device__ __forceinline__ void copyBulk(u32 to, const void *from, u32 bytes,
                                         u32 barrier, CachePolicy policy) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx"
               "::bytes.L2::cache_hint [%0], [%1], %2, [%3], %4;" ::"r"(to),
               "l"(from), "r"(bytes), "r"(barrier), "l"(policy.bits)
               : "memory");
}

//===----------------------------------------------------------------------===//
// Tensor copies to shared memory
//===----------------------------------------------------------------------===//

__device__ __forceinline__ void prefetchMap(const TensorMap &map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}
/// The map's box at (x, y), x the contiguous coordinate, to `target`; what
/// lies outside of the tensor arrives as zeros. Counts on `barrier`.
__device__ __forceinline__ void copyBox(u32 target, const TensorMap &map, int x,
                                        int y, u32 barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global"
      ".mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(target),
      "l"(&map), "r"(x), "r"(y), "r"(barrier)
      : "memory");
}
/// The same by a policy for L2.
__device__ __forceinline__ void copyBox(u32 target, const TensorMap &map, int x,
                                        int y, u32 barrier,
                                        CachePolicy policy) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global"
      ".mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1, {%2, %3}], [%4],"
      " %5;" ::"r"(target),
      "l"(&map), "r"(x), "r"(y), "r"(barrier), "l"(policy.bits)
      : "memory");
}
/// The same of a map of three dimensions.
__device__ __forceinline__ void copyBox(u32 target, const TensorMap &map, int x,
                                        int y, int z, u32 barrier) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global"
      ".mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];" ::"r"(
          target),
      "l"(&map), "r"(x), "r"(y), "r"(z), "r"(barrier)
      : "memory");
}
__device__ __forceinline__ void copyBox(u32 target, const TensorMap &map, int x,
                                        int y, int z, u32 barrier,
                                        CachePolicy policy) {
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global"
      ".mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1, {%2, %3, %4}], "
      "[%5], %6;" ::"r"(target),
      "l"(&map), "r"(x), "r"(y), "r"(z), "r"(barrier), "l"(policy.bits)
      : "memory");
}
/// The box of two dimensions to the same place of every CTA of `mask`, counted
/// on each one's own barrier.
__device__ __forceinline__ void copyBoxToAll(u32 target, const TensorMap &map,
                                             int x, int y, u32 barrier,
                                             u16 mask) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global"
               ".mbarrier::complete_tx::bytes.multicast::cluster"
               " [%0], [%1, {%2, %3}], [%4], %5;" ::"r"(target),
               "l"(&map), "r"(x), "r"(y), "r"(barrier), "h"(mask)
               : "memory");
}

//===----------------------------------------------------------------------===//
// Clusters and registers
//===----------------------------------------------------------------------===//

/// The shared-memory address `address` of CTA `rank`, for storeRemote.
__device__ __forceinline__ u32 remoteAddress(u32 address, u32 rank) {
  u32 remote;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;"
               : "=r"(remote)
               : "r"(address), "r"(rank));
  return remote;
}
/// To another CTA's shared memory; the bytes count on `barrier` there, whose
/// waiters see them. No fence, unlike a store and an arrival.
__device__ __forceinline__ void storeRemote(u32 to, u32 barrier, float x,
                                            float y, float z, float w) {
  asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.f32 "
               "[%0], {%2, %3, %4, %5}, [%1];" ::"r"(to),
               "r"(barrier), "f"(x), "f"(y), "f"(z), "f"(w)
               : "memory");
}
__device__ __forceinline__ void storeRemote(u32 to, u32 barrier, float x,
                                            float y) {
  asm volatile("st.async.shared::cluster.mbarrier::complete_tx::bytes.v2.f32 "
               "[%0], {%2, %3}, [%1];" ::"r"(to),
               "r"(barrier), "f"(x), "f"(y)
               : "memory");
}
__device__ __forceinline__ void storeShared(u32 to, u32 v) {
  asm volatile("st.shared.u32 [%0], %1;" ::"r"(to), "r"(v) : "memory");
}
__device__ __forceinline__ void storeShared(u32 to, u16 v) {
  asm volatile("st.shared.u16 [%0], %1;" ::"r"(to), "h"(v) : "memory");
}
__device__ __forceinline__ u32 loadShared(u32 from) {
  u32 v;
  asm volatile("ld.shared.u32 %0, [%1];" : "=r"(v) : "r"(from) : "memory");
  return v;
}
__device__ __forceinline__ u16 loadShared16(u32 from) {
  u16 v;
  asm volatile("ld.shared.u16 %0, [%1];" : "=h"(v) : "r"(from) : "memory");
  return v;
}
__device__ __forceinline__ Vec16 loadSharedVec(u32 from) {
  Vec16 v;
  asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.word[0]), "=r"(v.word[1]), "=r"(v.word[2]),
                 "=r"(v.word[3])
               : "r"(from)
               : "memory");
  return v;
}
__device__ __forceinline__ void storeShared4(u32 to, float4 v) {
  asm volatile("st.shared.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(to), "f"(v.x),
               "f"(v.y), "f"(v.z), "f"(v.w)
               : "memory");
}
__device__ __forceinline__ float loadShared1(u32 from) {
  float v;
  asm volatile("ld.shared.f32 %0, [%1];" : "=f"(v) : "r"(from) : "memory");
  return v;
}
__device__ __forceinline__ float2 loadShared2(u32 from) {
  float2 v;
  asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];"
               : "=f"(v.x), "=f"(v.y)
               : "r"(from)
               : "memory");
  return v;
}
__device__ __forceinline__ void storeShared2(u32 to, float x, float y) {
  asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(to), "f"(x), "f"(y)
               : "memory");
}
__device__ __forceinline__ float4 loadShared4(u32 from) {
  float4 v;
  asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
               : "r"(from)
               : "memory");
  return v;
}
__device__ __forceinline__ u32 clusterRank() {
  u32 r;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(r));
  return r;
}
/// The cluster's barrier in two halves, after barrierInitFence: other CTAs may
/// be told of barriers once all have arrived. Whole warps.
__device__ __forceinline__ void clusterArriveRelaxed() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}
__device__ __forceinline__ void clusterWait() {
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}
/// Every thread of the cluster has come here; publishes no writes.
__device__ __forceinline__ void clusterBarrier() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;\n\t"
               "barrier.cluster.wait.aligned;" ::
                   : "memory");
}
/// Whole warpgroups only; the kernel needs __launch_bounds__.
template <int count> __device__ __forceinline__ void registersUp() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count));
}
template <int count> __device__ __forceinline__ void registersDown() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count));
}

} // namespace ft

#endif // FT_KERNELS_SM90_ASYNC_CUH
