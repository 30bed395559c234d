//===- ImageJson.cpp - how pictures become an input, in model.json --------===//
#include "frontends/json/ModelJson.h"

#include <algorithm>

using namespace ft;
using namespace ft::json;

static constexpr const char *kFilters[] = {"nearest", "box",     "bilinear",
                                           "hamming", "bicubic", "lanczos"};
static constexpr int64_t kMaxSide = 1 << 14;

static Status readSides(const JsonView &view, const char *key, size_t fewest,
                        std::vector<int64_t> &to) {
  if (!view.has(key))
    return {};
  JsonView sides = view.member(key);
  FT_ASSIGN_OR_RETURN(to, sides.integers(1));
  bool fits = to.size() >= fewest && to.size() <= 2 &&
              std::all_of(to.begin(), to.end(),
                          [](int64_t side) { return side <= kMaxSide; });
  return fits ? Status()
              : sides.mismatch(fewest == 1
                                   ? "[height, width] or [shorter side], of at "
                                     "most 16384"
                                   : "[height, width], of at most 16384");
}

static Status readChannels(const JsonView &view, const char *key, bool divisors,
                           std::vector<double> &to) {
  JsonView list = view.member(key);
  FT_RETURN_IF_ERROR(list.expectArray());
  if (list.value().size() != 3)
    return list.mismatch("a number for each of 3 channels");
  for (size_t i = 0; i < 3; ++i) {
    FT_ASSIGN_OR_RETURN(double number, list.element(i).number());
    if (divisors && number == 0)
      return list.element(i).mismatch("a number other than 0");
    to.push_back(number);
  }
  return {};
}

StatusOr<plan::ImageSteps> ft::json::readImageSteps(const JsonView &view) {
  plan::ImageSteps steps;
  FT_RETURN_IF_ERROR(view.expectOnly(
      {"input", "resize", "filter", "crop", "scale", "mean", "deviation"}));
  FT_ASSIGN_OR_RETURN(JsonView input, view.at("input"));
  FT_ASSIGN_OR_RETURN(steps.input, input.string());
  FT_RETURN_IF_ERROR(readSides(view, "resize", 1, steps.resize));
  FT_RETURN_IF_ERROR(readSides(view, "crop", 2, steps.crop));
  if (view.has("filter")) {
    JsonView filter = view.member("filter");
    FT_ASSIGN_OR_RETURN(steps.filter, filter.string());
    if (std::find(std::begin(kFilters), std::end(kFilters), steps.filter) ==
        std::end(kFilters))
      return filter.mismatch(
          "nearest, box, bilinear, hamming, bicubic or lanczos");
  }
  if (view.has("scale")) {
    FT_ASSIGN_OR_RETURN(steps.scale, view.member("scale").number());
  }
  if (view.has("mean") != view.has("deviation"))
    return view.error("\"mean\" and \"deviation\" go together");
  if (view.has("mean")) {
    FT_RETURN_IF_ERROR(readChannels(view, "mean", false, steps.mean));
    FT_RETURN_IF_ERROR(readChannels(view, "deviation", true, steps.deviation));
  }
  return steps;
}

Json ft::json::writeImageSteps(const plan::ImageSteps &steps) {
  Json json = {{"input", steps.input}};
  if (!steps.resize.empty()) {
    json["resize"] = steps.resize;
    json["filter"] = steps.filter;
  }
  if (!steps.crop.empty())
    json["crop"] = steps.crop;
  json["scale"] = steps.scale;
  if (!steps.mean.empty()) {
    json["mean"] = steps.mean;
    json["deviation"] = steps.deviation;
  }
  return json;
}

Json ft::json::imageStepsSchema() {
  Json side = {{"type", "integer"}, {"minimum", 1}, {"maximum", kMaxSide}};
  Json number = {{"type", "number"}};
  auto list = [](const Json &items, int fewest, int most) {
    return Json{{"type", "array"},
                {"items", items},
                {"minItems", fewest},
                {"maxItems", most}};
  };
  Json filters = Json::array();
  for (const char *filter : kFilters)
    filters.push_back(filter);
  return {{"type", "object"},
          {"additionalProperties", false},
          {"properties",
           {{"input", {{"type", "string"}}},
            {"resize", list(side, 1, 2)},
            {"filter", {{"enum", filters}}},
            {"crop", list(side, 2, 2)},
            {"scale", number},
            {"mean", list(number, 3, 3)},
            {"deviation", list(number, 3, 3)}}},
          {"required", Json::array({"input"})}};
}
