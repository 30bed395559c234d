//===- Json.cpp - parsing JSON that nobody has checked --------------------===//
#include "runtime/base/Json.h"

#include <algorithm>

namespace ft {

namespace {

using Json = nlohmann::json;

/// Accepts everything and remembers where parsing failed.
struct PlaceFinder : nlohmann::json_sax<Json> {
  size_t failedAt = 0;
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t &) override { return true; }
  bool string(string_t &) override { return true; }
  bool binary(binary_t &) override { return true; }
  bool start_object(size_t) override { return true; }
  bool key(string_t &) override { return true; }
  bool end_object() override { return true; }
  bool start_array(size_t) override { return true; }
  bool end_array() override { return true; }
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &) override {
    failedAt = position;
    return false;
  }
};

} // namespace

static int nestingDepth(std::string_view text) {
  int depth = 0, deepest = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString) {
      i += c == '\\';
      inString = c != '"';
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

static Status notJson(std::string_view text) {
  PlaceFinder finder;
  Json::sax_parse(text.begin(), text.end(), &finder);
  size_t end = std::min(finder.failedAt, text.size());
  std::string_view before = text.substr(0, end);
  size_t line = size_t(std::count(before.begin(), before.end(), '\n')) + 1;
  size_t newline = before.rfind('\n');
  size_t column = newline == before.npos ? end : end - newline - 1;
  return corrupt(
      "not JSON at line " + std::to_string(line) + ", column " +
      std::to_string(column) +
      (finder.failedAt > text.size() ? " (the text ends too early)" : ""));
}

StatusOr<Json> parseJson(std::string_view text, int maxDepth) {
  if (int depth = nestingDepth(text); depth > maxDepth)
    return corrupt("JSON nested " + std::to_string(depth) +
                   " levels deep; expected at most " +
                   std::to_string(maxDepth));
  Json json = Json::parse(text.begin(), text.end(), nullptr,
                          /*allow_exceptions=*/false);
  if (json.is_discarded())
    return notJson(text);
  return json;
}

} // namespace ft
