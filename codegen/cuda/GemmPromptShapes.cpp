//===- GemmPromptShapes.cpp - tile shapes of a prompt's product -----------===//
//
// A causal model has several programs already, and a prompt is a part of what
// it runs: few kernels do. Up to some 500 rows it counts how evenly the weights
// are divided (H200, 8B, gate and up of 128 rows: 128 tiles of 128 x 224 60.0
// us, 163 of 128 x 176 77.8; 192 rows by 192 x 128 75.1, by 128 x 176 105).
//
//===----------------------------------------------------------------------===//
#include "codegen/cuda/GemmShapes.h"

#include "llvm/ADT/STLExtras.h"

using namespace ft::codegen;

/// Prompts have 65 tokens and more; of these counts each counts as an octave
/// does.
static constexpr int64_t kFirstRows = 128;
static constexpr int64_t kRows[] = {128, 256, 512, 1024, 2048, 4096};
/// What another kernel must make the mean less: it takes half a second to
/// compile.
static constexpr double kWorthAKernel = 0.005, kWorthAnEntry = 1.02;
/// A multiprocessor's share of the memory's bandwidth, bytes a cycle, which is
/// what one gets that is not beside 131 others, too (H200, gate and up of 8B,
/// 128 rows: 112 tiles of 128 x 256 65.0 us, 128 of 128 x 224 60.0).
static constexpr double kFromMemory = 20;
/// Of shorter sums (o of 1B: 6.0 us, the library 5.9) nothing is gained.
static constexpr int64_t kShortInner = 4096;

static std::vector<ShapeChoice> gatedShapes(const GemmMatch &match) {
  std::vector<GemmShape> shapes = shapesFor(match);
  // Of tiles as small as that only those are ahead whose ends cost nothing.
  llvm::erase_if(shapes, [](const GemmShape &s) {
    return !s.pingPong && s.bm * s.bn < 192 * 128;
  });
  // A tile with 64 rows of nobody is slower than its bytes say (8B, 128 rows:
  // 192 x 128 75 us, 128 x 128 66.5).
  auto cycles = [&](const GemmShape &shape, int64_t rows) {
    bool tall = shape.bm * shape.cm >= rows + 64;
    return cyclesOf(shape, match, rows, kFromMemory) * (tall ? 1.1 : 1.0);
  };
  return chooseByRules(
      std::move(shapes),
      {cycles, kFirstRows, kRows, kWorthAKernel, kWorthAnEntry},
      /*tries=*/false);
}

/// Of q-k-v with rope and append, which shapes were timed from 512 rows on.
/// Boxes of 16 rows of weights, where others have 32, were slow with many rows
/// (H200, 1B, 4,096 rows by 128 x 96 124 us, by 128 x 192 82.5) when one thread
/// made all copies; with 512 rows they gain now (whole prompts 1.94 to 1.97 ms,
/// by 128 x 128 1.95 to 2.00).
static std::vector<ShapeChoice> headShapes(const GemmMatch &match) {
  constexpr double worthAKernel = 0.99; // another must take so much less
  std::vector<GemmShape> shapes = shapesFor(match);
  std::vector<ShapeChoice> choices;
  auto slowWithMany = [&](const GemmShape &s) {
    HeadRuns runs = s.runsOf(match);
    return !runs.interleaved && runs.size % 64 == 0 && runs.run < 32;
  };
  for (int64_t rows : {512, 2048}) {
    if (rows > 512)
      llvm::erase_if(shapes, slowWithMany);
    if (shapes.empty())
      break;
    // Of two counts of rows.
    auto cycles = [&](const GemmShape &shape) {
      return cyclesOf(shape, match, rows) +
             cyclesOf(shape, match, 2 * rows) / 2;
    };
    GemmShape best =
        *llvm::min_element(shapes, [&](const auto &a, const auto &b) {
          return cycles(a) < cycles(b);
        });
    if (!choices.empty() && !slowWithMany(choices[0].shape) &&
        cycles(best) > worthAKernel * cycles(choices[0].shape))
      choices[0].rows.push_back(2 * rows);
    else
      choices.push_back({best, {rows, 2 * rows}});
  }
  return choices;
}

/// For the shortest prompts, of what a residual is added to, one shape whose
/// tiles fill the GPU once: all of it then reads weights, and the kernel starts
/// early (H200, 8B, 128 rows, o 11.9 us, down 34.4 by 128 x 64 of two CTAs that
/// share k, the library 12.6 and 37.3; a layer 129.8, with the library's o
/// 137.9, with its down 137.7). Longer ones are the library's.
static std::vector<ShapeChoice> shortPromptShape(const GemmMatch &match) {
  constexpr int64_t rows = 128, least = 112, most = 132; // CTAs
  if (match.linears.size() != 1 || match.outNorm ||
      !llvm::isa_and_nonnull<ft::ir::AddOp>(match.result.getDefiningOp()))
    return {};
  std::vector<GemmShape> shapes = shapesFor(match);
  llvm::erase_if(shapes, [&](const GemmShape &s) {
    int64_t ctas = (match.n + s.bn - 1) / s.bn * s.splits;
    return s.bm * s.cm != rows || ctas < least || ctas > most;
  });
  if (shapes.empty() || match.k < kShortInner)
    return {};
  auto cycles = [&](const GemmShape &shape) {
    return cyclesOf(shape, match, rows, kFromMemory);
  };
  return {{*llvm::min_element(shapes,
                              [&](const auto &a, const auto &b) {
                                return cycles(a) < cycles(b);
                              }),
           {rows}}};
}

std::vector<ShapeChoice>
ft::codegen::choosePromptShapes(const GemmMatch &match) {
  if (match.append)
    return headShapes(match);
  if (match.gated)
    return match.outNorm ? std::vector<ShapeChoice>{} : gatedShapes(match);
  return shortPromptShape(match);
}
