//===- JsonView.h - JSON that a user wrote ----------------------*- C++ -*-===//
//
// Parsing and typed access whose errors name the place: line and column for
// text that is no JSON, the JSON pointer for a value that is not as expected.
//
//===----------------------------------------------------------------------===//
#ifndef FT_FRONTENDS_JSON_JSONVIEW_H
#define FT_FRONTENDS_JSON_JSONVIEW_H

#include "runtime/base/Status.h"

#include <nlohmann/json.hpp>

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace ft::json {

using Json = nlohmann::ordered_json;

/// The whole file. Errors name it.
StatusOr<std::string> readTextFile(const std::string &path);

/// A key that stands twice in one object is an error too.
StatusOr<Json> parseJson(std::string_view text);

/// Both, with the file in front of the error.
StatusOr<Json> readJsonFile(const std::string &path);

/// A value and its JSON pointer. Does not own the value.
class JsonView {
public:
  JsonView(const Json &value, std::string pointer = "")
      : value_(&value), pointer_(std::move(pointer)) {}

  const Json &value() const { return *value_; }
  const std::string &pointer() const { return pointer_; }

  /// Whether this is an object with `key`.
  bool has(const std::string &key) const;
  /// The member, which must be there.
  StatusOr<JsonView> at(const std::string &key) const;
  /// The member or element, which is there.
  JsonView member(const std::string &key) const;
  JsonView element(size_t index) const;

  Status expectObject() const;
  Status expectArray() const;
  StatusOr<bool> boolean() const;
  StatusOr<std::string> string() const;
  /// Any finite number.
  StatusOr<double> number() const;
  StatusOr<int64_t>
  integer(int64_t min = std::numeric_limits<int64_t>::min(),
          int64_t max = std::numeric_limits<int64_t>::max()) const;
  /// A list of integers from `min` on.
  StatusOr<std::vector<int64_t>> integers(int64_t min) const;
  /// A list of extents whose product is below 2^48.
  StatusOr<std::vector<int64_t>> shape() const;

  /// An error if the object has a member that is not in `keys`.
  Status expectOnly(const std::vector<std::string> &keys) const;

  /// "POINTER: expected WHAT, found ..."
  Status mismatch(const std::string &what) const;
  Status error(const std::string &message) const;

private:
  const Json *value_;
  std::string pointer_;
};

/// A short description of a value: "the string \"x\"", "an array of 3".
std::string describe(const Json &value);

} // namespace ft::json

#endif // FT_FRONTENDS_JSON_JSONVIEW_H
