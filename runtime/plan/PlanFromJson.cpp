//===- PlanFromJson.cpp - a plan from its JSON header ---------------------===//
#include "runtime/plan/PlanFields.h"
#include "runtime/plan/PlanJson.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace ft::plan {

namespace {

using Json = nlohmann::json;

/// Fills structs from JSON. The first error is kept; everything after it does
/// nothing.
class JsonReader {
public:
  template <typename T> using Member = T &;

  template <typename T> void field(const char *name, T &value) {
    if (const Json *json = member(name))
      readAt(name, *json, value);
    else if (status_.ok())
      fail("a member \"" + std::string(name) + "\"", "none");
  }
  template <typename T>
  void optional(const char *name, T &value, const T &absent) {
    value = absent;
    if (const Json *json = member(name))
      readAt(name, *json, value);
  }
  template <typename T> void list(const char *name, T &value) {
    if (const Json *json = member(name))
      readAt(name, *json, value);
  }
  template <typename T> void part(const char *name, T &value) {
    list(name, value);
  }
  void hash(const char *name, uint64_t &value) {
    std::string text;
    field(name, text);
    auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (status_.ok() && (text.size() != 16 || error != std::errc() ||
                         end != text.data() + text.size()))
      fail("16 hexadecimal digits in \"" + std::string(name) + "\"", text);
  }

  template <typename T> void read(const Json &json, T &value) {
    if constexpr (std::is_enum_v<T>)
      readEnum(json, value);
    else if constexpr (std::is_integral_v<T>)
      readInteger(json, value);
    else if constexpr (std::is_floating_point_v<T>)
      readReal(json, value);
    else
      readStruct(json, value);
  }
  void read(const Json &json, bool &value) {
    if (expect(json.is_boolean(), "true or false", json))
      value = json.get<bool>();
  }
  void read(const Json &json, std::string &value) {
    if (expect(json.is_string(), "a string", json))
      value = json.get<std::string>();
  }
  void read(const Json &json, DType &value) {
    std::optional<DType> type;
    if (json.is_string())
      type = dtypeFromName(json.get_ref<const std::string &>());
    if (expect(type.has_value(), "a dtype such as \"bf16\"", json))
      value = *type;
  }
  void read(const Json &json, Ref &value);
  void read(const Json &json, Affine &value);
  void read(const Json &json, AttrValue &value);
  void read(const Json &json, Launch &value);
  void read(const Json &json, Recipe &value) {
    if (!expect(++depth_ <= kMaxRecipeDepth, "recipes nested at most 16 deep",
                json))
      return;
    readStruct(json, value);
    --depth_;
  }
  template <typename T> void read(const Json &json, std::vector<T> &values) {
    if (!expect(json.is_array(), "an array", json))
      return;
    values.reserve(json.size());
    for (size_t i = 0; i < json.size() && status_.ok(); ++i) {
      T value{};
      readAt(std::to_string(i), json[i], value);
      values.push_back(std::move(value));
    }
  }
  template <typename T, size_t N>
  void read(const Json &json, std::array<T, N> &values) {
    if (!expect(json.is_array() && json.size() == N,
                ("an array of " + std::to_string(N)).c_str(), json))
      return;
    for (size_t i = 0; i < N; ++i)
      readAt(std::to_string(i), json[i], values[i]);
  }
  template <typename T>
  void read(const Json &json, std::map<std::string, T> &values) {
    if (!expect(json.is_object(), "an object", json))
      return;
    for (const auto &[key, item] : json.items())
      readAt(key, item, values[key]);
  }

  const Status &status() const { return status_; }

private:
  const Json *member(const char *name) {
    if (!status_.ok())
      return nullptr;
    auto found = object_->find(name);
    if (found == object_->end())
      return nullptr;
    asked_.push_back(name);
    return &*found;
  }

  template <typename T>
  void readAt(const std::string &name, const Json &json, T &value) {
    if (!status_.ok())
      return;
    size_t length = place_.size();
    place_ += "/";
    for (char c : name)
      place_ += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    read(json, value);
    if (status_.ok())
      place_.resize(length);
  }

  template <typename T> void readStruct(const Json &json, T &value) {
    if (!expect(json.is_object(), "an object", json))
      return;
    const Json *outer = std::exchange(object_, &json);
    std::vector<std::string_view> outerAsked = std::exchange(asked_, {});
    fields(*this, value);
    if (status_.ok() && asked_.size() != json.size())
      for (const auto &[key, item] : json.items())
        if (std::find(asked_.begin(), asked_.end(), key) == asked_.end()) {
          fail("only members that docs/plan-format.md lists",
               "\"" + key + "\"");
          break;
        }
    object_ = outer;
    asked_ = std::move(outerAsked);
  }

  template <typename T> void readEnum(const Json &json, T &value) {
    if (json.is_string())
      for (const Spelling<T> &spelling : kSpellings<T>)
        if (spelling.name == json.get_ref<const std::string &>()) {
          value = spelling.value;
          return;
        }
    std::string names;
    for (const Spelling<T> &spelling : kSpellings<T>)
      names += (names.empty() ? "" : ", ") + std::string(spelling.name);
    expect(false, ("one of " + names).c_str(), json);
  }

