//===- gemm_skinny.cuh - linear layers of some rows, sm_90a -----*- C++ -*-===//
//
// y[m, n] = epilogue(sum over k of x[m, k] * w[n, k]) for about 9 to 64 rows
// of x (any count is right; w is read once for every NT rows), f16 and bf16,
// rows of a multiple of 16 bytes, fp32 sums. Epilogues are those of gemv.cuh.
//
// Weights are the 64-row operand of wgmma and tokens the N side, so few tokens
// cost no padding to 64 rows. A tile is 128 rows of w, 64 to a warpgroup
// (gated: the 64 gate rows and the 64 up rows of the same outputs), by NT
// tokens. The steps of all tiles, 64 columns each, are numbered tile by tile
// and divided evenly among the CTAs, so that a matrix of any shape reads at
// full rate: a CTA has the end of one tile, whole tiles, the beginning of one.
// The parts of a tile are added in the order of k by the CTA that arrives last.
// Sums depend on n, k, NT and the grid only.
//
// Tensor maps as in gemm.cuh: `x` with box {64, NT}, `w` with box {64, 64}.
//
// Launch: block kThreads = 288, __launch_bounds__(288, 1); grid = at most the
// multiprocessors (any size is right); dynamic shared memory
// Skinny<T, gated, NT>::kSharedBytes; counters: a u32 a tile; partials:
// 2 * 128 * NT floats a CTA; may be launched dependent.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_SKINNY_CUH
#define FT_KERNELS_SM90_GEMM_SKINNY_CUH

#include "sm90/async.cuh"
#include "sm90/skinny_share.cuh"
#include "sm90/wgmma.cuh"

