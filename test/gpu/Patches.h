//===- Patches.h - patches.cuh against a plain loop -------------*- C++ -*-===//
#ifndef FT_TEST_GPU_PATCHES_H
#define FT_TEST_GPU_PATCHES_H

#include "Check.h"
#include "patches.cuh"

template <int H, int W, int V, typename T>
__global__ void patchesKernel(const float *image, ft::patches::Image size,
                              T *out, long long stride, int prefix,
                              const int *positions, const int *sequences,
                              const int *counts) {
  ft::patches::run<H, W, V>(image, size, out, stride, prefix, positions,
                            sequences, counts, 0);
}

/// Three images of `size`, the second one's tokens from its third on; one token
/// more than a sequence has, and rows beyond the count.
template <int H, int W, int V, typename T>
static void checkPatches(ft::patches::Image size, int prefix) {
  using namespace check;
  int columns = size.width / W, patches = size.height / H * columns;
  int pixels = size.channels * size.height * size.width;
  int width = size.channels * H * W, stride = (width + 15) / 8 * 8;
  std::vector<std::pair<int, int>> tokens; // sequence, position
  for (int s = 0; s < 3; ++s)
    for (int p = s == 1 ? 2 : 0; p <= prefix + patches; ++p)
      tokens.push_back({s, p});
  int count = int(tokens.size());
  Array<float> image(size_t(3) * pixels);
  Array<T> out(size_t(count + 2) * stride);
  Array<int> positions(count + 2), sequences(count + 2), counts(1);
  randomise(image);
  poison(out);
  std::vector<double> want;
  for (int t = 0; t < count; ++t) {
    auto [s, p] = tokens[t];
    sequences.host[t] = s;
    positions.host[t] = p;
    int patch = p - prefix;
    for (int j = 0; j < width; ++j) {
      int c = j / (H * W), y = patch / columns * H + j / W % H;
      int x = patch % columns * W + j % W;
      bool inside = patch >= 0 && patch < patches;
      want.push_back(inside ? image.host[size_t(s) * pixels +
                                         (c * size.height + y) * size.width + x]
                            : 0.0);
    }
  }
  counts.host[0] = count;
  positions.up();
  sequences.up();
  counts.up();
  launch(patchesKernel<H, W, V, T>, dim3(count + 2), dim3(128), 0, nullptr,
         image.device, size, out.device, (long long)stride, prefix,
         positions.device, sequences.device, counts.device);
  compare("patches " + std::to_string(H) + "x" + std::to_string(W), out, stride,
          width, want, kTolerance<T>);
}

template <typename T> static void checkAllPatches() {
  checkPatches<16, 16, 4, T>({3, 224, 224}, 1);
  checkPatches<14, 14, 2, T>({3, 56, 70}, 2);
  checkPatches<6, 8, 2, T>({1, 20, 34}, 1); // a border that is in no patch
  checkPatches<5, 3, 1, T>({2, 11, 10}, 0);
}

#endif // FT_TEST_GPU_PATCHES_H
