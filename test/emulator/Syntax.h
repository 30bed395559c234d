//===- Syntax.h - what a PTX text says --------------------------*- C++ -*-===//
//
// Views point into the text, which outlives them.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_SYNTAX_H
#define FT_TEST_EMULATOR_SYNTAX_H

#include "Emulator.h"

#include <string_view>
#include <vector>

namespace ft::emulator {

/// A variable of `.global`, `.const`, `.shared`, `.local` or `.param`.
struct Variable {
  std::string_view name, space;
  uint32_t bytes = 0, align = 1;
  bool external = false; // `.extern`: dynamic shared memory
  std::vector<uint8_t> initial;
  uint32_t line = 0;
};

struct Operand {
  enum Kind { Word, Address, Vector, Pair } kind = Word;
  std::string_view text; // a register, a number, a name; of Address its base
  bool negated = false;  // `!p` or `-x`
  int64_t offset = 0;    // of Address
  /// Of Vector its elements, of Pair (`p|q`) its two, of Address the
  /// coordinates of a tensor copy.
  std::vector<Operand> parts;
};

struct Statement {
  enum Kind {
    Instruction,
    Label,     // op = its name
    Open,      // {
    Close,     // }
    Registers, // op = type; operands: names, offset = count of `name<count>`
    Declare,   // variable
    Targets    // `label: .branchtargets a, b;`
  } kind = Instruction;
  std::string_view op; // with its modifiers
  std::string_view guard;
  bool guardNegated = false;
  std::vector<Operand> operands;
  Variable variable;
  uint32_t line = 0;
};

struct FunctionText {
  FunctionInfo info;
  bool entry = false;
  std::vector<Variable> params, results; // results: of a `.func`
  std::vector<Statement> body;
  uint32_t line = 0;
};

struct ModuleText {
  std::vector<FunctionText> functions;
  std::vector<Variable> variables;
};

StatusOr<ModuleText> parseText(std::string_view ptx);

/// `a.b::c.d` to {"a", "b::c", "d"}.
std::vector<std::string_view> splitDots(std::string_view text);
/// Bytes of the type a modifier names (u8 .. b128, f16x2, bf16); 0 if none.
uint32_t typeBytes(std::string_view type);

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_SYNTAX_H
