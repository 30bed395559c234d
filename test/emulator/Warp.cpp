//===- Warp.cpp - how a warp's lanes go on --------------------------------===//
//
// Lanes at one instruction are a group. The group that is furthest behind runs
// first, so that lanes meet again behind a branch; now and then another one
// does, so that lanes may wait for each other.
//
//===----------------------------------------------------------------------===//
#include "Machine.h"

#include <algorithm>

using namespace ft;
using namespace ft::emulator;

Engine &Warp::engine() const { return *cta->cluster->engine; }

/// The first 24 are triples, in the order of the enumeration.
static uint32_t tripleValue(const Warp &w, uint32_t kind, uint32_t lane) {
  const Cta &cta = *w.cta;
  const LaunchShape &shape = cta.cluster->engine->launch.shape;
  const Dim3 &block = shape.block, &grid = shape.grid, &own = shape.cluster,
             &at = cta.index;
  uint32_t t = w.number * 32 + lane;
  const Dim3 triples[] = {
      {t % block.x, t / block.x % block.y, t / block.x / block.y},
      block,
      at,
      grid,
      {at.x % own.x, at.y % own.y, at.z % own.z},
      own,
      {at.x / own.x, at.y / own.y, at.z / own.z},
      {grid.x / own.x, grid.y / own.y, grid.z / own.z}};
  const Dim3 &d = triples[kind / 3];
  return kind % 3 == 0 ? d.x : kind % 3 == 1 ? d.y : d.z;
}

static uint32_t specialValue(const Warp &w, Special kind, uint32_t lane) {
  const Cta &cta = *w.cta;
  const Launch &launch = cta.cluster->engine->launch;
  switch (kind) {
  case Special::ClusterCtarank:
    return cta.rank;
  case Special::ClusterNctarank:
    return uint32_t(launch.shape.cluster.count());
  case Special::Laneid:
    return lane;
  case Special::Warpid:
    return w.number;
  case Special::Nwarpid:
    return uint32_t(launch.shape.block.count() + 31) / 32;
  case Special::Smid:
    return (cta.index.x + cta.index.y * launch.shape.grid.x) %
           launch.options.multiprocessors;
  case Special::Nsmid:
    return launch.options.multiprocessors;
  case Special::Gridid:
    return 1;
  case Special::DynamicSmemSize:
    return launch.shape.sharedBytes;
  case Special::TotalSmemSize:
    return cta.sharedBytes;
  case Special::LanemaskEq:
    return 1u << lane;
  case Special::LanemaskLt:
    return (1u << lane) - 1;
  case Special::LanemaskLe:
    return (2u << lane) - 1;
  case Special::LanemaskGt:
    return ~((2u << lane) - 1);
  case Special::LanemaskGe:
    return ~((1u << lane) - 1);
  default:
    return tripleValue(w, uint32_t(kind), lane);
  }
}

void Warp::begin(const Function &f, Cta &home, uint32_t which) {
  function = &f;
  cta = &home;
  number = which;
  storage.resize(f.registerBytes + 64);
  registers =
      storage.data() + 64 - reinterpret_cast<uint64_t>(storage.data()) % 64;
  std::memset(registers, 0xff, f.constantBegin); // a NaN, a wild address
  std::copy(f.constants.begin(), f.constants.end(),
            registers + f.constantBegin);
  for (const SpecialRegister &s : f.specials)
    for (uint32_t lane = 0; lane < 32; ++lane)
      lanes<uint32_t>(s.offset)[lane] = specialValue(*this, s.kind, lane);
  local.assign(size_t(f.localBytes) * 32, 0xff);
  uint32_t count = std::min(32u, home.threads - which * 32);
  live = count == 32 ? ~0u : (1u << count) - 1;
  groups[0] = {0, live, Group::Ready, 0, false};
  groupCount = 1;
  copies.reset();
  wgmma.reset();
  clusterArrived = false;
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

void Warp::split(uint32_t mask, uint32_t to) {
  active &= ~mask;
  groups[groupCount++] = {to, mask, Group::Ready, 0, false};
}

/// Groups at one instruction become one; empty ones go.
void Warp::merge() {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < groupCount; ++i) {
    Group g = groups[i];
    if (g.mask == 0)
      continue;
    bool merged = false;
    for (uint32_t j = 0; j < kept && g.state != Group::Parked && !merged; ++j)
      if (groups[j].pc == g.pc && groups[j].state != Group::Parked) {
        groups[j].mask |= g.mask;
        groups[j].state = Group::Ready;
        merged = true;
      }
    if (!merged)
      groups[kept++] = g;
  }
  groupCount = kept;
}

/// The group to run next, or -1.
int Warp::choose() {
  int best = -1;
  bool any = groupCount > 1 && engine().chance(16);
  for (uint32_t i = 0; i < groupCount; ++i) {
    const Group &g = groups[i];
    if (g.state == Group::Ready &&
        (best < 0 || (any ? engine().chance(2) : g.pc < groups[best].pc)))
      best = int(i);
  }
  for (uint32_t i = 0; i < groupCount && best < 0; ++i)
    if (groups[i].state == Group::Waiting && !groups[i].tried)
      best = int(i);
  return best;
}

bool Warp::run(uint32_t quantum) {
  bool progress = false;
  for (uint32_t i = 0; i < groupCount; ++i)
    groups[i].tried = false;
  while (quantum > 0 && groupCount > 0 && engine().error.empty()) {
    if (groupCount > 1)
      merge();
    int next = choose();
    if (next < 0)
      break;
    if (execute(groups[next], quantum)) {
      progress = true;
      for (uint32_t i = 0; i < groupCount; ++i)
        groups[i].tried = false;
    }
    if (groupCount == 1 && groups[0].mask == 0)
      groupCount = 0;
  }
  return progress;
}

/// Runs a group until it has to stop or meets another; false if it did not get
/// beyond its first instruction.
bool Warp::execute(Group &group, uint32_t &quantum) {
  pc = group.pc;
  active = group.mask;
  uint32_t meets = ~0u;
  for (uint32_t i = 0; i < groupCount; ++i)
    if (&groups[i] != &group && groups[i].state != Group::Parked &&
        groups[i].pc > pc)
      meets = std::min(meets, groups[i].pc);
  const Inst *code = function->code.data();
  bool progress = false;
  uint64_t executed = 0;
  group.state = Group::Ready;
  while (true) {
    const Inst &inst = code[pc];
    uint32_t mask = active;
    if (inst.guard)
      mask &= predicate(inst.guard) ^ inst.flip;
    Flow flow = Flow::Next;
    if (mask) {
      flow = inst.run(*this, inst, mask);
      executed += uint32_t(std::popcount(mask));
    }
    if (flow == Flow::Next) {
      progress = true;
      if (++pc == meets || --quantum == 0)
        break;
      continue;
    }
    if (flow == Flow::Jump && groupCount == 1) {
      progress = true;
      if (--quantum == 0)
        break;
      continue;
    }
    if (flow == Flow::Retry) {
      group.state = Group::Waiting;
      group.tried = true;
    } else {
      progress |= flow != Flow::Fail;
    }
    if (flow == Flow::Park) {
      group.state = Group::Parked;
      group.barrier = parkedAt;
    }
    break;
  }
  group.pc = pc;
  group.mask = active;
  engine().executed += executed;
  return progress;
}
