//===- RegexProperties.cpp - names of character sets ----------------------===//
#include "runtime/text/RegexProperties.h"

#include <cctype>
#include <cstdint>

namespace ft::text {

namespace {
struct Property {
  std::string_view name, body; // body: items of a character class
};
// What follows a property are code points that had it not before Unicode 15.
#define FT_ALPHABETIC                                                          \
  R"(\p{Alphabetic}\x{363}-\x{36f}\x{c04}\x{f82}\x{f83})"                      \
  R"(\x{1dd3}-\x{1de6}\x{11080}\x{11081})"
#define FT_LOWERCASE R"(\p{Lowercase}\x{10fc}\x{a7f2}-\x{a7f4}\x{ab69})"
constexpr Property kNamed[] = {
    {"alpha", FT_ALPHABETIC},
    {"alphabetic", FT_ALPHABETIC},
    {"space", R"(\p{White_Space})"},
    {"whitespace", R"(\p{White_Space})"},
    {"digit", R"(\p{Nd})"},
    {"alnum", FT_ALPHABETIC R"(\p{Nd})"},
    {"upper", R"(\p{Uppercase})"},
    {"uppercase", R"(\p{Uppercase})"},
    {"lower", FT_LOWERCASE},
    {"lowercase", FT_LOWERCASE},
    {"punct", R"(\p{P})"},
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

std::string posixItems(std::string_view name) {
  if (name == "punct")
    return R"(\p{P}\p{S})";
  if (name == "word")
    return R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
  static constexpr std::string_view kOthers[] = {"alpha", "digit", "alnum",
                                                 "upper", "lower", "space"};
  for (std::string_view other : kOthers)
    if (other == name)
      return propertyItems(name);
  return {};
}

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
