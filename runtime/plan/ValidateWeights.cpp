//===- ValidateWeights.cpp - checking files, weights and recipes ----------===//
#include "runtime/base/Safetensors.h"
#include "runtime/plan/PlanJson.h"
#include "runtime/plan/Validate.h"

namespace ft::plan {

namespace {

using Shape = std::vector<int64_t>;

// 64 KB of fp32.
constexpr size_t kMaxLiteral = 16384;
// Of one rotations recipe, which are read for each range of it.
constexpr int64_t kMaxFrequencies = 65536;

/// Equal but for extent `axis`.
bool equalBut(const Shape &a, const Shape &b, int64_t axis) {
  if (a.size() != b.size())
    return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (int64_t(i) != axis && a[i] != b[i])
      return false;
  return true;
}

Status validateLeaf(const Plan &plan, const Recipe &recipe,
                    const Place &place) {
  FT_RETURN_IF_ERROR(
      place.require(recipe.of.empty(), "a leaf has no operands"));
  switch (recipe.op) {
  case Recipe::Op::Tensor:
    FT_RETURN_IF_ERROR((place / "file").index(recipe.file, plan.files.size()));
    return (place / "text")
        .require(!recipe.text.empty(), "expected a tensor's name");
  case Recipe::Op::Literal:
    return (place / "data")
        .require(recipe.data.size() <= kMaxLiteral &&
                     int64_t(recipe.data.size()) == product(recipe.shape),
                 "a literal has one number per element, at most 16384");
  default:
    return (place / "text")
        .require(recipe.text == "rope" || recipe.text == "alibi" ||
                     recipe.text == "iota",
                 "expected the generator rope, alibi or "
                 "iota");
  }
}

Status validateSlice(const Plan &plan, const Recipe &recipe,
                     const Place &place) {
  const Shape &from = recipe.of[0].shape;
  FT_RETURN_IF_ERROR((place / "axis").index(recipe.axis, recipe.shape.size()));
  FT_RETURN_IF_ERROR(place.require(equalBut(recipe.shape, from, recipe.axis),
                                   "a slice keeps all extents but one"));
  size_t axis = size_t(recipe.axis);
  int64_t last = from[axis] - recipe.shape[axis];
  if (recipe.starts.empty())
    return (place / "start").range(recipe.start, 0, last);
  FT_RETURN_IF_ERROR(
      (place / "starts")
          .require(int64_t(recipe.starts.size()) == plan.ranks(),
                   "expected one start for each rank of the mesh"));
  for (size_t i = 0; i < recipe.starts.size(); ++i)
    FT_RETURN_IF_ERROR((place / "starts" / i).range(recipe.starts[i], 0, last));
  return Status::success();
}

Status validatePad(const Recipe &recipe, const Place &place) {
  const Shape &from = recipe.of[0].shape;
  FT_RETURN_IF_ERROR((place / "axis").index(recipe.axis, recipe.shape.size()));
  FT_RETURN_IF_ERROR(place.require(equalBut(recipe.shape, from, recipe.axis),
                                   "padding keeps all extents but one"));
  size_t axis = size_t(recipe.axis);
  return (place / "shape")
      .require(recipe.shape[axis] >= from[axis], "padding does not shorten");
}

Status validateConcat(const Recipe &recipe, const Place &place) {
  FT_RETURN_IF_ERROR((place / "axis").index(recipe.axis, recipe.shape.size()));
  int64_t sum = 0;
  for (const Recipe &part : recipe.of) {
    FT_RETURN_IF_ERROR(place.require(
        equalBut(recipe.shape, part.shape, recipe.axis),
        "concatenated parts agree in all extents but that of the axis"));
    // Each extent is below 2^40 and there are fewer than 2^23 parts.
    sum += part.shape[size_t(recipe.axis)];
  }
  return place.require(sum == recipe.shape[size_t(recipe.axis)],
                       "the parts' extents do not add up to the shape");
}

Status validateInterleave(const Recipe &recipe, const Place &place) {
  const Shape &first = recipe.of[0].shape;
  bool good = !first.empty() && equalBut(recipe.shape, first, 0) &&
              recipe.shape[0] / int64_t(recipe.of.size()) == first[0] &&
              recipe.shape[0] % int64_t(recipe.of.size()) == 0;
  for (const Recipe &part : recipe.of)
    good &= part.shape == first;
  return place.require(good, "interleaved parts have one shape, and the result "
                             "their rows together");
}

Status validateNode(const Plan &plan, const Recipe &recipe,
                    const Place &place) {
  const Shape &from = recipe.of[0].shape;
  switch (recipe.op) {
  case Recipe::Op::Slice:
    return validateSlice(plan, recipe, place);
  case Recipe::Op::Pad:
    return validatePad(recipe, place);
  case Recipe::Op::Concat:
    return validateConcat(recipe, place);
  case Recipe::Op::Interleave:
    return validateInterleave(recipe, place);
  case Recipe::Op::Rotations:
    return place.require(from.size() == 1 && from[0] <= kMaxFrequencies &&
                             recipe.shape.size() == 2 &&
                             recipe.shape[1] == 2 * from[0],
                         "rotations by n frequencies, a vector of at most "
                         "65536, are [positions, 2n]");
  case Recipe::Op::Transpose:
    return place.require(from.size() == 2 &&
                             recipe.shape == Shape{from[1], from[0]},
                         "a transpose swaps two extents");
  case Recipe::Op::Reshape:
    return place.require(product(from) == product(recipe.shape),
                         "a reshape keeps the number of elements");
  default:
    return place.require(recipe.shape == from,
                         "scale and offset keep the shape");
  }
}

Status validateRecipe(const Plan &plan, const Recipe &recipe,
                      const Place &place, int depth) {
  FT_RETURN_IF_ERROR(
      place.require(depth <= kMaxRecipeDepth, "recipes nest at most 16 deep"));
  FT_RETURN_IF_ERROR((place / "shape").shape(recipe.shape));
  bool leaf = recipe.op == Recipe::Op::Tensor ||
              recipe.op == Recipe::Op::Literal ||
              recipe.op == Recipe::Op::Generator;
  if (leaf)
    return validateLeaf(plan, recipe, place);
  bool many =
      recipe.op == Recipe::Op::Concat || recipe.op == Recipe::Op::Interleave;
  FT_RETURN_IF_ERROR(
      (place / "of")
          .require(many ? !recipe.of.empty() : recipe.of.size() == 1,
                   many ? "expected at least one operand"
                        : "expected one operand"));
  for (size_t i = 0; i < recipe.of.size(); ++i)
    FT_RETURN_IF_ERROR(
        validateRecipe(plan, recipe.of[i], place / "of" / i, depth + 1));
  return validateNode(plan, recipe, place);
}

Status validateView(const Plan &plan, const Weight &weight,
                    const Place &place) {
  FT_RETURN_IF_ERROR(
      (place / "view_of").index(weight.viewOf, plan.weights.size()));
  const Weight &root = plan.weights[size_t(weight.viewOf)];
  FT_RETURN_IF_ERROR(
      (place / "view_of")
          .require(root.viewOf < 0, "a view's root is no view itself"));
  FT_RETURN_IF_ERROR(
      (place / "dtype")
          .require(weight.dtype == root.dtype, "a view has its root's dtype"));
  FT_RETURN_IF_ERROR(
      (place / "shape")
          .require(equalBut(weight.shape, root.shape, 0),
                   "a view keeps its root's extents but the first"));
  return (place / "view_row")
      .range(weight.viewRow, 0, root.shape[0] - weight.shape[0]);
}

} // namespace

Status validateWeights(const Plan &plan) {
  for (size_t i = 0; i < plan.files.size(); ++i)
    FT_RETURN_IF_ERROR((Place("/files") / i / "name")
                           .require(isPlainFileName(plan.files[i].name),
                                    "expected the name of a file in the "
                                    "weights directory, without a "
                                    "folder"));
  // Shapes first: a view may come before its root.
  for (size_t i = 0; i < plan.weights.size(); ++i) {
    const Weight &weight = plan.weights[i];
    Place place = Place("/weights") / i / "shape";
    FT_RETURN_IF_ERROR(
        place.require(!weight.shape.empty(), "a weight has an extent"));
    FT_RETURN_IF_ERROR(place.shape(weight.shape));
  }
  for (size_t i = 0; i < plan.weights.size(); ++i) {
    const Weight &weight = plan.weights[i];
    Place place = Place("/weights") / i;
    if (weight.viewOf != -1) {
      FT_RETURN_IF_ERROR(validateView(plan, weight, place));
      continue;
    }
    FT_RETURN_IF_ERROR((place / "view_row").range(weight.viewRow, 0, 0));
    FT_RETURN_IF_ERROR(
        validateRecipe(plan, weight.recipe, place / "recipe", 1));
    FT_RETURN_IF_ERROR((place / "recipe" / "shape")
                           .require(weight.recipe.shape == weight.shape,
                                    "the recipe's shape is not the weight's"));
  }
  return Status::success();
}

} // namespace ft::plan
