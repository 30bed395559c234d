//===- Logic.cpp - bits ---------------------------------------------------===//
#include "Lanes.h"

#include <algorithm>
#include <bit>

using namespace ft;
using namespace ft::emulator;

template <int op>
static Flow predicates(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t a = w.predicate(i.a), b = w.predicate(i.b), &d = w.predicate(i.d);
  uint32_t y = op == 0 ? a & b : op == 1 ? a | b : op == 2 ? a ^ b : ~a;
  d = (d & ~mask) | (y & mask);
  return Flow::Next;
}

static Status decodeBitwise(Decoder &d) {
  std::string_view name = d.opcode(), type = d.takeType();
  int op = name == "and" ? 0 : name == "or" ? 1 : name == "xor" ? 2 : 3;
  operands(d, typeBytes(type), op == 3 ? 1 : 2);
  if (type == "pred") {
    static constexpr Handler handlers[] = {predicates<0>, predicates<1>,
                                           predicates<2>, predicates<3>};
    return d.emit(handlers[op]);
  }
  return d.emit(forBits(type, [&]<typename T>(T) -> Handler {
    return op == 0   ? binary<T, [](T a, T b) { return T(a & b); }>
           : op == 1 ? binary<T, [](T a, T b) { return T(a | b); }>
           : op == 2 ? binary<T, [](T a, T b) { return T(a ^ b); }>
                     : unary<T, [](T a) { return T(~a); }>;
  }));
}

static Status decodeShift(Decoder &d) {
  bool left = d.opcode() == "shl";
  std::string_view type = d.takeType();
  d.inst.a = d.source(1, typeBytes(type));
  d.inst.b = d.source(2, 4);
  d.inst.d = d.destination(0, typeBytes(type));
  return d.emit(forInteger(type, [&]<typename T>(T) -> Handler {
    constexpr uint32_t bits = 8 * sizeof(T);
    if (left)
      return map2<T, T, uint32_t, [](T a, uint32_t b) {
        return b < bits ? T(std::make_unsigned_t<T>(a) << b) : T(0);
      }>;
    return map2<T, T, uint32_t, [](T a, uint32_t b) { // signed: by the sign
      return b < bits ? T(a >> b) : T(a < 0 ? -1 : 0);
    }>;
  }));
}

template <bool left> static uint32_t shift(uint32_t a, uint32_t b, uint32_t n) {
  uint64_t pair = uint64_t(b) << 32 | a;
  return left ? uint32_t((pair << n) >> 32) : uint32_t(pair >> n);
}
/// shf.l / shf.r: of the pair (b, a), b above.
static Status decodeFunnel(Decoder &d) {
  bool left = d.takeOneOf({"l", "r"}) == "l";
  bool wrap = d.takeOneOf({"wrap", "clamp"}) == "wrap";
  d.takeType();
  operands(d, 4, 3);
  using U = uint32_t;
  if (left)
    return d.emit(
        wrap ? ternary<U,
                       [](U a, U b, U n) { return shift<true>(a, b, n & 31); }>
             : ternary<U, [](U a, U b, U n) {
                 return n < 32 ? shift<true>(a, b, n) : a;
               }>);
  return d.emit(
      wrap
          ? ternary<U, [](U a, U b, U n) { return shift<false>(a, b, n & 31); }>
          : ternary<U, [](U a, U b, U n) {
              return n < 32 ? shift<false>(a, b, n) : b;
            }>);
}

static Status decodeCount(Decoder &d) {
  std::string_view name = d.opcode(), type = d.takeType();
  d.inst.a = d.source(1, typeBytes(type));
  d.inst.d = d.destination(0, 4);
  auto of = [&]<typename T>(T) -> Handler {
    return name == "popc" ? map1<uint32_t, T,
                                 [](T a) { return uint32_t(std::popcount(a)); }>
                          : map1<uint32_t, T, [](T a) {
                              return uint32_t(std::countl_zero(a));
                            }>;
  };
  return d.emit(typeBytes(type) == 8 ? of(uint64_t{}) : of(uint32_t{}));
}

/// The place of the highest bit (of signed types, that differs from the sign);
/// with `shiftamt` the shift that brings it to the top.
template <typename T, bool amount>
constexpr auto findHighest = [](T a) {
  using U = std::make_unsigned_t<T>;
  U bits = std::is_signed_v<T> && a < 0 ? U(~a) : U(a);
  if (bits == 0)
    return ~0u;
  uint32_t zeros = uint32_t(std::countl_zero(bits));
  return amount ? zeros : uint32_t(8 * sizeof(T)) - 1 - zeros;
};
static Status decodeFindHighest(Decoder &d) {
  bool amount = d.take("shiftamt");
  std::string_view type = d.takeType();
  d.inst.a = d.source(1, typeBytes(type));
  d.inst.d = d.destination(0, 4);
  return d.emit(forInteger(type, [&]<typename T>(T) -> Handler {
    if constexpr (sizeof(T) == 2)
      return nullptr;
    else
      return amount ? map1<uint32_t, T, findHighest<T, true>>
                    : map1<uint32_t, T, findHighest<T, false>>;
  }));
}

static Status decodeReverse(Decoder &d) {
  std::string_view type = d.takeType();
  operands(d, typeBytes(type), 1);
  auto of = [&]<typename T>(T) -> Handler {
    return unary<T, [](T a) {
      T y = 0;
      for (uint32_t i = 0; i < 8 * sizeof(T); ++i)
        y = T(y << 1 | (a >> i & 1));
      return y;
    }>;
  };
  return d.emit(typeBytes(type) == 8 ? of(uint64_t{}) : of(uint32_t{}));
}

