//===- GemmShapeChoice.cpp - which tile shapes a product has --------------===//
#include "codegen/cuda/GemmShapes.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <bit>

using namespace ft::codegen;

/// Counts that shapes are chosen for above all: BERT's and ViT's batches,
/// prompts.
static constexpr int64_t kRows[] = {32,   128,  197,  256,  512,  1024, 1576,
                                    2080, 3152, 4096, 6304, 8192, 12288};
static constexpr double kWeight = 1.5; // of each, as much as of an octave
/// Of a bucket that such a count lies in, what it decides; the rest is the mean
/// of every 16th count. 1,576 rows of 2304 outputs are 132 tiles of 144 x 192,
/// 1,600 are 144.
static constexpr double kNamedShare = 2.0 / 3;
static constexpr int64_t kSampled = 16;
/// The last count that is given a shape of its own.
static constexpr int64_t kMostRows = 16384;
/// Few rows, whose clusters normalize (docs/rationale/encoders.md): whole
/// models are faster so from here on, and are not at 320 rows.
static constexpr int64_t kFirstFewRows = 128, kLastFewRows = 1024;
static constexpr int64_t kBoxDepth = 64; // columns of k
/// A shape is worth its kernel where it makes the mean so much less.
static constexpr double kWorthAKernel = 0.002;

namespace {

/// Counts of rows that run by the same launches.
struct Point {
  int64_t rows;               // the largest
  double weight;              // for the choice of kernels
  std::vector<double> cycles; // of each shape, the mean
  double least = 0;
};

class Choice {
public:
  Choice(std::vector<GemmShape> shapes, const ShapeRules &rules);
  void chooseKernels();
  std::vector<ShapeChoice> run(bool tries);

private:
  void addPoint(int64_t before, int64_t rows, double weight,
                std::vector<Point> &points) const;
  double mean(const std::vector<size_t> &kernels) const;
  void addIntervals(std::vector<ShapeChoice> &choices) const;
  void addTries(std::vector<ShapeChoice> &choices) const;

  std::vector<GemmShape> shapes_;
  const ShapeRules &rules_;
  std::vector<Point> buckets_, named_;
  std::vector<size_t> kernels_; // of shapes_
};

} // namespace

/// The bucket after `bucket`, as devices capture programs at
/// (runtime/device/cuda/Buckets.h), from 32 on.
static int64_t nextBucket(int64_t bucket) {
  int64_t least = bucket < 64 ? 32 : 64;
  return bucket +
         std::max(least, int64_t(std::bit_ceil(uint64_t(bucket) + 1)) / 64);
}

void Choice::addPoint(int64_t before, int64_t rows, double weight,
                      std::vector<Point> &points) const {
  Point point{rows, weight, {}};
  const int64_t *named = llvm::find_if(
      rules_.named, [&](int64_t r) { return r > before && r <= rows; });
  for (const GemmShape &shape : shapes_) {
    double sum = 0;
    int count = 0;
    for (int64_t r = rows; r > before; r -= kSampled, ++count)
      sum += rules_.cycles(shape, r);
    double mean = sum / count;
    if (named != rules_.named.end())
      mean += (rules_.cycles(shape, *named) - mean) * kNamedShare;
    point.cycles.push_back(mean);
  }
  point.least = *llvm::min_element(point.cycles);
  points.push_back(std::move(point));
}

Choice::Choice(std::vector<GemmShape> shapes, const ShapeRules &rules)
    : shapes_(std::move(shapes)), rules_(rules) {
  int64_t before = rules.firstRows <= 32 ? 0 : rules.firstRows - 64;
  for (int64_t rows = rules.firstRows; rows <= kMostRows;
       rows = nextBucket(rows)) {
    addPoint(before, rows, double(rows - before) / double(rows), buckets_);
    before = rows;
  }
  for (int64_t rows : rules.named)
    addPoint(rows - 1, rows, kWeight, named_);
}

/// What the fastest of `kernels` takes, against the fastest of all.
double Choice::mean(const std::vector<size_t> &kernels) const {
  double sum = 0, weights = 0;
  for (const std::vector<Point> *points : {&buckets_, &named_})
    for (const Point &point : *points) {
      double least = point.cycles[kernels[0]];
      for (size_t kernel : kernels)
        least = std::min(least, point.cycles[kernel]);
      sum += point.weight * least / point.least;
      weights += point.weight;
    }
  return sum / weights;
}

/// One after the other, what makes the mean least.
void Choice::chooseKernels() {
  double before = 0;
  while (kernels_.size() < shapes_.size()) {
    double least = 0;
    size_t best = 0;
    for (size_t shape = 0; shape < shapes_.size(); ++shape) {
      std::vector<size_t> kernels = kernels_;
      kernels.push_back(shape);
      double found = mean(kernels);
      if (shape == 0 || found < least)
        least = found, best = shape;
    }
    if (!kernels_.empty() && before - least < rules_.worthAKernel)
      return;
    before = least;
    kernels_.push_back(best);
  }
}

