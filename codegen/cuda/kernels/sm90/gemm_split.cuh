//===- gemm_split.cuh - several CTAs share a tile's k -----------*- C++ -*-===//
//
// The CTAs of Config::kSplits parts of a cluster each have the sums of a whole
// tile over a part of k. The tile's columns are dealt out: split s stores
// columns s * kOwn .. (s + 1) * kOwn - 1, and gets the others' sums of them
// through its shared memory. They are added to its own in the order of the
// splits, whoever comes first. So all warps of all CTAs end the tile: by rows
// half or a quarter of them did.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_SPLIT_CUH
#define FT_KERNELS_SM90_GEMM_SPLIT_CUH

#include "sm90/async.cuh"
#include "sm90/gemm_shape.cuh"

namespace ft {
namespace gemm {

template <typename C> struct SplitSums {
  /// Of a warp: 512 bytes for every four sums of its threads.
  static constexpr u32 kWarpBytes = 64 * C::kOwn;
  static constexpr u32 kOtherBytes = C::kStoring * kWarpBytes;

  Stages<C> stages;
  int split, part; // part: this CTA among those of its split

  __device__ u32 ctaOf(int other) const { return other * C::kPart + part; }
  /// Where the sums of `from` lie in the CTA that stores them, `owner`.
  __device__ u32 place(int from, int owner, int warp) const {
    int number = from < owner ? from : from - 1;
    return stages.sums() + number * kOtherBytes + warp * kWarpBytes +
           threadIdx.x % 32 * 16;
  }

  /// own = the whole of k's sums of this CTA's columns, in tile `turn`.
  __device__ __forceinline__ void exchange(float (&own)[C::kOwnSums],
                                           const float (&d)[C::BN / 2],
                                           int warpgroup, u32 turn) const {
    int lane = threadIdx.x % 32;
    int warp = warpgroup * 4 + int(threadIdx.x) % 128 / 32;
    // A phase of the barrier ends with this arrival and all bytes, which may
    // come before it.
    if (lane == 0 && warp == 0)
      barrierExpect(stages.sumsFull(), C::kSumBytes);
    __syncwarp();
    barrierWait(stages.sumsFree(), ~turn & 1);
#pragma unroll
    for (int owner = 0; owner < C::kSplits; ++owner) {
      const int first = owner * C::kOwnSums;
      if (owner == split) {
#pragma unroll
        for (int i = 0; i < C::kOwnSums; ++i)
          own[i] = d[first + i];
      } else {
        u32 to = remoteAddress(place(split, owner, warp), ctaOf(owner));
        u32 full = remoteAddress(stages.sumsFull(), ctaOf(owner));
#pragma unroll
        for (int i = 0; i < C::kOwnSums; i += 4)
          storeRemote(to + i * 128, full, d[first + i], d[first + i + 1],
                      d[first + i + 2], d[first + i + 3]);
      }
    }
    barrierWait(stages.sumsFull(), turn & 1);
    // Split 0's, or 1's in split 0; the next split's lie behind.
    u32 from = place(split == 0 ? 1 : 0, split, warp);
#pragma unroll
    for (int i = 0; i < C::kOwnSums; i += 4) {
#pragma unroll
      for (int other = 0; other < C::kSplits - 1; ++other) {
        float4 more = loadShared4(from + other * kOtherBytes + i * 128);
        own[i] += more.x, own[i + 1] += more.y;
        own[i + 2] += more.z, own[i + 3] += more.w;
      }
    }
    __syncwarp();
    if (lane < C::kSplits && lane != split)
      barrierArriveAt(stages.sumsFree(), ctaOf(lane));
  }
  /// After `turns` tiles, one at least: nobody leaves while arrivals are on
  /// their way to it.
  __device__ void end(u32 turns) const {
    barrierWait(stages.sumsFree(), ~turns & 1);
  }
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_SPLIT_CUH
