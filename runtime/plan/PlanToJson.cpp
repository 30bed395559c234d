//===- PlanToJson.cpp - a plan as its JSON header -------------------------===//
#include "runtime/plan/PlanFields.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/PlanJson.h"

#include <cmath>
#include <cstdio>

namespace ft::plan {

namespace {

using Json = nlohmann::ordered_json;

/// Turns one struct into one JSON object; values go through toJson.
class JsonWriter {
public:
  template <typename T> using Member = const T &;

  template <typename T> void field(const char *name, const T &value) {
    object_[name] = toJson(value);
  }
  template <typename T>
  void optional(const char *name, const T &value, const T &absent) {
    if (!(value == absent))
      object_[name] = toJson(value);
  }
  template <typename T> void list(const char *name, const T &value) {
    if (!value.empty())
      object_[name] = toJson(value);
  }
  template <typename T> void part(const char *name, const T &value) {
    Json json = toJson(value);
    if (!json.empty())
      object_[name] = std::move(json);
  }
  void hash(const char *name, uint64_t value) {
    char text[17];
    std::snprintf(text, sizeof(text), "%016llx", (unsigned long long)value);
    object_[name] = text;
  }

  template <typename T> static Json toJson(const T &value) {
    if constexpr (std::is_enum_v<T>) {
      for (const Spelling<T> &spelling : kSpellings<T>)
        if (spelling.value == value)
          return spelling.name;
      assert(false && "an enumerator without a spelling");
      return nullptr;
    } else if constexpr (std::is_class_v<T>) {
      JsonWriter writer;
      fields(writer, value);
      return std::move(writer.object_);
    } else {
      return value;
    }
  }
  static Json toJson(DType value) { return dtypeName(value); }
  static Json toJson(const std::string &value) { return value; }
  /// JSON has no infinities and no NaN: they are strings.
  static Json toJson(double value) {
    if (std::isfinite(value))
      return value;
    return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  }
  static Json toJson(float value) { return toJson(double(value)); }
  static Json toJson(const Ref &ref) {
    for (const Spelling<RefKind> &letter : kRefLetters)
      if (letter.value == ref.kind)
        return std::string(letter.name) + std::to_string(ref.index);
    assert(false && "a reference kind without a letter");
    return nullptr;
  }
  static Json toJson(const Affine &affine) {
    Json json = Json::array({affine.constant});
    for (int64_t coefficient : affine.perAxis)
      json.push_back(coefficient);
    return json;
  }
  static Json toJson(const AttrValue &value) {
    if (auto *real = std::get_if<double>(&value); real && !std::isfinite(*real))
      return {{"real", toJson(*real)}};
    return std::visit([](const auto &held) { return toJson(held); }, value);
  }
  static Json toJson(const Launch &launch) {
    if (auto *kernel = std::get_if<KernelLaunch>(&launch))
      return {{"kernel", toJson(*kernel)}};
    if (auto *gemm = std::get_if<GemmCall>(&launch))
      return {{"gemm", toJson(*gemm)}};
    return {{"collective", toJson(std::get<CollectiveCall>(launch))}};
  }
  template <typename T> static Json toJson(const std::vector<T> &values) {
    return array(values);
  }
  template <typename T, size_t N>
  static Json toJson(const std::array<T, N> &values) {
    return array(values);
  }
  template <typename T>
  static Json toJson(const std::map<std::string, T> &values) {
    Json json = Json::object();
    for (const auto &[key, value] : values)
      json[key] = toJson(value);
    return json;
  }

private:
  template <typename Range> static Json array(const Range &values) {
    Json json = Json::array();
    for (const auto &value : values)
      json.push_back(toJson(value));
    return json;
  }

  Json object_ = Json::object();
};

} // namespace

Json planToJsonValue(const Plan &plan) { return JsonWriter::toJson(plan); }
Json tuningToJsonValue(const Tuning &tuning) {
  return JsonWriter::toJson(tuning);
}

std::string planToJson(const Plan &plan, int indent) {
  // Names come from checkpoints: bytes that are no UTF-8 must not throw.
  return planToJsonValue(plan).dump(indent, ' ', false,
                                    Json::error_handler_t::replace);
}

} // namespace ft::plan
