//===- Lexer.h - PTX to tokens ----------------------------------*- C++ -*-===//
#ifndef FT_TEST_EMULATOR_LEXER_H
#define FT_TEST_EMULATOR_LEXER_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace ft::emulator {

/// A word (name, number, directive, opcode with its modifiers), a string with
/// its quotes, or one character of punctuation.
struct Token {
  std::string_view text; // of the PTX
  uint32_t line;         // from 1
  bool is(std::string_view what) const { return text == what; }
};

/// Comments are left out; a last token of no text ends the list.
StatusOr<std::vector<Token>> tokenise(std::string_view ptx);

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_LEXER_H
