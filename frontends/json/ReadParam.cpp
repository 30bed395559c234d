//===- ReadParam.cpp - the recipes of model.json --------------------------===//
#include "frontends/graph/OpSchema.h"
#include "frontends/json/ModelJson.h"
#include "frontends/json/RecipeSchema.h"

#include <algorithm>
#include <cassert>

using namespace ft;
using namespace ft::json;
using plan::Recipe;

const std::vector<RecipeSchema> &ft::json::recipeSchemas() {
  using Op = Recipe::Op;
  static const std::vector<RecipeSchema> table = {
      {"tensor", Op::Tensor, RecipeSource::Text, {"file", "shape", "dtype"}},
      {"literal", Op::Literal, RecipeSource::Numbers, {"shape"}},
      {"generator",
       Op::Generator,
       RecipeSource::Text,
       {"shape", "theta", "scaling", "factor", "low_freq_factor",
        "high_freq_factor", "original_max_position", "attention_factor",
        "start", "step"}},
      {"slice", Op::Slice, RecipeSource::One, {"axis", "start", "size"}},
      {"concat", Op::Concat, RecipeSource::Many, {"axis"}},
      {"transpose", Op::Transpose, RecipeSource::One, {}},
      {"reshape", Op::Reshape, RecipeSource::One, {"shape"}},
      {"scale", Op::Scale, RecipeSource::One, {"by"}},
      {"offset", Op::Offset, RecipeSource::One, {"by"}},
      {"interleave", Op::Interleave, RecipeSource::Many, {}},
      {"rotations", Op::Rotations, RecipeSource::One, {"shape"}}};
  return table;
}

const std::vector<std::string> &ft::json::ropeScalings() {
  static const std::vector<std::string> names = {"none", "linear", "llama3"};
  return names;
}

const std::vector<GeneratorSchema> &ft::json::generatorSchemas() {
  static const std::vector<GeneratorSchema> table = {
      {"rope",
       2,
       {"theta"},
       {"factor", "low_freq_factor", "high_freq_factor",
        "original_max_position", "attention_factor"}},
      {"alibi", 1, {}, {}},
      {"iota", 1, {}, {"start", "step"}}};
  return table;
}

namespace {

class ParamReader {
public:
  explicit ParamReader(graph::ModelGraph &graph) : graph_(graph) {}

  StatusOr<Recipe> read(const JsonView &view) {
    FT_RETURN_IF_ERROR(view.expectObject());
    const RecipeSchema *schema = nullptr;
    std::string names;
    for (const RecipeSchema &candidate : recipeSchemas()) {
      if (!schema && view.has(candidate.name))
        schema = &candidate;
      names += (names.empty() ? "" : ", ") + candidate.name;
    }
    if (!schema)
      return view.error("expected a recipe with one of the members " + names);
    std::vector<std::string> keys = schema->keys;
    keys.push_back(schema->name);
    FT_RETURN_IF_ERROR(view.expectOnly(keys));
    Recipe recipe;
    recipe.op = schema->op;
    FT_RETURN_IF_ERROR(readSource(view, *schema, recipe));
    FT_RETURN_IF_ERROR(finish(view, recipe));
    return recipe;
  }

private:
  Status readSource(const JsonView &view, const RecipeSchema &schema,
                    Recipe &recipe) {
    JsonView source = view.member(schema.name);
    switch (schema.source) {
    case RecipeSource::Text: {
      FT_ASSIGN_OR_RETURN(recipe.text, source.string());
      return {};
    }
    case RecipeSource::Numbers:
      return readNumbers(source, recipe);
    case RecipeSource::One: {
      FT_ASSIGN_OR_RETURN(Recipe child, read(source));
      recipe.of.push_back(std::move(child));
      return {};
    }
    case RecipeSource::Many:
      FT_RETURN_IF_ERROR(source.expectArray());
      if (source.value().empty())
        return source.mismatch("at least one recipe");
      for (size_t i = 0; i < source.value().size(); ++i) {
        FT_ASSIGN_OR_RETURN(Recipe child, read(source.element(i)));
        recipe.of.push_back(std::move(child));
      }
      return {};
    }
    return {};
  }

  Status readNumbers(const JsonView &source, Recipe &recipe) {
    // Literals are for small tables; weights belong in safetensors.
    constexpr size_t kMaxLiteral = 16384;
    FT_RETURN_IF_ERROR(source.expectArray());
    if (source.value().size() > kMaxLiteral)
      return source.mismatch("at most 16384 numbers");
    for (size_t i = 0; i < source.value().size(); ++i) {
      FT_ASSIGN_OR_RETURN(double number, source.element(i).number());
      recipe.data.push_back(float(number));
    }
    return {};
  }

