//===- Wgmma.cpp - warpgroup matrix multiply ------------------------------===//
//
// Each warp makes its 16 rows of the 64 by itself. Sums are there at once; what
// the hardware may still be reading until the wait is compared at the wait.
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

/// 8 elements at a place that the swizzle moves; null outside, and where a
/// store waits for its fence.
static const uint8_t *piece(Cta &cta, const Descriptor &m, uint32_t place) {
  uint32_t at = swizzled(place, m.swizzle);
  const uint8_t *from = cta.place(at, 16);
  return from && !cta.unfenced[(at - kSharedBase) / 16] ? from : nullptr;
}

/// `count` rows from `first` on, 16 elements of k each, to `to`.
static bool gatherRows(Cta &cta, const Descriptor &m, uint32_t first,
                       uint32_t count, uint16_t *to) {
  uint32_t pitch = 16u << uint32_t(m.swizzle);
  for (uint32_t r = first; r < first + count; ++r)
    for (uint32_t k = 0; k < kDepth; k += 8, to += 8) {
      uint32_t place = m.start + r / 8 * m.stride + r % 8 * pitch + 2 * k;
      const uint8_t *from = piece(cta, m, place);
      if (!from)
        return false;
      std::memcpy(to, from, 16);
    }
  return true;
}

/// The same where columns lie along memory: `count` columns of 16 rows of k.
static bool gatherColumns(Cta &cta, const Descriptor &m, uint32_t count,
                          uint16_t *to) {
  uint32_t pitch = 16u << uint32_t(m.swizzle), across = pitch / 2;
  for (uint32_t k = 0; k < kDepth; ++k)
    for (uint32_t n = 0; n < count; n += 8) {
      uint32_t place = m.start + n / across * m.leading + k / 8 * m.stride +
                       k % 8 * pitch + n % across * 2;
      const uint8_t *from = piece(cta, m, place);
      if (!from)
        return false;
      for (uint32_t e = 0; e < 8; ++e)
        std::memcpy(to + (n + e) * kDepth + k, from + 2 * e, 2);
    }
  return true;
}

/// Both operands as they are now: 16 rows of a (if it is in memory), all of b.
static bool gather(Warp &w, const WgmmaRead &read, std::vector<uint16_t> &to) {
  to.resize((read.a ? 16 + read.columns : read.columns) * kDepth);
  uint16_t *at = to.data();
  if (read.a) {
    if (!gatherRows(*w.cta, Descriptor(read.a), w.number % 4 * 16, 16, at))
      return false;
    at += 16 * kDepth;
  }
  Descriptor b(read.b);
  return read.transposed ? gatherColumns(*w.cta, b, read.columns, at)
                         : gatherRows(*w.cta, b, 0, read.columns, at);
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
                 w.lanes<uint64_t>(i.b)[0],
                 columns,
                 i.target != 0,
                 uint32_t(w.wgmma.data.size()),
                 i.line,
                 w.wgmma.committed};
  std::vector<uint16_t> &now = w.wgmma.now;
  if (!gather(w, read, now))
    return w.fail(i, 0,
                  "an operand reaches beyond shared memory, or was "
                  "stored without a fence.proxy.async since");
  w.wgmma.data.insert(w.wgmma.data.end(), now.begin(), now.end());
  w.wgmma.reads.push_back(read);
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
static Flow wait(Warp &w, const Inst &i, uint32_t mask) {
  WgmmaGroups &g = w.wgmma;
  size_t done = 0;
  for (; done < g.reads.size() &&
         g.reads[done].group + i.imm < int64_t(g.committed);
       ++done) {
    const WgmmaRead &read = g.reads[done];
    if (!gather(w, read, g.now) ||
        std::memcmp(g.now.data(), &g.data[read.first], 2 * g.now.size()) != 0)
      return w.fail(i, 0,
                    "shared memory that the wgmma of PTX line " +
                        std::to_string(read.line) +
                        " reads was written before it had ended");
  }
  if (done == g.reads.size()) {
    g.reads.clear();
    g.data.clear();
    return Flow::Next;
  }
  uint32_t first = g.reads[done].first;
  g.reads.erase(g.reads.begin(), g.reads.begin() + long(done));
  g.data.erase(g.data.begin(), g.data.begin() + long(first));
  for (WgmmaRead &read : g.reads)
    read.first -= first;
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
