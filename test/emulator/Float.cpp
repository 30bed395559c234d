//===- Float.cpp - fp32 and fp64 arithmetic -------------------------------===//
//
// Rounding modes other than to nearest are those of the host's unit, set for
// one instruction. Approximations (`.approx`) are the exact function, rounded:
// closer than the hardware's.
//
//===----------------------------------------------------------------------===//
#include "Lanes.h"

#include <algorithm>
#include <cfenv>
#include <cmath>

using namespace ft;
using namespace ft::emulator;

static float flush(float x) {
  return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x;
}

/// In another rounding mode, of which the compiler knows nothing: operands and
/// results go through memory.
template <Handler handler, int mode>
static Flow rounded(Warp &w, const Inst &i, uint32_t mask) {
  std::fesetround(mode);
  Flow flow = handler(w, i, mask);
  std::fesetround(FE_TONEAREST);
  return flow;
}

/// Flushes denormal operands and results, then clamps to [0, 1].
template <auto f, bool ftz, bool sat>
constexpr auto finish2 = [](auto a, auto b) {
  using T = decltype(a);
  if constexpr (ftz && sizeof(T) == 4)
    a = flush(a), b = flush(b);
  T y = f(a, b);
  if constexpr (ftz && sizeof(T) == 4)
    y = flush(y);
  if constexpr (sat)
    y = y > 0 ? (y < 1 ? y : T(1)) : T(0);
  return y;
};
template <auto f, bool ftz, bool sat>
constexpr auto finish3 = [](auto a, auto b, auto c) {
  using T = decltype(a);
  if constexpr (ftz && sizeof(T) == 4)
    a = flush(a), b = flush(b), c = flush(c);
  T y = f(a, b, c);
  if constexpr (ftz && sizeof(T) == 4)
    y = flush(y);
  if constexpr (sat)
    y = y > 0 ? (y < 1 ? y : T(1)) : T(0);
  return y;
};

template <Handler handler> static Handler inMode(std::string_view mode) {
  if (mode == "rz")
    return rounded<handler, FE_TOWARDZERO>;
  if (mode == "rm")
    return rounded<handler, FE_DOWNWARD>;
  if (mode == "rp")
    return rounded<handler, FE_UPWARD>;
  return handler;
}

struct FloatMode {
  std::string_view rounding;
  bool ftz, sat;
  explicit FloatMode(Decoder &d, bool saturate = false)
      : rounding(d.takeOneOf({"rn", "rz", "rm", "rp"})), ftz(d.take("ftz")),
        sat(d.take("sat") || saturate) {}
};

template <auto f>
static Handler select2(std::string_view type, const FloatMode &m) {
  auto of = [&]<typename T>(T) -> Handler {
    if (m.ftz)
      return m.sat ? inMode<binary<T, finish2<f, true, true>>>(m.rounding)
                   : inMode<binary<T, finish2<f, true, false>>>(m.rounding);
    return m.sat ? inMode<binary<T, finish2<f, false, true>>>(m.rounding)
                 : inMode<binary<T, finish2<f, false, false>>>(m.rounding);
  };
  return type == "f32" ? of(float{}) : type == "f64" ? of(double{}) : nullptr;
}
template <auto f>
static Handler select3(std::string_view type, const FloatMode &m) {
  auto of = [&]<typename T>(T) -> Handler {
    if (m.ftz)
      return m.sat ? inMode<ternary<T, finish3<f, true, true>>>(m.rounding)
                   : inMode<ternary<T, finish3<f, true, false>>>(m.rounding);
    return m.sat ? inMode<ternary<T, finish3<f, false, true>>>(m.rounding)
                 : inMode<ternary<T, finish3<f, false, false>>>(m.rounding);
  };
  return type == "f32" ? of(float{}) : type == "f64" ? of(double{}) : nullptr;
}

constexpr auto sum = [](auto a, auto b) { return a + b; };
constexpr auto difference = [](auto a, auto b) { return a - b; };
constexpr auto product = [](auto a, auto b) { return a * b; };
constexpr auto quotient = [](auto a, auto b) { return a / b; };
constexpr auto fused = [](auto a, auto b, auto c) { return std::fma(a, b, c); };
/// A NaN operand loses.
constexpr auto least = [](auto a, auto b) {
  return b != b || a < b || (a == b && std::signbit(a)) ? a : b;
};
constexpr auto most = [](auto a, auto b) {
  return b != b || a > b || (a == b && !std::signbit(a)) ? a : b;
};
constexpr auto leastOrNan = [](auto a, auto b) {
  return a != a || b != b ? std::numeric_limits<decltype(a)>::quiet_NaN()
                          : least(a, b);
};
constexpr auto mostOrNan = [](auto a, auto b) {
  return a != a || b != b ? std::numeric_limits<decltype(a)>::quiet_NaN()
                          : most(a, b);
};

