//===- Machine.h - warps, CTAs, clusters and what runs them -----*- C++ -*-===//
#ifndef FT_TEST_EMULATOR_MACHINE_H
#define FT_TEST_EMULATOR_MACHINE_H

#include "Async.h"
#include "Program.h"
#include "Races.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <mutex>
#include <unordered_map>

namespace ft::emulator {

struct Cta;
struct Cluster;
struct Engine;

enum class Space : uint8_t { Generic, Global, Shared, Cluster, Local };

/// Lanes of a warp that are at the same instruction.
struct Group {
  enum State : uint8_t {
    Ready,
    Waiting, // tries its instruction again
    Parked,  // until a barrier wakes it
  };
  uint32_t pc = 0, mask = 0;
  State state = Ready;
  uint8_t barrier = 0; // of a parked group
  bool tried = false;
};

/// Work that all lanes of a warp issued, and what they knew.
struct IssuedByWarp {
  ClockPtr known;
  Epoch self, issuer;
};

struct Warp {
  const Function *function = nullptr;
  Cta *cta = nullptr;
  uint32_t number = 0;
  uint8_t *registers = nullptr;
  uint32_t live = 0;           // lanes that have not ended
  uint32_t pc = 0, active = 0; // of the group that runs
  uint8_t parkedAt = 0;        // the barrier of Flow::Park

  std::array<Group, 33> groups;
  uint32_t groupCount = 0;

  AsyncCopies copies;
  WgmmaGroups wgmma;
  uint32_t clusterPhase = 0; // that its last cluster arrival belongs to
  bool clusterArrived = false;
  std::vector<uint8_t> storage, local;
  WarpClocks clocks;

  template <typename T> T *lanes(uint32_t offset) {
    return reinterpret_cast<T *>(registers + offset);
  }
  uint32_t &predicate(uint32_t offset) { return *lanes<uint32_t>(offset); }

  /// Registers, constants and special registers of the warp of `cta`.
  void begin(const Function &function, Cta &cta, uint32_t number);
  /// Executes about `quantum` instructions; false if no lane got further.
  bool run(uint32_t quantum);
  bool ended() const { return groupCount == 0; }
  /// Moves `mask` of the running group's lanes to a new group at `target`.
  void split(uint32_t mask, uint32_t target);

  Engine &engine() const;
  Flow fail(const Inst &inst, uint32_t lane, const std::string &what);
  Flow failAddress(const Inst &inst, uint32_t lane, uint64_t address,
                   uint32_t bytes, Space space);

  /// Host memory behind an address, null where it may not be accessed.
  uint8_t *global(uint64_t address, uint32_t bytes);
  uint8_t *shared(uint64_t address, uint32_t bytes, bool cluster);
  uint8_t *localAt(uint64_t address, uint32_t bytes, uint32_t lane);
  uint8_t *at(Space space, uint64_t address, uint32_t bytes, uint32_t lane);

  //===--------------------------------------------------------------------===//
  // Order.cpp: what orders accesses of shared memory, and which are not
  //===--------------------------------------------------------------------===//

  /// An access of what lies at `at` (host memory; nothing is done where it is
  /// not shared); false after an error.
  bool reads(const Inst &inst, uint32_t lane, const uint8_t *at, uint32_t bytes,
             bool strong = false);
  bool writes(const Inst &inst, uint32_t lane, const uint8_t *at,
              uint32_t bytes, bool strong = false);
  /// A store; several may store what is there already (`changes` = false).
  bool stores(const Inst &inst, uint32_t lane, const uint8_t *at,
              uint32_t bytes, bool changes);
  /// Of an mbarrier.
  bool initialises(const Inst &inst, uint32_t lane, const uint8_t *at);
  /// A lane arrives at an mbarrier; lanes have waited for a phase of it. False
  /// if its initialisation did not come before.
  bool arrives(const Inst &inst, uint32_t lane, const uint8_t *mbarrier,
               bool relaxed);
  bool waited(const Inst &inst, uint32_t mask, const uint8_t *mbarrier);
  /// Work that a lane issues, and what that will write; false after an error.
  bool issues(const Inst &inst, BulkCopy &copy, uint32_t lane);
  bool issues(const Inst &inst, const AsyncCopy &copy);
  /// A wgmma, which all lanes issue: its reads of pieces of 16 bytes of the own
  /// CTA's memory, `place` from 0; and its end.
  IssuedByWarp issuesWgmma(const Inst &inst);
  bool reads(const Inst &inst, const IssuedByWarp &who, uint32_t place);
  void waitedForCopies(uint32_t mask, uint32_t left);
  void waitedForWgmma(uint32_t left);
  /// Lanes of `mask` met at a barrier of the warp.
  void met(uint32_t mask);

private:
  void merge();
  int choose();
  bool execute(Group &group, uint32_t &quantum);

