//===- gemm_producer.cuh - gemm.cuh's copies ------------------ -*- C++ -*-===//
//
// The threads that keep a CTA's stages full, of both operands, by tensor maps.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_PRODUCER_CUH
#define FT_KERNELS_SM90_GEMM_PRODUCER_CUH

#include "sm90/async.cuh"
#include "sm90/gemm_shape.cuh"

namespace ft {
namespace gemm {

struct Problem {
  int rows; // true count
  int outputs;
  int start, steps; // of Config::kDepth columns, this CTA's
};

template <typename C> struct Producer {
  const TensorMap &a, &w;
  Stages<C> stages;
  int cm, cn;  // place in the cluster
  int split;   // range of k
  int outputs; // where w's second half begins

  /// This CTA's part of a box of the tile of `a` at (m, k), to its cluster row.
  __device__ void loadA(u32 stage, int box, int m, int k) const {
    int part = cn * C::kBoxA;
    if (part >= C::BM) // others bring all of it
      return;
    u32 target = stages.a(stage) + box * C::kBytesA + part * kRowBytes;
    int y = m + cm * C::BM + part;
    if constexpr (C::CN == 1) {
      copyBox(target, a, k, y, stages.full(stage));
    } else {
      u32 mask = 0;
      for (int j = 0; j < C::CN; ++j)
        mask |= 1u << (split * C::kPart + cm + C::CM * j);
      copyBoxToAll(target, a, k, y, stages.full(stage), u16(mask));
    }
  }
  /// This CTA's part of a box of the tile of `w` at (n, k), to its cluster
  /// column.
  __device__ void loadW(u32 stage, int box, int n, int k) const {
    int part = cm * C::kBoxW;
    u32 tile = stages.w(stage) + box * C::kBytesW;
    int y = n + cn * C::kOutputs + part;
    if constexpr (!C::Columns::kInOrder) {
      loadRuns(tile, stages.full(stage), y, k);
    } else {
#pragma unroll
      for (int half = 0; half < (C::kGated ? 2 : 1); ++half) {
        u32 to = tile + (part + half * C::kOutputs) * kRowBytes;
        if constexpr (C::CM == 1)
          copyBox(to, w, k, y + half * outputs, stages.full(stage));
        else
          copyBoxToAll(
              to, w, k, y + half * outputs, stages.full(stage),
              u16(((1u << C::CM) - 1) << (split * C::kPart + C::CM * cn)));
      }
    }
  }
  /// The runs of w's tile from column n on (HeadColumns), by pairs: a box is a
  /// run of both halves of a head.
  __device__ void loadRuns(u32 tile, u32 full, int n, int k) const {
    using H = typename C::Columns;
    int half = n / H::kSize * 2, at = n % H::kSize / 2;
#pragma unroll
    for (int i = 0; i < C::BN; i += 2 * H::kRun) {
      copyBox(tile + i * kRowBytes, w, k, at, half, full);
      at += H::kRun;
      if (at == H::kSize / 2) // the next head
        at = 0, half += 2;
    }
  }

  /// Two threads, as one does not issue the copies of small tiles as fast as
  /// they are multiplied: one for activations and one for weights.
  ///
  /// Weights do not wait for the kernel before; activations do. With many rows
  /// the kernel before fills the device, too, and is done soon after this one
  /// begins: then one stage is ahead, and the first turn of the others' weights
  /// is left to the thread of the activations, which would queue behind them.
  /// With few rows all are ahead: they come from memory.
  __device__ void loadActivations(const Problem &p, const Tiles<C> &tiles,
                                  int first, int stride) const {
    const int ahead = stagesAhead(p);
    Cursor<C::kStages> at = eachStep(
        p, tiles, first, stride,
        [&](const Cursor<C::kStages> &at, int number, int m, int n, int k) {
          if (number == 0)
            dependencyWait();
          if (number >= C::kStages)
            barrierWait(stages.empty(at.stage), at.phase ^ 1);
          else if (number >= ahead)
            expectWeights(at.stage, n, k);
#pragma unroll
          for (int box = 0; box < C::kBoxes; ++box)
            loadA(at.stage, box, m, k + box * kBoxDepth);
        });
    // Nobody leaves while others' arrivals are on their way to it.
    if constexpr (C::kPart > 1)
      for (int s = 0; s < C::kStages; ++s, at.next())
        barrierWait(stages.empty(at.stage), at.phase ^ 1);
  }
  __device__ void loadWeights(const Problem &p, const Tiles<C> &tiles,
                              int first, int stride) const {
    const int ahead = stagesAhead(p);
    eachStep(p, tiles, first, stride,
             [&](const Cursor<C::kStages> &at, int number, int, int n, int k) {
               if (number >= C::kStages)
                 barrierWait(stages.empty(at.stage), at.phase ^ 1);
               else if (number >= ahead)
                 return;
               expectWeights(at.stage, n, k);
             });
  }

private:
  __device__ static int stagesAhead(const Problem &p) {
    return p.rows > 512 ? 1 : C::kStages;
  }
  __device__ void expectWeights(u32 stage, int n, int k) const {
    barrierExpect(stages.full(stage), C::kStageBytes);
#pragma unroll
    for (int box = 0; box < C::kBoxes; ++box)
      loadW(stage, box, n, k + box * kBoxDepth);
  }
  /// load(its stage, number, m, n, k) of every step of every tile. Returns the
  /// place behind the last.
  template <typename F>
  __device__ __forceinline__ Cursor<C::kStages>
  eachStep(const Problem &p, const Tiles<C> &tiles, int first, int stride,
           F &&load) const {
    Cursor<C::kStages> at;
    int number = 0;
    for (int t = first; t < tiles.count(); t += stride) {
      int m, n;
      tiles.find(t, m, n);
      for (int step = 0; step < p.steps; ++step, ++number, at.next())
        load(at, number, m, n, (p.start + step) * C::kDepth);
    }
    return at;
  }
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_PRODUCER_CUH
