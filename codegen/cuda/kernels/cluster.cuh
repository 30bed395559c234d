//===- cluster.cuh - CTAs of one row that share what they know --*- C++ -*-===//
//
// kCluster CTAs, neighbours along the grid's x or y, run as a thread block
// cluster from sm_90 on and read each other's shared memory. Elsewhere a
// cluster is one CTA, and every function is what that leaves of it.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_CLUSTER_CUH
#define FT_KERNELS_CLUSTER_CUH

#include "common.cuh"
#if __CUDA_ARCH__ >= 900
#include "sm90/async.cuh"
#endif

namespace ft::cluster {

#if __CUDA_ARCH__ >= 900
constexpr int kCluster = 8;
/// Stands between __global__ and the kernel's name.
#define FT_CLUSTER_OF_ROWS __cluster_dims__(1, 8, 1)
#define FT_CLUSTER_ALONG_X __cluster_dims__(8, 1, 1)
#else
constexpr int kCluster = 1;
#define FT_CLUSTER_OF_ROWS
#define FT_CLUSTER_ALONG_X
#endif

/// Every thread of the cluster has arrived; its shared and global writes are
/// seen by all. Every thread must call it.
__device__ __forceinline__ void sync() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;\n"
               "barrier.cluster.wait.acquire.aligned;" ::
                   : "memory");
#else
  __syncthreads();
#endif
}

/// `*p` in the shared memory of CTA `rank`.
__device__ __forceinline__ u64 load(const u64 *p, int rank) {
#if __CUDA_ARCH__ >= 900
  u64 value;
  asm volatile("{\n"
               ".reg .u32 remote;\n"
               "mapa.shared::cluster.u32 remote, %1, %2;\n"
               "ld.shared::cluster.u64 %0, [remote];\n"
               "}"
               : "=l"(value)
               : "r"(u32(__cvta_generic_to_shared(p))), "r"(rank)
               : "memory");
  return value;
#else
  return *p;
#endif
}

__device__ __forceinline__ float load(const float *p, int rank) {
#if __CUDA_ARCH__ >= 900
  float value;
  asm volatile("{\n"
               ".reg .u32 remote;\n"
               "mapa.shared::cluster.u32 remote, %1, %2;\n"
               "ld.shared::cluster.f32 %0, [remote];\n"
               "}"
               : "=f"(value)
               : "r"(u32(__cvta_generic_to_shared(p))), "r"(rank)
               : "memory");
  return value;
#else
  return *p;
#endif
}

/// A word of each CTA for the first of the cluster, in its shared memory.
/// Nobody waits for another's end, and no store waits for L2, as sync() does.
struct Words {
  u64 full, word[kCluster];

  /// Every thread, early, and once more in ready() before a word is sent.
  __device__ __forceinline__ void open() {
#if __CUDA_ARCH__ >= 900
    if (threadIdx.x == 0) {
      barrierInit(sharedAddress(&full), 1);
      barrierInitFence();
      barrierExpect(sharedAddress(&full), (kCluster - 1) * sizeof(u64));
    }
    __syncwarp();
    clusterArriveRelaxed();
#endif
  }
  __device__ __forceinline__ void ready() const {
#if __CUDA_ARCH__ >= 900
    clusterWait();
#endif
  }
  /// One thread of CTA `rank`, once.
  __device__ __forceinline__ void send(int rank, u64 value) {
#if __CUDA_ARCH__ >= 900
    if (rank > 0)
      return storeRemote(remoteAddress(sharedAddress(word + rank), 0),
                         remoteAddress(sharedAddress(&full), 0),
                         __uint_as_float(u32(value)),
                         __uint_as_float(u32(value >> 32)));
#endif
    word[0] = value;
  }
  /// That thread of the first CTA: all words are there.
  __device__ __forceinline__ void wait() const {
#if __CUDA_ARCH__ >= 900
    barrierWait(sharedAddress(&full), 0);
#endif
  }
};

} // namespace ft::cluster

#endif // FT_KERNELS_CLUSTER_CUH
