//===- RegexTest.cpp - Oniguruma's syntax on PCRE2 ------------------------===//
#include "runtime/text/Regex.h"

#include <gtest/gtest.h>

namespace ft::text {
namespace {

/// The text with its matches in brackets.
std::string matches(std::string_view pattern, std::string_view text) {
  StatusOr<Regex> regex = Regex::compile(pattern);
  if (!regex.ok())
    return regex.status().message();
  std::vector<Span> spans;
  Status status = regex->split(text, spans);
  if (!status.ok())
    return status.message();
  std::string out;
  for (const Span &span : spans) {
    std::string part(text.substr(span.begin, span.end - span.begin));
    out += span.isMatch ? "[" + part + "]" : part;
  }
  return out;
}

TEST(Regex, MeansWhatOnigurumaMeans) {
  struct {
    const char *pattern, *text, *expected;
  } cases[] = {
      // White space is White_Space: not U+180E, which PCRE2 counts.
      {R"(\s+)", "a \u00a0\u0085b\u180ec\u200bd",
       "a[ \u00a0\u0085]b\u180ec\u200bd"},
      {R"([^\s]+)", "a\u180e b", "[a\u180e] [b]"},
      {R"(\S)", "\u180e\u3000", "[\u180e]\u3000"},
      // Words have marks in them, and superscripts of Latin-1.
      {R"(\w+)", "e\u0301x\u00b2 _-\u203f", "[e\u0301x\u00b2] [_]-[\u203f]"},
      {R"(\W)", "a-b", "a[-]b"},
      {R"(\b)", "ab e\u0301", "[]ab[] []e\u0301[]"},
      {R"(\h+)", "xfF09 g", "x[fF09] g"},
      {R"(\d)", "1\u0663\u00bd", "[1][\u0663]\u00bd"},
      // ^ and $ are the ends of lines, (?m) lets the dot match a newline.
      {R"(^a)", "a\na", "[a]\n[a]"},
      {R"(a$)", "a\na", "[a]\n[a]"},
      {R"(a.b)", "a\nb a\rb", "a\nb [a\rb]"},
      {R"((?m:a.b))", "a\nb", "[a\nb]"},
      // An isolated option reaches to the end of the group.
      {R"(a(?i)b|c)", "aB C aC ac", "[aB] C [aC] [ac]"},
      {R"((?i:'s|'ll)|x)", "'S'lL'\u017fX", "['S]['lL]['\u017f]X"},
      {R"([a[b-c]e-]+)", "abc-de", "[abc-]d[e]"},
      {R"([[:punct:]]+)", "a.+$b", "a[.+$]b"},
      {R"(\p{Punct}+)", "a.+$b", "a[.]+$b"},
      {R"([[:word:]]+)", "a\u00b2b", "[a]\u00b2[b]"},
      {R"([[:^space:]]+)", "a b", "[a] [b]"},
      {R"(\p{^L}+|\P{Lu})", "aB1-", "[a]B[1-]"},
      {R"(\p{Han}\p{Letter})", "\u4e2da", "[\u4e2da]"},
      // Scripts are scripts, not script extensions.
      {R"(\p{Devanagari}+)", "\u0905\u0964", "[\u0905]\u0964"},
      {R"(a{,2}b)", "aaab", "a[aab]"},
      {R"(a{x)", "a{x", "[a{x]"},
      {R"(\u0041|\x{42}|\x43|\v)", "ABC\x0b\n", "[A][B][C][\x0b]\n"},
      {R"(a++a|b)", "aab", "aa[b]"},
      // An empty match is none directly behind another match.
      {R"(x*)", "axxb", "[]a[xx]b[]"},
      {R"(x*)", "\u00e9", "[]\u00e9[]"},
  };
  for (auto &c : cases)
    EXPECT_EQ(matches(c.pattern, c.text), c.expected) << c.pattern;
}

TEST(Regex, KnowsLettersYoungerThanTheLibrary) {
  // Unicode 16's Garay letters and digits, Unicode 15's CJK extension H.
  EXPECT_EQ(matches(R"(\p{L}+)", "a\U00010d50\U00010d70\U00010d40"),
            "[a\U00010d50\U00010d70]\U00010d40");
  EXPECT_EQ(matches(R"(\p{N})", "\U00010d40"), "[\U00010d40]");
  EXPECT_EQ(matches(R"(\p{Han}+)", "\U00031350-"), "[\U00031350]-");
  EXPECT_EQ(matches(R"([^\p{L}\p{N}])", "\U00010d50"), "\U00010d50");
}

TEST(Regex, AnEmptyTextHasNoMatch) { EXPECT_EQ(matches("x*", ""), ""); }

TEST(Regex, RefusesWhatItCannotReproduce) {
  struct {
    const char *pattern, *message;
  } cases[] = {
      {"(a", "has an unclosed parenthesis"},
      {"a)", "has an unmatched ')'"},
      {"(?i", "has an unclosed parenthesis"},
      {"(?x:a b)", "a group or an option that is not supported"},
      {"(?<name>a)", "a group or an option that is not supported"},
      {"(*FAIL)", "uses a callout"},
      {"[a-z&&b]", "intersects character classes"},
      {"[a[^b]]", "nests character classes"},
      {"[abc", "has an unclosed character class"},
      {"[]", "has an empty character class"},
      {R"([\W])", R"(uses \W, which is not supported)"},
      {R"(\1)", R"(uses \1, which is not supported)"},
      {R"(\X)", R"(uses \X, which is not supported)"},
      {R"(\xE9)", "names a code point that is not one"},
      {R"(\x{110000})", "names a code point that is not one"},
      {R"(\ud800)", "names a code point that is not one"},
      {R"(\x{g})", "malformed hexadecimal"},
      {R"(\p{L)", R"(has a malformed \p{...})"},
      {R"(\p{Klingon})", "is not one: "},
      {R"(\P{alnum})", "negates a property"},
      {"[[:cntrl:]]", "uses [:cntrl:], which is not supported"},
      {"a{2}+", "repeats an interval"},
      {"a{2}?", "repeats an interval"},
      {"[z-a]", "is not one: "},
      {"*", "is not one: "},
      {"a\\", "ends with a backslash"},
      {"[[:alpha", "has an unclosed [:...:]"},
      {"\xff", "is not valid UTF-8"},
  };
  for (auto &c : cases)
    EXPECT_NE(matches(c.pattern, "text").find(c.message), std::string::npos)
        << c.pattern << ": " << matches(c.pattern, "text");
}

TEST(Regex, NestedClassesDoNotOverflowTheStack) {
  std::string deep(100000, '[');
  EXPECT_NE(matches(deep, "").find("nests character classes"),
            std::string::npos);
}

TEST(Regex, LongRunsOfSpacesAreMatched) {
  // One repetition over all of it: a match may not need a stack frame a step.
  std::string text(1 << 20, ' ');
  EXPECT_EQ(matches(R"(\s+(?!\S)|\s+)", text + "x").size(), text.size() + 5);
}

} // namespace
} // namespace ft::text
