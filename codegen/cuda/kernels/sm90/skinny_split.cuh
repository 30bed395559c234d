//===- skinny_split.cuh - CTAs that share a tile's k ------------*- C++ -*-===//
//
// The CTAs of a cluster each have the sums of a whole tile over a part of k.
// Each stores a part of a thread's sums, the same of every thread, and gets
// the others' through its shared memory. They are added in the order of k.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_SKINNY_SPLIT_CUH
#define FT_KERNELS_SM90_SKINNY_SPLIT_CUH

#include "sm90/skinny_share.cuh"

namespace ft {
namespace skinny {

template <typename C> struct SplitSums {
  static constexpr int kVector = C::kRun < 4 ? C::kRun : 4;
  static constexpr int kOtherBytes = C::kBlocks * C::kRun * C::kConsumers * 4;
  using Sums = float[C::kBlocks][C::kAllSums];
  using Own = float[C::kBlocks][C::kRun];

  const Ring<C> &ring;
  int split;

  /// Where this thread's sums of CTA `from` lie in CTA `owner`.
  __device__ __forceinline__ u32 place(int from, int owner) const {
    return ring.sums + (from < owner ? from : from - 1) * kOtherBytes +
           threadIdx.x * kVector * 4;
  }
  /// Sums `i` on of block `b`, from there.
  static __device__ __forceinline__ constexpr int offset(int b, int i) {
    return (b * C::kRun + i) * C::kConsumers * 4;
  }

  /// own = this CTA's part of all CTAs' sums of tile `turn`.
  __device__ __forceinline__ void exchange(const Sums &d, Own &own,
                                           u32 turn) const {
    if (threadIdx.x == 0)
      barrierExpect(ring.sumsFull(), C::kSplitBytes);
    if (turn == 0)
      clusterWait(); // their barriers are made
    else
      barrierWait(ring.sumsFree(), ~turn & 1);
#pragma unroll
    for (int to = 0; to < C::kSplits; ++to) {
      if (to == split) {
#pragma unroll
        for (int b = 0; b < C::kBlocks; ++b)
#pragma unroll
          for (int i = 0; i < C::kRun; ++i)
            own[b][i] = d[b][to * C::kRun + i];
        continue;
      }
      u32 full = remoteAddress(ring.sumsFull(), to);
      u32 at = remoteAddress(place(split, to), to);
#pragma unroll
      for (int b = 0; b < C::kBlocks; ++b)
#pragma unroll
        for (int i = 0; i < C::kRun; i += kVector) {
          const float *v = d[b] + to * C::kRun + i;
          if constexpr (kVector == 4)
            storeRemote(at + offset(b, i), full, v[0], v[1], v[2], v[3]);
          else
            storeRemote(at + offset(b, i), full, v[0], v[1]);
        }
    }
    barrierWait(ring.sumsFull(), turn & 1);
    add(own);
  }
  /// Where another tile follows, here and in all: others may send its sums,
  /// where rows of y were turned over since.
  __device__ __forceinline__ void release() const {
    __syncwarp();
    int lane = threadIdx.x % 32;
    if (lane >= C::kSplits || lane == split)
      return;
    if (C::kStoredBytes > 0)
      barrierReleaseAt(ring.sumsFree(), lane);
    else
      barrierArriveAt(ring.sumsFree(), lane);
  }

private:
  __device__ __forceinline__ void add(Own &own) const {
#pragma unroll
    for (int b = 0; b < C::kBlocks; ++b)
#pragma unroll
      for (int i = 0; i < C::kRun; i += kVector) {
        float sum[kVector] = {};
#pragma unroll
        for (int from = 0; from < C::kSplits; ++from) {
          float v[kVector];
          if (from == split) {
#pragma unroll
            for (int j = 0; j < kVector; ++j)
              v[j] = own[b][i + j];
          } else {
            load(place(from, split) + offset(b, i), v);
          }
#pragma unroll
          for (int j = 0; j < kVector; ++j)
            sum[j] += v[j];
        }
#pragma unroll
        for (int j = 0; j < kVector; ++j)
          own[b][i + j] = sum[j];
      }
  }
  static __device__ __forceinline__ void load(u32 at, float (&v)[4]) {
    float4 raw = loadShared4(at);
    v[0] = raw.x, v[1] = raw.y, v[2] = raw.z, v[3] = raw.w;
  }
  static __device__ __forceinline__ void load(u32 at, float (&v)[2]) {
    float2 raw = loadShared2(at);
    v[0] = raw.x, v[1] = raw.y;
  }
};

} // namespace skinny
} // namespace ft

#endif // FT_KERNELS_SM90_SKINNY_SPLIT_CUH
