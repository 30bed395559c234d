//===- Integer.cpp - integer arithmetic -----------------------------------===//
#include "Lanes.h"

#include <algorithm>

using namespace ft;
using namespace ft::emulator;

template <typename T>
using Wide = std::conditional_t<
    sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
    std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>>;
template <typename T> using Bits = std::make_unsigned_t<T>;

/// Wraps around, for signed types too.
template <typename T> constexpr T add(T a, T b) {
  return T(Bits<T>(Bits<T>(a) + Bits<T>(b)));
}
template <typename T> constexpr T negative(T a) {
  return T(Bits<T>(Bits<T>(0) - Bits<T>(a)));
}
template <typename T> constexpr T magnitude(T a) {
  return a < T(0) ? negative(a) : a;
}
template <typename T> constexpr T multiply(T a, T b) {
  if constexpr (sizeof(T) == 2)
    return T(uint32_t(Bits<T>(a)) * uint32_t(Bits<T>(b)));
  else
    return T(Bits<T>(a) * Bits<T>(b));
}
template <typename T> T high(T a, T b) {
  if constexpr (sizeof(T) == 8) {
    using Double =
        std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>;
    return T((Double(a) * Double(b)) >> 64);
  } else {
    return T((Wide<T>(a) * Wide<T>(b)) >> (8 * sizeof(T)));
  }
}
/// As the hardware: no traps.
template <typename T> T divide(T a, T b) {
  if (b == 0)
    return T(~T(0));
  if constexpr (std::is_signed_v<T>)
    if (b == T(-1))
      return T(Bits<T>(0) - Bits<T>(a));
  return T(a / b);
}
template <typename T> T remainder(T a, T b) {
  if (b == 0)
    return a;
  if constexpr (std::is_signed_v<T>)
    if (b == T(-1))
      return 0;
  return T(a % b);
}

static Status decodeAdd(Decoder &d) {
  bool minus = d.opcode() == "sub", saturate = d.take("sat");
  std::string_view type = d.takeType();
  if (type.starts_with("f"))
    return decodeFloatAdd(d, type, minus, saturate);
  if (saturate || type == "f16" || type.ends_with("x2") || type == "bf16")
    return d.unknown();
  operands(d, typeBytes(type), 2);
  return d.emit(forBits(type, [&]<typename T>(T) -> Handler {
    return minus ? binary<T, [](T a, T b) { return T(a - b); }>
                 : binary<T, [](T a, T b) { return T(a + b); }>;
  }));
}

static Status decodeMul(Decoder &d) {
  if (!d.has("lo") && !d.has("hi") && !d.has("wide"))
    return decodeFloatMul(d);
  std::string_view part = d.takeOneOf({"lo", "hi", "wide"}),
                   type = d.takeType();
  uint32_t bytes = typeBytes(type);
  if (part == "wide") {
    d.inst.a = d.source(1, bytes);
    d.inst.b = d.source(2, bytes);
    d.inst.d = d.destination(0, 2 * bytes);
    return d.emit(forInteger(type, [&]<typename T>(T) -> Handler {
      if constexpr (sizeof(T) == 8)
        return nullptr;
      else
        return map2<Wide<T>, T, T,
                    [](T a, T b) { return Wide<T>(Wide<T>(a) * Wide<T>(b)); }>;
    }));
  }
  operands(d, bytes, 2);
  return d.emit(forInteger(type, [&]<typename T>(T) -> Handler {
    return part == "lo" ? binary<T, [](T a, T b) { return multiply(a, b); }>
                        : binary<T, [](T a, T b) { return high(a, b); }>;
  }));
}

