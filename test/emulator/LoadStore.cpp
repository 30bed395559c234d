//===- LoadStore.cpp - ld, st, prefetch -----------------------------------===//
#include "Lanes.h"

using namespace ft;
using namespace ft::emulator;

static constexpr bool mayBeShared(Space space) {
  return space != Space::Global && space != Space::Local;
}

/// `A`: type of address registers; `T` lies in memory, `R` in registers.
template <Space space, typename A, typename T, typename R>
static Flow load(Warp &w, const Inst &i, uint32_t mask) {
  const A *base = w.lanes<A>(i.a);
  const uint32_t *to = &w.function->lists[i.list];
  uint32_t bytes = sizeof(T) * i.count;
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    uint64_t address = A(base[lane] + A(i.imm));
    const uint8_t *from = w.at(space, address, bytes, lane);
    if (!from)
      return w.failAddress(i, lane, address, bytes, space);
    if constexpr (mayBeShared(space))
      if (!w.reads(i, lane, from, bytes, i.target))
        return Flow::Fail;
    for (uint32_t k = 0; k < i.count; ++k) {
      T value;
      std::memcpy(&value, from + sizeof(T) * k, sizeof(T));
      w.lanes<R>(to[k])[lane] = R(value);
    }
  }
  return Flow::Next;
}
template <Space space, typename A, typename T, typename R>
static Flow store(Warp &w, const Inst &i, uint32_t mask) {
  const A *base = w.lanes<A>(i.a);
  const uint32_t *from = &w.function->lists[i.list];
  uint32_t bytes = sizeof(T) * i.count;
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    uint64_t address = A(base[lane] + A(i.imm));
    uint8_t *to = w.at(space, address, bytes, lane);
    if (!to)
      return w.failAddress(i, lane, address, bytes, space);
    bool changes = false;
    for (uint32_t k = 0; k < i.count; ++k) {
      T value = T(w.lanes<R>(from[k])[lane]);
      changes |= std::memcmp(to + sizeof(T) * k, &value, sizeof(T)) != 0;
      std::memcpy(to + sizeof(T) * k, &value, sizeof(T));
    }
    if constexpr (mayBeShared(space)) {
      if (!w.stores(i, lane, to, bytes, changes))
        return Flow::Fail;
    }
  }
  return Flow::Next;
}

/// A parameter: the same for all lanes.
template <typename T, typename R>
static Flow loadParam(Warp &w, const Inst &i, uint32_t mask) {
  const uint8_t *from = w.engine().launch.paramBegin + i.imm;
  const uint32_t *to = &w.function->lists[i.list];
  for (uint32_t k = 0; k < i.count; ++k) {
    T value;
    std::memcpy(&value, from + sizeof(T) * k, sizeof(T));
    R *d = w.lanes<R>(to[k]);
    eachLane(mask, [=](uint32_t lane) { d[lane] = R(value); });
  }
  return Flow::Next;
}

template <bool isLoad, Space space, typename T, typename R>
static Handler forAddress(bool narrow) {
  if constexpr (isLoad)
    return narrow ? load<space, uint32_t, T, R> : load<space, uint64_t, T, R>;
  else
    return narrow ? store<space, uint32_t, T, R> : store<space, uint64_t, T, R>;
}
template <bool isLoad, typename T, typename R>
static Handler forSpace(Space space, bool narrow) {
  switch (space) {
  case Space::Generic:
    return forAddress<isLoad, Space::Generic, T, R>(narrow);
  case Space::Global:
    return forAddress<isLoad, Space::Global, T, R>(narrow);
  case Space::Shared:
    return forAddress<isLoad, Space::Shared, T, R>(narrow);
  case Space::Cluster:
    return forAddress<isLoad, Space::Cluster, T, R>(narrow);
  case Space::Local:
    return forAddress<isLoad, Space::Local, T, R>(narrow);
  }
  return nullptr;
}

/// `f(T{}, R{})` for the types in memory and in registers of `bytes`.
template <typename F>
static Handler forTypes(std::string_view type, uint32_t registers, const F &f) {
  bool isSigned = type.starts_with("s");
  switch (typeBytes(type) * 16 + registers) {
  case 0x12:
    return isSigned ? f(int8_t{}, int16_t{}) : f(uint8_t{}, uint16_t{});
  case 0x14:
    return isSigned ? f(int8_t{}, int32_t{}) : f(uint8_t{}, uint32_t{});
  case 0x18:
    return isSigned ? f(int8_t{}, int64_t{}) : f(uint8_t{}, uint64_t{});
  case 0x22:
    return f(uint16_t{}, uint16_t{});
  case 0x24:
    return isSigned ? f(int16_t{}, int32_t{}) : f(uint16_t{}, uint32_t{});
  case 0x28:
    return isSigned ? f(int16_t{}, int64_t{}) : f(uint16_t{}, uint64_t{});
  case 0x44:
    return f(uint32_t{}, uint32_t{});
  case 0x48:
    return isSigned ? f(int32_t{}, int64_t{}) : f(uint32_t{}, uint64_t{});
  case 0x88:
    return f(uint64_t{}, uint64_t{});
  }
  return nullptr;
}

