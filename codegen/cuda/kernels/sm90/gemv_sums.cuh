//===- gemv_sums.cuh - the products of a ring's stages ----------*- C++ -*-===//
//
// A stage's products with a lane's tokens and, at the end of a group of 16
// rows, the sum of the warps' parts, in the order of the warps. What the
// epilogue needs is on its way since the group began.
//
// The CTAs of a cluster multiply the same rows, each its part of k, and store
// some of the outputs each. A warp sends the sums that another CTA needs there
// (st.async): nobody reads another's memory, and who has summed its outputs has
// had all that will be sent to it.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_SUMS_CUH
#define FT_KERNELS_SM90_GEMV_SUMS_CUH

#include "sm90/gemv_stages.cuh"

namespace ft::gemv {

/// The token side of one unit: 8 values of one token, for the two steps.
/// Beyond k and the rows zero.
template <typename T> struct Tokens {
  Vec16 vector;

  __device__ __forceinline__ void load(const char *from, bool real) {
    vector = {};
    if (real)
      vector = load16(from);
  }
  __device__ __forceinline__ void multiply(float (&sums)[4],
                                           const Weights &w) const {
    multiplyAdd(sums, w, 0, vector.word[0], vector.word[1], T{});
    multiplyAdd(sums, w, 1, vector.word[2], vector.word[3], T{});
  }
};

/// An output of the group that begins with output `first`, if this thread of
/// CTA `rank` of the cluster stores one: from group to group they are others.
template <typename Epilogue, int cluster> struct RingOutput {
  static constexpr int kPer = perGroup<Epilogue::kGated>;
  static constexpr int kOwn = kPer / cluster; // of a row of x
  int m, j;                                   // row of x; output
  int place;                                  // in a part
  bool summed;                                // by this thread, real or not
  bool real;
  template <typename T>
  __device__ __forceinline__ RingOutput(const Problem<T> &p, const Share &s,
                                        int first, u32 rank) {
    constexpr int rows = kOwnRows<cluster>;
    u32 o = (threadIdx.x + u32(first) / kPer * 32) % kThreads;
    m = int(o / kOwn);
    int r = int(o % kOwn), half = r / rows;
    j = first + int(rank) * rows + r % rows + half * 8;
    place = partPlace(r % rows, m / 2) + half * 2 + m % 2;
    summed = m < kMaxM;
    real = m < p.rows && j < s.end;
  }
};

/// What the epilogue needs for this thread's output of a group.
template <int cluster, typename Epilogue, typename T>
__device__ __forceinline__ typename Epilogue::Operands
loadOperands(const Epilogue &epilogue, const Problem<T> &p, const Share &s,
             int first) {
  typename Epilogue::Operands operands = {};
  RingOutput<Epilogue, cluster> output(p, s, first, rankIn<cluster>());
  if (output.real)
    operands = epilogue.load(output.m, output.j);
  return operands;
}

/// A multiplying warp's place in every stage, and its sums of a group. `apart`:
/// so many, for products that do not wait for each other.
template <typename T, int apart, int cluster = 1> class RingSums {
public:
  __device__ __forceinline__ RingSums(const Problem<T> &p,
                                      const RingMemory<cluster> &memory)
      : memory_(memory) {
    at = int(threadIdx.x) / 32 * 32 + lane() % 4 * 8;
    w_ = lane() / 4 * kRingRowPitch + at * 2;
    limit = p.k - at;
  }
  /// The lane's first value of k in a chunk, and the values from there to k.
  int at, limit;

  /// Chunk `c`, which is in the stage of `place`, by the tokens.
  __device__ __forceinline__ void
  multiply(int c, const RingPlace &place,
           const Tokens<T> (&tokens)[kRingUnits]) {
    barrierWait(memory_.full(place.stage), place.turn);
    const char *stage = dynamicShared<char>() + place.stage * kStageBytes + w_;
#pragma unroll
    for (int u = 0; u < kRingUnits; ++u) {
      Weights w = {};
      if (c * kRingChunk + u * kUnitStep < limit) {
        w.low = load16(stage + u * kUnitStep * 2);
        w.high = load16(stage + u * kUnitStep * 2 + 8 * kRingRowPitch);
      }
      tokens[u].multiply(sums_[u % apart], w);
    }
    __syncwarp();
    warpArrive(memory_.empty(place.stage));
  }
  /// This warp's part of a group, which begins anew; then all warps' parts, of
  /// all CTAs, are added and stored.
  template <typename Epilogue>
  __device__ __forceinline__ void
  finish(const Epilogue &epilogue, const Problem<T> &p, const Share &s,
         int first, const typename Epilogue::Operands &operands) {
    using Output = RingOutput<Epilogue, cluster>;
    u32 rank = rankIn<cluster>();
    u32 group = u32(cluster > 1 ? first - s.begin : first) / Output::kPer;
    u32 slot = group % kSumSlots<cluster>;
    send(slot, rank);
    WarpsSync()(); // what a slot had is read when it is written again
    Output output(p, s, first, rank);
    if (cluster > 1 && output.summed)
      barrierWait(memory_.inbox(slot), group / kSumSlots<cluster> & 1);
    if (!output.real)
      return;
    auto &parts = memory_.state->sums[slot];
    float y = 0, y2 = 0;
#pragma unroll
    for (int from = 0; from < cluster; ++from)
#pragma unroll
      for (int w = 0; w < kWarps; ++w) {
        const float *part = &parts[from][w][output.place];
        y += part[0];
        if constexpr (Epilogue::kGated)
          y2 += part[2];
      }
    if constexpr (Epilogue::kGated)
      epilogue(output.m, output.j, operands, y, y2);
    else
      epilogue(output.m, output.j, operands, y);
  }

private:
  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }
  /// A lane's sums, two tokens of two rows, to the CTA that stores the rows.
  __device__ __forceinline__ void send(u32 slot, u32 rank) {
    constexpr int rows = kOwnRows<cluster>;
    float sums[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      sums[i] = 0;
#pragma unroll
      for (int u = 0; u < apart; ++u) {
        sums[i] += sums_[u][i];
        sums_[u][i] = 0;
      }
    }
    int row = lane() / 4;
    u32 to =
        sharedAddress(&memory_.state->sums[slot][rank][threadIdx.x / 32]
                                          [partPlace(row % rows, lane() % 4)]);
    if (u32 owner = row / rows; cluster > 1 && owner != rank)
      storeRemote(remoteAddress(to, owner),
                  remoteAddress(memory_.inbox(slot), owner), sums[0], sums[1],
                  sums[2], sums[3]);
    else
      storeShared4(to, {sums[0], sums[1], sums[2], sums[3]});
    if (cluster > 1 && threadIdx.x == 0)
      barrierExpect(memory_.inbox(slot), (cluster - 1) * kWarps * rows * 64);
  }

  const RingMemory<cluster> &memory_;
  int w_;
  float sums_[apart][4] = {};
};

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_SUMS_CUH
