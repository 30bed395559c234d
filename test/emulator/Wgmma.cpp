//===- Wgmma.cpp - warpgroup matrix multiply ------------------------------===//
//
// Each warp makes its 16 rows of the 64 by itself. Sums are there at once; as
// far as races go the operands in shared memory are read until the wait.
//
//===----------------------------------------------------------------------===//
#include "Half.h"
#include "Lanes.h"

using namespace ft;
using namespace ft::emulator;

static constexpr uint32_t kDepth = 16; // columns of a

/// The fields of a matrix descriptor.
struct Descriptor {
  uint32_t start, leading, stride; // bytes
  Swizzle swizzle;
  explicit Descriptor(uint64_t bits)
      : start(uint32_t(bits & 0x3fff) << 4),
        leading(uint32_t(bits >> 16 & 0x3fff) << 4),
        stride(uint32_t(bits >> 32 & 0x3fff) << 4) {
    static constexpr Swizzle modes[] = {Swizzle::None, Swizzle::Bytes128,
                                        Swizzle::Bytes64, Swizzle::Bytes32};
    swizzle = modes[bits >> 62];
  }
};

/// 8 elements at a place that the swizzle moves; null outside.
static const uint8_t *piece(Cta &cta, const Descriptor &m, uint32_t place) {
  return cta.place(swizzled(place, m.swizzle), 16);
}

/// `f(place, row, k)` for 8 elements of k at a time of `count` rows from
/// `first` on; false if it says so.
template <typename F>
static bool rowPieces(const Descriptor &m, uint32_t first, uint32_t count,
                      const F &f) {
  uint32_t pitch = 16u << uint32_t(m.swizzle);
  for (uint32_t r = first; r < first + count; ++r)
    for (uint32_t k = 0; k < kDepth; k += 8)
      if (!f(m.start + r / 8 * m.stride + r % 8 * pitch + 2 * k, r - first, k))
        return false;
  return true;
}

/// The same where columns lie along memory: `f(place, column, k)` for 8
/// columns at a time.
template <typename F>
static bool columnPieces(const Descriptor &m, uint32_t count, const F &f) {
  uint32_t pitch = 16u << uint32_t(m.swizzle), across = pitch / 2;
  for (uint32_t k = 0; k < kDepth; ++k)
    for (uint32_t n = 0; n < count; n += 8)
      if (!f(m.start + n / across * m.leading + k / 8 * m.stride +
                 k % 8 * pitch + n % across * 2,
             n, k))
        return false;
  return true;
}

/// The rows of a that a warp multiplies.
static uint32_t firstRow(const Warp &w) { return w.number % 4 * 16; }

/// Both operands as they are now: 16 rows of a (if it is in memory), all of b.
static bool gather(Warp &w, const WgmmaRead &read, std::vector<uint16_t> &to) {
  to.resize((read.a ? 16 + read.columns : read.columns) * kDepth);
  uint16_t *at = to.data();
  const uint8_t *from;
  auto row = [&](Descriptor m) {
    return [=, &w, &from](uint32_t place, uint32_t r, uint32_t k) {
      if ((from = piece(*w.cta, m, place)))
        std::memcpy(at + r * kDepth + k, from, 16);
      return from != nullptr;
    };
  };
  if (read.a) {
    Descriptor a(read.a);
    if (!rowPieces(a, firstRow(w), 16, row(a)))
      return false;
    at += 16 * kDepth;
  }
  Descriptor b(read.b);
  if (!read.transposed)
    return rowPieces(b, 0, read.columns, row(b));
  return columnPieces(
      b, read.columns, [&](uint32_t place, uint32_t n, uint32_t k) {
        if ((from = piece(*w.cta, b, place)))
          for (uint32_t e = 0; e < 8; ++e)
            std::memcpy(at + (n + e) * kDepth + k, from + 2 * e, 2);
        return from != nullptr;
      });
}

/// The accesses of a wgmma, from now to its wait; false after an error.
static bool issue(Warp &w, const Inst &i, const WgmmaRead &read) {
  IssuedByWarp issued = w.issuesWgmma(i);
  auto access = [&](const Descriptor &m) {
    return [&](uint32_t place, uint32_t, uint32_t) {
      return w.reads(i, issued, swizzled(place, m.swizzle) - kSharedBase);
    };
  };
  Descriptor a(read.a), b(read.b);
  return (!read.a || rowPieces(a, firstRow(w), 16, access(a))) &&
         (read.transposed ? columnPieces(b, read.columns, access(b))
                          : rowPieces(b, 0, read.columns, access(b)));
}

template <bool bf16> static float widen(uint16_t bits) {
  return bf16 ? bf16ToFloat(bits) : f16ToFloat(bits);
}

/// sums[16][columns] += a[16][16] b[columns][16]
template <bool bf16>
static void multiplyAdd(float *sums, const float (&a)[16][kDepth],
                        const uint16_t *b, uint32_t columns) {
  static thread_local float across[kDepth][256];
  for (uint32_t n = 0; n < columns; ++n)
    for (uint32_t k = 0; k < kDepth; ++k)
      across[k][n] = widen<bf16>(b[n * kDepth + k]);
  for (uint32_t r = 0; r < 16; ++r)
    for (uint32_t k = 0; k < kDepth; ++k) {
      float x = a[r][k], *to = sums + r * columns;
      const float *from = across[k];
#pragma GCC ivdep
      for (uint32_t n = 0; n < columns; ++n)
        to[n] += x * from[n];
    }
}