static Space takeSpace(Decoder &d) {
  if (!d.takeOneOf({"global", "const"}).empty())
    return Space::Global;
  if (!d.takeOneOf({"shared", "shared::cta"}).empty())
    return Space::Shared;
  if (d.take("shared::cluster"))
    return Space::Cluster;
  return d.take("local") ? Space::Local : Space::Generic;
}

/// Caches and orders are nothing here: memory is one, and a warp goes on only
/// when what came before is done.
/// But two strong accesses are no race (Inst::target).
static void takeHints(Decoder &d) {
  std::string_view strength =
      d.takeOneOf({"volatile", "relaxed", "acquire", "release", "weak"});
  d.inst.target = !strength.empty() && strength != "weak";
  d.takeOneOf({"cta", "cluster", "gpu", "sys"});
  d.takeOneOf({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
  d.take("nc");
  d.takeOneOf({"L1::no_allocate", "L1::evict_first", "L1::evict_last",
               "L1::evict_normal", "L1::evict_unchanged"});
  d.takeOneOf({"L2::64B", "L2::128B", "L2::256B"});
  d.take("L2::cache_hint");
}

/// Widest registers of a list that may hold numbers too.
static uint32_t widthOf(const Decoder &d, const std::vector<Operand> &list,
                        uint32_t bytes) {
  uint32_t width = std::max(bytes, 2u);
  for (const Operand &o : list)
    if (auto registers = d.registerBytes(o))
      width = std::max(width, *registers);
  return width;
}

static Status decodeMemory(Decoder &d) {
  bool isLoad = d.opcode() == "ld";
  if (!isLoad && d.take("async"))
    return decodeStoreAsync(d);
  takeHints(d);
  bool param = d.take("param") || d.take("param::entry");
  Space space = takeSpace(d);
  std::string_view vector = d.takeOneOf({"v2", "v4", "v8"});
  std::string_view type = d.takeType();
  const Operand &address = d.operand(isLoad ? 1 : 0),
                &data = d.operand(isLoad ? 0 : 1);
  std::vector<Operand> list =
      data.kind == Operand::Vector ? data.parts : std::vector{data};
  if (list.size() != (vector.empty() ? 1 : size_t(vector[1] - '0')))
    return d.wrong("the vector has another length");
  uint32_t width = widthOf(d, list, typeBytes(type));
  std::vector<uint32_t> registers;
  for (const Operand &o : list)
    registers.push_back(isLoad ? d.destination(o, width)
                               : d.source(o, width, true));
  d.list(registers);
  const Symbol *symbol = d.find(address.text);
  if (symbol && symbol->kind == Symbol::Param) {
    d.inst.imm = symbol->offset + address.offset;
    return d.emit(isLoad && param
                      ? forTypes(type, width,
                                 []<typename T, typename R>(T, R) -> Handler {
                                   return loadParam<T, R>;
                                 })
                      : nullptr);
  }
  if (param) // of a call; or through an address that mov made
    space = symbol && symbol->kind == Symbol::Address ? Space::Local
                                                      : Space::Generic;
  bool narrow = false;
  d.address(address, narrow);
  return d.emit(
      forTypes(type, width, [&]<typename T, typename R>(T, R) -> Handler {
        return isLoad ? forSpace<true, T, R>(space, narrow)
                      : forSpace<false, T, R>(space, narrow);
      }));
}

static Flow nothing(Warp &, const Inst &, uint32_t) { return Flow::Next; }

/// Prefetches and what only speaks of caches.
static Status decodePrefetch(Decoder &d) {
  d.takeOneOf({"global", "local", "const", "param"});
  if (d.takeOneOf(
           {"tensormap", "L1", "L2", "L2::evict_last", "L2::evict_normal"})
          .empty())
    return d.unknown();
  bool narrow = false;
  d.address(d.operand(0), narrow);
  return d.emit(nothing);
}
static Status decodePolicy(Decoder &d) {
  d.take("fractional");
  d.takeOneOf({"L2::evict_first", "L2::evict_last", "L2::evict_normal",
               "L2::evict_unchanged"});
  d.takeType();
  d.inst.d = d.destination(0, 8);
  d.inst.a = d.constant(0x12f0, 8);
  return d.emit(map1<uint64_t, uint64_t, [](uint64_t x) { return x; }>);
}

std::span<const Opcode> emulator::memoryOpcodes() {
  static const Opcode table[] = {
      {"ld", decodeMemory},
      {"st", decodeMemory},
      {"prefetch", decodePrefetch},
      {"createpolicy", decodePolicy},
  };
  return table;
}
