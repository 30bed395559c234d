//===- Barrier.cpp - bar, barrier, barrier.cluster ------------------------===//
//
// Barriers of a CTA count whole warps, as the hardware does; threads that have
// ended are not waited for where no count is given.
//
//===----------------------------------------------------------------------===//
#include "Lanes.h"

using namespace ft;
using namespace ft::emulator;

uint32_t Cta::warpThreads() const {
  uint32_t count = 0;
  for (const auto &warp : warps)
    count += warp->live ? 32 : 0;
  return count;
}

void Cta::checkBarrier(uint32_t id, Warp *last) {
  NamedBarrier &b = barriers[id];
  uint32_t expected = b.expected ? b.expected : warpThreads();
  if (b.arrived == 0 || b.arrived < expected)
    return;
  if (last)
    last->clocks.acquire(last->live, b.known);
  for (auto &warp : warps)
    for (uint32_t g = 0; g < warp->groupCount; ++g)
      if (Group &group = warp->groups[g];
          group.state == Group::Parked && group.barrier == id) {
        group.state = Group::Ready;
        warp->clocks.acquire(group.mask, b.known);
      }
  b = {};
}

/// a = barrier, b = threads (constant 0: all).
template <bool waits> static Flow meet(Warp &w, const Inst &i, uint32_t mask) {
  if (mask != w.live) // aligned: the whole warp
    return Flow::Retry;
  uint32_t lane = uint32_t(std::countr_zero(mask));
  uint32_t id = w.lanes<uint32_t>(i.a)[lane],
           threads = w.lanes<uint32_t>(i.b)[lane];
  if (id > 15 || threads % 32)
    return w.fail(i, lane,
                  "barrier " + std::to_string(id) + " of " +
                      std::to_string(threads) + " threads");
  NamedBarrier &b = w.cta->barriers[id];
  if (b.arrived > 0 && b.expected != threads)
    return w.fail(i, lane,
                  "barrier " + std::to_string(id) + " of " +
                      std::to_string(threads) + " threads, of " +
                      std::to_string(b.expected) + " for those before");
  b.expected = threads;
  b.arrived += 32;
  if (threads && b.arrived > threads)
    return w.fail(i, lane, "more threads than the barrier counts");
  w.clocks.release(mask, b.known);
  w.cta->checkBarrier(id, waits ? &w : nullptr);
  if (!waits || b.arrived == 0)
    return Flow::Next;
  ++w.pc;
  w.parkedAt = uint8_t(id);
  return Flow::Park;
}

static Flow meetWarp(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *named = w.lanes<uint32_t>(i.a);
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    if (!(named[lane] >> lane & 1))
      return w.fail(i, lane, "its mask leaves the lane out");
    if (named[lane] & w.live & ~mask)
      return Flow::Retry;
  }
  for (uint32_t m = mask; m;) {
    uint32_t together = named[std::countr_zero(m)] & mask;
    w.met(together);
    m &= ~together;
  }
  return Flow::Next;
}

//===----------------------------------------------------------------------===//
// Clusters
//===----------------------------------------------------------------------===//

uint32_t Cluster::liveThreads() const {
  uint32_t count = 0;
  for (const auto &cta : ctas)
    count += cta->liveThreads;
  return count;
}

void Cluster::checkBarrier() {
  if (arrived == 0 || arrived < liveThreads())
    return;
  arrived = 0;
  ++phase;
  clocks.complete();
}

static Flow arriveCluster(Warp &w, const Inst &i, uint32_t mask) {
  if (mask != w.live)
    return Flow::Retry;
  if (w.clusterArrived)
    return w.fail(i, uint32_t(std::countr_zero(mask)),
                  "arrives twice without waiting");
  Cluster &cluster = *w.cta->cluster;
  w.clusterArrived = true;
  w.clusterPhase = cluster.phase;
  cluster.arrived += uint32_t(std::popcount(mask));
  i.target ? w.clocks.releaseReads(mask, cluster.clocks.pending)
           : w.clocks.release(mask, cluster.clocks.pending);
  cluster.checkBarrier();
  return Flow::Next;
}
static Flow waitCluster(Warp &w, const Inst &i, uint32_t mask) {
  if (mask != w.live)
    return Flow::Retry;
  if (!w.clusterArrived)
    return w.fail(i, uint32_t(std::countr_zero(mask)),
                  "waits without having arrived");
  if (w.cta->cluster->phase == w.clusterPhase)
    return Flow::Retry;
  w.clusterArrived = false;
  w.clocks.acquire(mask, w.cta->cluster->clocks.done);
  return Flow::Next;
}

static Status decodeBarrier(Decoder &d) {
  if (d.take("cluster")) {
    bool arrive = d.takeOneOf({"arrive", "wait"}) == "arrive";
    d.inst.target = d.takeOneOf({"release", "acquire", "relaxed"}) == "relaxed";
    d.take("aligned");
    return d.emit(arrive ? arriveCluster : waitCluster);
  }
  if (d.take("warp")) {
    d.take("sync");
    d.inst.a = d.source(0, 4);
    return d.emit(meetWarp);
  }
  d.take("cta");
  d.take("aligned");
  std::string_view kind = d.takeOneOf({"sync", "arrive"});
  d.inst.a = d.source(0, 4);
  d.inst.b = d.operandCount() > 1 ? d.source(1, 4) : d.constant(0, 4);
  return d.emit(kind == "sync"     ? meet<true>
                : kind == "arrive" ? meet<false>
                                   : nullptr);
}

std::span<const Opcode> emulator::barrierOpcodes() {
  static const Opcode table[] = {{"bar", decodeBarrier},
                                 {"barrier", decodeBarrier}};
  return table;
}
