//===- Json.h - parsing JSON that nobody has checked ------------*- C++ -*-===//
#ifndef FT_RUNTIME_BASE_JSON_H
#define FT_RUNTIME_BASE_JSON_H

#include "runtime/base/Status.h"

#include <nlohmann/json.hpp>

#include <string_view>

namespace ft {

/// Parses UTF-8 JSON. Text nested deeper than `maxDepth` is refused before it
/// can cost memory; the error says where the text stops being JSON.
StatusOr<nlohmann::json> parseJson(std::string_view text, int maxDepth = 64);

} // namespace ft

#endif // FT_RUNTIME_BASE_JSON_H