  uint64_t rangeBegin_ = 1, rangeBytes_ = 0; // of the last access
};

struct NamedBarrier {
  uint32_t expected = 0, arrived = 0; // threads, in whole warps
  Clock known = {};                   // by those that arrived
};

struct Cta {
  Cluster *cluster = nullptr;
  uint32_t rank = 0;
  Dim3 index;
  uint32_t threads = 0, liveThreads = 0, sharedBytes = 0;
  std::vector<uint8_t> shared; // from kSharedBase on
  std::array<NamedBarrier, 16> barriers;
  std::vector<std::unique_ptr<Warp>> warps;
  Shadow shadow;
  std::unordered_map<uint32_t, BarrierClocks> mbarriers; // by their place

  uint8_t *place(uint32_t address, uint32_t bytes);
  bool holds(const uint8_t *at) const {
    return uint64_t(at - shared.data()) < shared.size();
  }
  BarrierClocks &clocksOf(const uint8_t *mbarrier) {
    return mbarriers[uint32_t(mbarrier - shared.data())];
  }
  /// Wakes those who wait at a barrier that is complete, and `last`, which
  /// does not wait any more.
  void checkBarrier(uint32_t id, Warp *last = nullptr);
  uint32_t warpThreads() const; // of warps that have not ended
};

struct Cluster {
  Engine *engine = nullptr;
  std::vector<std::unique_ptr<Cta>> ctas;
  uint32_t arrived = 0, phase = 0;
  std::vector<BulkCopy> copies;
  Participants participants;
  BarrierClocks clocks;

  uint32_t liveThreads() const;
  /// Whose shared memory it is; null where it is none.
  Cta *owner(const uint8_t *at) const {
    for (const auto &cta : ctas)
      if (cta->holds(at))
        return cta.get();
    return nullptr;
  }
  void checkBarrier();
};

/// What all engines of a launch share; constant while it runs.
struct Launch {
  const Program *program;
  const Function *function;
  LaunchShape shape;
  LaunchOptions options;
  std::vector<uint8_t> params;
  std::vector<std::pair<uint64_t, size_t>> ranges = {}; // sorted
  uint8_t *paramBegin = nullptr;                        // in params
  /// Those of the options, run at most once by one of the engines.
  mutable std::mutex dependenciesMutex = {};
  mutable std::atomic<bool> dependenciesEnded{false};
  uint64_t clusterCount() const {
    return shape.grid.count() / shape.cluster.count();
  }
};

/// Runs resident clusters on one host thread.
struct Engine {
  Engine(const Launch &launch, uint64_t seed);

  const Launch &launch;
  uint64_t randomState;
  std::string error; // empty while all is well
  uint64_t ticks = 0;
  uint64_t executed = 0; // thread instructions

  uint32_t random() {
    randomState ^= randomState << 13;
    randomState ^= randomState >> 7;
    randomState ^= randomState << 17;
    return uint32_t(randomState >> 16);
  }
  bool chance(uint32_t oneIn) { return random() % oneIn == 0; }

  /// `next(n)` is the number of a cluster to run, or false.
  template <typename Next> void run(const Next &next) {
    std::vector<std::unique_ptr<Cluster>> resident;
    for (uint32_t i = 0; i < launch.options.residentClusters; ++i) {
      uint64_t number;
      if (!next(number))
        break;
      resident.push_back(std::make_unique<Cluster>());
      begin(*resident.back(), number);
    }
    while (!resident.empty() && error.empty()) {
      if (!step(resident) && !runDependencies())
        deadlock(resident);
      for (size_t i = 0; i < resident.size() && error.empty();) {
        if (!ended(*resident[i])) {
          ++i;
          continue;
        }
        uint64_t number;
        if (next(number))
          begin(*resident[i++], number);
        else
          resident.erase(resident.begin() + long(i));
      }
    }
  }

private:
  void begin(Cluster &cluster, uint64_t number);
  bool ended(Cluster &cluster);
  /// Some warp goes on, or something asynchronous completes.
  bool step(std::vector<std::unique_ptr<Cluster>> &resident);
  /// Runs what griddepcontrol.wait waits for; false if that has ended.
  bool runDependencies();
  void stopEndless();
  void deadlock(const std::vector<std::unique_ptr<Cluster>> &resident);

  std::vector<Warp *> order_;
};

/// `f(lane)` for the lanes of `mask`; all of them in a loop that vectorises.
template <typename F> inline void eachLane(uint32_t mask, const F &f) {
  if (mask == ~0u) {
#pragma GCC ivdep
    for (uint32_t lane = 0; lane < 32; ++lane)
      f(lane);
    return;
  }
  for (; mask; mask &= mask - 1)
    f(uint32_t(std::countr_zero(mask)));
}

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_MACHINE_H
