//===- RegexSyntax.cpp - Oniguruma patterns for PCRE2 ---------------------===//
#include "runtime/text/RegexSyntax.h"

#include "runtime/text/RegexProperties.h"
#include "runtime/text/Unicode.h"

#include <array>
#include <cctype>
#include <cstdio>
#include <optional>
#include <vector>

namespace ft::text {

namespace {

std::string codePointText(char32_t c) {
  char text[16];
  std::snprintf(text, sizeof text, "\\x{%x}", unsigned(c));
  return text;
}

/// One item of a character class: a code point or a set of them.
struct ClassItem {
  std::optional<char32_t> codePoint;
  std::string set;
};

class Translator {
public:
  explicit Translator(std::string_view pattern) : in_(pattern) {}

  StatusOr<std::string> run() {
    while (pos_ < in_.size())
      FT_RETURN_IF_ERROR(element());
    if (!closers_.empty())
      return error("has an unclosed parenthesis");
    out_.append(isolated_, ')');
    return std::move(out_);
  }

private:
  Status error(const std::string &what) const {
    return unsupported("the regular expression \"" + std::string(in_) + "\" " +
                       what);
  }
  bool peek(std::string_view text) const {
    return in_.substr(pos_, text.size()) == text;
  }
  bool take(std::string_view text) {
    if (!peek(text))
      return false;
    pos_ += text.size();
    return true;
  }

  Status element();
  Status escape();
  Status group();
  Status options();
  Status interval();
  StatusOr<std::string> characterClass();
  StatusOr<std::string> classBody(int depth);
  StatusOr<ClassItem> classItem(int depth);
  StatusOr<ClassItem> classEscape();
  StatusOr<std::string> propertySet();
  StatusOr<std::string> posixSet();
  StatusOr<std::string> complemented(std::string set, bool negated);
  StatusOr<char32_t> escapedCodePoint(char letter);
  StatusOr<char32_t> hexadecimal(size_t digits);

