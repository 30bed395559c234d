//===- Mbarrier.cpp - barriers in shared memory ---------------------------===//
#include "Lanes.h"

using namespace ft;
using namespace ft::emulator;

void emulator::checkPhase(Cta &home, Mbarrier &barrier) {
  if (barrier.pending != 0 || barrier.bytes != Mbarrier::kNoBytes)
    return;
  barrier.pending = barrier.count;
  barrier.phase ^= 1;
  home.clocksOf(reinterpret_cast<const uint8_t *>(&barrier)).complete();
}

/// The barrier that lane `lane` means; null and an error if there is none.
static Mbarrier *barrierOf(Warp &w, const Inst &i, uint32_t lane,
                           bool uninitialised = false) {
  const uint32_t *base = w.lanes<uint32_t>(i.a);
  uint32_t address = base[lane] + uint32_t(i.imm);
  Space space = Space(i.target);
  uint8_t *at = w.at(space, address, 8, lane);
  if (!at) {
    w.failAddress(i, lane, address, 8, space);
    return nullptr;
  }
  auto *barrier = reinterpret_cast<Mbarrier *>(at);
  if (!uninitialised && !barrier->valid()) {
    w.fail(i, lane, "there is no initialised barrier");
    return nullptr;
  }
  return barrier;
}

static Flow init(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *count = w.lanes<uint32_t>(i.b);
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    Mbarrier *b = barrierOf(w, i, lane, true);
    if (!b)
      return Flow::Fail;
    if (count[lane] == 0 || count[lane] >= 1u << 20)
      return w.fail(
          i, lane, "a barrier of " + std::to_string(count[lane]) + " arrivals");
    const auto *at = reinterpret_cast<const uint8_t *>(b);
    if (!w.initialises(i, lane, at))
      return Flow::Fail;
    *b = {count[lane], count[lane], Mbarrier::kNoBytes, 0, Mbarrier::kTag};
  }
  return Flow::Next;
}
static Flow invalidate(Warp &w, const Inst &i, uint32_t mask) {
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    Mbarrier *b = barrierOf(w, i, lane);
    if (!b || !w.writes(i, lane, reinterpret_cast<const uint8_t *>(b), 8))
      return Flow::Fail;
    b->tag = 0;
  }
  return Flow::Next;
}

/// Expects b bytes (if `expects`), then arrives c times (if `arrives`).
template <bool expects, bool arrives>
static Flow arrive(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *bytes = w.lanes<uint32_t>(i.b),
                 *count = w.lanes<uint32_t>(i.c);
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    Mbarrier *b = barrierOf(w, i, lane);
    if (!b)
      return Flow::Fail;
    if (i.d) {
      uint64_t before;
      std::memcpy(&before, b, 8);
      w.lanes<uint64_t>(i.d)[lane] = before;
    }
    if constexpr (expects) {
      if (bytes[lane] + uint64_t(b->bytes) >= 2 * Mbarrier::kNoBytes)
        return w.fail(i, lane, "more bytes than a barrier can expect");
      b->bytes += bytes[lane];
    }
    if constexpr (arrives) {
      if (b->pending < count[lane])
        return w.fail(i, lane,
                      "more arrivals than the barrier counts: " +
                          std::to_string(b->pending) + " were missing");
      b->pending -= count[lane];
      const auto *at = reinterpret_cast<const uint8_t *>(b);
      if (!w.arrives(i, lane, at, i.count == 1))
        return Flow::Fail;
      checkPhase(*w.cta->cluster->owner(at), *b);
    }
  }
  return Flow::Next;
}

/// Lanes whose phase is complete know what its arrivals knew.
static bool haveWaited(Warp &w, const Inst &i, uint32_t done) {
  const uint32_t *base = w.lanes<uint32_t>(i.a);
  for (uint32_t m = done; m;) {
    uint32_t lane = uint32_t(std::countr_zero(m)), same = 0;
    for (uint32_t other = m; other; other &= other - 1)
      if (base[std::countr_zero(other)] == base[lane])
        same |= other & -other;
    if (!w.waited(i, same, reinterpret_cast<uint8_t *>(barrierOf(w, i, lane))))
      return false;
    m &= ~same;
  }
  return true;
}

