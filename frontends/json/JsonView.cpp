//===- JsonView.cpp - JSON that a user wrote ------------------------------===//
#include "frontends/json/JsonView.h"

#include "frontends/graph/ModelGraph.h"
#include "frontends/graph/OpSchema.h"
#include "runtime/base/Json.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

using namespace ft;
using namespace ft::json;

StatusOr<std::string> ft::json::readTextFile(const std::string &path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf()))
    return notFound(path + ": cannot be read: " +
                    (errno ? std::strerror(errno) : "it is empty"));
  return text.str();
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

StatusOr<Json> ft::json::parseJson(std::string_view text) {
  // The one that checks: where text stops being JSON, and its depth.
  if (auto checked = ft::parseJson(text); !checked.ok())
    return checked.status();
  std::vector<std::set<std::string>> keys;
  std::string duplicate;
  auto watch = [&](int, Json::parse_event_t event, Json &parsed) {
    if (event == Json::parse_event_t::object_start)
      keys.emplace_back();
    else if (event == Json::parse_event_t::object_end)
      keys.pop_back();
    else if (event == Json::parse_event_t::key && duplicate.empty() &&
             !keys.back().insert(parsed.get_ref<const std::string &>()).second)
      duplicate = parsed.get_ref<const std::string &>();
    return true;
  };
  Json parsed = Json::parse(text.begin(), text.end(), watch,
                            /*allow_exceptions=*/false);
  if (!duplicate.empty())
    return invalidArgument("the key \"" + duplicate +
                           "\" stands twice in one object");
  return parsed;
}

StatusOr<Json> ft::json::readJsonFile(const std::string &path) {
  FT_ASSIGN_OR_RETURN(std::string text, readTextFile(path));
  StatusOr<Json> parsed = parseJson(text);
  if (!parsed.ok())
    return parsed.status().withContext(path);
  return parsed;
}

//===----------------------------------------------------------------------===//
// Access
//===----------------------------------------------------------------------===//

std::string ft::json::describe(const Json &value) {
  if (value.is_object())
    return "an object";
  if (value.is_array())
    return "an array of " + std::to_string(value.size());
  if (value.is_null())
    return "null";
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60)
    text = text.substr(0, 57) + "...";
  return (value.is_string() ? "the string " : "") + text;
}

Status JsonView::error(const std::string &message) const {
  return invalidArgument((pointer_.empty() ? "/" : pointer_) + ": " + message);
}

Status JsonView::mismatch(const std::string &what) const {
  return error("expected " + what + ", found " + describe(*value_));
}

bool JsonView::has(const std::string &key) const {
  return value_->is_object() && value_->contains(key);
}

JsonView JsonView::member(const std::string &key) const {
  return {*value_->find(key), pointer_ + "/" + graph::pointerToken(key)};
}

JsonView JsonView::element(size_t index) const {
  return {(*value_)[index], pointer_ + "/" + std::to_string(index)};
}

StatusOr<JsonView> JsonView::at(const std::string &key) const {
  FT_RETURN_IF_ERROR(expectObject());
  if (!has(key))
    return error("expected a member \"" + key + "\", found none");
  return member(key);
}

Status JsonView::expectObject() const {
  return value_->is_object() ? Status() : mismatch("an object");
}

Status JsonView::expectArray() const {
  return value_->is_array() ? Status() : mismatch("an array");
}

StatusOr<bool> JsonView::boolean() const {
  if (!value_->is_boolean())
    return mismatch("true or false");
  return value_->get<bool>();
}

StatusOr<std::string> JsonView::string() const {
  if (!value_->is_string())
    return mismatch("a string");
  return value_->get<std::string>();
}

StatusOr<double> JsonView::number() const {
  if (!value_->is_number() || !std::isfinite(value_->get<double>()))
    return mismatch("a number");
  return value_->get<double>();
}

StatusOr<int64_t> JsonView::integer(int64_t min, int64_t max) const {
  bool fits = value_->is_number_integer();
  if (fits && value_->is_number_unsigned())
    fits = value_->get<uint64_t>() <=
           uint64_t(std::numeric_limits<int64_t>::max());
  if (!fits)
    return mismatch("an integer");
  int64_t number = value_->get<int64_t>();
  if (number < min)
    return mismatch("an integer of at least " + std::to_string(min));
  if (number > max)
    return mismatch("an integer of at most " + std::to_string(max));
  return number;
}

StatusOr<std::vector<int64_t>> JsonView::integers(int64_t min) const {
  if (!value_->is_array())
    return mismatch("a list of integers");
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < value_->size(); ++i) {
    FT_ASSIGN_OR_RETURN(int64_t number, element(i).integer(min));
    numbers.push_back(number);
  }
  return numbers;
}

StatusOr<std::vector<int64_t>> JsonView::shape() const {
  // Beyond any weight, and far from overflow in bytes.
  constexpr int64_t kMaxElements = int64_t(1) << 48;
  FT_ASSIGN_OR_RETURN(std::vector<int64_t> extents, integers(1));
  int64_t elements = 1;
  for (int64_t extent : extents) {
    if (extent > kMaxElements / elements)
      return mismatch("a shape of fewer than 2^48 elements");
    elements *= extent;
  }
  return extents;
}

Status JsonView::expectOnly(const std::vector<std::string> &keys) const {
  FT_RETURN_IF_ERROR(expectObject());
  for (auto &[key, value] : value_->items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      return error("unknown key \"" + key + "\"" +
                   graph::suggestion(key, keys));
  return {};
}
