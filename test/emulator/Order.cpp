//===- Order.cpp - what orders accesses of shared memory ------------------===//
#include "Machine.h"

using namespace ft;
using namespace ft::emulator;

/// Says which access is in the way; true if none is.
static bool check(Warp &w, const Inst &i, uint32_t lane, bool write,
                  const uint8_t *at, const Cta &cta, const Epoch *other) {
  if (!other)
    return true;
  char place[32];
  std::snprintf(place, sizeof place, "0x%llx",
                static_cast<unsigned long long>(at - cta.shared.data()) +
                    kSharedBase);
  w.fail(i, lane,
         std::string("a race: ") + (write ? "writes" : "reads") +
             " shared memory at " + place + ", which " +
             w.cta->cluster->participants.name(*other) +
             " accesses at PTX line " + std::to_string(other->line) + " `" +
             w.engine().launch.program->line(other->line) + "`, and " +
             (other->unfenced ? "no fence.proxy.async is between the two"
                              : "nothing orders the two"));
  return false;
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

/// Mostly its own CTA's; null where it is not shared memory.
static Cta *homeOf(Warp &w, const uint8_t *at) {
  return w.cta->holds(at) ? w.cta : w.cta->cluster->owner(at);
}

bool Warp::reads(const Inst &i, uint32_t lane, const uint8_t *at,
                 uint32_t bytes, bool strong) {
  Cta *home = homeOf(*this, at);
  if (!home)
    return true;
  return check(*this, i, lane, false, at, *home,
               home->shadow.read(uint32_t(at - home->shared.data()), bytes,
                                 clocks.read(lane, i.line, strong)));
}
bool Warp::writes(const Inst &i, uint32_t lane, const uint8_t *at,
                  uint32_t bytes, bool strong) {
  Cta *home = homeOf(*this, at);
  if (!home)
    return true;
  return check(*this, i, lane, true, at, *home,
               home->shadow.write(uint32_t(at - home->shared.data()), bytes,
                                  clocks.write(lane, i.line, strong)));
}
bool Warp::stores(const Inst &i, uint32_t lane, const uint8_t *at,
                  uint32_t bytes, bool changes) {
  if (changes)
    return writes(i, lane, at, bytes, i.target);
  Cta *home = homeOf(*this, at);
  if (home)
    home->shadow.writeSame(uint32_t(at - home->shared.data()), bytes,
                           clocks.write(lane, i.line, false));
  return true;
}
bool Warp::initialises(const Inst &i, uint32_t lane, const uint8_t *at) {
  cta->clocksOf(at) = {};
  return check(*this, i, lane, true, at, *cta,
               cta->shadow.write(uint32_t(at - cta->shared.data()), 8,
                                 clocks.init(lane, i.line)));
}

void Warp::met(uint32_t mask) {
  Clock all;
  clocks.release(mask, all);
  clocks.acquire(mask, all);
}

//===----------------------------------------------------------------------===//
// mbarriers
//===----------------------------------------------------------------------===//

static bool uses(Warp &w, const Inst &i, uint32_t lane, Cta &home,
                 const uint8_t *mbarrier) {
  return check(w, i, lane, false, mbarrier, home,
               home.shadow.use(uint32_t(mbarrier - home.shared.data()), 8,
                               w.clocks.read(lane, i.line, false)));
}

bool Warp::arrives(const Inst &i, uint32_t lane, const uint8_t *mbarrier,
                   bool relaxed) {
  Cta &home = *cta->cluster->owner(mbarrier);
  Clock &pending = home.clocksOf(mbarrier).pending;
  if (!uses(*this, i, lane, home, mbarrier))
    return false;
  relaxed ? clocks.releaseReads(1u << lane, pending)
          : clocks.release(1u << lane, pending);
  return true;
}

bool Warp::waited(const Inst &i, uint32_t mask, const uint8_t *mbarrier) {
  Cta &home = *cta->cluster->owner(mbarrier);
  const Clock *last = nullptr; // lanes that know the same need not be asked
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    const Clock *known = clocks.known(lane).get();
    if (known != last && !uses(*this, i, lane, home, mbarrier))
      return false;
    last = known;
  }
  clocks.acquire(mask, home.clocksOf(mbarrier).done);
  return true;
}

//===----------------------------------------------------------------------===//
// Work that completes later
//===----------------------------------------------------------------------===//

bool Warp::issues(const Inst &i, BulkCopy &copy, uint32_t lane) {
  Cluster &cluster = *cta->cluster;
  copy.self = cluster.participants.copy(i.line);
  copy.self.async = !copy.ofValues; // st.async is not of the proxy
  ClockPtr known = clocks.known(lane);
  Epoch issuer = clocks.issue(1u << lane);
  Accessor who{known.get(), copy.self, issuer, cluster.participants.readRow()};
  if (copy.ofValues)
    copy.known = known, copy.issuer = issuer;
  for (uint32_t rank = 0; rank < cluster.ctas.size(); ++rank) {
    Cta &to = *cluster.ctas[rank];
    uint32_t place = copy.target - kSharedBase;
    if (copy.ctas >> rank & 1 &&
        !check(*this, i, lane, true, to.shared.data() + place, to,
               to.shadow.write(place, copy.bytes, who)))
      return false;
  }
  return true;
}

/// A lane's group of copies is a time of its participant.
bool Warp::issues(const Inst &i, const AsyncCopy &copy) {
  const Participants &all = cta->cluster->participants;
  ClockPtr known = clocks.known(copy.lane);
  Epoch self{1u << copy.lane, copy.group + 1, i.line,
             uint16_t(all.asyncRow() + clocks.row())};
  Accessor who{known.get(), self, clocks.issue(1u << copy.lane), all.readRow()};
  return check(*this, i, copy.lane, true, copy.to, *cta,
               cta->shadow.write(uint32_t(copy.to - cta->shared.data()),
                                 copy.bytes, who));
}
void Warp::waitedForCopies(uint32_t mask, uint32_t left) {
  uint32_t row = cta->cluster->participants.asyncRow() + clocks.row();
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    if (uint32_t groups = copies.committed[lane]; groups > left)
      clocks.acquire(1u << lane, row, lane, groups - left);
  }
}

IssuedByWarp Warp::issuesWgmma(const Inst &i) {
  uint32_t row = cta->cluster->participants.wgmmaRow() + clocks.row();
  Epoch self{1, wgmma.committed + 1, i.line, uint16_t(row)};
  self.async = true;
  ClockPtr known = clocks.together();
  return {known, self, clocks.issue(~0u)};
}
bool Warp::reads(const Inst &i, const IssuedByWarp &issued, uint32_t place) {
  Accessor who{issued.known.get(), issued.self, issued.issuer,
               cta->cluster->participants.readRow()};
  return check(*this, i, 0, false, cta->shared.data() + place, *cta,
               cta->shadow.read(place, 16, who));
}
void Warp::waitedForWgmma(uint32_t left) {
  if (wgmma.committed <= left)
    return;
  uint32_t row = cta->cluster->participants.wgmmaRow() + clocks.row();
  clocks.acquire(~0u, row, 0, wgmma.committed - left);
}