namespace ft {
namespace skinny {

constexpr int kThreads = 288, kConsumers = 256;

template <typename T_, bool gated, int NT_> struct Skinny {
  using T = T_;
  static constexpr bool kGated = gated;
  static constexpr int NT = NT_;
  static constexpr int kOutputs = gated ? 64 : 128; // of a tile
  static constexpr int kStageBytes = (128 + NT) * kRowBytes;
  static constexpr int kPitch = NT + 1; // of a row of sums, floats
  static constexpr int kSumBytes = 128 * kPitch * 4;
  /// As many as fit: a CTA alone on its multiprocessor wants 100 KB under way.
  static constexpr int kStages = (200 * 1024 - kSumBytes) / kStageBytes;
  static constexpr int kSharedBytes =
      1024 + kStages * (kStageBytes + 16) + kSumBytes;
  static_assert(NT % 16 == 0 && NT <= 64 && kStages >= 4);
};

template <typename C> struct Stages {
  u32 base;
  char *memory; // the same place
  __device__ explicit Stages(char *dynamic)
      : base((sharedAddress(dynamic) + 1023) & ~1023u),
        memory(dynamic + (base - sharedAddress(dynamic))) {}
  __device__ u32 w(u32 stage) const { return base + stage * C::kStageBytes; }
  __device__ u32 x(u32 stage) const { return w(stage) + 128 * kRowBytes; }
  __device__ u32 full(u32 stage) const { return w(C::kStages) + 8 * stage; }
  __device__ u32 empty(u32 stage) const { return full(C::kStages) + 8 * stage; }
  __device__ float *sums() const {
    return reinterpret_cast<float *>(memory +
                                     C::kStages * (C::kStageBytes + 16));
  }
};

/// One thread. Weights do not wait for the kernel in front; tokens do.
template <typename C>
__device__ void produce(const TensorMap &x, const TensorMap &w,
                        const Problem &p, const Stages<C> &s) {
  int begin = p.start(blockIdx.x), stop = p.start(blockIdx.x + 1);
  if (begin >= stop)
    return;
  u64 policy = evictFirst();
  auto weights = [&](u32 stage, const Piece &piece) {
    int n = piece.template output<C>(), k = piece.first * kDepth;
    barrierExpect(s.full(stage), C::kStageBytes);
    copyBox(s.w(stage), w, k, n, s.full(stage), policy);
    copyBox(s.w(stage) + 64 * kRowBytes, w, k,
            C::kGated ? n + p.outputs : n + 64, s.full(stage), policy);
  };
  int ahead = min(C::kStages, stop - begin);
  Piece piece(p, begin, stop), first = piece;
#pragma unroll 1
  for (int i = 0; i < ahead; ++i, first.next(p))
    weights(i, first);
  dependencyWait();
  Cursor<C::kStages> at;
#pragma unroll 1
  for (int step = begin; step < stop; ++step, at.next(), piece.next(p)) {
    if (step >= begin + ahead) {
      barrierWait(s.empty(at.stage), at.phase ^ 1);
      weights(at.stage, piece);
    }
    copyBox(s.x(at.stage), x, piece.first * kDepth, piece.template token<C>(),
            s.full(at.stage));
  }
}

/// The consumers' side of one tile or part of one.
template <typename C> struct Consumer {
  static constexpr int kSums = C::NT / 2; // of a thread
  const Stages<C> &s;
  float d[kSums];

  __device__ static void meet() { namedSync(1, kConsumers); }

  __device__ __forceinline__ void multiply(const Piece &piece,
                                           Cursor<C::kStages> &at) {
    u32 half = threadIdx.x / 128 * (64 * kRowBytes), before = 0;
    auto release = [&](u32 stage) {
      if (threadIdx.x % 32 == 0)
        barrierArrive(s.empty(stage));
    };
#pragma unroll
    for (int i = 0; i < kSums; ++i)
      d[i] = 0;
    for (int step = piece.first; step < piece.last; ++step, at.next()) {
      barrierWait(s.full(at.stage), at.phase);
      u32 w = tileDescriptor(s.w(at.stage) + half);
      u32 x = tileDescriptor(s.x(at.stage));
      wgmmaFence();
#pragma unroll
      for (int k = 0; k < kDepth / 16; ++k) // addresses count 16 bytes
        Wgmma<typename C::T, C::NT>::multiply(d, w + 2 * k, x + 2 * k);
      wgmmaCommit();
      wgmmaWait<1>();
      if (step > piece.first)
        release(before);
      before = at.stage;
    }
    wgmmaWait<0>();
    pin(d);
    release(before);
  }

  /// Publishes this part; the CTA that does so last adds all, in order.
  __device__ __forceinline__ bool merge(const Problem &p, const Piece &piece,
                                        bool first, u32 *counters,
                                        float *partials) {
    constexpr int kPart = kConsumers * kSums;
    int start = piece.tile * p.steps;
    int from = p.ownerOf(start), parts = p.ownerOf(start + p.steps - 1) - from;
    // Its CTA's first piece lies first; part 0 is that only where the CTA's
    // steps begin with the tile.
    auto place = [&](int cta, bool begins) {
      return partials + (i64(cta) * 2 + !begins) * kPart + threadIdx.x * 4;
    };
    float *mine = place(blockIdx.x, first);
#pragma unroll
    for (int i = 0; i < kSums; i += 4)
      *reinterpret_cast<float4 *>(mine + i * kConsumers) =
          make_float4(d[i], d[i + 1], d[i + 2], d[i + 3]);
    __threadfence();
    meet();
    u32 *last = reinterpret_cast<u32 *>(s.sums());
    if (threadIdx.x == 0) {
      *last = atomicAdd(counters + piece.tile, 1u) == u32(parts) ? 1u : 0u;
      if (*last)
        counters[piece.tile] = 0;
    }
    meet();
    bool all = *last != 0;
    meet(); // the flag's place is free
    if (!all)
      return false;
    __threadfence();
    bool begins = p.start(from) == start;
#pragma unroll
    for (int i = 0; i < kSums; ++i)
      d[i] = 0;
#pragma unroll 1
    for (int part = 0; part <= parts; ++part) {
      const float *at = place(from + part, part > 0 || begins);
#pragma unroll
      for (int i = 0; i < kSums; i += 4) {
        float4 v;
        asm volatile("ld.global.cg.v4.f32 {%0, %1, %2, %3}, [%4];"
                     : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
                     : "l"(at + i * kConsumers)
                     : "memory");
        d[i] += v.x, d[i + 1] += v.y, d[i + 2] += v.z, d[i + 3] += v.w;
      }
    }
    return true;
  }

  /// Through shared memory, so that neighbouring threads store neighbouring
  /// outputs, and a gate meets its up.
  template <typename E>
  __device__ __forceinline__ void store(const Problem &p, const Piece &piece,
                                        const E &epilogue) {
    float *sums = s.sums();
    int row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4;
#pragma unroll
    for (int i = 0; i < kSums; ++i)
      sums[(row + i % 4 / 2 * 8) * C::kPitch + i / 4 * 8 + threadIdx.x % 4 * 2 +
           i % 2] = d[i];
    meet();
    int m0 = piece.template token<C>(), n0 = piece.template output<C>();
    int n = n0 + int(threadIdx.x) % C::kOutputs;
    const float *mine = sums + int(threadIdx.x) % C::kOutputs * C::kPitch;
#pragma unroll 2
    for (int m = threadIdx.x / C::kOutputs; m < min(C::NT, p.rows - m0);
         m += kConsumers / C::kOutputs) {
      if (n >= p.outputs)
        break;
      if constexpr (C::kGated)
        epilogue(m0 + m, n, epilogue.load(m0 + m, n), mine[m],
                 mine[64 * C::kPitch + m]);
      else
        epilogue(m0 + m, n, epilogue.load(m0 + m, n), mine[m]);
    }
    meet();
  }
};

/// n: rows of w. counts is not written by the kernels before.
template <typename C, typename E>
__device__ __forceinline__ void
run(const TensorMap &x, const TensorMap &w, int n, int k, const int *counts,
    int axis, u32 *counters, float *partials, const E &epilogue) {
  static_assert(C::kGated == E::kGated);
  launchDependents();
  Stages<C> s(dynamicShared<char>());
  if (threadIdx.x == 0) {
    for (int i = 0; i < C::kStages; ++i) {
      barrierInit(s.full(i), 1);
      barrierInit(s.empty(i), kConsumers / 32);
    }
    barrierInitFence();
  }
  __syncthreads();
  Problem p = Problem::make<C>(counts[axis], n, k);
  if (threadIdx.x >= kConsumers) {
    if (electOne())
      produce<C>(x, w, p, s);
    return;
  }
  dependencyWait();
  Cursor<C::kStages> cursor;
  Consumer<C> consumer{s};
  int at = p.start(blockIdx.x), stop = p.start(blockIdx.x + 1);
#pragma unroll 1
  for (bool first = true; at < stop; first = false) {
    Piece piece(p, at, stop);
    consumer.multiply(piece, cursor);
    if (piece.last - piece.first == p.steps ||
        consumer.merge(p, piece, first, counters, partials))
      consumer.store(p, piece, epilogue);
    at += piece.last - piece.first;
  }
}

} // namespace skinny
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_SKINNY_CUH
