//===- Matrix.cpp - ldmatrix, stmatrix, movmatrix, mma --------------------===//
#include "Half.h"
#include "Lanes.h"

using namespace ft;
using namespace ft::emulator;

/// What an instruction of a whole warp returns where lanes are missing.
static Flow missing(Warp &w, const Inst &i) {
  return w.live == ~0u ? Flow::Retry
                       : w.fail(i, uint32_t(std::countr_one(w.live)),
                                "the warp is not whole");
}

/// Inst::lists: 1, 2 or 4 registers. Lane 8 m + r has row r of matrix m.
template <typename A, bool transposed>
static Flow loadMatrix(Warp &w, const Inst &i, uint32_t mask) {
  if (mask != ~0u)
    return missing(w, i);
  const A *base = w.lanes<A>(i.a);
  uint16_t values[4][8][8];
  for (uint32_t lane = 0; lane < 8 * i.count; ++lane) {
    uint64_t address = A(base[lane] + A(i.imm));
    const uint8_t *row = w.at(Space::Shared, address, 16, lane);
    if (!row)
      return w.failAddress(i, lane, address, 16, Space::Shared);
    if (!w.reads(i, lane, row, 16))
      return Flow::Fail;
    std::memcpy(values[lane / 8][lane % 8], row, 16);
  }
  for (uint32_t m = 0; m < i.count; ++m) {
    uint32_t *d = w.lanes<uint32_t>(w.function->lists[i.list + m]);
    for (uint32_t lane = 0; lane < 32; ++lane) {
      uint32_t row = lane / 4, column = lane % 4 * 2;
      uint32_t low =
          transposed ? values[m][column][row] : values[m][row][column];
      uint32_t high =
          transposed ? values[m][column + 1][row] : values[m][row][column + 1];
      d[lane] = low | high << 16;
    }
  }
  return Flow::Next;
}

static Status decodeLoadMatrix(Decoder &d) {
  d.take("sync"), d.take("aligned");
  if (!d.take("m8n8") || d.takeOneOf({"shared", "shared::cta"}).empty() ||
      !d.take("b16"))
    return d.unknown();
  std::string_view count = d.takeOneOf({"x1", "x2", "x4"});
  bool transposed = d.take("trans"), narrow = false;
  const Operand &to = d.operand(0);
  std::vector<uint32_t> registers;
  for (const Operand &o :
       to.kind == Operand::Vector ? to.parts : std::vector{to})
    registers.push_back(d.destination(o, 4));
  if (count.empty() || registers.size() != size_t(count[1] - '0'))
    return d.unknown();
  d.list(registers);
  d.address(d.operand(1), narrow);
  return d.emit(narrow ? (transposed ? loadMatrix<uint32_t, true>
                                     : loadMatrix<uint32_t, false>)
                       : (transposed ? loadMatrix<uint64_t, true>
                                     : loadMatrix<uint64_t, false>));
}

/// As loadMatrix, the other way.
template <typename A, bool transposed>
static Flow storeMatrix(Warp &w, const Inst &i, uint32_t mask) {
  if (mask != ~0u)
    return missing(w, i);
  const A *base = w.lanes<A>(i.a);
  for (uint32_t lane = 0; lane < 8 * i.count; ++lane) {
    uint64_t address = A(base[lane] + A(i.imm));
    uint8_t *row = w.at(Space::Shared, address, 16, lane);
    if (!row)
      return w.failAddress(i, lane, address, 16, Space::Shared);
    if (!w.writes(i, lane, row, 16))
      return Flow::Fail;
    const uint32_t *r = w.lanes<uint32_t>(w.function->lists[i.list + lane / 8]);
    // Row lane % 8 of the matrix, or its column.
    for (uint32_t k = 0; k < 8; ++k) {
      uint32_t y = transposed ? k : lane % 8, x = transposed ? lane % 8 : k;
      uint16_t value = uint16_t(r[y * 4 + x / 2] >> 16 * (x % 2));
      std::memcpy(row + 2 * k, &value, 2);
    }
  }
  return Flow::Next;
}

static Status decodeStoreMatrix(Decoder &d) {
  d.take("sync"), d.take("aligned");
  bool known = d.take("m8n8");
  std::string count(d.takeOneOf({"x2", "x4"}));
  bool transposed = d.take("trans");
  if (!known || count.empty() ||
      d.takeOneOf({"shared", "shared::cta"}).empty() || !d.take("b16"))
    return d.unknown();
  const Operand &from = d.operand(1);
  std::vector<uint32_t> registers;
  for (const Operand &o :
       from.kind == Operand::Vector ? from.parts : std::vector{from})
    registers.push_back(d.source(o, 4, true));
  if (registers.size() != size_t(count[1] - '0'))
    return d.unknown();
  bool narrow = false;
  d.list(registers);
  d.address(d.operand(0), narrow);
  return d.emit(narrow ? (transposed ? storeMatrix<uint32_t, true>
                                     : storeMatrix<uint32_t, false>)
                       : (transposed ? storeMatrix<uint64_t, true>
                                     : storeMatrix<uint64_t, false>));
}

