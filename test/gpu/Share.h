//===- Share.h - a share of a check's cases ---------------------*- C++ -*-===//
#ifndef FT_TEST_GPU_SHARE_H
#define FT_TEST_GPU_SHARE_H

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace check {

/// Whether a case is left out: FT_CHECK_SHARE=i/n runs the i-th of every n,
/// from 0, under tools with which all of them take too long.
inline bool isLeftOut() {
  static int share = 0, shares = 0, number = 0;
  if (shares == 0) {
    const char *text = std::getenv("FT_CHECK_SHARE");
    if (text && (std::sscanf(text, "%d/%d", &share, &shares) != 2 ||
                 shares < 1 || share < 0 || share >= shares)) {
      std::printf("FT_CHECK_SHARE is '%s': expected i/n, 0 <= i < n\n", text);
      std::exit(2);
    }
    shares = std::max(shares, 1);
  }
  return number++ % shares != share;
}

} // namespace check

#endif // FT_TEST_GPU_SHARE_H
