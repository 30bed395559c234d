//===- patches.cuh - every token's patch of an image ------------*- C++ -*-===//
//
// out[t, (c, y, x)] = image[s, c, r * H + y, q * W + x] for patch r * columns +
// q = positions[t] - prefix of sequence s = sequenceIds[t], where there is one,
// else 0. image: [sequences, channels, height, width], dense; out: [tokens,
// channels * H * W], row stride in elements.
//
// Launch: block (128, 1); grid (bound of the tokens axis, 1). Dynamic shared: 0.
// A thread takes V neighbours in x: V divides W and the image's width, and rows
// of out are aligned to V elements.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_PATCHES_CUH
#define FT_KERNELS_PATCHES_CUH

#include "row.cuh"

namespace ft::patches {

struct Image {
  int channels, height, width;
};

template <int H, int W, int V, typename T, typename Out>
__device__ void run(const T *image, Image size, Out *out, i64 outStride,
                    int prefix, const int *positions, const int *sequenceIds,
                    const int *counts, int tokensAxis) {
  launchDependents();
  dependencyWait();
  int t = blockIdx.x;
  if (t >= counts[tokensAxis])
    return;
  int columns = size.width / W;
  int patch = positions[t] - prefix;
  bool inside = patch >= 0 && patch < size.height / H * columns;
  i64 plane = i64(size.height) * size.width;
  const T *corner = image + sequenceIds[t] * (size.channels * plane);
  if (inside)
    corner += i64(patch / columns) * H * size.width + patch % columns * W;
  Out *row = out + t * outStride;
  for (int j = threadIdx.x * V; j < size.channels * H * W; j += blockDim.x * V) {
    float x[V] = {};
    int c = j / (H * W), y = j / W % H;
    if (inside)
      row::loadPack<V>(x, corner + c * plane + i64(y) * size.width + j % W);
    row::storePack<V>(row + j, x);
  }
}

} // namespace ft::patches

#endif // FT_KERNELS_PATCHES_CUH
