//===- GemmPromptShapes.cpp - tile shapes of a prompt's product -----------===//
//
// A causal model has several programs already, and a prompt is a part of what
// it runs: one shape does for short prompts, the same or another for long ones.
//
//===----------------------------------------------------------------------===//
#include "codegen/cuda/GemmShapes.h"

#include "llvm/ADT/STLExtras.h"

using namespace ft::codegen;

/// Another kernel must take so much less.
static constexpr double kWorthAKernel = 0.99;

/// Of two counts of rows.
static double cyclesOfBoth(const GemmShape &shape, const GemmMatch &match,
                           int64_t rows) {
  return cyclesOf(shape, match, rows) + cyclesOf(shape, match, 2 * rows) / 2;
}

std::vector<ShapeChoice>
ft::codegen::choosePromptShapes(const GemmMatch &match) {
  // Of a prompt few rows are wanted at the end, whatever its length.
  auto type = llvm::cast<ft::ir::PackedType>(match.input.getType());
  bool fused = (match.gated && !match.outNorm) || match.append;
  if (!fused || type.getAxis() == "rows")
    return {};
  std::vector<GemmShape> shapes = shapesFor(match);
  std::vector<ShapeChoice> choices;
  for (int64_t rows : {512, 2048}) {
    if (shapes.empty())
      break;
    auto cycles = [&](const GemmShape &shape) {
      return cyclesOfBoth(shape, match, rows);
    };
    GemmShape best =
        *llvm::min_element(shapes, [&](const auto &a, const auto &b) {
          return cycles(a) < cycles(b);
        });
    if (!choices.empty() &&
        cycles(best) > kWorthAKernel * cycles(choices[0].shape))
      choices[0].rows.push_back(2 * rows);
    else
      choices.push_back({best, {rows, 2 * rows}});
  }
  return choices;
}
