//===- Fields.cpp - checked access to the members of a JSON object --------===//
#include "runtime/text/Fields.h"

#include "runtime/text/Unicode.h"

#include <algorithm>

namespace ft::text {

static std::string describe(const Json *value) {
  return value ? std::string(value->is_null() ? "null" : value->type_name())
               : "nothing";
}

StatusOr<Fields> Fields::of(const Json &object, std::string place) {
  if (!object.is_object())
    return corrupt("tokenizer.json at " + (place.empty() ? "/" : place) +
                   ": expected an object, found " + describe(&object));
  Fields fields;
  fields.object_ = &object;
  fields.place_ = std::move(place);
  return fields;
}

StatusOr<std::string> Fields::type(std::string_view what) {
  const Json *value = any("type");
  if (!value || !value->is_string())
    return error("", "a " + std::string(what) +
                         " needs a \"type\" that is a string, found " +
                         describe(value));
  type_ = value->get_ref<const std::string &>();
  return type_;
}

const Json *Fields::any(const char *key) {
  asked_.push_back(key);
  auto it = object_->find(key);
  return it == object_->end() ? nullptr : &*it;
}

StatusOr<bool> Fields::boolean(const char *key, std::optional<bool> or_) {
  const Json *value = any(key);
  if (or_ && (!value || value->is_null()))
    return *or_;
  if (!value || !value->is_boolean())
    return mismatch(key, "true or false", value);
  return value->get<bool>();
}

StatusOr<std::string> Fields::string(const char *key,
                                     std::optional<std::string> or_) {
  const Json *value = any(key);
  if (or_ && (!value || value->is_null()))
    return *std::move(or_);
  if (!value || !value->is_string())
    return mismatch(key, "a string", value);
  return value->get<std::string>();
}

StatusOr<int64_t> Fields::integer(const char *key, int64_t low, int64_t high,
                                  std::optional<int64_t> or_) {
  const Json *value = any(key);
  if (or_ && (!value || value->is_null()))
    return *or_;
  if (!value || !value->is_number_integer())
    return mismatch(key, "an integer", value);
  bool huge = value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX;
  if (huge || value->get<int64_t>() < low || value->get<int64_t>() > high)
    return error(key, "expected an integer from " + std::to_string(low) +
                          " to " + std::to_string(high) + ", found " +
                          value->dump());
  return value->get<int64_t>();
}

StatusOr<std::string> Fields::character(const char *key) {
  FT_ASSIGN_OR_RETURN(std::string text, string(key));
  size_t pos = 0;
  if (!text.empty())
    (void)nextCodePoint(text, pos);
  if (text.empty() || pos != text.size())
    return error(key, "expected one character, found \"" + text + "\"");
  return text;
}

StatusOr<const Json *> Fields::array(const char *key) {
  const Json *value = any(key);
  if (!value || !value->is_array())
    return mismatch(key, "an array", value);
  return value;
}

StatusOr<const Json *> Fields::object(const char *key) {
  const Json *value = any(key);
  if (!value || !value->is_object())
    return mismatch(key, "an object", value);
  return value;
}

Status Fields::noOthers() const {
  for (auto &[key, value] : object_->items())
    if (std::find(asked_.begin(), asked_.end(), key) == asked_.end())
      return error(key, "this member is not known here, so its effect cannot "
                        "be reproduced; remove it if it has none");
  return Status::success();
}

Status Fields::error(std::string_view key, const std::string &sentence) const {
  std::string place = key.empty() ? place_ : placeOf(key);
  std::string kind = type_.empty() ? "" : " (" + type_ + ")";
  return corrupt("tokenizer.json at " + (place.empty() ? "/" : place) + kind +
                 ": " + sentence);
}

Status Fields::unknownType(std::string_view what, const std::string &type,
                           const std::string &supported) const {
  return unsupported("tokenizer.json at " + place_ + ": the " +
                     std::string(what) + " type \"" + type +
                     "\" is not supported; supported are " + supported);
}

std::string Fields::placeOf(std::string_view key) const {
  return place_ + "/" + std::string(key);
}

Status Fields::mismatch(const char *key, const char *expected,
                        const Json *found) const {
  return error(key, std::string("expected ") + expected + ", found " +
                        describe(found));
}

} // namespace ft::text