  /// The shape and what else the kind of recipe needs.
  Status finish(const JsonView &view, Recipe &recipe) {
    switch (recipe.op) {
    case Recipe::Op::Tensor:
      return finishTensor(view, recipe);
    case Recipe::Op::Literal:
      FT_RETURN_IF_ERROR(readShape(view, recipe));
      return checkElements(view, int64_t(recipe.data.size()), recipe);
    case Recipe::Op::Generator:
      return finishGenerator(view, recipe);
    case Recipe::Op::Slice:
      return finishSlice(view, recipe);
    case Recipe::Op::Concat:
      return finishConcat(view, recipe);
    case Recipe::Op::Interleave:
      return finishInterleave(view, recipe);
    case Recipe::Op::Rotations:
      return finishRotations(view, recipe);
    case Recipe::Op::Pad: // of ranks only, in plans
      return {};
    case Recipe::Op::Transpose:
      if (recipe.of[0].shape.size() != 2)
        return view.error("expected a matrix to transpose, found shape " +
                          graph::shapeText(recipe.of[0].shape));
      recipe.shape = {recipe.of[0].shape[1], recipe.of[0].shape[0]};
      return {};
    case Recipe::Op::Reshape:
      FT_RETURN_IF_ERROR(readShape(view, recipe));
      return checkElements(view, elements(recipe.of[0]), recipe);
    case Recipe::Op::Scale:
    case Recipe::Op::Offset: {
      FT_ASSIGN_OR_RETURN(JsonView by, view.at("by"));
      FT_ASSIGN_OR_RETURN(recipe.value, by.number());
      recipe.shape = recipe.of[0].shape;
      return {};
    }
    }
    return {};
  }

  static int64_t elements(const Recipe &recipe) {
    int64_t count = 1;
    for (int64_t extent : recipe.shape)
      count *= extent;
    return count;
  }

  Status readShape(const JsonView &view, Recipe &recipe) {
    FT_ASSIGN_OR_RETURN(JsonView shape, view.at("shape"));
    FT_ASSIGN_OR_RETURN(recipe.shape, shape.shape());
    return {};
  }

  Status checkElements(const JsonView &view, int64_t found,
                       const Recipe &recipe) {
    if (elements(recipe) == found)
      return {};
    return view.error("expected " + std::to_string(elements(recipe)) +
                      " elements for shape " + graph::shapeText(recipe.shape) +
                      ", found " + std::to_string(found));
  }

  Status finishTensor(const JsonView &view, Recipe &recipe) {
    FT_RETURN_IF_ERROR(readShape(view, recipe));
    FT_ASSIGN_OR_RETURN(JsonView fileView, view.at("file"));
    FT_ASSIGN_OR_RETURN(std::string file, fileView.string());
    recipe.stored = graph_.dtype;
    if (view.has("dtype")) {
      FT_ASSIGN_OR_RETURN(recipe.stored, readFloatType(view.member("dtype")));
    }
    auto known =
        std::find_if(graph_.files.begin(), graph_.files.end(),
                     [&](const plan::File &f) { return f.name == file; });
    recipe.file = int32_t(known - graph_.files.begin());
    if (known == graph_.files.end())
      graph_.files.push_back({file, 0});
    return {};
  }

  Status finishGenerator(const JsonView &view, Recipe &recipe) {
    const GeneratorSchema *schema = nullptr;
    std::vector<std::string> names;
    for (const GeneratorSchema &candidate : generatorSchemas()) {
      names.push_back(candidate.name);
      if (candidate.name == recipe.text)
        schema = &candidate;
    }
    if (!schema)
      return view.member("generator")
          .error("unknown generator '" + recipe.text + "'" +
                 graph::suggestion(recipe.text, names));
    FT_RETURN_IF_ERROR(readShape(view, recipe));
    if (recipe.shape.size() != schema->rank)
      return view.member("shape").mismatch(
          "a shape of " + std::to_string(schema->rank) + " dimensions");
    std::vector<std::string> keys{"generator", "shape"};
    keys.insert(keys.end(), schema->required.begin(), schema->required.end());
    keys.insert(keys.end(), schema->optional.begin(), schema->optional.end());
    if (recipe.text == "rope")
      FT_RETURN_IF_ERROR(readScaling(view, recipe, keys));
    FT_RETURN_IF_ERROR(view.expectOnly(keys));
    for (size_t i = 2; i < keys.size(); ++i) {
      if (keys[i] == "scaling")
        continue;
      if (i >= 2 + schema->required.size() && !view.has(keys[i]))
        continue;
      FT_ASSIGN_OR_RETURN(JsonView number, view.at(keys[i]));
      FT_ASSIGN_OR_RETURN(recipe.numbers[keys[i]], number.number());
    }
    if (recipe.text == "rope" && recipe.shape[1] % 2)
      return view.member("shape").mismatch("an even number of dims");
    return {};
  }

