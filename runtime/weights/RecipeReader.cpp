//===- RecipeReader.cpp - evaluating recipes by ranges --------------------===//
#include "runtime/weights/RecipeReader.h"

#include "runtime/weights/Generators.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace ft {

using plan::Recipe;

namespace {

// A transpose reads this many rows of its operand at a time: with 4-byte
// elements, a cache line of every row that it writes.
constexpr int64_t kTileRows = 16;

/// A shape seen as [outer, extent of the axis, inner].
struct AxisView {
  int64_t extent = 1, inner = 1;
  AxisView(const std::vector<int64_t> &shape, int64_t axis)
      : extent(shape[size_t(axis)]) {
    for (size_t i = size_t(axis) + 1; i < shape.size(); ++i)
      inner *= shape[i];
  }
  int64_t block() const { return extent * inner; }
};

/// Calls piece(position in the block, outer index, count) for the parts of
/// [first, first + count) that lie in one block of `size` each.
template <typename Piece>
void forBlocks(int64_t size, int64_t first, int64_t count, Piece piece) {
  while (count > 0) {
    int64_t within = first % size;
    int64_t part = std::min(count, size - within);
    piece(within, first / size, part);
    first += part;
    count -= part;
  }
}

} // namespace

void RecipeReader::read(const Recipe &recipe, int64_t first, int64_t count,
                        float *out) const {
  switch (recipe.op) {
  case Recipe::Op::Tensor:
    return source_.read(recipe, first, count, out);
  case Recipe::Op::Literal:
    std::copy_n(recipe.data.begin() + first, count, out);
    return;
  case Recipe::Op::Generator:
    return generate(recipe, first, count, out);
  case Recipe::Op::Slice:
    return readSlice(recipe, first, count, out);
  case Recipe::Op::Concat:
    return readConcat(recipe, first, count, out);
  case Recipe::Op::Pad:
    return readPad(recipe, first, count, out);
  case Recipe::Op::Interleave:
    return readInterleave(recipe, first, count, out);
  case Recipe::Op::Transpose:
    return readTranspose(recipe, first, count, out);
  case Recipe::Op::Rotations:
    return readRotations(recipe, first, count, out);
  case Recipe::Op::Reshape:
    return read(recipe.of[0], first, count, out);
  case Recipe::Op::Scale:
    read(recipe.of[0], first, count, out);
    std::for_each_n(out, count,
                    [by = float(recipe.value)](float &x) { x *= by; });
    return;
  case Recipe::Op::Offset:
    read(recipe.of[0], first, count, out);
    std::for_each_n(out, count,
                    [by = float(recipe.value)](float &x) { x += by; });
    return;
  }
}

void RecipeReader::readSlice(const Recipe &recipe, int64_t first, int64_t count,
                             float *out) const {
  AxisView to(recipe.shape, recipe.axis);
  AxisView from(recipe.of[0].shape, recipe.axis);
  int64_t start = recipe.startOf(rank_);
  forBlocks(to.block(), first, count,
            [&](int64_t within, int64_t outer, int64_t part) {
              read(recipe.of[0],
                   outer * from.block() + start * from.inner + within, part,
                   out);
              out += part;
            });
}

void RecipeReader::readConcat(const Recipe &recipe, int64_t first,
                              int64_t count, float *out) const {
  AxisView to(recipe.shape, recipe.axis);
  auto readBlock = [&](int64_t within, int64_t outer, int64_t part) {
    for (const Recipe &operand : recipe.of) {
      int64_t block = AxisView(operand.shape, recipe.axis).block();
      int64_t take = std::clamp<int64_t>(block - within, 0, part);
      if (take > 0)
        read(operand, outer * block + within, take, out);
      out += take;
      part -= take;
      within = std::max<int64_t>(within + take - block, 0);
    }
  };
  forBlocks(to.block(), first, count, readBlock);
}

void RecipeReader::readPad(const Recipe &recipe, int64_t first, int64_t count,
                           float *out) const {
  int64_t block = AxisView(recipe.of[0].shape, recipe.axis).block();
  forBlocks(AxisView(recipe.shape, recipe.axis).block(), first, count,
            [&](int64_t within, int64_t outer, int64_t part) {
              int64_t take = std::clamp<int64_t>(block - within, 0, part);
              if (take > 0)
                read(recipe.of[0], outer * block + within, take, out);
              std::fill(out + take, out + part, 0.0f);
              out += part;
            });
}

void RecipeReader::readRotations(const Recipe &recipe, int64_t first,
                                 int64_t count, float *out) const {
  int64_t half = recipe.of[0].shape[0], dims = 2 * half;
  std::vector<float> frequencies(static_cast<size_t>(half));
  read(recipe.of[0], 0, half, frequencies.data());
  for (int64_t i = first; i < first + count; ++i) {
    int64_t column = i % dims;
    double angle = double(i / dims) * frequencies[size_t(column % half)];
    *out++ = float(column < half ? std::cos(angle) : std::sin(angle));
  }
}

void RecipeReader::readInterleave(const Recipe &recipe, int64_t first,
                                  int64_t count, float *out) const {
  int64_t row = AxisView(recipe.shape, 0).inner;
  int64_t parts = int64_t(recipe.of.size());
  forBlocks(row, first, count,
            [&](int64_t within, int64_t index, int64_t part) {
              read(recipe.of[size_t(index % parts)],
                   index / parts * row + within, part, out);
              out += part;
            });
}

/// Rows of the result are columns of the operand: whole rows are transposed in
/// tiles, the ends of a range that cuts a row element by element.
void RecipeReader::readTranspose(const Recipe &recipe, int64_t first,
                                 int64_t count, float *out) const {
  const Recipe &of = recipe.of[0];
  int64_t rows = of.shape[0], columns = of.shape[1];
  while (count > 0) {
    int64_t column = first / rows, row = first % rows;
    int64_t part = std::min(count, rows - row);
    if (part == rows) {
      int64_t whole = count / rows;
      readColumns(of, column, whole, out);
      part = whole * rows;
    } else {
      for (int64_t i = 0; i < part; ++i)
        read(of, (row + i) * columns + column, 1, out + i);
    }
    first += part;
    count -= part;
    out += part;
  }
}

void RecipeReader::readColumns(const Recipe &of, int64_t column,
                               int64_t columns, float *out) const {
  int64_t rows = of.shape[0], width = of.shape[1];
  std::vector<float> tile(size_t(kTileRows * columns));
  for (int64_t row = 0; row < rows; row += kTileRows) {
    int64_t height = std::min(kTileRows, rows - row);
    for (int64_t i = 0; i < height; ++i)
      read(of, (row + i) * width + column, columns, tile.data() + i * columns);
    for (int64_t j = 0; j < columns; ++j)
      for (int64_t i = 0; i < height; ++i)
        out[j * rows + row + i] = tile[size_t(i * columns + j)];
  }
}

} // namespace ft
