//===- Resize.cpp - pictures in another size ------------------------------===//
#include "runtime/image/Resize.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <iterator>

namespace ft::image {

namespace {

/// A weight by distance, 0 from `support` on.
struct Filter {
  const char *name;
  double support;
  double (*weight)(double);
};

double box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }

double triangle(double x) { return std::max(0.0, 1 - std::fabs(x)); }

double hamming(double x) {
  x = std::fabs(x);
  if (x == 0)
    return 1;
  if (x >= 1)
    return 0;
  x *= M_PI;
  return std::sin(x) / x * (0.54 + 0.46 * std::cos(x));
}

/// Keys' cubic with a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1)
    return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

double sinc(double x) { return x == 0 ? 1 : std::sin(x * M_PI) / (x * M_PI); }

double lanczos(double x) {
  return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

constexpr Filter kFilters[] = {{"box", 0.5, box},
                               {"bilinear", 1, triangle},
                               {"hamming", 1, hamming},
                               {"bicubic", 2, cubic},
                               {"lanczos", 3, lanczos}};

constexpr int kBits = 22;

/// What makes one pixel of a line: `count` pixels from `first` on.
struct Window {
  int64_t first = 0, count = 0;
  size_t weights = 0; // the first of them
};

/// How lines of `from` pixels become lines of `to`.
struct Lines {
  std::vector<Window> windows;
  std::vector<int> weights; // times 2^kBits
};

} // namespace

static Lines makeLines(int64_t from, int64_t to, const Filter &filter) {
  double scale = double(from) / double(to);
  double wide = std::max(scale, 1.0);
  double support = filter.support * wide;
  Lines lines;
  std::vector<double> weights;
  for (int64_t i = 0; i < to; ++i) {
    double center = (double(i) + 0.5) * scale;
    // Not floor: what is below 0 becomes 0 in any case.
    int64_t first = std::max<int64_t>(0, int64_t(center - support + 0.5));
    int64_t last = std::min<int64_t>(from, int64_t(center + support + 0.5));
    weights.clear();
    double sum = 0;
    for (int64_t x = first; x < last; ++x) {
      weights.push_back(
          filter.weight((double(x) - center + 0.5) * (1.0 / wide)));
      sum += weights.back();
    }
    lines.windows.push_back({first, last - first, lines.weights.size()});
    for (double weight : weights) {
      double share = (sum != 0 ? weight / sum : weight) * (1 << kBits);
      lines.weights.push_back(int(share + (share < 0 ? -0.5 : 0.5)));
    }
  }
  return lines;
}

static uint8_t toByte(int64_t sum) {
  return uint8_t(std::clamp<int64_t>(sum >> kBits, 0, 255));
}

static void resizeColumns(const Picture &from, const Lines &lines,
                          Picture &to) {
  for (int64_t y = 0; y < to.height; ++y)
    for (int64_t x = 0; x < to.width; ++x) {
      const Window &window = lines.windows[size_t(x)];
      const uint8_t *pixel = from.row(y) + window.first * 3;
      int64_t sums[3] = {1 << (kBits - 1), 1 << (kBits - 1), 1 << (kBits - 1)};
      for (int64_t i = 0; i < window.count; ++i)
        for (int c = 0; c < 3; ++c)
          sums[c] += int64_t(pixel[i * 3 + c]) *
                     lines.weights[window.weights + size_t(i)];
      for (int c = 0; c < 3; ++c)
        to.row(y)[x * 3 + c] = toByte(sums[c]);
    }
}

static void resizeRows(const Picture &from, const Lines &lines, Picture &to) {
  std::vector<int64_t> sums(size_t(to.width) * 3);
  for (int64_t y = 0; y < to.height; ++y) {
    const Window &window = lines.windows[size_t(y)];
    std::fill(sums.begin(), sums.end(), 1 << (kBits - 1));
    for (int64_t i = 0; i < window.count; ++i) {
      const uint8_t *row = from.row(window.first + i);
      int64_t weight = lines.weights[window.weights + size_t(i)];
      for (size_t j = 0; j < sums.size(); ++j)
        sums[j] += row[j] * weight;
    }
    std::transform(sums.begin(), sums.end(), to.row(y), toByte);
  }
}

/// The pixel of each place of a line; sums of steps, as Pillow takes them.
static std::vector<int64_t> nearestPlaces(int64_t from, int64_t to) {
  double step = double(from) / double(to), at = step * 0.5;
  std::vector<int64_t> places;
  for (int64_t i = 0; i < to; ++i, at += step)
    places.push_back(std::min(int64_t(at), from - 1));
  return places;
}

static void takeNearest(const Picture &from, Picture &to) {
  std::vector<int64_t> rows = nearestPlaces(from.height, to.height);
  std::vector<int64_t> columns = nearestPlaces(from.width, to.width);
  for (int64_t y = 0; y < to.height; ++y)
    for (int64_t x = 0; x < to.width; ++x)
      std::copy_n(from.row(rows[size_t(y)]) + columns[size_t(x)] * 3, 3,
                  to.row(y) + x * 3);
}

StatusOr<Picture> resize(const Picture &picture, int64_t height, int64_t width,
                         const std::string &name) {
  if (height == picture.height && width == picture.width)
    return picture;
  FT_ASSIGN_OR_RETURN(Picture result, makePicture(height, width));
  if (name == "nearest") {
    takeNearest(picture, result);
    return result;
  }
  const Filter *filter =
      std::find_if(std::begin(kFilters), std::end(kFilters),
                   [&](const Filter &known) { return name == known.name; });
  assert(filter != std::end(kFilters) && "plans are checked");
  const Picture *from = &picture;
  Picture middle;
  if (width != picture.width) {
    FT_ASSIGN_OR_RETURN(middle, makePicture(picture.height, width));
    resizeColumns(picture, makeLines(picture.width, width, *filter), middle);
    from = &middle;
  }
  if (height == picture.height)
    return middle;
  resizeRows(*from, makeLines(picture.height, height, *filter), result);
  return result;
}

} // namespace ft::image