static Status decodeMad(Decoder &d) {
  if (!d.has("lo") && !d.has("hi") && !d.has("wide"))
    return decodeFma(d);
  std::string_view part = d.takeOneOf({"lo", "hi", "wide"}),
                   type = d.takeType();
  uint32_t bytes = typeBytes(type);
  if (part == "wide") {
    d.inst.a = d.source(1, bytes);
    d.inst.b = d.source(2, bytes);
    d.inst.c = d.source(3, 2 * bytes);
    d.inst.d = d.destination(0, 2 * bytes);
    return d.emit(forInteger(type, [&]<typename T>(T) -> Handler {
      if constexpr (sizeof(T) == 8)
        return nullptr;
      else
        return map3<Wide<T>, T, T, Wide<T>, [](T a, T b, Wide<T> c) {
          return add<Wide<T>>(Wide<T>(a) * Wide<T>(b), c);
        }>;
    }));
  }
  operands(d, bytes, 3);
  return d.emit(forInteger(type, [&]<typename T>(T) -> Handler {
    return part == "lo"
               ? ternary<T,
                         [](T a, T b, T c) { return add(multiply(a, b), c); }>
               : ternary<T, [](T a, T b, T c) { return add(high(a, b), c); }>;
  }));
}

static Status decodeDivide(Decoder &d) {
  bool isRemainder = d.opcode() == "rem";
  if (!isRemainder && (d.has("f32") || d.has("f64")))
    return decodeFloatDivide(d);
  std::string_view type = d.takeType();
  operands(d, typeBytes(type), 2);
  return d.emit(forInteger(type, [&]<typename T>(T) -> Handler {
    return isRemainder ? binary<T, [](T a, T b) { return remainder(a, b); }>
                       : binary<T, [](T a, T b) { return divide(a, b); }>;
  }));
}

static Status decodeMinMax(Decoder &d) {
  if (d.has("f32") || d.has("f64"))
    return decodeFloatMinMax(d);
  bool least = d.opcode() == "min";
  std::string_view type = d.takeType();
  operands(d, typeBytes(type), 2);
  return d.emit(forInteger(type, [&]<typename T>(T) -> Handler {
    return least ? binary<T, [](T a, T b) { return std::min(a, b); }>
                 : binary<T, [](T a, T b) { return std::max(a, b); }>;
  }));
}

static Status decodeNegative(Decoder &d) {
  bool absolute = d.opcode() == "abs";
  if (d.has("f32") || d.has("f64"))
    return decodeFloatSign(d);
  std::string_view type = d.takeType();
  operands(d, typeBytes(type), 1);
  return d.emit(forInteger(type, [&]<typename T>(T) -> Handler {
    if (absolute)
      return unary<T, [](T a) { return magnitude(a); }>;
    return unary<T, [](T a) { return negative(a); }>;
  }));
}

/// d = c + the dot product of four 8-bit integers.
template <typename A, typename B, typename C>
static Flow dot4(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t *d = w.lanes<uint32_t>(i.d);
  const uint32_t *a = w.lanes<uint32_t>(i.a), *b = w.lanes<uint32_t>(i.b),
                 *c = w.lanes<uint32_t>(i.c);
  eachLane(mask, [=](uint32_t lane) {
    uint32_t sum = c[lane];
    for (uint32_t k = 0; k < 32; k += 8)
      sum += uint32_t(int32_t(A(a[lane] >> k)) * int32_t(B(b[lane] >> k)));
    d[lane] = sum;
  });
  return Flow::Next;
}
static Status decodeDot4(Decoder &d) {
  std::string_view b = d.takeType(), a = d.takeType();
  operands(d, 4, 3);
  bool signedA = a == "s32", signedB = b == "s32";
  return d.emit(signedA ? (signedB ? dot4<int8_t, int8_t, int32_t>
                                   : dot4<int8_t, uint8_t, int32_t>)
                        : (signedB ? dot4<uint8_t, int8_t, int32_t>
                                   : dot4<uint8_t, uint8_t, uint32_t>));
}

std::span<const Opcode> emulator::integerOpcodes() {
  static const Opcode table[] = {
      {"add", decodeAdd},      {"sub", decodeAdd},    {"mul", decodeMul},
      {"mad", decodeMad},      {"div", decodeDivide}, {"rem", decodeDivide},
      {"min", decodeMinMax},   {"max", decodeMinMax}, {"neg", decodeNegative},
      {"abs", decodeNegative}, {"dp4a", decodeDot4},
  };
  return table;
}
