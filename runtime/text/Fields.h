//===- Fields.h - checked access to the members of a JSON object *- C++ -*-===//
//
// tokenizer.json is untrusted. Each object in it is read through a Fields,
// which checks presence and type of every member, refuses members nobody
// asked for, and words the errors: place, expected, found.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_TEXT_FIELDS_H
#define FT_RUNTIME_TEXT_FIELDS_H

#include "runtime/base/Status.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ft::text {

using Json = nlohmann::json;

class Fields {
public:
  /// Read `object`, which must outlive this, found at JSON pointer `place`.
  static StatusOr<Fields> of(const Json &object, std::string place);

  /// The member "type"; `what` says in errors what kind of thing has one.
  StatusOr<std::string> type(std::string_view what);

  /// A member of the type asked for; without a default it has to be there.
  /// A null counts as absent where there is a default.
  StatusOr<bool> boolean(const char *key, std::optional<bool> or_ = {});
  StatusOr<std::string> string(const char *key,
                               std::optional<std::string> or_ = {});
  StatusOr<int64_t> integer(const char *key, int64_t low, int64_t high,
                            std::optional<int64_t> or_ = {});
  /// A string of exactly one code point.
  StatusOr<std::string> character(const char *key);
  StatusOr<const Json *> array(const char *key);
  StatusOr<const Json *> object(const char *key);
  /// Any value, or null if there is none.
  const Json *any(const char *key);

  /// An error naming a member that no call above has asked for.
  Status noOthers() const;

  /// An error about member `key` of this object (about all of it if empty).
  Status error(std::string_view key, const std::string &sentence) const;
  /// The error for a value of `type` that is none of `supported`.
  Status unknownType(std::string_view what, const std::string &type,
                     const std::string &supported) const;

  /// JSON pointer of a member.
  std::string placeOf(std::string_view key) const;

private:
  Status mismatch(const char *key, const char *expected,
                  const Json *found) const;

  const Json *object_ = nullptr;
  std::string place_, type_;
  std::vector<std::string_view> asked_;
};

/// The elements of a Sequence of components may themselves be sequences.
constexpr int kMaxNesting = 16;

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_FIELDS_H
