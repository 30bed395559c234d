//===- RegexProperties.cpp - names of character sets ----------------------===//
#include "runtime/text/RegexProperties.h"

#include <cctype>
#include <cstdint>

namespace ft::text {

namespace {
struct Property {
  std::string_view name, body; // body: items of a character class
};
constexpr Property kNamed[] = {
    {"alpha", R"(\p{Alphabetic})"},
    {"alphabetic", R"(\p{Alphabetic})"},
    {"space", R"(\p{White_Space})"},
    {"whitespace", R"(\p{White_Space})"},
    {"digit", R"(\p{Nd})"},
    {"alnum", R"(\p{Alphabetic}\p{Nd})"},
    {"upper", R"(\p{Uppercase})"},
    {"uppercase", R"(\p{Uppercase})"},
    {"lower", R"(\p{Lowercase})"},
    {"lowercase", R"(\p{Lowercase})"},
    {"punct", R"(\p{P}\p{S})"},
    {"word", kWordItems},
    {"any", R"(\x{0}-\x{10ffff})"},
    {"letter", R"(\p{L})"},
    {"mark", R"(\p{M})"},
    {"number", R"(\p{N})"},
    {"punctuation", R"(\p{P})"},
    {"symbol", R"(\p{S})"},
    {"separator", R"(\p{Z})"},
};

bool isGeneralCategory(std::string_view name) {
  static constexpr std::string_view kCategories[] = {
      "l",  "lu", "ll", "lt", "lm", "lo", "m",  "mn", "mc", "me",
      "n",  "nd", "nl", "no", "p",  "pc", "pd", "ps", "pe", "pi",
      "pf", "po", "s",  "sm", "sc", "sk", "so", "z",  "zs", "zl",
      "zp", "c",  "cc", "cf", "cn", "co", "cs"};
  for (std::string_view category : kCategories)
    if (category == name)
      return true;
  return false;
}
} // namespace

std::string propertyItems(std::string_view name) {
  std::string plain;
  for (char c : name)
    if (c != ' ' && c != '_' && c != '-')
      plain += char(std::tolower(uint8_t(c)));
  for (auto &property : kNamed)
    if (property.name == plain)
      return std::string(property.body);
  if (isGeneralCategory(plain))
    return std::string("\\p{") + char(std::toupper(uint8_t(plain[0]))) +
           plain.substr(1) + "}";
  return "\\p{sc:" + std::string(name) + "}";
}

} // namespace ft::text
