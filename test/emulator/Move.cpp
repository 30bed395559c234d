//===- Move.cpp - mov, cvta, mapa, clocks ---------------------------------===//
#include "Lanes.h"

#include <chrono>

using namespace ft;
using namespace ft::emulator;

template <typename T> static Flow move(Warp &w, const Inst &i, uint32_t mask) {
  T *d = w.lanes<T>(i.d);
  const T *a = w.lanes<T>(i.a);
  eachLane(mask, [=](uint32_t lane) { d[lane] = a[lane]; });
  return Flow::Next;
}
static Flow movePredicate(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t &d = w.predicate(i.d);
  d = (d & ~mask) | (w.predicate(i.a) & mask);
  return Flow::Next;
}

/// d = the parts of Inst::lists, the lowest first.
template <typename T, typename Part>
static Flow join(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *parts = &w.function->lists[i.list];
  eachLane(mask, [&](uint32_t lane) {
    T y = 0;
    for (uint32_t k = 0; k < i.count; ++k)
      y |= T(T(w.lanes<Part>(parts[k])[lane]) << (8 * sizeof(Part) * k));
    w.lanes<T>(i.d)[lane] = y;
  });
  return Flow::Next;
}
template <typename T, typename Part>
static Flow divide(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *parts = &w.function->lists[i.list];
  eachLane(mask, [&](uint32_t lane) {
    T x = w.lanes<T>(i.a)[lane];
    for (uint32_t k = 0; k < i.count; ++k)
      w.lanes<Part>(parts[k])[lane] = Part(x >> (8 * sizeof(Part) * k));
  });
  return Flow::Next;
}

static Flow paramAddress(Warp &w, const Inst &i, uint32_t mask) {
  uint64_t *d = w.lanes<uint64_t>(i.d);
  uint64_t address = reinterpret_cast<uint64_t>(w.engine().launch.paramBegin) +
                     uint64_t(i.imm);
  eachLane(mask, [=](uint32_t lane) { d[lane] = address; });
  return Flow::Next;
}

/// Something like time: it grows.
template <typename T> static Flow clock(Warp &w, const Inst &i, uint32_t mask) {
  T *d = w.lanes<T>(i.d);
  T now = T(w.engine().ticks += 16);
  eachLane(mask, [=](uint32_t lane) { d[lane] = now; });
  return Flow::Next;
}
template <typename T> static Flow timer(Warp &w, const Inst &i, uint32_t mask) {
  T *d = w.lanes<T>(i.d);
  T now = T(std::chrono::steady_clock::now().time_since_epoch().count());
  eachLane(mask, [=](uint32_t lane) { d[lane] = now; });
  return Flow::Next;
}
static Flow activeMask(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t *d = w.lanes<uint32_t>(i.d);
  eachLane(mask, [=](uint32_t lane) { d[lane] = mask; });
  return Flow::Next;
}

static Handler joinHandler(uint32_t whole, size_t parts, bool isJoin) {
  if (whole == 4 && parts == 2)
    return isJoin ? join<uint32_t, uint16_t> : divide<uint32_t, uint16_t>;
  if (whole == 8 && parts == 2)
    return isJoin ? join<uint64_t, uint32_t> : divide<uint64_t, uint32_t>;
  if (whole == 8 && parts == 4)
    return isJoin ? join<uint64_t, uint16_t> : divide<uint64_t, uint16_t>;
  return nullptr;
}

static Status decodeVectorMove(Decoder &d, uint32_t bytes) {
  const Operand &to = d.operand(0), &from = d.operand(1);
  bool isJoin = from.kind == Operand::Vector;
  const Operand &vector = isJoin ? from : to;
  uint32_t part = bytes / uint32_t(vector.parts.size());
  std::vector<uint32_t> parts;
  for (const Operand &o : vector.parts)
    parts.push_back(isJoin ? d.source(o, part) : d.destination(o, part));
  d.list(parts);
  if (isJoin)
    d.inst.d = d.destination(to, bytes);
  else
    d.inst.a = d.source(from, bytes);
  return d.emit(joinHandler(bytes, parts.size(), isJoin));
}

static Handler moveHandler(uint32_t bytes) {
  return bytes == 2   ? move<uint16_t>
         : bytes == 4 ? move<uint32_t>
         : bytes == 8 ? move<uint64_t>
                      : nullptr;
}

