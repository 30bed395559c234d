//===- RecipeSchema.h - the recipes a param may use -------------*- C++ -*-===//
#ifndef FT_FRONTENDS_JSON_RECIPESCHEMA_H
#define FT_FRONTENDS_JSON_RECIPESCHEMA_H

#include "runtime/plan/Plan.h"

#include <string>
#include <vector>

namespace ft::json {

/// What the member that gives a recipe its name holds.
enum class RecipeSource { Text, Numbers, One, Many };

struct RecipeSchema {
  std::string name; // the member that tells this kind from others
  plan::Recipe::Op op;
  RecipeSource source;
  std::vector<std::string> keys; // other members
};
const std::vector<RecipeSchema> &recipeSchemas();

/// A named source of numbers that are computed, not stored.
struct GeneratorSchema {
  std::string name;
  size_t rank; // of its shape
  std::vector<std::string> required, optional;
};
const std::vector<GeneratorSchema> &generatorSchemas();

/// Names of the rope generator's number `scaling`, by its value.
const std::vector<std::string> &ropeScalings();

} // namespace ft::json

#endif // FT_FRONTENDS_JSON_RECIPESCHEMA_H
