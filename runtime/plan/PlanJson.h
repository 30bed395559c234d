//===- PlanJson.h - plans as JSON, both ways --------------------*- C++ -*-===//
#ifndef FT_RUNTIME_PLAN_PLANJSON_H
#define FT_RUNTIME_PLAN_PLANJSON_H

#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

#include <nlohmann/json.hpp>

namespace ft::plan {

/// Recipes nest at most this deep; the reader stops before it recurses deeper.
inline constexpr int kMaxRecipeDepth = 16;

/// The JSON header of `plan`.
nlohmann::ordered_json planToJsonValue(const Plan &plan);

/// The inverse. Types, spellings and unknown members are checked here, with
/// the place as a JSON pointer; indices and sizes are validatePlan's.
StatusOr<Plan> planFromJson(const nlohmann::json &json);

/// The same of a tuning alone.
nlohmann::ordered_json tuningToJsonValue(const Tuning &tuning);
StatusOr<Tuning> tuningFromJson(const nlohmann::json &json);

} // namespace ft::plan

#endif // FT_RUNTIME_PLAN_PLANJSON_H
