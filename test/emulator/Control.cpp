//===- Control.cpp - branches, ends, what needs no doing ------------------===//
#include "Lanes.h"

using namespace ft;
using namespace ft::emulator;

static Flow branch(Warp &w, const Inst &i, uint32_t mask) {
  if (mask == w.active) {
    w.pc = i.target;
    return Flow::Jump;
  }
  ++w.pc;
  w.split(mask, i.target);
  return Flow::Split;
}

static Status decodeBranch(Decoder &d) {
  d.take("uni");
  d.target(d.operand(0).text);
  return d.emit(branch);
}

static Flow indexedBranch(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *index = w.lanes<uint32_t>(i.a);
  const uint32_t *targets = &w.function->lists[i.list];
  uint32_t rest = mask;
  if (mask != w.active)
    ++w.pc;
  while (rest) {
    uint32_t lane = uint32_t(std::countr_zero(rest)), same = 0;
    if (index[lane] >= i.count)
      return w.fail(i, lane, "a branch to no target");
    for (uint32_t m = rest; m; m &= m - 1) {
      uint32_t other = uint32_t(std::countr_zero(m));
      same |= uint32_t(index[other] == index[lane]) << other;
    }
    if (same == w.active) { // the last ones
      w.pc = targets[index[lane]];
      return Flow::Jump;
    }
    w.split(same, targets[index[lane]]);
    rest &= ~same;
  }
  return Flow::Split;
}
static Status decodeIndexedBranch(Decoder &d) {
  d.take("idx");
  d.take("uni");
  d.inst.a = d.source(0, 4);
  if (!d.targets(d.operand(1).text))
    return d.wrong("unknown targets");
  return d.emit(indexedBranch);
}

static Flow endThreads(Warp &w, const Inst &, uint32_t mask) {
  Cta &cta = *w.cta;
  w.live &= ~mask;
  w.active &= ~mask;
  ++w.pc;
  cta.liveThreads -= uint32_t(std::popcount(mask));
  if (w.live == 0)
    for (uint32_t id = 0; id < cta.barriers.size(); ++id)
      cta.checkBarrier(id);
  cta.cluster->checkBarrier();
  return Flow::Exit;
}

static Status decodeReturn(Decoder &d) {
  d.take("uni");
  if (!d.inlined() || d.opcode() == "exit")
    return d.emit(endThreads);
  d.target(kReturn);
  return d.emit(branch);
}

Status Decoder::emitExit() {
  inst = {};
  inst.line = statement_ ? statement_->line : 0;
  modifiers_ = {"exit"};
  return emit(endThreads);
}

static Flow trap(Warp &w, const Inst &i, uint32_t mask) {
  return w.fail(i, uint32_t(std::countr_zero(mask)), "the kernel traps");
}
static Status decodeTrap(Decoder &d) { return d.emit(trap); }

static Flow nothing(Warp &, const Inst &, uint32_t) { return Flow::Next; }

/// Until the kernel in front has ended.
static Flow waitDependencies(Warp &w, const Inst &, uint32_t) {
  return w.engine().launch.dependenciesEnded ? Flow::Next : Flow::Retry;
}
static Status decodeDependencies(Decoder &d) {
  bool waits = d.takeOneOf({"wait", "launch_dependents"}) == "wait";
  return d.emit(waits ? waitDependencies : nothing);
}

static Flow fenceProxy(Warp &w, const Inst &, uint32_t mask) {
  w.clocks.fenceProxy(mask);
  return Flow::Next;
}

/// What the lanes initialised may be told by a relaxed arrival.
static Flow fenceInits(Warp &w, const Inst &, uint32_t mask) {
  w.clocks.fenceInits(mask);
  return Flow::Next;
}

/// Order and time: all memory is one.
static Status decodeNothing(Decoder &d) {
  bool proxy = d.has("proxy") && d.has("async");
  bool inits = d.has("mbarrier_init");
  for (std::string_view modifier : {"inc",
                                    "dec",
                                    "sync",
                                    "aligned",
                                    "u32", // setmaxnreg, nanosleep
                                    "cta",
                                    "gl",
                                    "sys",
                                    "gpu",
                                    "cluster", // membar, fence
                                    "sc",
                                    "acq_rel",
                                    "acquire",
                                    "release",
                                    "mbarrier_init",
                                    "proxy",
                                    "alias",
                                    "async",
                                    "async::generic",
                                    "global",
                                    "shared::cta",
                                    "shared::cluster",
                                    "tensormap::generic",
                                    "sync_restrict::shared::cta",
                                    "sync_restrict::shared::cluster"})
    d.take(modifier);
  return d.emit(proxy ? fenceProxy : inits ? fenceInits : nothing);
}

std::span<const Opcode> emulator::controlOpcodes() {
  static const Opcode table[] = {
      {"bra", decodeBranch},         {"brx", decodeIndexedBranch},
      {"ret", decodeReturn},         {"exit", decodeReturn},
      {"trap", decodeTrap},          {"griddepcontrol", decodeDependencies},
      {"setmaxnreg", decodeNothing}, {"nanosleep", decodeNothing},
      {"membar", decodeNothing},     {"fence", decodeNothing},
  };
  return table;
}
