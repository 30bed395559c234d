//===- attention_decode_merge.cuh - parts of a tile to outputs --*- C++ -*-===//
//
// The CTAs of a tile have unnormalised sums of values, maxima and sums of
// exponentials. They are added in the order of their keys, whoever adds them:
// through the shared memory of a cluster, or through global memory by the CTA
// that arrives last.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_DECODE_MERGE_CUH
#define FT_KERNELS_ATTENTION_DECODE_MERGE_CUH

#include "attention_inbox.cuh"
#include "attention_share.cuh"

namespace ft::attention {

constexpr int kDecodeThreads = 128;
constexpr int kDecodeBlock = 16; // keys

/// A row of a part: DV sums, then the maximum and the sum of exponentials; a
/// multiple of 16 bytes.
template <typename S> constexpr int kPartRow = S::DV + 4;
/// Floats of a CTA's two parts in global memory.
template <typename S> constexpr int kPartFloats = 2 * 16 * kPartRow<S>;

/// The sum of V neighbours of a row over the parts so far. Parts come N at a
/// time, so that all their loads are under way together.
template <int V> struct Merged {
  // Below every score that is a number: a part without keys weighs nothing.
  float top = -3.0e38f, sum = 0, value[V] = {};

  template <int N>
  __device__ __forceinline__ void add(const float (&tops)[N],
                                      const float (&sums)[N],
                                      const float (&values)[N][V]) {
    float next = top;
#pragma unroll
    for (int p = 0; p < N; ++p)
      next = fmaxf(next, tops[p]);
    float keep = exponential2(top - next);
    top = next;
    sum *= keep;
#pragma unroll
    for (int v = 0; v < V; ++v)
      value[v] *= keep;
#pragma unroll
    for (int p = 0; p < N; ++p) {
      float weight = exponential2(tops[p] - next);
      sum += sums[p] * weight;
#pragma unroll
      for (int v = 0; v < V; ++v)
        value[v] += values[p][v] * weight;
    }
  }
  /// To columns c .. c + V - 1 of row r.
  template <typename S>
  __device__ __forceinline__ void store(const Args<typename S::T> &a,
                                        const Work &w, int r, int c) const {
    typename S::T *out = a.out + (w.firstToken + r / w.heads) * a.outStride +
                         (w.firstHead + r % w.heads) * S::DV + c;
#pragma unroll
    for (int v = 0; v < V; ++v)
      out[v] = fromFloat<typename S::T>(sum == 0 ? 0.0f : value[v] / sum);
  }
};

/// This CTA's rows to `to`.
template <typename S, typename Cta>
__device__ __forceinline__ void putPart(const Cta &cta, int rows, float *to) {
  constexpr int kRowVectors = S::DV / 4;
  cta.eachFour(rows, [&](int v, const float(&value)[4], float top, float sum) {
    int r = v / kRowVectors, c = (v - r * kRowVectors) * 4;
    float *row = to + r * kPartRow<S>;
#pragma unroll
    for (int i = 0; i < 4; ++i)
      row[c + i] = value[i];
    if (c == 0) {
      row[S::DV] = top;
      row[S::DV + 1] = sum;
    }
  });
}

/// Every CTA of a team, of at most `most`, calls; those without keys merge too.
template <typename S, int most, typename Cta, typename Inbox>
__device__ __forceinline__ void mergeTeam(const Args<typename S::T> &a,
                                          const Piece &piece, const Cta &cta,
                                          bool own, const Inbox &inbox) {
  const Work &w = piece.work;
  int vectors = w.tokens * w.heads * (S::DV / 4);
  if (own)
    cta.eachFour(w.tokens * w.heads,
                 [&](int v, const float(&value)[4], float top, float sum) {
                   inbox.send(v, value, top, sum);
                 });
  inbox.wait();
#pragma unroll 1
  for (int i = threadIdx.x; i * inbox.team + inbox.rank < vectors;
       i += Cta::kThreads) {
    float tops[most], sums[most], values[most][4];
#pragma unroll
    for (int p = 0; p < most; ++p) {
      inbox.read(i, min(p, piece.parts - 1), values[p], tops[p], sums[p]);
      if (p >= piece.parts)
        tops[p] = __int_as_float(0xff800000);
    }
    Merged<4> merged;
    merged.add(tops, sums, values);
    int v = i * inbox.team + inbox.rank, r = v / (S::DV / 4);
    merged.template store<S>(a, w, r, (v - r * (S::DV / 4)) * 4);
  }
}

__device__ __forceinline__ void loadFourL2(const float *p, float (&x)[4]) {
  asm volatile("ld.global.cg.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(x[0]), "=f"(x[1]), "=f"(x[2]), "=f"(x[3])
               : "l"(p)
               : "memory");
}

/// The CTA that arrives last adds the parts in global memory; part(p) is where
/// part p lies.
template <typename S, int threads, typename Part>
__device__ __forceinline__ void mergeGlobal(const Args<typename S::T> &a,
                                            const Piece &piece,
                                            const Part &part) {
  static_assert(S::DV % 4 == 0);
  constexpr int N = 12; // with 16 some spill
  const Work &w = piece.work;
  int vectors = w.tokens * w.heads * (S::DV / 4);
#pragma unroll 1
  for (int i = threadIdx.x; i < vectors; i += threads) {
    int r = i / (S::DV / 4), c = i % (S::DV / 4) * 4;
    Merged<4> merged;
#pragma unroll 1
    for (int p0 = 0; p0 < piece.parts; p0 += N) {
      float tops[N], sums[N], values[N][4];
#pragma unroll
      for (int p = 0; p < N; ++p) {
        const float *row = part(min(p0 + p, piece.parts - 1)) + r * kPartRow<S>;
        tops[p] = loadL2(row + S::DV);
        sums[p] = loadL2(row + S::DV + 1);
        loadFourL2(row + c, values[p]);
      }
#pragma unroll
      for (int p = 0; p < N; ++p)
        tops[p] = p0 + p < piece.parts ? tops[p] : __int_as_float(0xff800000);
      merged.add(tops, sums, values);
    }
    merged.template store<S>(a, w, r, c);
  }
}

/// The end of a piece: outputs, or a part of them. A CTA has at most two parts
/// of tiles that others share, its first piece's and its last's. All threads
/// call; shared memory is free after.
template <typename S, typename Shares, typename Cta>
__device__ __forceinline__ void
finishPiece(const Args<typename S::T> &a, const Piece &piece, bool first,
            const Shares &shares, const Cta &cta) {
  const Work &w = piece.work;
  int rows = w.tokens * w.heads;
  if (piece.parts == 1) {
    cta.eachFour(rows, [&](int v, const float(&value)[4], float, float sum) {
      Merged<4> whole;
      whole.sum = sum;
#pragma unroll
      for (int i = 0; i < 4; ++i)
        whole.value[i] = value[i];
      int r = v / (S::DV / 4);
      whole.template store<S>(a, w, r, (v - r * (S::DV / 4)) * 4);
    });
    return;
  }
  auto slot = [&](int unit, bool begins) {
    return a.partials + i64(unit) * kPartFloats<S> +
           (begins ? 0 : kPartFloats<S> / 2);
  };
  putPart<S>(cta, rows, slot(blockIdx.x, first));
  if (!arriveLast(a.counters + w.firstToken * shares.perTokens() + piece.head,
                  piece.parts, [&] { cta.sync(); }))
    return;
  mergeGlobal<S, Cta::kThreads>(a, piece, [&](int p) {
    return slot(piece.firstUnit + p, p > 0 || piece.begins);
  });
}

/// The pieces of a CTA, from `place` on, or its part of its team's if all are
/// `together`; all threads that multiply call. What a CTA does with a piece
/// stands here once, however it got it: the code is long.
template <typename S, int cluster, typename Shares, typename Place,
          typename Inbox, typename Cta, typename Score>
__device__ __forceinline__ void
attendPieces(const Args<typename S::T> &a, Shares &shares, Place &place,
             bool together, Piece &piece, Inbox &inbox, Cta &cta,
             const Score &score) {
  bool some = false, own;
  bool first = true;
#pragma unroll 1
  for (bool waited = false;; first = false) {
    if (together) {
      some = shares.ofTeam(piece); // all of it or none
      own = some && piece.first < piece.last;
    } else {
      own = shares.next(place, piece);
    }
    if (own)
      cta.prefetch(piece);
    if (!waited) { // in every CTA: the kernel after relies on it
      if (together)
        inbox.expect(some ? piece.work.tokens * piece.work.heads : 0,
                     some ? piece.parts : 0);
      dependencyWait();
      waited = true;
    }
    if (own)
      cta.attend(piece, score);
    if (together || !own)
      break;
    finishPiece<S>(a, piece, first, shares, cta);
  }
  if (together) {
    inbox.open();
    if (some)
      mergeTeam<S, cluster>(a, piece, cta, own, inbox);
  }
}

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_DECODE_MERGE_CUH
