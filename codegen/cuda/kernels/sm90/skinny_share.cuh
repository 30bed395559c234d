//===- skinny_share.cuh - gemm_skinny.cuh's equal shares --------*- C++ -*-===//
//
// The steps of k of all tiles, numbered tile by tile, and the CTAs' runs of
// them.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_SKINNY_SHARE_CUH
#define FT_KERNELS_SM90_SKINNY_SHARE_CUH

#include "common.cuh"

namespace ft {
namespace skinny {

constexpr int kDepth = 64, kRowBytes = 128; // of a stage

/// Divisions are of 32 bits and few: one of 64 takes longer than a stage.
struct Problem {
  int rows, outputs; // true rows; gated: outputs of n / 2
  int steps;         // of a tile
  int across;        // tiles of the same rows
  int total;         // steps of all tiles
  int ctas;          // that have steps
  int share, rest;   // steps of a CTA; the first `rest` have one more

  template <typename C>
  static __device__ __forceinline__ Problem make(int rows, int n, int k) {
    Problem p{rows, C::kGated ? n / 2 : n, (k + kDepth - 1) / kDepth};
    p.across = (p.outputs + C::kOutputs - 1) / C::kOutputs;
    p.total = (rows + C::NT - 1) / C::NT * p.across * p.steps;
    p.ctas = min(int(gridDim.x), p.total);
    p.share = p.ctas > 0 ? u32(p.total) / u32(p.ctas) : 0;
    p.rest = p.total - p.share * p.ctas;
    return p;
  }
  /// Where CTA `u`'s steps begin.
  __device__ __forceinline__ int start(int u) const {
    return u < ctas ? u * share + min(u, rest) : total;
  }
  /// The CTA that has step `at`.
  __device__ __forceinline__ int ownerOf(int at) const {
    int longer = rest * (share + 1);
    return at < longer ? u32(at) / u32(share + 1)
                       : rest + u32(at - longer) / u32(share);
  }
};

/// The steps [first, last) of a tile, and where the tile is.
struct Piece {
  int tile, first, last;
  int column, row; // in tiles
  __device__ __forceinline__ Piece(const Problem &p, int at, int stop)
      : tile(u32(at) / u32(p.steps)), first(at - tile * p.steps),
        last(min(p.steps, first + stop - at)) {
    row = u32(tile) / u32(p.across);
    column = tile - row * p.across;
  }
  template <typename C> __device__ __forceinline__ int token() const {
    return row * C::NT;
  }
  template <typename C> __device__ __forceinline__ int output() const {
    return column * C::kOutputs;
  }
  /// The step that follows `first`, of whichever tile.
  __device__ __forceinline__ void next(const Problem &p) {
    if (++first < p.steps)
      return;
    first = 0, ++tile;
    if (++column == p.across)
      column = 0, ++row;
  }
};

} // namespace skinny
} // namespace ft

#endif // FT_KERNELS_SM90_SKINNY_SHARE_CUH
