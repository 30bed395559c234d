//===- GemmPromptShapes.cpp - few tile shapes, or the library's call ------===//
//
// A causal model has several programs already, and a prompt is a part of what
// it runs: a shape has to win clearly, and few have to do for all prompts.
//
//===----------------------------------------------------------------------===//
#include "codegen/cuda/GemmShapes.h"

#include "passes/Capability.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <optional>

using namespace ft::codegen;
using Rule = ft::passes::PromptTiles;

/// Prompts are of 65 to so many rows: those of more run as the last.
static constexpr int64_t kMostRows = 4096;
static constexpr int64_t kStep = 64;
/// What a kernel must be worth its compilation for. Where else it is the
/// fastest it is taken, too.
static constexpr int64_t kUsualRows[] = {512, 1024, 2048, 4096};

/// Of smaller weights a prompt's products take so little that a kernel's
/// compilation takes longer.
static constexpr int64_t kLeastSide = 2048;

/// Shapes as the library has them, whose k and rows are not shared.
static constexpr GemmShape kCalls[] = {
    {.bm = 64, .bn = 128, .stages = 8, .warpgroups = 1},
    {.bm = 128, .bn = 128, .stages = 6, .warpgroups = 2},
    {.bm = 128, .bn = 192, .stages = 5, .warpgroups = 2},
    {.bm = 128, .bn = 256, .stages = 4, .warpgroups = 2},
};

namespace {

class Prompts {
public:
  explicit Prompts(const GemmMatch &match)
      : match_(match), shapes_(shapesFor(match)) {}
  PromptChoice run();

private:
  /// A shape by its number, and behind the last one the call.
  size_t call() const { return shapes_.size(); }
  int64_t leastRows() const {
    return match_.gated ? kStep : Rule::kLeastRowsBesideCall;
  }
  double cycles(size_t way, int64_t rows) const;
  size_t fastest(int64_t rows) const;
  double mean() const;
  bool addWay();

  const GemmMatch &match_;
  std::vector<GemmShape> shapes_;
  std::vector<size_t> ways_; // that the plan has
};

} // namespace

double Prompts::cycles(size_t way, int64_t rows) const {
  if (way < shapes_.size())
    return cyclesOf(shapes_[way], match_, rows);
  double least = cyclesOf(kCalls[0], match_, rows);
  for (const GemmShape &shape : kCalls)
    least = std::min(least, cyclesOf(shape, match_, rows));
  return Rule::kShareOfCall * least;
}

size_t Prompts::fastest(int64_t rows) const {
  return *llvm::min_element(ways_, [&](size_t a, size_t b) {
    return cycles(a, rows) < cycles(b, rows);
  });
}

/// What `ways_` take of calls, at the usual counts.
double Prompts::mean() const {
  double sum = 0;
  for (int64_t rows : kUsualRows)
    sum += cycles(fastest(rows), rows) / cycles(call(), rows);
  return sum / double(std::size(kUsualRows));
}

/// The shape that makes the mean least, where that is worth a kernel.
bool Prompts::addWay() {
  double before = ways_.empty() ? 0 : mean(), least = 0;
  size_t best = 0;
  for (size_t shape = 0; shape < shapes_.size(); ++shape) {
    ways_.push_back(shape);
    double found = mean();
    ways_.pop_back();
    if (shape == 0 || found < least)
      least = found, best = shape;
  }
  if (!ways_.empty() && before - least < Rule::kWorthAKernel * before)
    return false;
  ways_.push_back(best);
  return true;
}

PromptChoice Prompts::run() {
  if (!match_.gated)
    ways_.push_back(call());
  size_t most = ways_.size() + Rule::kMostKernels;
  while (ways_.size() < most && addWay()) {
  }
  // Both ends of an interval: of any count, the nearest is one of them.
  std::vector<std::vector<int64_t>> rowsOf(call() + 1);
  std::optional<size_t> last;
  bool ended = false;
  for (int64_t rows = kStep; rows <= kMostRows; rows += kStep) {
    size_t way = rows < leastRows() ? call() : fastest(rows);
    if (way == last && ended)
      rowsOf[way].back() = rows;
    else
      rowsOf[way].push_back(rows);
    ended = way == last;
    last = way;
  }
  PromptChoice choice;
  for (size_t way : ways_)
    if (way != call() && !rowsOf[way].empty())
      choice.shapes.push_back({shapes_[way], rowsOf[way]});
  choice.callRows = rowsOf[call()];
  return choice;
}

PromptChoice ft::codegen::choosePromptShapes(const GemmMatch &match) {
  // Of a prompt few rows are wanted at the end, whatever its length.
  auto rows = llvm::cast<ft::ir::PackedType>(match.input.getType());
  bool large = match.gated || std::min(match.n, match.k) >= kLeastSide;
  if (match.outNorm || !large || rows.getAxis() == "rows")
    return {};
  return Prompts(match).run();
}
