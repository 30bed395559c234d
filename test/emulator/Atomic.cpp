//===- Atomic.cpp - atom, red ---------------------------------------------===//
//
// Global memory may be shared with other host threads, so these are atomic on
// the host, by compare and exchange.
//
//===----------------------------------------------------------------------===//
#include "Lanes.h"

#include <algorithm>
#include <cmath>

using namespace ft;
using namespace ft::emulator;

enum class Update { Add, Min, Max, And, Or, Xor, Exch, Inc, Dec, Cas };

template <typename T, Update update> static T updated(T old, T b, T c) {
  if constexpr (update == Update::Add) {
    if constexpr (std::is_integral_v<T>)
      return T(std::make_unsigned_t<T>(old) + std::make_unsigned_t<T>(b));
    else
      return old + b;
  } else if constexpr (update == Update::Min) {
    return std::min(old, b);
  } else if constexpr (update == Update::Max) {
    return std::max(old, b);
  } else if constexpr (update == Update::Exch) {
    return b;
  } else if constexpr (update == Update::Inc) {
    return old >= b ? T(0) : T(old + 1);
  } else if constexpr (update == Update::Dec) {
    return old == T(0) || old > b ? b : T(old - 1);
  } else if constexpr (update == Update::Cas) {
    return old == b ? c : old;
  } else if constexpr (update == Update::And) {
    return old & b;
  } else if constexpr (update == Update::Or) {
    return old | b;
  } else {
    return old ^ b;
  }
}

template <typename T, Update update> static T exchange(uint8_t *at, T b, T c) {
  using U = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
  U *p = reinterpret_cast<U *>(at);
  U old = __atomic_load_n(p, __ATOMIC_SEQ_CST);
  while (true) {
    U next = std::bit_cast<U>(updated<T, update>(std::bit_cast<T>(old), b, c));
    if (__atomic_compare_exchange_n(p, &old, next, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
      return std::bit_cast<T>(old);
  }
}

/// Inst::target: the space; c = a constant of zeros where unused.
template <typename A, typename T, Update update>
static Flow atomic(Warp &w, const Inst &i, uint32_t mask) {
  const A *base = w.lanes<A>(i.a);
  Space space = Space(i.target);
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    uint64_t address = A(base[lane] + A(i.imm));
    uint8_t *at = w.at(space, address, sizeof(T), lane);
    if (!at)
      return w.failAddress(i, lane, address, sizeof(T), space);
    if (!w.writes(i, lane, at, sizeof(T), true))
      return Flow::Fail;
    T old =
        exchange<T, update>(at, w.lanes<T>(i.b)[lane], w.lanes<T>(i.c)[lane]);
    w.lanes<T>(i.d)[lane] = old;
  }
  return Flow::Next;
}

template <typename A, typename T>
static Handler forUpdate(std::string_view name) {
  if (name == "add")
    return atomic<A, T, Update::Add>;
  if constexpr (std::is_integral_v<T>) {
    static constexpr std::pair<std::string_view, Handler> table[] = {
        {"min", atomic<A, T, Update::Min>},
        {"max", atomic<A, T, Update::Max>},
        {"and", atomic<A, T, Update::And>},
        {"or", atomic<A, T, Update::Or>},
        {"xor", atomic<A, T, Update::Xor>},
        {"exch", atomic<A, T, Update::Exch>},
        {"inc", atomic<A, T, Update::Inc>},
        {"dec", atomic<A, T, Update::Dec>},
        {"cas", atomic<A, T, Update::Cas>}};
    for (auto [key, handler] : table)
      if (key == name)
        return handler;
  }
  return nullptr;
}

static Status decodeAtomic(Decoder &d) {
  bool result = d.opcode() == "atom";
  d.takeOneOf({"relaxed", "acquire", "release", "acq_rel"});
  d.takeOneOf({"cta", "cluster", "gpu", "sys"});
  Space space = d.take("global") ? Space::Global
                : !d.takeOneOf({"shared", "shared::cta"}).empty()
                    ? Space::Shared
                : d.take("shared::cluster") ? Space::Cluster
                                            : Space::Generic;
  std::string_view update = d.takeOneOf(
      {"add", "min", "max", "and", "or", "xor", "exch", "inc", "dec", "cas"});
  std::string_view type = d.takeType();
  uint32_t bytes = typeBytes(type);
  size_t first = result ? 1 : 0;
  d.inst.target = uint32_t(space);
  d.inst.b = d.source(first + 1, bytes, true);
  d.inst.c =
      update == "cas" ? d.source(first + 2, bytes) : d.constant(0, bytes);
  if (result)
    d.inst.d = d.destination(0, bytes);
  bool narrow = false;
  d.address(d.operand(first), narrow);
  auto of = [&]<typename T>(T) -> Handler {
    return narrow ? forUpdate<uint32_t, T>(update)
                  : forUpdate<uint64_t, T>(update);
  };
  return d.emit(type == "f32"   ? of(float{})
                : type == "f64" ? of(double{})
                : bytes == 2    ? nullptr
                                : forInteger(type, [&]<typename T>(T t) {
                                 if constexpr (sizeof(T) == 2)
                                   return Handler(nullptr);
                                 else
                                   return of(t);
                               }));
}

std::span<const Opcode> emulator::atomicOpcodes() {
  static const Opcode table[] = {{"atom", decodeAtomic}, {"red", decodeAtomic}};
  return table;
}
