//===- Convert.cpp - cvt --------------------------------------------------===//
#include "Half.h"
#include "Lanes.h"

#include <cfenv>
#include <cmath>
#include <limits>

using namespace ft;
using namespace ft::emulator;

/// Rounds to a whole number: n even, z zero, m down, p up.
template <char mode, typename T> static T whole(T x) {
  if constexpr (mode == 'z')
    return std::trunc(x);
  else if constexpr (mode == 'm')
    return std::floor(x);
  else if constexpr (mode == 'p')
    return std::ceil(x);
  else
    return std::nearbyint(x);
}

/// Saturates; NaN is 0.
template <typename To, char mode, typename From> static To toInteger(From x) {
  if (x != x)
    return 0;
  double y = double(whole<mode>(x));
  constexpr double top = double(std::numeric_limits<To>::max());
  if (y >= top)
    return std::numeric_limits<To>::max();
  if (y <= double(std::numeric_limits<To>::lowest()))
    return std::numeric_limits<To>::lowest();
  return To(y);
}

template <typename To, typename From, char mode>
constexpr Handler kToInteger =
    map1<To, From, [](From x) { return toInteger<To, mode>(x); }>;

template <typename To, typename From>
static Handler toIntegerHandler(std::string_view mode) {
  return mode == "rni"   ? kToInteger<To, From, 'n'>
         : mode == "rzi" ? kToInteger<To, From, 'z'>
         : mode == "rmi" ? kToInteger<To, From, 'm'>
         : mode == "rpi" ? kToInteger<To, From, 'p'>
                         : nullptr;
}

template <typename F>
static Handler forAnyInteger(std::string_view type, const F &f) {
  if (type == "u8" || type == "b8")
    return f(uint8_t{});
  return type == "s8" ? f(int8_t{}) : forInteger(type, f);
}

/// 8-bit values lie in 16-bit registers.
template <typename T>
using Lane = std::conditional_t<
    sizeof(T) == 1, std::conditional_t<std::is_signed_v<T>, int16_t, uint16_t>,
    T>;

template <typename To, typename From, bool sat> static To narrow(From x) {
  if constexpr (sat) {
    using L = std::numeric_limits<To>;
    if constexpr (std::is_signed_v<From>) {
      if (int64_t(x) < int64_t(L::lowest()))
        return L::lowest();
      if (x > 0 && uint64_t(x) > uint64_t(L::max()))
        return L::max();
    } else if (uint64_t(x) > uint64_t(L::max())) {
      return L::max();
    }
  }
  return To(x);
}

static Handler integerToInteger(std::string_view to, std::string_view from,
                                bool sat) {
  return forAnyInteger(to, [&]<typename To>(To) -> Handler {
    return forAnyInteger(from, [&]<typename From>(From) -> Handler {
      if (sat)
        return map1<Lane<To>, Lane<From>, [](Lane<From> x) {
          return Lane<To>(narrow<To, From, true>(From(x)));
        }>;
      return map1<Lane<To>, Lane<From>, [](Lane<From> x) {
        return Lane<To>(narrow<To, From, false>(From(x)));
      }>;
    });
  });
}

template <Handler handler, int mode>
static Flow rounded(Warp &w, const Inst &i, uint32_t mask) {
  std::fesetround(mode);
  Flow flow = handler(w, i, mask);
  std::fesetround(FE_TONEAREST);
  return flow;
}
template <Handler handler> static Handler inMode(std::string_view mode) {
  return mode == "rn"   ? handler
         : mode == "rz" ? rounded<handler, FE_TOWARDZERO>
         : mode == "rm" ? rounded<handler, FE_DOWNWARD>
         : mode == "rp" ? rounded<handler, FE_UPWARD>
                        : nullptr;
}

static Handler integerToFloat(std::string_view to, std::string_view from,
                              std::string_view mode) {
  return forAnyInteger(from, [&]<typename From>(From) -> Handler {
    using L = Lane<From>;
    if (to == "f32")
      return inMode<map1<float, L, [](L x) { return float(From(x)); }>>(mode);
    if (to == "f64")
      return inMode<map1<double, L, [](L x) { return double(From(x)); }>>(mode);
    if (to == "f16" && mode == "rn")
      return map1<uint16_t, L,
                  [](L x) { return floatToF16(float(double(From(x)))); }>;
    return nullptr;
  });
}

template <auto f, bool sat, bool relu>
constexpr auto clamped = [](float x) {
  if constexpr (sat)
    x = x > 0 ? (x < 1 ? x : 1.0f) : 0.0f;
  if constexpr (relu)
    x = x > 0 || x != x ? x : 0.0f;
  return f(x);
};
constexpr auto toF16 = [](float x) { return floatToF16(x); };
constexpr auto toBf16 = [](float x) { return floatToBf16(x); };
constexpr auto toF16Down = [](float x) { return floatToF16Down(x); };
constexpr auto toBf16Down = [](float x) { return floatToBf16Down(x); };
constexpr auto same = [](float x) { return x; };