template <typename T> static T extract(T a, uint32_t at, uint32_t count) {
  constexpr uint32_t bits = 8 * sizeof(T);
  using U = std::make_unsigned_t<T>;
  at &= 255, count &= 255;
  if (count == 0)
    return 0;
  uint32_t top = std::min(at + count - 1, bits - 1);
  U sign = std::is_signed_v<T> ? U(a) >> top & 1 : 0;
  U y = at < bits ? U(a) >> at : 0;
  uint32_t present = at < bits ? std::min(count, bits - at) : 0;
  if (present < bits) {
    U mask = (U(1) << present) - 1;
    y = (y & mask) | (sign ? ~mask : 0);
  }
  return T(y);
}
static Status decodeExtract(Decoder &d) {
  std::string_view type = d.takeType();
  d.inst.a = d.source(1, typeBytes(type));
  d.inst.b = d.source(2, 4);
  d.inst.c = d.source(3, 4);
  d.inst.d = d.destination(0, typeBytes(type));
  return d.emit(forInteger(type, [&]<typename T>(T) -> Handler {
    if constexpr (sizeof(T) == 2)
      return nullptr;
    else
      return map3<T, T, uint32_t, uint32_t,
                  [](T a, uint32_t b, uint32_t c) { return extract(a, b, c); }>;
  }));
}

/// bfi d, a, b, at, count: a's low bits into b.
template <typename T>
static Flow insertBits(Warp &w, const Inst &i, uint32_t mask) {
  T *d = w.lanes<T>(i.d);
  const T *a = w.lanes<T>(i.a), *b = w.lanes<T>(i.b);
  const uint32_t *at = w.lanes<uint32_t>(i.c),
                 *count = w.lanes<uint32_t>(w.function->lists[i.list]);
  eachLane(mask, [=](uint32_t lane) {
    uint32_t first = at[lane] & 255, bits = count[lane] & 255;
    uint32_t end = std::min<uint32_t>(first + bits, 8 * sizeof(T));
    T y = b[lane];
    for (uint32_t k = first; k < end; ++k)
      y = T((y & ~(T(1) << k)) | (a[lane] >> (k - first) & 1) << k);
    d[lane] = y;
  });
  return Flow::Next;
}
static Status decodeInsert(Decoder &d) {
  std::string_view type = d.takeType();
  uint32_t bytes = typeBytes(type);
  d.inst.a = d.source(1, bytes);
  d.inst.b = d.source(2, bytes);
  d.inst.c = d.source(3, 4);
  uint32_t count[] = {d.source(4, 4)};
  d.list(count);
  d.inst.d = d.destination(0, bytes);
  return d.emit(bytes == 8 ? insertBits<uint64_t> : insertBits<uint32_t>);
}

static uint32_t permuteBytes(uint32_t a, uint32_t b, uint32_t selector) {
  uint64_t pair = uint64_t(b) << 32 | a;
  uint32_t y = 0;
  for (uint32_t i = 0; i < 4; ++i) {
    uint32_t pick = selector >> (4 * i) & 15;
    uint32_t byte = uint32_t(pair >> (8 * (pick & 7))) & 255;
    if (pick & 8)
      byte = byte & 128 ? 255 : 0;
    y |= byte << (8 * i);
  }
  return y;
}
static Status decodePermute(Decoder &d) {
  d.takeType();
  operands(d, 4, 3);
  return d.emit(ternary<uint32_t, [](uint32_t a, uint32_t b, uint32_t c) {
    return permuteBytes(a, b, c);
  }>);
}

/// Any function of three bits: bit (a b c) of the table.
static Flow logic3(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t *d = w.lanes<uint32_t>(i.d);
  const uint32_t *a = w.lanes<uint32_t>(i.a), *b = w.lanes<uint32_t>(i.b),
                 *c = w.lanes<uint32_t>(i.c);
  uint32_t table = uint32_t(i.imm);
  eachLane(mask, [=](uint32_t lane) {
    uint32_t y = 0;
    for (uint32_t k = 0; k < 8; ++k)
      if (table >> k & 1)
        y |= (k & 4 ? a[lane] : ~a[lane]) & (k & 2 ? b[lane] : ~b[lane]) &
             (k & 1 ? c[lane] : ~c[lane]);
    d[lane] = y;
  });
  return Flow::Next;
}
static Status decodeLogic3(Decoder &d) {
  d.takeType();
  auto table = d.integer(d.operand(4));
  if (!table)
    return d.unknown();
  d.inst.imm = *table;
  operands(d, 4, 3);
  return d.emit(logic3);
}

std::span<const Opcode> emulator::logicOpcodes() {
  static const Opcode table[] = {
      {"and", decodeBitwise},  {"or", decodeBitwise},
      {"xor", decodeBitwise},  {"not", decodeBitwise},
      {"shl", decodeShift},    {"shr", decodeShift},
      {"shf", decodeFunnel},   {"popc", decodeCount},
      {"clz", decodeCount},    {"bfind", decodeFindHighest},
      {"brev", decodeReverse}, {"bfe", decodeExtract},
      {"bfi", decodeInsert},   {"prmt", decodePermute},
      {"lop3", decodeLogic3},
  };
  return table;
}