Status emulator::decodeFloatAdd(Decoder &d, std::string_view type, bool minus,
                                bool saturate) {
  FloatMode mode(d, saturate);
  operands(d, typeBytes(type), 2, true);
  return d.emit(minus ? select2<difference>(type, mode)
                      : select2<sum>(type, mode));
}
Status emulator::decodeFloatMul(Decoder &d) {
  FloatMode mode(d);
  std::string_view type = d.takeType();
  operands(d, typeBytes(type), 2, true);
  return d.emit(select2<product>(type, mode));
}
Status emulator::decodeFma(Decoder &d) {
  FloatMode mode(d);
  std::string_view type = d.takeType();
  operands(d, typeBytes(type), 3, true);
  return d.emit(select3<fused>(type, mode));
}
Status emulator::decodeFloatDivide(Decoder &d) {
  d.takeOneOf({"full", "approx"});
  FloatMode mode(d);
  std::string_view type = d.takeType();
  operands(d, typeBytes(type), 2, true);
  return d.emit(select2<quotient>(type, mode));
}
Status emulator::decodeFloatMinMax(Decoder &d) {
  FloatMode mode(d);
  bool nan = d.take("NaN"), isMin = d.opcode() == "min";
  std::string_view type = d.takeType();
  operands(d, typeBytes(type), 2, true);
  return d.emit(
      isMin
          ? (nan ? select2<leastOrNan>(type, mode) : select2<least>(type, mode))
          : (nan ? select2<mostOrNan>(type, mode) : select2<most>(type, mode)));
}
Status emulator::decodeFloatSign(Decoder &d) {
  bool absolute = d.opcode() == "abs", ftz = d.take("ftz");
  std::string_view type = d.takeType();
  operands(d, typeBytes(type), 1, true);
  if (type == "f64" && !ftz)
    return d.emit(absolute
                      ? unary<double, [](double a) { return std::fabs(a); }>
                      : unary<double, [](double a) { return -a; }>);
  if (type != "f32")
    return d.unknown();
  if (ftz)
    return d.emit(
        absolute ? unary<float, [](float a) { return std::fabs(flush(a)); }>
                 : unary<float, [](float a) { return -flush(a); }>);
  return d.emit(absolute ? unary<float, [](float a) { return std::fabs(a); }>
                         : unary<float, [](float a) { return -a; }>);
}

static Status decodeCopySign(Decoder &d) {
  std::string_view type = d.takeType();
  operands(d, typeBytes(type), 2, true);
  return d.emit( // the sign of a, the magnitude of b
      type == "f32"
          ? binary<float, [](float a, float b) { return std::copysign(b, a); }>
          : binary<double,
                   [](double a, double b) { return std::copysign(b, a); }>);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

template <auto f> static Handler function(bool ftz) {
  return ftz ? unary<float, [](float a) { return flush(f(flush(a))); }>
             : unary<float, [](float a) { return f(a); }>;
}
constexpr auto reciprocal = [](auto a) { return decltype(a)(1) / a; };
constexpr auto root = [](auto a) { return std::sqrt(a); };
constexpr auto inverseRoot = [](float a) {
  return float(1 / std::sqrt(double(a)));
};
constexpr auto power2 = [](float a) { return std::exp2(a); };
constexpr auto logarithm2 = [](float a) { return std::log2(a); };
constexpr auto sine = [](float a) { return float(std::sin(double(a))); };
constexpr auto cosine = [](float a) { return float(std::cos(double(a))); };
constexpr auto hyperbolicTangent = [](float a) { return std::tanh(a); };

static Status decodeFunction(Decoder &d) {
  std::string_view name = d.opcode();
  bool approximate = d.take("approx");
  FloatMode mode(d);
  std::string_view type = d.takeType();
  operands(d, typeBytes(type), 1, true);
  if (type == "f64" && name == "rcp" && !mode.ftz)
    return d.emit(inMode<unary<double, reciprocal>>(mode.rounding));
  if (type == "f64" && name == "sqrt")
    return d.emit(inMode<unary<double, root>>(mode.rounding));
  if (type != "f32")
    return d.unknown();
  bool exact = !mode.rounding.empty() && mode.rounding != "rn";
  if (name == "rcp" && exact)
    return d.emit(mode.ftz ? nullptr
                           : inMode<unary<float, reciprocal>>(mode.rounding));
  if (name == "sqrt" && exact)
    return d.emit(mode.ftz ? nullptr
                           : inMode<unary<float, root>>(mode.rounding));
  if (!approximate && name != "rcp" && name != "sqrt")
    return d.unknown();
  return d.emit(name == "rcp"     ? function<reciprocal>(mode.ftz)
                : name == "sqrt"  ? function<root>(mode.ftz)
                : name == "rsqrt" ? function<inverseRoot>(mode.ftz)
                : name == "ex2"   ? function<power2>(mode.ftz)
                : name == "lg2"   ? function<logarithm2>(mode.ftz)
                : name == "sin"   ? function<sine>(mode.ftz)
                : name == "cos"   ? function<cosine>(mode.ftz)
                                  : function<hyperbolicTangent>(mode.ftz));
}

std::span<const Opcode> emulator::floatOpcodes() {
  static const Opcode table[] = {
      {"fma", decodeFma},        {"copysign", decodeCopySign},
      {"rcp", decodeFunction},   {"sqrt", decodeFunction},
      {"rsqrt", decodeFunction}, {"ex2", decodeFunction},
      {"lg2", decodeFunction},   {"sin", decodeFunction},
      {"cos", decodeFunction},   {"tanh", decodeFunction},
  };
  return table;
}