template <typename To, auto f> static Handler fromFloat(bool sat, bool relu) {
  if (relu)
    return map1<To, float, clamped<f, false, true>>;
  return sat ? map1<To, float, clamped<f, true, false>>
             : map1<To, float, clamped<f, false, false>>;
}

/// Two floats to one register, the first above.
template <auto f, bool relu>
constexpr auto pack = [](float high, float low) {
  constexpr auto g = clamped<f, false, relu>;
  return uint32_t(g(high)) << 16 | g(low);
};

static Handler packHandler(std::string_view to, bool down, bool relu) {
  using U = uint32_t;
  if (to == "f16x2")
    return down   ? (relu ? nullptr
                          : map2<U, float, float, pack<toF16Down, false>>)
           : relu ? map2<U, float, float, pack<toF16, true>>
                  : map2<U, float, float, pack<toF16, false>>;
  return down
             ? (relu ? nullptr : map2<U, float, float, pack<toBf16Down, false>>)
         : relu ? map2<U, float, float, pack<toBf16, true>>
                : map2<U, float, float, pack<toBf16, false>>;
}

static Handler wholeFloat(std::string_view mode) {
  return mode == "rni"   ? unary<float, [](float x) { return whole<'n'>(x); }>
         : mode == "rzi" ? unary<float, [](float x) { return whole<'z'>(x); }>
         : mode == "rmi" ? unary<float, [](float x) { return whole<'m'>(x); }>
         : mode == "rpi" ? unary<float, [](float x) { return whole<'p'>(x); }>
                         : nullptr;
}

static Handler floatToFloat(std::string_view to, std::string_view from,
                            std::string_view mode, bool sat, bool relu) {
  bool down = mode == "rz";
  if (from == "f32" && to == "f16")
    return down ? fromFloat<uint16_t, toF16Down>(sat, relu)
                : fromFloat<uint16_t, toF16>(sat, relu);
  if (from == "f32" && to == "bf16")
    return down ? fromFloat<uint16_t, toBf16Down>(sat, relu)
                : fromFloat<uint16_t, toBf16>(sat, relu);
  if (from == "f32" && to == "f32")
    return mode.empty() ? fromFloat<float, same>(sat, relu) : wholeFloat(mode);
  if (from == "f16" && to == "f32")
    return map1<float, uint16_t, [](uint16_t x) { return f16ToFloat(x); }>;
  if (from == "bf16" && to == "f32")
    return map1<float, uint16_t, [](uint16_t x) { return bf16ToFloat(x); }>;
  if (from == "f32" && to == "f64")
    return map1<double, float, [](float x) { return double(x); }>;
  if (from == "f64" && to == "f32")
    return inMode<map1<float, double, [](double x) { return float(x); }>>(mode);
  return nullptr;
}

static bool isFloat(std::string_view type) {
  return type.starts_with("f") || type.starts_with("bf");
}

static Status decodeConvert(Decoder &d) {
  std::string_view from = d.takeType(), to = d.takeType();
  bool sat = d.take("sat") || d.take("satfinite"), relu = d.take("relu");
  if (d.take("ftz"))
    return d.unknown();
  std::string_view mode =
      d.takeOneOf({"rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi"});
  if (to == "f16x2" || to == "bf16x2") {
    d.inst.a = d.source(1, 4, true);
    d.inst.b = d.source(2, 4, true);
    d.inst.d = d.destination(0, 4);
    return d.emit(sat || from != "f32" ? nullptr
                                       : packHandler(to, mode == "rz", relu));
  }
  auto lane = [](std::string_view type) {
    return std::max(typeBytes(type), 2u);
  };
  d.inst.a = d.source(1, lane(from), true);
  d.inst.d = d.destination(0, lane(to), to.starts_with("s"));
  if (isFloat(to))
    return d.emit(isFloat(from) ? floatToFloat(to, from, mode, sat, relu)
                  : sat         ? nullptr
                                : integerToFloat(to, from, mode));
  if (!isFloat(from))
    return d.emit(integerToInteger(to, from, sat));
  return d.emit(forAnyInteger(to, [&]<typename To>(To) -> Handler {
    if constexpr (sizeof(To) == 1)
      return nullptr;
    else
      return from == "f32"   ? toIntegerHandler<To, float>(mode)
             : from == "f64" ? toIntegerHandler<To, double>(mode)
                             : nullptr;
  }));
}

std::span<const Opcode> emulator::convertOpcodes() {
  static const Opcode table[] = {{"cvt", decodeConvert}};
  return table;
}