  std::string_view in_;
  size_t pos_ = 0;
  std::string out_;
  // How many ")" each open parenthesis needs: an isolated option such as (?i)
  // opens a group that ends with the one around it.
  std::vector<size_t> closers_;
  size_t isolated_ = 0; // the same outside all parentheses
};

Status Translator::element() {
  char c = in_[pos_];
  switch (c) {
  case '\\':
    return escape();
  case '(':
    return group();
  case ')':
    if (closers_.empty())
      return error("has an unmatched ')'");
    out_.append(closers_.back(), ')');
    closers_.pop_back();
    ++pos_;
    return Status::success();
  case '[': {
    FT_ASSIGN_OR_RETURN(std::string set, characterClass());
    out_ += set;
    return Status::success();
  }
  case '{':
    return interval();
  default:
    out_ += c;
    ++pos_;
    return Status::success();
  }
}

Status Translator::escape() {
  if (pos_ + 1 >= in_.size())
    return error("ends with a backslash");
  char letter = in_[pos_ + 1];
  std::string word(kWordItems),
      before = "(?<=[" + word + "])", notBefore = "(?<![" + word + "])",
      after = "(?=[" + word + "])", notAfter = "(?![" + word + "])";
  std::string replacement;
  switch (letter) {
  case 'w':
    replacement = "[" + word + "]";
    break;
  case 'W':
    replacement = "[^" + word + "]";
    break;
  case 'h':
    replacement = "[0-9A-Fa-f]";
    break;
  case 'H':
    replacement = "[^0-9A-Fa-f]";
    break;
  case 'b':
    replacement = "(?:" + before + notAfter + "|" + notBefore + after + ")";
    break;
  case 'B':
    replacement = "(?:" + before + after + "|" + notBefore + notAfter + ")";
    break;
  case 'A':
  case 'z':
  case 'Z':
  case 'R':
    replacement = std::string("\\") + letter;
    break;
  default: {
    FT_ASSIGN_OR_RETURN(ClassItem item, classEscape());
    out_ +=
        item.codePoint ? codePointText(*item.codePoint) : "[" + item.set + "]";
    return Status::success();
  }
  }
  out_ += replacement;
  pos_ += 2;
  return Status::success();
}

Status Translator::group() {
  static constexpr std::string_view kSame[] = {"(?:",  "(?=",  "(?!",
                                               "(?<=", "(?<!", "(?>"};
  for (std::string_view opener : kSame)
    if (take(opener)) {
      out_ += opener;
      closers_.push_back(1);
      return Status::success();
    }
  if (peek("(*"))
    return error("uses a callout, which is not supported");
  if (peek("(?"))
    return options();
  ++pos_;
  out_ += '(';
  closers_.push_back(1);
  return Status::success();
}

/// (?i:...) and (?i), whose reach Oniguruma extends over the alternatives that
/// follow: a(?i)b|c is a(?i:b|c).
Status Translator::options() {
  std::string flags;
  pos_ += 2;
  while (pos_ < in_.size() && in_[pos_] != ':' && in_[pos_] != ')') {
    char flag = in_[pos_++];
    if (flag != 'i' && flag != 'm' && flag != '-')
      return error("uses a group or an option that is not supported; "
                   "supported are (?:, (?=, (?!, (?<=, (?<!, (?>, (?i, (?m");
    flags += flag == 'm' ? 's' : flag; // "m" lets the dot match a newline
  }
  if (pos_ >= in_.size())
    return error("has an unclosed parenthesis");
  out_ += "(?" + flags + ":";
  if (in_[pos_++] == ':')
    closers_.push_back(1);
  else
    ++(closers_.empty() ? isolated_ : closers_.back());
  return Status::success();
}

/// {n}, {n,}, {n,m} and {,m}; any other brace is itself.
Status Translator::interval() {
  size_t end = pos_ + 1, commas = 0;
  while (end < in_.size() && (std::isdigit(uint8_t(in_[end])) ||
                              (in_[end] == ',' && commas++ == 0)))
    ++end;
  std::string body(in_.substr(pos_ + 1, end - pos_ - 1));
  if (end >= in_.size() || in_[end] != '}' || body.size() <= commas) {
    out_ += "\\{";
    ++pos_;
    return Status::success();
  }
  pos_ = end + 1;
  // "{n}?" and "{n,m}+" are a repeated repeat there, lazy and possessive here.
  if (peek("+") || (peek("?") && !commas))
    return error("repeats an interval, which is not supported");
  out_ += "{" + (body.front() == ',' ? "0" + body : body) + "}";
  return Status::success();
}

StatusOr<std::string> Translator::characterClass() {
  std::string open = "[";
  ++pos_;
  if (take("^"))
    open += '^';
  FT_ASSIGN_OR_RETURN(std::string body, classBody(0));
  return open + body + "]";
}

/// The items up to and including the closing bracket.
StatusOr<std::string> Translator::classBody(int depth) {
  if (peek("]"))
    return error("has an empty character class");
  std::string body;
  while (!take("]")) {
    if (pos_ >= in_.size())
      return error("has an unclosed character class");
    if (peek("&&"))
      return error("intersects character classes, which is not supported");
    FT_ASSIGN_OR_RETURN(ClassItem item, classItem(depth));
    if (!item.codePoint) {
      body += item.set;
      continue;
    }
    body += codePointText(*item.codePoint);
    if (!peek("-") || peek("-]") || pos_ + 1 >= in_.size())
      continue;
    ++pos_;
    FT_ASSIGN_OR_RETURN(ClassItem last, classItem(depth));
    // A hyphen before a set is a hyphen.
    body += last.codePoint ? "-" : "\\-";
    body += last.codePoint ? codePointText(*last.codePoint) : last.set;
  }
  return body;
}

StatusOr<ClassItem> Translator::classItem(int depth) {
  constexpr int kMaxDepth = 8;
  if (peek("[:")) {
    FT_ASSIGN_OR_RETURN(std::string set, posixSet());
    return ClassItem{std::nullopt, set};
  }
  if (peek("[^") || (peek("[") && depth == kMaxDepth))
    return error("nests character classes in a way that is not supported");
  if (take("[")) {
    FT_ASSIGN_OR_RETURN(std::string set, classBody(depth + 1));
    return ClassItem{std::nullopt, set};
  }
  if (peek("\\"))
    return classEscape();
  return ClassItem{nextCodePoint(in_, pos_), {}};
}

/// An escape that means the same inside and outside of a class.
StatusOr<ClassItem> Translator::classEscape() {
  if (pos_ + 1 >= in_.size())
    return error("ends with a backslash");
  char letter = in_[pos_ + 1];
  std::string set;
  switch (letter) {
  case 's':
    set = R"(\p{White_Space})";
    break;
  case 'S':
    set = R"(\P{White_Space})";
    break;
  case 'd':
    set = R"(\p{Nd})";
    break;
  case 'D':
    set = R"(\P{Nd})";
    break;
  case 'w':
    set = kWordItems;
    break;
  case 'h':
    set = "0-9A-Fa-f";
    break;
  case 'p':
  case 'P': {
    FT_ASSIGN_OR_RETURN(set, propertySet());
    return ClassItem{std::nullopt, set};
  }
  default: {
    FT_ASSIGN_OR_RETURN(char32_t c, escapedCodePoint(letter));
    return ClassItem{c, {}};
  }
  }
  pos_ += 2;
  return ClassItem{std::nullopt, set};
}

StatusOr<char32_t> Translator::escapedCodePoint(char letter) {
  static constexpr std::array<std::pair<char, char32_t>, 7> kControls = {
      {{'t', 9},
       {'n', 10},
       {'v', 11},
       {'f', 12},
       {'r', 13},
       {'a', 7},
       {'e', 27}}};
  for (auto [name, c] : kControls)
    if (name == letter) {
      pos_ += 2;
      return c;
    }
  if (letter == 'u') {
    pos_ += 2;
    return hexadecimal(4);
  }
  if (letter == 'x') {
    pos_ += 2;
    if (!take("{"))
      return hexadecimal(2);
    size_t close = in_.find('}', pos_);
    if (close == std::string_view::npos || close == pos_ || close - pos_ > 6)
      return error("has a malformed \\x{...}");
    FT_ASSIGN_OR_RETURN(char32_t c, hexadecimal(close - pos_));
    ++pos_;
    return c;
  }
  if (std::isalnum(uint8_t(letter)))
    return error(std::string("uses \\") + letter + ", which is not supported");
  ++pos_;
  return nextCodePoint(in_, pos_);
}

StatusOr<char32_t> Translator::hexadecimal(size_t digits) {
  char32_t c = 0;
  for (size_t i = 0; i < digits; ++i, ++pos_) {
    if (pos_ >= in_.size() || !std::isxdigit(uint8_t(in_[pos_])))
      return error("has a malformed hexadecimal code point");
    int digit = std::tolower(uint8_t(in_[pos_]));
    c = c * 16 + char32_t(digit <= '9' ? digit - '0' : digit - 'a' + 10);
  }
  // Two digits above 7F name a byte of UTF-8 there, not a code point.
  if ((digits == 2 && c > 0x7F && in_[pos_ - 3] == 'x') || c > 0x10FFFF ||
      (c >= 0xD800 && c < 0xE000))
    return error("names a code point that is not one");
  return c;
}

StatusOr<std::string> Translator::propertySet() {
  bool negated = in_[pos_ + 1] == 'P';
  pos_ += 2;
  size_t close = in_.find('}', pos_);
  if (!take("{") || close == std::string_view::npos)
    return error("has a malformed \\p{...}");
  if (take("^"))
    negated = !negated;
  std::string name(in_.substr(pos_, close - pos_));
  pos_ = close + 1;
  return complemented(propertyItems(name), negated);
}

StatusOr<std::string> Translator::posixSet() {
  pos_ += 2;
  bool negated = take("^");
  size_t close = in_.find(":]", pos_);
  if (close == std::string_view::npos)
    return error("has an unclosed [:...:]");
  std::string name(in_.substr(pos_, close - pos_));
  pos_ = close + 2;
  std::string set = posixItems(name);
  if (set.empty())
    return error("uses [:" + name + ":], which is not supported");
  return complemented(std::move(set), negated);
}

StatusOr<std::string> Translator::complemented(std::string set, bool negated) {
  if (!negated)
    return set;
  if (set.find('}') + 1 != set.size() || set.rfind("\\p{", 0) != 0)
    return error("negates a property in a way that is not supported");
  set[1] = 'P';
  return set;
}
} // namespace

StatusOr<std::string> pcreFromOniguruma(std::string_view pattern) {
  if (!isValidUtf8(pattern))
    return unsupported("a regular expression that is not valid UTF-8");
  return Translator(pattern).run();
}

} // namespace ft::text
