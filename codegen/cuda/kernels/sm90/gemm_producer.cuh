//===- gemm_producer.cuh - gemm.cuh's copies ------------------ -*- C++ -*-===//
//
// The thread that keeps a CTA's stages full, of both operands, by tensor maps.
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
  int start, steps; // of kDepth columns, this CTA's
};

template <typename C> struct Producer {
  const TensorMap &a, &w;
  Stages<C> stages;
  int cm, cn;  // place in the cluster
  int split;   // range of k
  int outputs; // where w's second half begins

  /// This CTA's part of the tile of `a` at (m, k), to its cluster row.
  __device__ void loadA(u32 stage, int m, int k) const {
    int part = cn * C::kBoxA;
    if (part >= C::BM) // others bring all of it
      return;
    u32 target = stages.a(stage) + part * kRowBytes;
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
  /// This CTA's part of the tile of `w` at (n, k), to its cluster column.
  __device__ void loadW(u32 stage, int n, int k) const {
    int part = cm * C::kBoxW;
    u32 target = stages.w(stage) + part * kRowBytes;
    int y = n + cn * C::kOutputs + part;
    if constexpr (!C::Columns::kInOrder) {
      loadRuns(stage, y, k);
    } else {
#pragma unroll
      for (int half = 0; half < (C::kGated ? 2 : 1); ++half) {
        u32 to = target + half * C::kOutputs * kRowBytes;
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
  __device__ void loadRuns(u32 stage, int n, int k) const {
    using H = typename C::Columns;
    int half = n / H::kSize * 2, at = n % H::kSize / 2;
#pragma unroll
    for (int i = 0; i < C::BN; i += 2 * H::kRun) {
      copyBox(stages.w(stage) + i * kRowBytes, w, k, at, half,
              stages.full(stage));
      at += H::kRun;
      if (at == H::kSize / 2) // the next head
        at = 0, half += 2;
    }
  }

  /// Weights do not wait for the kernel before; activations do. With many rows
  /// the kernel before fills the device, too, and is done soon after this one
  /// begins: then one stage is ahead, behind more the first activations would
  /// queue. With few, all are: they come from memory.
  __device__ void run(const Problem &p, const Tiles<C> &tiles, int first,
                      int stride) const {
    int m, n, ahead = 0;
    if (first < tiles.count()) {
      tiles.find(first, m, n);
      int most = p.rows > 512 ? 1 : C::kStages;
      for (; ahead < min(most, p.steps); ++ahead) {
        barrierExpect(stages.full(ahead), C::kStageBytes);
        loadW(ahead, n, (p.start + ahead) * kDepth);
      }
    }
    dependencyWait();
    Cursor<C::kStages> at;
    for (int t = first; t < tiles.count(); t += stride) {
      tiles.find(t, m, n);
      for (int step = 0; step < p.steps; ++step, at.next()) {
        if (ahead > 0) {
          --ahead;
        } else {
          barrierWait(stages.empty(at.stage), at.phase ^ 1);
          barrierExpect(stages.full(at.stage), C::kStageBytes);
          loadW(at.stage, n, (p.start + step) * kDepth);
        }
        loadA(at.stage, m, (p.start + step) * kDepth);
      }
    }
    // Nobody leaves while others' arrivals are on their way to it.
    if constexpr (C::kPart > 1)
      for (int s = 0; s < C::kStages; ++s, at.next())
        barrierWait(stages.empty(at.stage), at.phase ^ 1);
  }
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_PRODUCER_CUH