  template <typename T> void readInteger(const Json &json, T &value) {
    constexpr auto low = std::numeric_limits<T>::min();
    constexpr auto high = std::numeric_limits<T>::max();
    bool fits = json.is_number_unsigned()
                    ? json.get<uint64_t>() <= uint64_t(high)
                    : json.is_number_integer() && std::is_signed_v<T> &&
                          json.get<int64_t>() >= int64_t(low) &&
                          json.get<int64_t>() <= int64_t(high);
    if (expect(fits, sizeof(T) == 4 ? "a 32-bit integer" : "a 64-bit integer",
               json))
      value = json.get<T>();
  }

  template <typename T> void readReal(const Json &json, T &value) {
    if (json.is_number()) {
      value = T(json.get<double>());
      return;
    }
    std::string text = json.is_string() ? json.get<std::string>() : "";
    if (expect(text == "inf" || text == "-inf" || text == "nan",
               "a number, \"inf\", \"-inf\" or \"nan\"", json))
      value = text == "nan"   ? std::numeric_limits<T>::quiet_NaN()
              : text == "inf" ? std::numeric_limits<T>::infinity()
                              : -std::numeric_limits<T>::infinity();
  }

  bool expect(bool good, const char *expected, const Json &found) {
    if (!good && status_.ok())
      fail(expected, describe(found));
    return good && status_.ok();
  }
  void fail(const std::string &expected, const std::string &found) {
    status_ = corrupt((place_.empty() ? "/" : place_) + ": expected " +
                      expected + ", found " + found);
  }
  static std::string describe(const Json &json) {
    if (json.is_object() || json.is_array())
      return std::string("an ") + json.type_name() + " of " +
             std::to_string(json.size());
    std::string text =
        json.dump(-1, ' ', false, Json::error_handler_t::replace);
    return text.size() > 60 ? text.substr(0, 60) + "..." : text;
  }

  Status status_;
  std::string place_; // JSON pointer of the value being read
  const Json *object_ = nullptr;
  std::vector<std::string_view> asked_; // members of object_ found so far
  int depth_ = 0;                       // of recipes
};

void JsonReader::read(const Json &json, Ref &value) {
  constexpr const char *kExpected =
      "a reference: one of the letters b t w i s r c and an index";
  if (!expect(json.is_string() &&
                  json.get_ref<const std::string &>().size() > 1,
              kExpected, json))
    return;
  const std::string &text = json.get_ref<const std::string &>();
  const char *end = text.data() + text.size();
  auto parsed = std::from_chars(text.data() + 1, end, value.index);
  bool known = false;
  for (const Spelling<RefKind> &letter : kRefLetters)
    if (letter.name[0] == text[0]) {
      value.kind = letter.value;
      known = true;
    }
  expect(known && parsed.ec == std::errc() && parsed.ptr == end &&
             value.index >= 0,
         kExpected, json);
}

void JsonReader::read(const Json &json, Affine &value) {
  std::vector<int64_t> numbers;
  read(json, numbers);
  if (!expect(!numbers.empty(), "a constant and a number for each axis", json))
    return;
  value.constant = numbers.front();
  value.perAxis.assign(numbers.begin() + 1, numbers.end());
}

void JsonReader::read(const Json &json, AttrValue &value) {
  auto readAs = [&](auto held) {
    read(json, held);
    value = held;
  };
  if (json.is_boolean())
    return readAs(false);
  if (json.is_string())
    return readAs(std::string());
  if (json.is_number_integer())
    return readAs(int64_t(0));
  if (json.is_number_float())
    return readAs(0.0);
  if (!expect(json.is_object() && json.size() == 1 && json.contains("real"),
              "a bool, a number, a string or {\"real\": ...}", json))
    return;
  double real = 0;
  readAt("real", json["real"], real);
  value = real;
}

void JsonReader::read(const Json &json, Launch &value) {
  std::string kind =
      json.is_object() && json.size() == 1 ? json.begin().key() : "";
  if (kind == "kernel")
    readAt(kind, json[kind], value.emplace<KernelLaunch>());
  else if (kind == "gemm")
    readAt(kind, json[kind], value.emplace<GemmCall>());
  else if (kind == "collective")
    readAt(kind, json[kind], value.emplace<CollectiveCall>());
  else
    expect(false,
           "an object with the one member \"kernel\", \"gemm\" or "
           "\"collective\"",
           json);
}

} // namespace

template <typename T> static StatusOr<T> fromJson(const Json &json) {
  JsonReader reader;
  T value;
  reader.read(json, value);
  FT_RETURN_IF_ERROR(reader.status());
  return value;
}

StatusOr<Plan> planFromJson(const Json &json) { return fromJson<Plan>(json); }
StatusOr<Tuning> tuningFromJson(const Json &json) {
  return fromJson<Tuning>(json);
}

} // namespace ft::plan
