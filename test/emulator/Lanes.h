//===- Lanes.h - handlers of instructions without surprises -----*- C++ -*-===//
//
// d = f(a), f(a, b), f(a, b, c), lane by lane. `f` is a lambda without state.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_LANES_H
#define FT_TEST_EMULATOR_LANES_H

#include "Decoder.h"

namespace ft::emulator {

template <typename D, typename A, auto f>
Flow map1(Warp &w, const Inst &i, uint32_t mask) {
  D *d = w.lanes<D>(i.d);
  const A *a = w.lanes<A>(i.a);
  eachLane(mask, [=](uint32_t lane) { d[lane] = f(a[lane]); });
  return Flow::Next;
}
template <typename D, typename A, typename B, auto f>
Flow map2(Warp &w, const Inst &i, uint32_t mask) {
  D *d = w.lanes<D>(i.d);
  const A *a = w.lanes<A>(i.a);
  const B *b = w.lanes<B>(i.b);
  eachLane(mask, [=](uint32_t lane) { d[lane] = f(a[lane], b[lane]); });
  return Flow::Next;
}
template <typename D, typename A, typename B, typename C, auto f>
Flow map3(Warp &w, const Inst &i, uint32_t mask) {
  D *d = w.lanes<D>(i.d);
  const A *a = w.lanes<A>(i.a);
  const B *b = w.lanes<B>(i.b);
  const C *c = w.lanes<C>(i.c);
  eachLane(mask,
           [=](uint32_t lane) { d[lane] = f(a[lane], b[lane], c[lane]); });
  return Flow::Next;
}
template <typename T, auto f> constexpr Handler unary = map1<T, T, f>;
template <typename T, auto f> constexpr Handler binary = map2<T, T, T, f>;
template <typename T, auto f> constexpr Handler ternary = map3<T, T, T, T, f>;

/// `table(T{})` for the C++ type of a PTX type, or null.
template <typename F> Handler forInteger(std::string_view type, const F &f) {
  if (type == "u32" || type == "b32")
    return f(uint32_t{});
  if (type == "s32")
    return f(int32_t{});
  if (type == "u64" || type == "b64")
    return f(uint64_t{});
  if (type == "s64")
    return f(int64_t{});
  if (type == "u16" || type == "b16")
    return f(uint16_t{});
  if (type == "s16")
    return f(int16_t{});
  return nullptr;
}
template <typename F> Handler forBits(std::string_view type, const F &f) {
  switch (typeBytes(type)) {
  case 2:
    return f(uint16_t{});
  case 4:
    return f(uint32_t{});
  case 8:
    return f(uint64_t{});
  }
  return nullptr;
}

/// Destination and sources of one width.
inline void operands(Decoder &d, uint32_t bytes, size_t sources,
                     bool isFloat = false, bool isSigned = false) {
  uint32_t *to[] = {&d.inst.a, &d.inst.b, &d.inst.c};
  for (size_t i = 0; i < sources; ++i)
    *to[i] = d.source(i + 1, bytes, isFloat);
  d.inst.d = d.destination(0, bytes, isSigned);
}

/// Of opcodes that integers and floats share; Float.cpp.
Status decodeFloatAdd(Decoder &d, std::string_view type, bool minus,
                      bool saturate);
Status decodeFloatMul(Decoder &d);
Status decodeFma(Decoder &d);
Status decodeFloatDivide(Decoder &d);
Status decodeFloatMinMax(Decoder &d);
Status decodeFloatSign(Decoder &d);

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_LANES_H