/// Inst::lists: sums (columns / 2), then 4 of a if it is in registers; a, b:
/// descriptors; c: the predicate that keeps the sums; target: b is transposed.
template <bool bf16, bool registersA>
static Flow multiply(Warp &w, const Inst &i, uint32_t mask) {
  if (mask != ~0u)
    return w.live == ~0u ? Flow::Retry : w.fail(i, 0, "the warp is not whole");
  const uint32_t *list = &w.function->lists[i.list];
  uint32_t sumCount = i.count - (registersA ? 4 : 0), columns = 2 * sumCount;
  WgmmaRead read{registersA ? 0 : w.lanes<uint64_t>(i.a)[0],
                 w.lanes<uint64_t>(i.b)[0], columns, i.target != 0};
  std::vector<uint16_t> &now = w.wgmma.operands;
  if (!gather(w, read, now))
    return w.fail(i, 0, "an operand reaches beyond shared memory");
  if (!issue(w, i, read))
    return Flow::Fail;
  float a[16][kDepth];
  for (uint32_t lane = 0; registersA && lane < 32; ++lane)
    for (uint32_t k = 0; k < 4; ++k) {
      uint32_t bits = w.lanes<uint32_t>(list[sumCount + k])[lane];
      float *to = &a[lane / 4 + k % 2 * 8][k / 2 * 8 + lane % 4 * 2];
      to[0] = widen<bf16>(uint16_t(bits));
      to[1] = widen<bf16>(uint16_t(bits >> 16));
    }
  for (uint32_t k = 0; !registersA && k < 16 * kDepth; ++k)
    a[k / kDepth][k % kDepth] = widen<bf16>(now[k]);
  static thread_local float sums[16 * 256];
  bool keep = w.predicate(i.c) & 1;
  auto place = [&](uint32_t lane, uint32_t k) {
    return (lane / 4 + k / 2 % 2 * 8) * columns + k / 4 * 8 + lane % 4 * 2 +
           k % 2;
  };
  for (uint32_t k = 0; k < sumCount; ++k)
    for (uint32_t lane = 0; lane < 32; ++lane)
      sums[place(lane, k)] = keep ? w.lanes<float>(list[k])[lane] : 0;
  multiplyAdd<bf16>(sums, a, now.data() + (registersA ? 0 : 16 * kDepth),
                    columns);
  for (uint32_t k = 0; k < sumCount; ++k)
    for (uint32_t lane = 0; lane < 32; ++lane)
      w.lanes<float>(list[k])[lane] = sums[place(lane, k)];
  return Flow::Next;
}

static Flow commit(Warp &w, const Inst &, uint32_t) {
  ++w.wgmma.committed;
  return Flow::Next;
}

/// All but the last imm groups.
static Flow wait(Warp &w, const Inst &i, uint32_t) {
  w.waitedForWgmma(uint32_t(i.imm));
  return Flow::Next;
}

static Flow nothing(Warp &, const Inst &, uint32_t) { return Flow::Next; }

static bool isZeroOrOne(Decoder &d, size_t operand, int64_t value) {
  return d.integer(d.operand(operand)) == value;
}

static Status decodeMultiply(Decoder &d) {
  std::string_view shape = d.takeShape("m64n");
  std::string_view b = d.takeType(), a = d.takeType();
  if (shape.empty() || a != b || (a != "bf16" && a != "f16") ||
      d.takeType() != "f32" || !d.take("mma_async"))
    return d.unknown();
  const Operand &sums = d.operand(0), &left = d.operand(1);
  bool registersA = left.kind == Operand::Vector;
  // d, a, b, scale of d, of a, of b, [a transposed,] b transposed
  size_t last = registersA ? 6 : 7;
  if (!isZeroOrOne(d, 4, 1) || !isZeroOrOne(d, 5, 1) ||
      (!registersA && !isZeroOrOne(d, 6, 0)) || d.operandCount() != last + 1)
    return d.wrong("only scales of 1 and rows of a are known");
  d.inst.target = uint32_t(d.integer(d.operand(last)).value_or(0));
  std::vector<uint32_t> registers;
  for (const Operand &o : sums.parts)
    registers.push_back(d.destination(o, 4));
  if ("m64n" + std::to_string(2 * registers.size()) + "k16" != shape ||
      (registersA && left.parts.size() != 4))
    return d.wrong("the operands do not fit the shape");
  for (const Operand &o : left.parts)
    registers.push_back(d.source(o, 4));
  d.list(registers);
  d.inst.a = registersA ? 0 : d.source(left, 8);
  d.inst.b = d.source(2, 8);
  d.inst.c = d.source(3, 0);
  return d.emit(
      a == "bf16"
          ? (registersA ? multiply<true, true> : multiply<true, false>)
          : (registersA ? multiply<false, true> : multiply<false, false>));
}

static Status decodeWgmma(Decoder &d) {
  if (!d.take("sync") || !d.take("aligned"))
    return d.unknown();
  if (d.take("fence"))
    return d.emit(nothing);
  if (d.take("commit_group"))
    return d.emit(commit);
  if (d.take("wait_group")) {
    d.inst.imm = d.integer(d.operand(0)).value_or(0);
    return d.emit(wait);
  }
  return decodeMultiply(d);
}

std::span<const Opcode> emulator::wgmmaOpcodes() {
  static const Opcode table[] = {{"wgmma", decodeWgmma}};
  return table;
}
