//===- Program.h - decoded PTX ----------------------------------*- C++ -*-===//
//
// A kernel is decoded once to a list of `Inst`, with calls inlined. A warp is
// executed at a time: a register is an array of one value a lane, and operands
// are byte offsets into the warp's registers; so are constants and special
// registers, which lie behind the registers and are filled when a warp begins.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_PROGRAM_H
#define FT_TEST_EMULATOR_PROGRAM_H

#include "Emulator.h"

#include <memory>
#include <string>
#include <vector>

namespace ft::emulator {

struct Warp;
struct Inst;

/// What a warp's lanes do after an instruction.
enum class Flow : uint8_t {
  Next,
  Jump,  // the pc was set
  Split, // some lanes were moved to a group of their own
  Retry, // nothing happened: a lane or a barrier is waited for
  Park,  // has arrived at a barrier that will wake them behind it
  Exit,  // some lanes ended
  Fail,  // the engine has the message
};

/// `mask`: lanes to execute, never none.
using Handler = Flow (*)(Warp &, const Inst &, uint32_t mask);

struct Inst {
  Handler run = nullptr;
  uint32_t d = 0, a = 0, b = 0, c = 0; // registers
  uint32_t guard = 0;                  // predicate register; 0 = none
  uint32_t flip = 0;                   // xor of the guard: 0 or ~0
  uint32_t list = 0, count = 0;        // further registers: Function::lists
  uint32_t target = 0;                 // of a branch; or a small number
  uint32_t line = 0;
  int64_t imm = 0;
};

enum class Special : uint8_t {
  TidX,
  TidY,
  TidZ,
  NtidX,
  NtidY,
  NtidZ,
  CtaidX,
  CtaidY,
  CtaidZ,
  NctaidX,
  NctaidY,
  NctaidZ,
  ClusterCtaidX,
  ClusterCtaidY,
  ClusterCtaidZ,
  ClusterNctaidX,
  ClusterNctaidY,
  ClusterNctaidZ,
  ClusteridX,
  ClusteridY,
  ClusteridZ,
  NclusteridX,
  NclusteridY,
  NclusteridZ,
  ClusterCtarank,
  ClusterNctarank,
  Laneid,
  Warpid,
  Nwarpid,
  Smid,
  Nsmid,
  Gridid,
  DynamicSmemSize,
  TotalSmemSize,
  LanemaskEq,
  LanemaskLt,
  LanemaskLe,
  LanemaskGt,
  LanemaskGe,
};

struct SpecialRegister {
  Special kind;
  uint32_t offset; // of 32 32-bit values
};

/// Shared memory begins here: address 0 is nothing.
inline constexpr uint32_t kSharedBase = 1024;
/// In a 32-bit address of shared memory: 1 + the CTA's rank in its cluster, or
/// 0, the CTA itself; below it the place.
inline constexpr uint32_t kRankShift = 24;
inline constexpr uint32_t kPlaceMask = (1u << kRankShift) - 1;
/// Generic addresses of shared and local memory; all others are global.
inline constexpr uint64_t kGenericShared = 0xf0ull << 56;
inline constexpr uint64_t kGenericLocal = 0xe0ull << 56;

struct Function {
  FunctionInfo info;
  std::vector<Inst> code;
  std::vector<uint32_t> lists;
  /// Registers (from kSinkBytes on), then constants, then special registers.
  uint32_t registerBytes = 0, constantBegin = 0;
  std::vector<uint8_t> constants;
  std::vector<SpecialRegister> specials;
  uint32_t localBytes = 0;    // of a thread
  uint32_t dynamicShared = 0; // place of dynamic shared memory
};

/// Registers begin with a place for results that nobody wants.
inline constexpr uint32_t kSinkBytes = 256;

struct GlobalVariable {
  std::string name;
  uint32_t bytes = 0;
  std::unique_ptr<uint8_t[]> storage;
  uint8_t *data = nullptr; // aligned
};

struct Program {
  std::string text;
  std::vector<size_t> lines; // where each begins
  std::vector<std::unique_ptr<Function>> functions;
  std::vector<GlobalVariable> variables;

  /// The text of a line, trimmed.
  std::string line(uint32_t number) const;
};

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_PROGRAM_H
