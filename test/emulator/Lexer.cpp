//===- Lexer.cpp - PTX to tokens ------------------------------------------===//
#include "Lexer.h"

#include "Syntax.h"

#include <cctype>
#include <cstring>

using namespace ft;
using namespace ft::emulator;

std::vector<std::string_view> emulator::splitDots(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    size_t dot = text.find('.');
    parts.push_back(text.substr(0, dot));
    if (dot == std::string_view::npos)
      return parts;
    text.remove_prefix(dot + 1);
  }
}

uint32_t emulator::typeBytes(std::string_view type) {
  if (type == "f16x2" || type == "bf16x2")
    return 4;
  if (type == "bf16")
    return 2;
  if (type.size() < 2 || !std::strchr("usbf", type[0]))
    return 0;
  std::string_view bits = type.substr(1);
  return bits == "8"     ? 1
         : bits == "16"  ? 2
         : bits == "32"  ? 4
         : bits == "64"  ? 8
         : bits == "128" ? 16
                         : 0;
}

static bool isWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
         c == '%' || c == '.';
}

namespace {

class Lexer {
public:
  explicit Lexer(std::string_view text) : text_(text) {}
  StatusOr<std::vector<Token>> run();

private:
  bool skipSpace();
  size_t wordEnd() const;
  char at(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  std::string_view text_;
  size_t at_ = 0;
  uint32_t line_ = 1;
};

} // namespace

/// Spaces and comments; false where a comment does not end.
bool Lexer::skipSpace() {
  while (at_ < text_.size()) {
    char c = text_[at_];
    if (c == '\n') {
      ++line_;
      ++at_;
    } else if (std::isspace(static_cast<unsigned char>(c)) || c == '\0') {
      ++at_;
    } else if (c == '/' && at(at_ + 1) == '/') {
      while (at_ < text_.size() && text_[at_] != '\n')
        ++at_;
    } else if (c == '/' && at(at_ + 1) == '*') {
      size_t end = text_.find("*/", at_ + 2);
      if (end == std::string_view::npos)
        return false;
      for (; at_ < end + 2; ++at_)
        line_ += text_[at_] == '\n';
    } else {
      break;
    }
  }
  return true;
}

/// `a::b` is one word, the colon of a label is not part of it.
size_t Lexer::wordEnd() const {
  size_t end = at_;
  while (end < text_.size()) {
    if (isWord(text_[end]))
      ++end;
    else if (text_[end] == ':' && at(end + 1) == ':' && isWord(at(end + 2)))
      end += 2;
    else
      break;
  }
  return end;
}

StatusOr<std::vector<Token>> Lexer::run() {
  std::vector<Token> tokens;
  tokens.reserve(text_.size() / 6);
  while (true) {
    if (!skipSpace())
      return corrupt("PTX line " + std::to_string(line_) +
                     ": a comment that does not end");
    if (at_ >= text_.size())
      break;
    size_t end = at_ + 1;
    if (isWord(text_[at_])) {
      end = wordEnd();
    } else if (text_[at_] == '"') {
      end = text_.find('"', at_ + 1);
      if (end == std::string_view::npos)
        return corrupt("PTX line " + std::to_string(line_) +
                       ": a string that does not end");
      ++end;
    }
    tokens.push_back({text_.substr(at_, end - at_), line_});
    at_ = end;
  }
  tokens.push_back({text_.substr(text_.size()), line_});
  return tokens;
}

StatusOr<std::vector<Token>> emulator::tokenise(std::string_view ptx) {
  return Lexer(ptx).run();
}
