//===- Compare.cpp - setp, selp, slct, set --------------------------------===//
#include "Lanes.h"

#include <cmath>

using namespace ft;
using namespace ft::emulator;

enum class Relation { Eq, Ne, Lt, Le, Gt, Ge, Num, Nan };

/// Floats: `unordered` is what a NaN operand gives.
template <typename T, Relation relation, bool unordered>
static bool compare(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    bool nan = a != a || b != b;
    if constexpr (relation == Relation::Num)
      return !nan;
    if constexpr (relation == Relation::Nan)
      return nan;
    if (nan)
      return unordered;
  }
  return relation == Relation::Eq   ? a == b
         : relation == Relation::Ne ? a != b
         : relation == Relation::Lt ? a < b
         : relation == Relation::Le ? a <= b
         : relation == Relation::Gt ? a > b
                                    : a >= b;
}

/// Combined with predicate c as Inst::target says: 0 not, 1 and, 2 or, 3 xor.
/// The complement goes to the predicate of Inst::lists.
template <typename T, Relation relation, bool unordered>
static Flow setPredicate(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.lanes<T>(i.a), *b = w.lanes<T>(i.b);
  uint32_t bits = 0;
  for (uint32_t lane = 0; lane < 32; ++lane)
    bits |= uint32_t(compare<T, relation, unordered>(a[lane], b[lane])) << lane;
  uint32_t other = ~bits;
  if (i.target) {
    uint32_t c = w.predicate(i.c);
    auto combine = [&](uint32_t x) {
      return i.target == 1 ? x & c : i.target == 2 ? x | c : x ^ c;
    };
    bits = combine(bits);
    other = combine(other);
  }
  uint32_t &d = w.predicate(i.d);
  d = (d & ~mask) | (bits & mask);
  if (i.count) {
    uint32_t &q = w.predicate(w.function->lists[i.list]);
    q = (q & ~mask) | (other & mask);
  }
  return Flow::Next;
}

template <typename T, bool unordered>
static Handler forRelation(std::string_view name) {
  static constexpr std::pair<std::string_view, Handler> table[] = {
      {"eq", setPredicate<T, Relation::Eq, unordered>},
      {"ne", setPredicate<T, Relation::Ne, unordered>},
      {"lt", setPredicate<T, Relation::Lt, unordered>},
      {"le", setPredicate<T, Relation::Le, unordered>},
      {"gt", setPredicate<T, Relation::Gt, unordered>},
      {"ge", setPredicate<T, Relation::Ge, unordered>},
      {"num", setPredicate<T, Relation::Num, unordered>},
      {"nan", setPredicate<T, Relation::Nan, unordered>},
  };
  for (auto [key, handler] : table)
    if (key == name)
      return handler;
  return nullptr;
}

static Handler compareHandler(std::string_view type,
                              std::string_view relation) {
  if (type.starts_with("f")) {
    static constexpr std::pair<std::string_view, std::string_view> table[] = {
        {"equ", "eq"}, {"neu", "ne"}, {"ltu", "lt"},
        {"leu", "le"}, {"gtu", "gt"}, {"geu", "ge"}};
    for (auto [key, plain] : table)
      if (key == relation)
        return type == "f32" ? forRelation<float, true>(plain)
                             : forRelation<double, true>(plain);
    return type == "f32" ? forRelation<float, false>(relation)
                         : forRelation<double, false>(relation);
  }
  // lo, ls, hi, hs: of unsigned types
  std::string_view plain = relation == "lo"   ? "lt"
                           : relation == "ls" ? "le"
                           : relation == "hi" ? "gt"
                           : relation == "hs" ? "ge"
                                              : relation;
  return forInteger(type, [&]<typename T>(T) -> Handler {
    return forRelation<T, false>(plain);
  });
}

static Status decodeSetPredicate(Decoder &d) {
  std::string_view relation =
      d.takeOneOf({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs",
                   "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"});
  std::string_view combine = d.takeOneOf({"and", "or", "xor"});
  bool ftz = d.take("ftz");
  std::string_view type = d.takeType();
  if (ftz)
    return d.unknown();
  d.inst.a = d.source(1, typeBytes(type), true);
  d.inst.b = d.source(2, typeBytes(type), true);
  d.inst.target = combine == "and"   ? 1
                  : combine == "or"  ? 2
                  : combine == "xor" ? 3
                                     : 0;
  if (d.inst.target)
    d.inst.c = d.source(3, 0);
  const Operand &to = d.operand(0);
  if (to.kind == Operand::Pair) {
    uint32_t second[] = {d.destination(to.parts[1], 0)};
    d.list(second);
    d.inst.d = d.destination(to.parts[0], 0);
  } else {
    d.inst.d = d.destination(to, 0);
  }
  return d.emit(compareHandler(type, relation));
}

template <typename T>
static Flow selectLanes(Warp &w, const Inst &i, uint32_t mask) {
  T *d = w.lanes<T>(i.d);
  const T *a = w.lanes<T>(i.a), *b = w.lanes<T>(i.b);
  uint32_t c = w.predicate(i.c);
  eachLane(mask,
           [=](uint32_t lane) { d[lane] = c >> lane & 1 ? a[lane] : b[lane]; });
  return Flow::Next;
}
static Status decodeSelect(Decoder &d) {
  std::string_view type = d.takeType();
  uint32_t bytes = typeBytes(type);
  d.inst.a = d.source(1, bytes, true);
  d.inst.b = d.source(2, bytes, true);
  d.inst.c = d.source(3, 0);
  d.inst.d = d.destination(0, bytes);
  return d.emit(
      forBits(type, [&]<typename T>(T) -> Handler { return selectLanes<T>; }));
}

std::span<const Opcode> emulator::compareOpcodes() {
  static const Opcode table[] = {{"setp", decodeSetPredicate},
                                 {"selp", decodeSelect}};
  return table;
}
