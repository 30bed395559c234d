//===- attention_fresh.cuh - q, the batch's keys and values -----*- C++ -*-===//
//
// The prologue of attention_decode.cuh. What the linears left is normalised
// (rms_norm of each head) and rotated (rope) on its way to shared memory, in
// fp32 with one rounding, and new keys and values go on to their cache pages.
// No CTA reads those from the cache: each makes what its tile sees for itself,
// so that nothing waits for another CTA's store.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_FRESH_CUH
#define FT_KERNELS_ATTENTION_FRESH_CUH

#include "attention_head.cuh"

namespace ft::attention {

/// Run-time arguments beside Args, whose k and v are the same pages.
template <typename T> struct Fresh {
  const T *k; // [tokens, kvHeads, D], rows kStride elements apart
  i64 kStride;
  const T *v;
  i64 vStride;
  T *kPlane; // the layer's pages
  T *vPlane;
  const float *table; // of a position: half cosines, then half sines
  const float *qNorm; // [D], with kNorm only
  float qEps;
  const float *kNorm;
  float kEps;
};

/// The prologue of one CTA of kThreads threads.
template <typename S, typename E, int threads> struct Entrance {
  using T = typename S::T;
  const Args<T> &a;
  const Fresh<T> &fresh;
  Angles<E> ahead = {}; // of this warp's first row

  /// Values are copied as they are.
  using Same = Entry<0, false, false>;

  /// Cosines and sines; the place of a token in its sequence is that of its
  /// key.
  __device__ __forceinline__ const float *tableRow(int position) const {
    return fresh.table + i64(position) * (2 * E::kHalf);
  }
  /// Before the wait: what the prologue reads and no kernel of the step writes.
  __device__ __forceinline__ void prefetch(const Piece &p) {
    ahead.load(tableRow(positionOf(p.work, int(threadIdx.x) / 32)));
    if (int at = int(threadIdx.x) * 32; E::kNorm && at < S::D) {
      prefetchLine(fresh.qNorm + at); // 32 floats are a line
      prefetchLine(fresh.kNorm + at);
    }
  }
  /// After the wait, by all warps: the tile's `rows` of q to `to`, `pitch`
  /// elements apart (those it has not are zero), and the new keys and values
  /// from key `begin` on, before `end`. place(j): where key and value j belong
  /// in shared memory. What a warp begins with is all under way at once.
  template <int rows, int padded, int pitch, typename Place>
  __device__ __forceinline__ void begin(const Piece &p, T *to, int begin,
                                        int end, const Place &place) const {
    constexpr int warps = threads / 32;
    int warp = threadIdx.x / 32, real = p.work.tokens * p.work.heads;
    int j = max(p.oldEnd, begin) + warp / 2;
    Head<E, S::D, T> query, key;
    Head<Same, S::DV, T> value;
    if (warp < real)
      query.load(queryRow(p.work, warp));
    if (j < end && warp % 2 == 0)
      key.load(keyRow(p, j));
    else if (j < end)
      value.load(valueRow(p, j));
#pragma unroll 1
    for (int r = warp; r < rows; r += warps) {
      if (r >= real) {
        for (int e = threadIdx.x % 32; e < padded; e += 32)
          to[r * pitch + e] = T{};
        continue;
      }
      if (r >= warps)
        query.load(queryRow(p.work, r));
      query.template enter<padded>(anglesOf(p.work, positionOf(p.work, r)),
                                   fresh.qNorm, fresh.qEps, to + r * pitch,
                                   nullptr);
    }
#pragma unroll 1
    for (bool loaded = true; j < end; j += warps / 2, loaded = false)
      if (warp % 2 == 0) {
        if (!loaded)
          key.load(keyRow(p, j));
        enterKey<padded>(p, j, key, place(j).key);
      } else {
        if (!loaded)
          value.load(valueRow(p, j));
        value.template enter<S::DV>({}, nullptr, 0, place(j).value,
                                    page<S::DV>(p, fresh.vPlane, j));
      }
  }
  /// Key and value j, by one warp.
  template <int padded, typename Row>
  __device__ __forceinline__ void enterBoth(const Piece &p, int j,
                                            const Row &row) const {
    Head<E, S::D, T> key;
    Head<Same, S::DV, T> value;
    key.load(keyRow(p, j));
    value.load(valueRow(p, j));
    enterKey<padded>(p, j, key, row.key);
    value.template enter<S::DV>({}, nullptr, 0, row.value,
                                page<S::DV>(p, fresh.vPlane, j));
  }

private:
  static __device__ __forceinline__ int positionOf(const Work &w, int row) {
    return w.firstPosition + min(row / w.heads, w.tokens - 1);
  }
  __device__ __forceinline__ Angles<E> anglesOf(const Work &w,
                                                int position) const {
    Angles<E> angles = ahead;
    if (position != positionOf(w, int(threadIdx.x) / 32))
      angles.load(tableRow(position));
    return angles;
  }
  __device__ __forceinline__ const T *queryRow(const Work &w, int r) const {
    int token = r / w.heads;
    return a.q + (w.firstToken + token) * a.qStride +
           (w.firstHead + r - token * w.heads) * S::D;
  }
  __device__ __forceinline__ const T *keyRow(const Piece &p, int j) const {
    return fresh.k + (p.token0 + j - p.oldEnd) * fresh.kStride +
           p.work.kvHead * S::D;
  }
  __device__ __forceinline__ const T *valueRow(const Piece &p, int j) const {
    return fresh.v + (p.token0 + j - p.oldEnd) * fresh.vStride +
           p.work.kvHead * S::DV;
  }
  template <int padded, typename To>
  __device__ __forceinline__ void enterKey(const Piece &p, int j,
                                           const Head<E, S::D, T> &key,
                                           const To &to) const {
    key.template enter<padded>(anglesOf(p.work, j), fresh.kNorm, fresh.kEps, to,
                               page<S::D>(p, fresh.kPlane, j));
  }
  /// The row of `plane` where key or value j is kept; null where another tile
  /// stores it: each token's are stored by the tile with its queries, of a kv
  /// head's tiles by the one with its first heads.
  template <int width>
  __device__ __forceinline__ T *page(const Piece &p, T *plane, int j) const {
    const Work &w = p.work;
    bool mine = j >= w.firstPosition && j <= w.lastPosition &&
                w.firstHead == w.kvHead * (a.heads / a.kvHeads);
    if (!mine)
      return nullptr;
    int page = u32(j) / u32(a.pageSize);
    i64 cell =
        a.pageTable[i64(w.sequence) * a.pageColumns + page] * i64(a.pageSize) +
        (j - page * a.pageSize);
    return plane + (cell * a.kvHeads + w.kvHead) * width;
  }
};

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_FRESH_CUH