/// Divides the buckets in intervals and names their ends: of any count, the
/// nearest is an end of its interval.
void Choice::addIntervals(std::vector<ShapeChoice> &choices) const {
  auto entryOf = [&](size_t kernel) -> ShapeChoice & {
    for (ShapeChoice &known : choices)
      if (known.shape.name() == shapes_[kernel].name())
        return known;
    return choices.emplace_back(ShapeChoice{shapes_[kernel], {}});
  };
  const size_t none = shapes_.size();
  size_t last = none;
  int64_t before = 0;
  auto close = [&] {
    if (last == none)
      return;
    std::vector<int64_t> &rows = entryOf(last).rows;
    if (rows.back() != before)
      rows.push_back(before);
  };
  for (const Point &point : buckets_) {
    size_t best = *llvm::min_element(kernels_, [&](size_t a, size_t b) {
      return point.cycles[a] < point.cycles[b];
    });
    if (last == none ||
        point.cycles[last] > rules_.worthAnEntry * point.cycles[best]) {
      close();
      last = best;
      entryOf(last).rows.push_back(point.rows);
    }
    before = point.rows;
  }
  close();
}

/// The next ones are worth a try: the arithmetic is no measurement.
void Choice::addTries(std::vector<ShapeChoice> &choices) const {
  for (const Point &point : named_) {
    std::vector<size_t> order(shapes_.size());
    for (size_t i = 0; i < order.size(); ++i)
      order[i] = i;
    llvm::stable_sort(order, [&](size_t a, size_t b) {
      return point.cycles[a] < point.cycles[b];
    });
    for (size_t i = 0; i < std::min<size_t>(2, order.size()); ++i)
      if (llvm::none_of(choices, [&](const ShapeChoice &known) {
            return known.shape.name() == shapes_[order[i]].name();
          }))
        choices.push_back({shapes_[order[i]], {}});
  }
}

std::vector<ShapeChoice> Choice::run(bool tries) {
  std::vector<ShapeChoice> choices;
  chooseKernels();
  addIntervals(choices);
  if (tries)
    addTries(choices);
  return choices;
}

std::vector<ShapeChoice>
ft::codegen::chooseByRules(std::vector<GemmShape> shapes,
                           const ShapeRules &rules, bool tries) {
  if (shapes.empty())
    return {};
  return Choice(std::move(shapes), rules).run(tries);
}

std::vector<ShapeChoice> ft::codegen::chooseShapes(const GemmMatch &match) {
  auto cycles = [&](const GemmShape &shape, int64_t rows) {
    return cyclesOf(shape, match, rows);
  };
  return chooseByRules(shapesFor(match), {cycles, 32, kRows, kWorthAKernel},
                       /*tries=*/true);
}

/// Rows whose clusters run at once, as whole pairs of buckets.
static int64_t rowsAtOnce(const GemmShape &shape) {
  return clustersAtOnce(shape) * shape.bm / 128 * 128;
}

std::vector<ShapeChoice> ft::codegen::chooseFewRows(const GemmMatch &match) {
  // Weights of the last boxes come while the first are multiplied.
  constexpr int64_t late = 4;
  std::vector<ShapeChoice> choices;
  for (const GemmShape &shape : shapesFor(match))
    if (shape.swapped && match.k <= (shape.stages + late) * kBoxDepth)
      choices.push_back({shape, {}});
  llvm::sort(choices, [](const ShapeChoice &a, const ShapeChoice &b) {
    return a.shape.bm < b.shape.bm;
  });
  int64_t first = kFirstFewRows;
  for (ShapeChoice &choice : choices) {
    int64_t last = std::min(rowsAtOnce(choice.shape), kLastFewRows);
    if (first <= last)
      choice.rows = {first};
    if (first < last)
      choice.rows.push_back(last);
    // Of 32 rows a cluster the next bucket's are too few (320 rows: ten).
    bool small = choice.shape.bm == 16;
    first = std::max(first, last + (small ? 128 : 64));
  }
  llvm::erase_if(choices, [](const ShapeChoice &c) { return c.rows.empty(); });
  return choices;
}

ShapeChoice ft::codegen::chooseSomeRows(const GemmMatch &match) {
  std::vector<GemmShape> shapes = shapesFor(match);
  // Tiles of 32 columns take 0.1 us less for 768 x 768, and 1.8 us more where k
  // is 3072 (32 rows): more CTAs read the same x.
  llvm::erase_if(shapes, [](const GemmShape &s) { return s.bn < 64; });
  auto best =
      llvm::min_element(shapes, [&](const GemmShape &a, const GemmShape &b) {
        return cyclesOf(a, match, 64) < cyclesOf(b, match, 64);
      });
  return {*best, {64}};
}
