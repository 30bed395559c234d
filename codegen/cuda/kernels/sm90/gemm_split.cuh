//===- gemm_split.cuh - several CTAs share a tile's k -----------*- C++ -*-===//
//
// The CTAs of Config::kSplits parts of a cluster each have the sums of a whole
// tile over a part of k. The tile's warps of 16 rows are dealt out: split s
// stores those of warps s * kStoring .. (s + 1) * kStoring - 1 of the CTA, and
// gets the others' sums of them through its shared memory. They are added to
// its own in the order of the splits, whoever comes first.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_SPLIT_CUH
#define FT_KERNELS_SM90_GEMM_SPLIT_CUH

#include "sm90/async.cuh"
#include "sm90/gemm_shape.cuh"

namespace ft {
namespace gemm {

template <typename C> struct SplitSums {
  using Sums = float[C::BN / 2];
  /// Of a warp: 512 bytes for every four sums of its threads.
  static constexpr u32 kWarpBytes = 16 * C::BN * 4;
  static constexpr u32 kOtherBytes = C::kStoring * kWarpBytes;

  Stages<C> stages;
  int split, part; // part: this CTA among those of its split

  __device__ int warpOf(int warpgroup) const {
    return warpgroup * 4 + int(threadIdx.x) % 128 / 32;
  }
  __device__ u32 ctaOf(int other) const { return other * C::kPart + part; }
  __device__ bool storesHere(int warpgroup) const {
    return warpOf(warpgroup) / C::kStoring == split;
  }
  /// Where the sums of `from` for storing warp `warp` lie in the CTA that
  /// stores them, `owner`.
  __device__ u32 place(int from, int owner, int warp) const {
    int number = from < owner ? from : from - 1;
    return stages.sums() + number * kOtherBytes +
           warp % C::kStoring * kWarpBytes + threadIdx.x % 32 * 16;
  }

  /// This warp's sums to the CTA that stores its rows, in tile `turn`.
  __device__ __forceinline__ void send(const Sums &d, int warpgroup,
                                       u32 turn) const {
    int warp = warpOf(warpgroup), owner = warp / C::kStoring;
    u32 to = remoteAddress(place(split, owner, warp), ctaOf(owner));
    u32 full = remoteAddress(stages.sumsFull(), ctaOf(owner));
    barrierWait(stages.sumsFree(), ~turn & 1);
#pragma unroll
    for (int i = 0; i < C::BN / 2; i += 4)
      storeRemote(to + i * 128, full, d[i], d[i + 1], d[i + 2], d[i + 3]);
  }
  /// After `turns` tiles, one at least: nobody leaves while arrivals are on
  /// their way to it. A warp that sends has seen all phases before the last.
  __device__ void end(int warpgroup, u32 turns) const {
    if (!storesHere(warpgroup))
      barrierWait(stages.sumsFree(), ~turns & 1);
  }
  /// d = the whole of k's sums, where this warp stores.
  __device__ __forceinline__ void receive(Sums &d, int warpgroup,
                                          u32 turn) const {
    // Split 0's, or 1's in split 0; the next split's lie behind.
    int warp = warpOf(warpgroup);
    u32 from = place(split == 0 ? 1 : 0, split, warp);
    // A phase of the barrier ends with this arrival and all bytes, which may
    // come before it.
    if (threadIdx.x % 32 == 0 && warp % C::kStoring == 0)
      barrierExpect(stages.sumsFull(), C::kSumBytes);
    __syncwarp();
    barrierWait(stages.sumsFull(), turn & 1);
#pragma unroll
    for (int i = 0; i < C::BN / 2; i += 4) {
#pragma unroll
      for (int other = 0; other < C::kSplits - 1; ++other) {
        float4 more = loadShared4(from + other * kOtherBytes + i * 128);
        d[i] += more.x, d[i + 1] += more.y;
        d[i + 2] += more.z, d[i + 3] += more.w;
      }
    }
    __syncwarp();
    if (int lane = threadIdx.x % 32; lane < C::kSplits && lane != split)
      barrierArriveAt(stages.sumsFree(), ctaOf(lane));
  }
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_SPLIT_CUH
