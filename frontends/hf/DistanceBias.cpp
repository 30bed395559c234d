//===- DistanceBias.cpp - scores biased by distance, in buckets -----------===//
//
// As T5 and MPNet have it: half of the buckets for keys before the query, half
// for those behind; of each, half for one distance, half for ever more, up to
// 128. Distances beyond a table's end take its last row, as a score's indices
// do.
//
//===----------------------------------------------------------------------===//
#include "frontends/hf/TextEncoder.h"

#include <cmath>
#include <cstdlib>

using namespace ft;
using namespace ft::hf;

static constexpr int64_t kFarthest = 128;

/// The bucket of key position - query position.
static int64_t bucketOf(int64_t distance) {
  constexpr int64_t half = kDistanceBuckets / 2, exact = half / 2;
  int64_t base = distance > 0 ? half : 0, size = std::abs(distance);
  if (size < exact)
    return base + size;
  // In fp32, as transformers has it: edges fall where it puts them.
  float grown = std::log(float(size) / float(exact)) /
                float(std::log(double(kFarthest) / double(exact))) *
                float(half - exact);
  return base + std::min(exact + int64_t(grown), half - 1);
}

/// Rows of the table of buckets, one for each distance from -kFarthest on.
static plan::Recipe spread(const plan::Recipe &buckets) {
  plan::Recipe recipe;
  recipe.op = plan::Recipe::Op::Concat;
  for (int64_t at = -kFarthest; at <= kFarthest; ++at)
    recipe.of.push_back(sliceOf(buckets, 0, bucketOf(at), 1));
  recipe.shape = {2 * kFarthest + 1, buckets.shape[1]};
  return recipe;
}

std::vector<graph::ScoreInst> ft::hf::distanceScore(const std::string &tensor,
                                                    int64_t heads,
                                                    GraphBuilder &builder) {
  using Arg = graph::ScoreArg;
  auto result = [](size_t index) {
    Arg arg{Arg::Kind::Result};
    arg.result = index;
    return arg;
  };
  builder.param("distances",
                spread(builder.tensor(tensor, {kDistanceBuckets, heads})));
  Arg farthest{Arg::Kind::Number, double(kFarthest)};
  return {{"sub", "", {{Arg::Kind::Key}, {Arg::Kind::Query}}},
          {"add", "", {result(0), farthest}},
          {"table", "distances", {result(1), {Arg::Kind::Head}}},
          {"add", "", {{Arg::Kind::Score}, result(2)}}};
}
