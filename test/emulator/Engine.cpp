//===- Engine.cpp - clusters, turns, deadlocks ----------------------------===//
#include "Machine.h"

#include <algorithm>
#include <map>

using namespace ft;
using namespace ft::emulator;

Engine::Engine(const Launch &launch, uint64_t seed)
    : launch(launch), randomState(seed * 0x9e3779b97f4a7c15 + 0x1234567) {
  for (int i = 0; i < 8; ++i)
    random();
}

/// The order of clusters: scattered over the grid, each once.
static uint64_t scatter(uint64_t number, uint64_t count, uint64_t seed) {
  if (count < 3)
    return number;
  uint64_t step = (seed * 7919 + 1) % count;
  auto divides = [&](uint64_t s) {
    uint64_t a = s, b = count;
    while (b)
      std::swap(a %= b, b);
    return a != 1;
  };
  while (step == 0 || divides(step))
    step = (step + 1) % count;
  return uint64_t((static_cast<unsigned __int128>(number) * step + seed) %
                  count);
}

void Engine::begin(Cluster &cluster, uint64_t number) {
  const LaunchShape &s = launch.shape;
  number = scatter(number, launch.clusterCount(), launch.options.seed);
  uint32_t across = s.grid.x / s.cluster.x, down = s.grid.y / s.cluster.y;
  Dim3 first{uint32_t(number % across) * s.cluster.x,
             uint32_t(number / across % down) * s.cluster.y,
             uint32_t(number / across / down) * s.cluster.z};
  cluster.engine = this;
  cluster.arrived = cluster.phase = 0;
  cluster.copies.clear();
  cluster.ctas.resize(s.cluster.count());
  uint32_t warps = uint32_t(s.block.count() + 31) / 32;
  cluster.participants = {warps, uint32_t(cluster.ctas.size())};
  cluster.clocks = {};
  auto nothing = std::make_shared<Clock>(cluster.participants.count());
  for (uint32_t rank = 0; rank < cluster.ctas.size(); ++rank) {
    if (!cluster.ctas[rank])
      cluster.ctas[rank] = std::make_unique<Cta>();
    Cta &cta = *cluster.ctas[rank];
    cta.cluster = &cluster;
    cta.rank = rank;
    cta.index = {first.x + rank % s.cluster.x,
                 first.y + rank / s.cluster.x % s.cluster.y,
                 first.z + rank / s.cluster.x / s.cluster.y};
    cta.threads = cta.liveThreads = uint32_t(s.block.count());
    cta.sharedBytes =
        launch.function->dynamicShared - kSharedBase + s.sharedBytes;
    cta.shared.assign(cta.sharedBytes, 0xff); // NaN in every type
    cta.barriers = {};
    cta.shadow.reset(cta.sharedBytes);
    cta.mbarriers.clear();
    cta.warps.resize(warps);
    for (uint32_t w = 0; w < cta.warps.size(); ++w) {
      if (!cta.warps[w])
        cta.warps[w] = std::make_unique<Warp>();
      cta.warps[w]->begin(*launch.function, cta, w);
      cta.warps[w]->clocks.reset(nothing, cluster.participants,
                                 rank * warps + w, cta.warps[w]->live);
    }
  }
}

/// Whether all threads have; an error if copies into the cluster are under way.
bool Engine::ended(Cluster &cluster) {
  if (cluster.liveThreads() > 0)
    return false;
  for (const BulkCopy &copy : cluster.copies)
    if (error.empty())
      error = "kernel " + launch.function->info.name +
              ": a CTA ended while the copy of PTX line " +
              std::to_string(copy.line) + " to its shared memory was under way";
  return true;
}

bool Engine::step(std::vector<std::unique_ptr<Cluster>> &resident) {
  order_.clear();
  size_t copies = 0;
  for (const auto &cluster : resident) {
    copies += cluster->copies.size();
    for (const auto &cta : cluster->ctas)
      for (const auto &warp : cta->warps)
        if (!warp->ended())
          order_.push_back(warp.get());
  }
  if (executed > launch.options.instructionLimit)
    return stopEndless(), true;
  auto completeSome = [&] {
    size_t which = random() % copies;
    for (const auto &cluster : resident) {
      if (which < cluster->copies.size())
        return completeBulkCopy(*cluster, uint32_t(which)), true;
      which -= cluster->copies.size();
    }
    return false;
  };
  if (copies > 0 && chance(4))
    return completeSome();
  size_t first = order_.empty() ? 0 : random() % order_.size();
  for (size_t i = 0; i < order_.size(); ++i) {
    Warp &warp = *order_[(first + i) % order_.size()];
    if (!warp.copies.pending.empty() && chance(8))
      warp.copies.completeOne(random() % uint32_t(warp.copies.pending.size()));
    // Mostly long turns, now and then a very short one.
    uint32_t turn = chance(4) ? 1 + random() % 32 : 256 + random() % 2048;
    if (warp.run(turn) || !error.empty())
      return true;
  }
  return copies > 0 && completeSome();
}

bool Engine::runDependencies() {
  std::lock_guard<std::mutex> lock(launch.dependenciesMutex);
  if (launch.dependenciesEnded)
    return false;
  Status status = launch.options.dependencies();
  if (!status.ok())
    error = status.message();
  launch.dependenciesEnded = true;
  return true;
}

void Engine::stopEndless() {
  error = "kernel " + launch.function->info.name + ": no end after " +
          std::to_string(executed) + " thread instructions";
}

void Engine::deadlock(const std::vector<std::unique_ptr<Cluster>> &resident) {
  std::map<std::string, std::pair<uint32_t, std::string>> places;
  for (const auto &cluster : resident)
    for (const auto &cta : cluster->ctas)
      for (const auto &warp : cta->warps)
        for (uint32_t g = 0; g < warp->groupCount; ++g) {
          const Group &group = warp->groups[g];
          // A parked group stands behind its barrier.
          uint32_t pc = group.pc - (group.state == Group::Parked);
          uint32_t line = warp->function->code[pc].line;
          auto &[count, text] = places["PTX line " + std::to_string(line) +
                                       " `" + launch.program->line(line) + "`"];
          count += uint32_t(std::popcount(group.mask));
          if (text.size() < 60)
            text += (text.empty() ? "" : ", ") + std::string("CTA ") +
                    std::to_string(cta->index.x) + "/" +
                    std::to_string(cta->index.y) + "/" +
                    std::to_string(cta->index.z) + " warp " +
                    std::to_string(warp->number);
        }
  error = "kernel " + launch.function->info.name +
          ": deadlock, no thread can go on:";
  for (const auto &[place, who] : places)
    error += " " + std::to_string(who.first) + " threads wait at " + place +
             " (" + who.second + ");";
  error.pop_back();
}
