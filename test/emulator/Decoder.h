//===- Decoder.h - statements to instructions -------------------*- C++ -*-===//
//
// A decoder of an opcode takes the modifiers that it understands; one that is
// left is an error, and so is an opcode that no table has.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_DECODER_H
#define FT_TEST_EMULATOR_DECODER_H

#include "Machine.h"
#include "Program.h"
#include "Syntax.h"

#include <deque>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>

namespace ft::emulator {

class Decoder;
using DecodeFunction = Status (*)(Decoder &);
struct Opcode {
  std::string_view name; // before the first dot
  DecodeFunction decode;
};

/// One table a subject.
std::span<const Opcode> integerOpcodes();
std::span<const Opcode> floatOpcodes();
std::span<const Opcode> logicOpcodes();
std::span<const Opcode> compareOpcodes();
std::span<const Opcode> convertOpcodes();
std::span<const Opcode> moveOpcodes();
std::span<const Opcode> memoryOpcodes();
std::span<const Opcode> atomicOpcodes();
std::span<const Opcode> controlOpcodes();
std::span<const Opcode> warpOpcodes();
std::span<const Opcode> barrierOpcodes();
std::span<const Opcode> mbarrierOpcodes();
std::span<const Opcode> copyOpcodes();
std::span<const Opcode> matrixOpcodes();
std::span<const Opcode> wgmmaOpcodes();

/// st.async, as far as its opcode; the rest of st is memoryOpcodes'.
Status decodeStoreAsync(Decoder &d);

/// What a name stands for in a function.
struct Symbol {
  enum Kind { Register, Address, Param, Local } kind = Register;
  uint32_t offset = 0; // register; place in params or local memory
  uint32_t bytes = 0;  // of a register: 0 = a predicate
  uint64_t address = 0;
  Space space = Space::Generic;
};

class Decoder {
public:
  Decoder(const ModuleText &module, Program &program, Function &function);
  Status run(const FunctionText &text);

  //===--------------------------------------------------------------------===//
  // For the decoders of opcodes: the statement at hand
  //===--------------------------------------------------------------------===//

  const Statement &statement() const { return *statement_; }
  size_t operandCount() const { return statement_->operands.size(); }
  const Operand &operand(size_t i) const;
  std::string_view opcode() const { return modifiers_[0]; }

  /// True if the modifier is there; it is taken.
  bool take(std::string_view modifier);
  /// Whichever is there, or nothing.
  std::string_view takeOneOf(std::initializer_list<std::string_view> names);
  /// The last modifier that names a type.
  std::string_view takeType();
  /// The modifier that begins so.
  std::string_view takeShape(std::string_view begin);
  bool has(std::string_view modifier) const;

  /// Registers or constants of `bytes` a lane (0: a predicate), as sources.
  uint32_t source(const Operand &o, uint32_t bytes, bool isFloat = false);
  uint32_t source(size_t i, uint32_t bytes, bool isFloat = false) {
    return source(operand(i), bytes, isFloat);
  }
  /// As a destination; `_` goes to the sink. A wider register gets the value
  /// extended, by its sign if `isSigned`.
  uint32_t destination(const Operand &o, uint32_t bytes, bool isSigned = false);
  uint32_t destination(size_t i, uint32_t bytes, bool isSigned = false) {
    return destination(operand(i), bytes, isSigned);
  }
  uint32_t constant(uint64_t value, uint32_t bytes);
  uint32_t temporary(uint32_t bytes);
  uint32_t special(Special kind);
  /// Bytes of a register; nothing if the operand is none. 0: a predicate.
  std::optional<uint32_t> registerBytes(const Operand &o) const;
  std::optional<int64_t> integer(const Operand &o) const;
  const Symbol *find(std::string_view name) const;
  /// The place of a label, known when the function has been decoded.
  void target(std::string_view label);
  /// The places of `.branchtargets` to Function::lists; false if unknown.
  bool targets(std::string_view name);
  /// Whether a function is being inlined.
  bool inlined() const { return stack_.size() > 1; }
  /// The address operand: register `a` (64 bits unless `narrow`) plus imm.
  void address(const Operand &o, bool &narrow);
  /// Registers to Function::lists.
  void list(std::span<const uint32_t> registers);

  Inst inst; // guard and line are set
  Status emit(Handler handler);
  Status unknown() const;
  Status wrong(const std::string &what) const;

private:
  struct Scope {
    uint32_t id;
    std::unordered_map<std::string_view, Symbol> symbols;
  };
  struct Fixup {
    size_t code; // or an index of Function::lists
    std::vector<uint32_t> scopes;
    std::string label;
    bool list = false;
  };

  Status statements(const FunctionText &text);
  Status decode();
  Status inlineCall();
  Status emitExit();
  Status declare(const Variable &v);
  Status registersOf(const Statement &s);
  Status finish();
  void openScope();
  std::vector<uint32_t> scopeIds() const;
  uint32_t placeShared(const Variable &v);
  void collectShared(const FunctionText &text,
                     std::vector<const FunctionText *> &seen);
  void moduleSymbols();
  uint32_t allocate(uint32_t bytes);
  uint64_t number(const Operand &o, uint32_t bytes, bool isFloat) const;

  const ModuleText &module_;
  Program &program_;
  Function &function_;
  const Statement *statement_ = nullptr;
  std::vector<std::string_view> modifiers_;
  std::vector<Scope> scopes_; // module, function, blocks
  uint32_t scopeCount_ = 0;
  std::deque<std::string> names_; // of registers declared as a range
  std::map<std::pair<uint64_t, uint32_t>, uint32_t> constants_;
  std::map<Special, uint32_t> specials_;
  std::map<std::pair<uint32_t, std::string>, uint32_t> labels_;
  std::unordered_map<std::string, const Statement *> branchTargets_;
  std::vector<Fixup> fixups_;
  std::vector<Inst> after_; // extensions of a destination
  std::map<const Variable *, uint32_t> shared_;
  uint32_t registerEnd_ = kSinkBytes, sharedEnd_ = kSharedBase, localEnd_ = 0;
  std::vector<const FunctionText *> stack_; // being inlined
  Status problem_;
};

/// The label behind a body.
inline constexpr char kReturn[] = "return";

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_DECODER_H