/// Whether a phase is complete: that of parity b, or that of the state b.
template <bool parity, bool blocks>
static Flow wait(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t done = 0;
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    Mbarrier *b = barrierOf(w, i, lane);
    if (!b)
      return Flow::Fail;
    uint64_t phase;
    if constexpr (parity) {
      phase = w.lanes<uint32_t>(i.b)[lane];
      if (phase > 1)
        return w.fail(i, lane, "a parity is 0 or 1");
    } else {
      Mbarrier state;
      std::memcpy(static_cast<void *>(&state), &w.lanes<uint64_t>(i.b)[lane],
                  8);
      phase = state.phase;
    }
    done |= uint32_t(b->phase != phase) << lane;
  }
  if (!haveWaited(w, i, done))
    return Flow::Fail;
  if (blocks && done == 0)
    return Flow::Retry;
  Flow flow = Flow::Next;
  if (uint32_t rest = mask & ~done; blocks && rest) {
    // Those that may go on do so; the others stay here.
    w.split(rest, w.pc++);
    mask = done;
    flow = Flow::Split;
  }
  uint32_t &d = w.predicate(i.d);
  d = (d & ~mask) | done;
  return flow;
}

/// Inst::target: the space, Inst::count: 1 if relaxed.
static void takeScope(Decoder &d) {
  d.inst.count =
      d.takeOneOf({"acquire", "release", "relaxed"}) == "relaxed" ? 1 : 0;
  Space space = d.take("shared::cluster") ? Space::Cluster : Space::Shared;
  d.takeOneOf({"shared", "shared::cta"});
  d.takeOneOf({"cta", "cluster"});
  d.take("b64");
  d.inst.target = uint32_t(space);
}

static Status decodeArrive(Decoder &d) {
  bool expects = d.take("expect_tx");
  takeScope(d);
  bool narrow = true;
  d.inst.b = expects ? d.source(2, 4) : 0;
  d.inst.c =
      !expects && d.operandCount() > 2 ? d.source(2, 4) : d.constant(1, 4);
  d.inst.d = d.destination(0, 8);
  d.address(d.operand(1), narrow);
  return d.emit(!narrow   ? nullptr
                : expects ? arrive<true, true>
                          : arrive<false, true>);
}

static Status decodeWait(Decoder &d, bool blocks) {
  bool parity = d.take("parity");
  takeScope(d);
  bool narrow = true;
  d.inst.b = d.source(2, parity ? 4 : 8);
  d.inst.d = d.destination(0, 0);
  d.address(d.operand(1), narrow);
  if (!narrow)
    return d.unknown();
  if (blocks)
    return d.emit(parity ? wait<true, true> : wait<false, true>);
  return d.emit(parity ? wait<true, false> : wait<false, false>);
}

static Status decodeMbarrier(Decoder &d) {
  std::string_view kind =
      d.takeOneOf({"init", "inval", "arrive", "test_wait", "try_wait"});
  if (kind == "arrive")
    return decodeArrive(d);
  if (kind == "test_wait" || kind == "try_wait")
    return decodeWait(d, kind == "try_wait");
  bool narrow = true, expects = kind.empty() && d.take("expect_tx");
  takeScope(d);
  if (kind != "inval")
    d.inst.b = d.source(1, 4);
  d.address(d.operand(0), narrow);
  return d.emit(!narrow           ? nullptr
                : kind == "init"  ? init
                : kind == "inval" ? invalidate
                : expects         ? arrive<true, false>
                                  : nullptr);
}

std::span<const Opcode> emulator::mbarrierOpcodes() {
  static const Opcode table[] = {{"mbarrier", decodeMbarrier}};
  return table;
}
