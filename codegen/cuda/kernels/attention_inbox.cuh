//===- attention_inbox.cuh - parts of a tile in a cluster -------*- C++ -*-===//
//
// How the CTAs of a cluster that share a tile bring their parts together
// without waiting for each other's end.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_INBOX_CUH
#define FT_KERNELS_ATTENTION_INBOX_CUH

#include "attention.cuh"
#include "cluster.cuh"
#include "sm90/async.cuh"

namespace ft::attention {

/// Floats of an Inbox: six of each vector that is sent.
template <typename S, int rows, int cluster>
constexpr int kInboxFloats = roundUp(rows *S::DV / 4, cluster) * 6;

/// What the CTAs of a team in a cluster send each other: four neighbours of a
/// row of a part, and the row's maximum and sum of exponentials. Vector v of a
/// tile is the work of the team's CTA v % team. Nobody reads another's memory,
/// so a CTA that has sent its part and stored its vectors can end.
template <typename S, int rows, int cluster> class Inbox {
public:
  int team, rank; // of this CTA in its team

  /// `barrier` and `slots` in shared memory; `team` a power of two.
  __device__ __forceinline__ Inbox(u64 *barrier, float *slots, int team)
      : team(team), rank(int(blockIdx.x) & (team - 1)),
        barrier_(sharedAddress(barrier)), slots_(sharedAddress(slots)) {
    shift_ = __ffs(team) - 1;
  }
#if __CUDA_ARCH__ >= 900
  /// By all threads, before the keys: vectors of `some` rows of the tile will
  /// come from `parts` CTAs.
  __device__ __forceinline__ void expect(int some, int parts) const {
    if (threadIdx.x == 0) {
      int own = (some * (S::DV / 4) - rank + team - 1) >> shift_;
      barrierInit(barrier_, 1);
      barrierInitFence();
      barrierExpect(barrier_, own * parts * 24);
    }
    __syncwarp();
    clusterArriveRelaxed();
  }
  /// The other CTAs' barriers are there.
  __device__ __forceinline__ void open() const {
    __syncwarp();
    clusterWait();
  }
  __device__ __forceinline__ void send(int vector, const float (&value)[4],
                                       float top, float sum) const {
    // A team begins at a multiple of its size in the cluster.
    int to = (int(blockIdx.x) % cluster - rank) + (vector & (team - 1));
    u32 slots = remoteAddress(slots_, to), slot = (vector & -team) + rank;
    u32 barrier = remoteAddress(barrier_, to);
    storeRemote(slots + slot * 16, barrier, value[0], value[1], value[2],
                value[3]);
    storeRemote(slots + kNumbers + slot * 8, barrier, top, sum);
  }
  __device__ __forceinline__ void wait() const { barrierWait(barrier_, 0); }
  /// What CTA `from` sent of this CTA's vector number `i`.
  __device__ __forceinline__ void read(int i, int from, float (&value)[4],
                                       float &top, float &sum) const {
    u32 slot = (i << shift_) + from;
    float4 v = loadShared4(slots_ + slot * 16);
    float2 numbers = loadShared2(slots_ + kNumbers + slot * 8);
    value[0] = v.x, value[1] = v.y, value[2] = v.z, value[3] = v.w;
    top = numbers.x, sum = numbers.y;
  }
#else // no clusters
  __device__ __forceinline__ void expect(int, int) const {}
  __device__ __forceinline__ void open() const {}
  __device__ __forceinline__ void send(int, const float (&)[4], float,
                                       float) const {}
  __device__ __forceinline__ void wait() const {}
  __device__ __forceinline__ void read(int, int, float (&)[4], float &,
                                       float &) const {}
#endif

private:
  /// Behind all values: maxima and sums.
  static constexpr int kNumbers = kInboxFloats<S, rows, cluster> / 6 * 16;

  int shift_;
  u32 barrier_, slots_;
};

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_INBOX_CUH