  /// The scaling of a rope table, a name here and a number in the recipe.
  Status readScaling(const JsonView &view, Recipe &recipe,
                     std::vector<std::string> &keys) {
    keys.push_back("scaling");
    if (!view.has("scaling"))
      return {};
    FT_ASSIGN_OR_RETURN(std::string name, view.member("scaling").string());
    const std::vector<std::string> &names = ropeScalings();
    auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      return view.member("scaling").mismatch("none, linear or llama3");
    recipe.numbers["scaling"] = double(found - names.begin());
    return {};
  }

  Status finishSlice(const JsonView &view, Recipe &recipe) {
    recipe.shape = recipe.of[0].shape;
    FT_ASSIGN_OR_RETURN(recipe.axis, readAxis(view, recipe.shape));
    FT_ASSIGN_OR_RETURN(JsonView start, view.at("start"));
    FT_ASSIGN_OR_RETURN(JsonView size, view.at("size"));
    int64_t &extent = recipe.shape[size_t(recipe.axis)];
    FT_ASSIGN_OR_RETURN(recipe.start, start.integer(0, extent - 1));
    FT_ASSIGN_OR_RETURN(extent, size.integer(1, extent - recipe.start));
    return {};
  }

  StatusOr<int64_t> readAxis(const JsonView &view,
                             const std::vector<int64_t> &shape) {
    if (!view.has("axis") && !shape.empty())
      return int64_t(0);
    FT_ASSIGN_OR_RETURN(JsonView axis, view.at("axis"));
    return axis.integer(0, int64_t(shape.size()) - 1);
  }

  Status finishConcat(const JsonView &view, Recipe &recipe) {
    recipe.shape = recipe.of[0].shape;
    FT_ASSIGN_OR_RETURN(recipe.axis, readAxis(view, recipe.shape));
    size_t axis = size_t(recipe.axis);
    for (size_t i = 1; i < recipe.of.size(); ++i) {
      std::vector<int64_t> shape = recipe.of[i].shape;
      if (shape.size() > axis) {
        int64_t extent = shape[axis];
        shape[axis] = recipe.shape[axis];
        if (shape == recipe.shape) {
          recipe.shape[axis] += extent;
          continue;
        }
      }
      return mismatchedParts(view, recipe, i);
    }
    return {};
  }

  Status finishInterleave(const JsonView &view, Recipe &recipe) {
    recipe.shape = recipe.of[0].shape;
    if (recipe.shape.empty())
      return view.error("expected parts of at least one dimension");
    for (size_t i = 1; i < recipe.of.size(); ++i)
      if (recipe.of[i].shape != recipe.shape)
        return mismatchedParts(view, recipe, i);
    recipe.shape[0] *= int64_t(recipe.of.size());
    return {};
  }

  Status finishRotations(const JsonView &view, Recipe &recipe) {
    const std::vector<int64_t> &from = recipe.of[0].shape;
    if (from.size() != 1)
      return view.error("expected a vector of frequencies, found shape " +
                        graph::shapeText(from));
    FT_RETURN_IF_ERROR(readShape(view, recipe));
    if (recipe.shape.size() != 2 || recipe.shape[1] != 2 * from[0])
      return view.member("shape").mismatch("[positions, " +
                                           std::to_string(2 * from[0]) + "]");
    return {};
  }

  Status mismatchedParts(const JsonView &view, const Recipe &recipe, size_t i) {
    return view.error("expected parts of like shape, found " +
                      graph::shapeText(recipe.of[0].shape) + " and " +
                      graph::shapeText(recipe.of[i].shape));
  }

  graph::ModelGraph &graph_;
};

} // namespace

StatusOr<DType> ft::json::readFloatType(const JsonView &view) {
  FT_ASSIGN_OR_RETURN(std::string name, view.string());
  std::optional<DType> type = dtypeFromName(name);
  if (type != DType::F32 && type != DType::F16 && type != DType::BF16)
    return view.mismatch("f32, f16 or bf16");
  return *type;
}

StatusOr<graph::Param> ft::json::readParam(const std::string &name,
                                           const JsonView &view,
                                           graph::ModelGraph &graph) {
  FT_ASSIGN_OR_RETURN(Recipe recipe, ParamReader(graph).read(view));
  return graph::Param{name, std::move(recipe)};
}