/// d = the transpose of a.
static Flow moveMatrix(Warp &w, const Inst &i, uint32_t mask) {
  if (mask != ~0u)
    return missing(w, i);
  const uint32_t *a = w.lanes<uint32_t>(i.a);
  uint16_t values[8][8];
  for (uint32_t lane = 0; lane < 32; ++lane)
    for (uint32_t half = 0; half < 2; ++half)
      values[lane / 4][lane % 4 * 2 + half] = uint16_t(a[lane] >> 16 * half);
  uint32_t *d = w.lanes<uint32_t>(i.d);
  for (uint32_t lane = 0; lane < 32; ++lane) {
    uint32_t row = lane / 4, column = lane % 4 * 2;
    d[lane] = values[column][row] | uint32_t(values[column + 1][row]) << 16;
  }
  return Flow::Next;
}

static Status decodeMoveMatrix(Decoder &d) {
  if (!d.take("sync") || !d.take("aligned") || !d.take("m8n8") ||
      !d.take("trans") || !d.take("b16"))
    return d.unknown();
  d.inst.d = d.destination(d.operand(0), 4);
  d.inst.a = d.source(d.operand(1), 4, true);
  return d.emit(moveMatrix);
}

template <bool bf16> static float widen(uint32_t bits) {
  return bf16 ? bf16ToFloat(uint16_t(bits)) : f16ToFloat(uint16_t(bits));
}

/// d[16, 8] = c + a[16, depth] b[depth, 8]. Inst::lists: 4 of d, then a, b, 4
/// of c.
template <bool bf16, uint32_t depth>
static Flow multiply(Warp &w, const Inst &i, uint32_t mask) {
  if (mask != ~0u)
    return missing(w, i);
  const uint32_t *list = &w.function->lists[i.list];
  float a[16][depth], b[depth][8], c[16][8];
  constexpr uint32_t parts = depth / 8;
  for (uint32_t lane = 0; lane < 32; ++lane) {
    uint32_t group = lane / 4, pair = lane % 4 * 2;
    for (uint32_t k = 0; k < 2 * parts; ++k) {
      uint32_t bits = w.lanes<uint32_t>(list[4 + k])[lane];
      uint32_t row = group + k % 2 * 8, column = pair + k / 2 * 8;
      a[row][column] = widen<bf16>(bits);
      a[row][column + 1] = widen<bf16>(bits >> 16);
    }
    for (uint32_t k = 0; k < parts; ++k) {
      uint32_t bits = w.lanes<uint32_t>(list[4 + 2 * parts + k])[lane];
      b[pair + 8 * k][group] = widen<bf16>(bits);
      b[pair + 8 * k + 1][group] = widen<bf16>(bits >> 16);
    }
    for (uint32_t k = 0; k < 4; ++k)
      c[group + k / 2 * 8][pair + k % 2] =
          w.lanes<float>(list[4 + 3 * parts + k])[lane];
  }
  for (uint32_t row = 0; row < 16; ++row)
    for (uint32_t k = 0; k < depth; ++k)
      for (uint32_t n = 0; n < 8; ++n)
        c[row][n] += a[row][k] * b[k][n];
  for (uint32_t lane = 0; lane < 32; ++lane)
    for (uint32_t k = 0; k < 4; ++k)
      w.lanes<float>(list[k])[lane] =
          c[lane / 4 + k / 2 * 8][lane % 4 * 2 + k % 2];
  return Flow::Next;
}

static Status decodeMma(Decoder &d) {
  d.take("sync"), d.take("aligned");
  std::string_view shape = d.takeOneOf({"m16n8k16", "m16n8k8"});
  if (shape.empty() || !d.take("row") || !d.take("col") ||
      d.takeType() != "f32")
    return d.unknown();
  std::string_view b = d.takeType(), a = d.takeType();
  if (a != b || (a != "f16" && a != "bf16") || d.takeType() != "f32")
    return d.unknown();
  bool deep = shape == "m16n8k16";
  size_t sizes[] = {4, deep ? 4u : 2u, deep ? 2u : 1u, 4};
  std::vector<uint32_t> registers;
  for (size_t k = 0; k < 4; ++k) {
    const Operand &o = d.operand(k);
    auto parts = o.kind == Operand::Vector ? o.parts : std::vector{o};
    if (parts.size() != sizes[k])
      return d.wrong("the operands do not fit the shape");
    for (const Operand &part : parts)
      registers.push_back(k == 0 ? d.destination(part, 4)
                                 : d.source(part, 4, true));
  }
  d.list(registers);
  return d.emit(a == "bf16"
                    ? (deep ? multiply<true, 16> : multiply<true, 8>)
                    : (deep ? multiply<false, 16> : multiply<false, 8>));
}

std::span<const Opcode> emulator::matrixOpcodes() {
  static const Opcode table[] = {{"ldmatrix", decodeLoadMatrix},
                                 {"stmatrix", decodeStoreMatrix},
                                 {"movmatrix", decodeMoveMatrix},
                                 {"mma", decodeMma}};
  return table;
}
