//===- SmallBatch.h - argmax and segment_reduce, with results ---*- C++ -*-===//
#ifndef FT_TEST_GPU_SMALLBATCH_H
#define FT_TEST_GPU_SMALLBATCH_H

#include "Check.h"
#include "GemvKernels.cuh"

namespace check {

/// `run(grid.x, grid.y, arguments...)` launches the kernel.
template <typename T, typename Run>
void checkArgmax(int rows, int columns, int chunks, const Run &run) {
  int bound = rows + 2, stride = columns + 3;
  Array<T> x(size_t(bound) * stride);
  Array<int> out(bound), counts(1);
  Array<u32> counters(bound);
  Array<float> scratch(size_t(bound) * chunks * 2);
  randomise(x);
  for (int r = 0; r < rows; ++r) { // ties, NaN, -inf
    T *row = &x.host[size_t(r) * stride];
    for (int i : {columns / 3, columns / 2, columns - 1})
      store(row[i], 9);
    store(row[columns / 4], kNan);
    if (r % 4 == 1)
      for (int i = 0; i < columns; ++i)
        store(row[i], kNan);
    if (r % 4 == 2)
      for (int i = 0; i < columns; ++i)
        store(row[i], i == 0 ? kNan : -INFINITY);
  }
  x.up();
  std::fill(out.host.begin(), out.host.end(), -7);
  out.up();
  counts.host[0] = rows;
  counts.up();
  std::fill(counters.host.begin(), counters.host.end(), 0u);
  counters.up();
  for (int again = 0; again < 2; ++again) // the counters are left at zero
    run(bound, chunks, x.device, i64(stride), columns, out.device,
        counts.device, counters.device, scratch.device);
  synchronize("argmax");
  out.down();
  bool good = true;
  for (int r = 0; r < bound; ++r) {
    int want = r >= rows                    ? -7
               : r % 4 == 1 || columns == 1 ? 0
               : r % 4 == 2                 ? 1
                                            : -1;
    for (int i = 0; want < 0 && want != -7 && i < columns; ++i)
      if (hostFloat(x.host[size_t(r) * stride + i]) == 9)
        want = i;
    good &= out.host[r] == want;
  }
  report(good,
         "argmax " + std::to_string(columns) + " in " + std::to_string(chunks),
         0, 0);
}

template <segment_reduce::Kind kind, typename T, typename Run>
void checkSegments(const Run &run) {
  using segment_reduce::Kind;
  std::vector<int> lengths{1, 7, 0, 8, 33, 2};
  int width = 77, stride = 80, count = int(lengths.size());
  Array<int> cu(count + 1), counts(1);
  for (int s = 0; s < count; ++s)
    cu.host[s + 1] = cu.host[s] + lengths[s];
  cu.up();
  counts.host[0] = count;
  counts.up();
  Array<T> x(size_t(cu.host[count] + 3) * stride),
      out(size_t(count + 2) * stride);
  randomise(x);
  for (size_t i = size_t(cu.host[count]) * stride; i < x.host.size(); ++i)
    store(x.host[i], kNan);
  x.up();
  poison(out);
  std::vector<double> want;
  for (int s = 0; s < count; ++s)
    for (int j = 0; j < width; ++j) {
      double sum = 0, top = -INFINITY;
      auto at = [&](int t) {
        return double(hostFloat(x.host[size_t(t) * stride + j]));
      };
      for (int t = cu.host[s]; t < cu.host[s + 1]; ++t) {
        sum += at(t);
        top = std::max(top, at(t));
      }
      double value = kind == Kind::Mean  ? sum / lengths[s]
                     : kind == Kind::Sum ? sum
                                         : top;
      want.push_back(lengths[s] ? value : 0);
    }
  run((width + 31) / 32, count + 2, x.device, i64(stride), out.device,
      i64(stride), width, cu.device, counts.device);
  compare("segment reduce " + std::to_string(int(kind)), out, stride, width,
          want, kTolerance<T>);
}

} // namespace check

#endif // FT_TEST_GPU_SMALLBATCH_H