static Status decodeMove(Decoder &d) {
  std::string_view type = d.takeType();
  uint32_t bytes = typeBytes(type);
  const Operand &from = d.operand(1);
  if (d.operand(0).kind == Operand::Vector || from.kind == Operand::Vector)
    return decodeVectorMove(d, bytes);
  if (const Symbol *symbol = d.find(from.text);
      symbol && symbol->kind == Symbol::Param) {
    d.inst.imm = symbol->offset + from.offset;
    d.inst.d = d.destination(0, 8);
    return d.emit(paramAddress);
  }
  d.inst.d = d.destination(0, bytes);
  if (from.text == "%clock" || from.text == "%clock_hi")
    return d.emit(clock<uint32_t>);
  if (from.text == "%clock64")
    return d.emit(clock<uint64_t>);
  if (from.text == "%globaltimer")
    return d.emit(timer<uint64_t>);
  if (from.text == "%globaltimer_lo")
    return d.emit(timer<uint32_t>);
  d.inst.a = d.source(1, bytes, true);
  return d.emit(type == "pred" ? movePredicate : moveHandler(bytes));
}

static Status decodeActiveMask(Decoder &d) {
  d.takeType();
  d.inst.d = d.destination(0, 4);
  return d.emit(activeMask);
}

//===----------------------------------------------------------------------===//
// Address spaces
//===----------------------------------------------------------------------===//

static Flow fromShared(Warp &w, const Inst &i, uint32_t mask) {
  uint64_t *d = w.lanes<uint64_t>(i.d);
  const uint64_t *a = w.lanes<uint64_t>(i.a);
  eachLane(mask, [=](uint32_t lane) { d[lane] = a[lane] | kGenericShared; });
  return Flow::Next;
}
static Flow fromLocal(Warp &w, const Inst &i, uint32_t mask) {
  uint64_t *d = w.lanes<uint64_t>(i.d);
  const uint64_t *a = w.lanes<uint64_t>(i.a);
  eachLane(mask, [=](uint32_t lane) { d[lane] = a[lane] | kGenericLocal; });
  return Flow::Next;
}
static Flow toPlace(Warp &w, const Inst &i, uint32_t mask) {
  uint64_t *d = w.lanes<uint64_t>(i.d);
  const uint64_t *a = w.lanes<uint64_t>(i.a);
  eachLane(mask, [=](uint32_t lane) { d[lane] = a[lane] << 8 >> 8; });
  return Flow::Next;
}

static Status decodeConvertAddress(Decoder &d) {
  bool to = d.take("to");
  std::string_view space =
      d.takeOneOf({"global", "shared", "local", "const", "param", "shared::cta",
                   "shared::cluster"});
  if (d.takeType() != "u64")
    return d.unknown();
  const Operand &from = d.operand(1);
  if (const Symbol *symbol = d.find(from.text);
      symbol && symbol->kind == Symbol::Param) {
    d.inst.imm = symbol->offset + from.offset;
    d.inst.d = d.destination(0, 8);
    return d.emit(paramAddress);
  }
  d.inst.a = d.source(1, 8);
  d.inst.d = d.destination(0, 8);
  if (space.starts_with("shared"))
    return d.emit(to ? toPlace : fromShared);
  if (space == "local")
    return d.emit(to ? toPlace : fromLocal);
  return d.emit(move<uint64_t>);
}

/// The same place in another CTA of the cluster.
static Flow mapAddress(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = w.lanes<uint32_t>(i.a), *b = w.lanes<uint32_t>(i.b);
  uint32_t *d = w.lanes<uint32_t>(i.d);
  uint32_t count = uint32_t(w.cta->cluster->ctas.size());
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    if (b[lane] >= count)
      return w.fail(i, lane,
                    "CTA " + std::to_string(b[lane]) + " of a cluster of " +
                        std::to_string(count));
    d[lane] = (b[lane] + 1) << kRankShift | (a[lane] & kPlaceMask);
  }
  return Flow::Next;
}
static Status decodeMapAddress(Decoder &d) {
  if (!d.take("shared::cluster") || d.takeType() != "u32")
    return d.unknown();
  operands(d, 4, 2);
  return d.emit(mapAddress);
}

std::span<const Opcode> emulator::moveOpcodes() {
  static const Opcode table[] = {
      {"mov", decodeMove},
      {"cvta", decodeConvertAddress},
      {"mapa", decodeMapAddress},
      {"activemask", decodeActiveMask},
  };
  return table;
}
