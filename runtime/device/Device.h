//===- Device.h - where plans run -------------------------------*- C++ -*-===//
//
// A Device owns memory and one execution stream and turns a plan's program into
// an Executable. `cpu` executes meanings, `cuda` launches kernels. All calls on
// one Device come from one thread at a time; work is enqueued in order and is
// complete only after copyOut or synchronize.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_DEVICE_DEVICE_H
#define FT_RUNTIME_DEVICE_DEVICE_H

#include "runtime/base/Status.h"
#include "runtime/comm/Communicator.h"
#include "runtime/device/TokenFeed.h"
#include "runtime/plan/Plan.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace ft {

namespace plan {
class PlanFile;
}

/// Upper bounds chosen at load, in the order of Plan::axes, and the width of
/// the page table. Every array of the batch block has room for them.
struct Bounds {
  std::vector<int64_t> axes;
  int64_t pageColumns = 0;
};

/// Byte offsets of the batch block's fields (runtime/plan/Batch.h), the same on
/// every device; computed by makeBatchLayout.
struct BatchLayout {
  int64_t counts = 0;
  /// Per Entry::sequences: positions, sequence_ids, cu_tokens, kv_lengths,
  /// page_table, packs (-1 where no implementation of the entry reads them).
  struct Sequences {
    int64_t positions = 0, sequenceIds = 0, cuTokens = 0, kvLengths = 0,
            pageTable = 0, packs = -1;
  };
  std::vector<Sequences> sequences;
  int64_t rows = 0;
  int64_t sampling = -1;       // records; -1 where the entry does not sample
  int64_t samplingSlot = 0;    // bytes of a state slot; 0 likewise
  std::vector<int64_t> inputs; // per Entry::inputs (roles Mask: -1)
  int64_t bytes = 0;           // of the whole block
};
BatchLayout makeBatchLayout(const plan::Plan &plan, const plan::Entry &entry,
                            const Bounds &bounds);

/// Everything a program's references resolve to. Device addresses; owned by
/// the caller, valid and unmoved for the Executable's life.
struct Binding {
  Bounds bounds;
  BatchLayout layout;
  std::byte *arena = nullptr;
  std::byte *batch = nullptr;
  std::byte *workspace = nullptr; // zeroed before the first run
  /// State slots (runtime/plan/Sampling.h), as many as the bound of sequences;
  /// null if no entry samples.
  std::byte *samplingState = nullptr;
  std::vector<std::byte *> weights; // by Plan::weights, views resolved
  std::vector<std::vector<std::byte *>>
      caches;                           // [cache][plane], layer 0 page 0
  int64_t cachePages = 0;               // pages per layer and plane
  const plan::Tuning *tuning = nullptr; // of this device; null or longer-lived
  Communicator *communicator = nullptr; // of a plan for several ranks
  std::byte *exchange = nullptr;        // exchangeBytes, for collectives
  TokenFeed *feed = nullptr;            // null: tokens are only read as outputs
};

/// What a run is told of the batch in the block.
struct BatchCounts {
  BatchCounts(std::vector<int64_t> counts, int64_t tiles = 0,
              int64_t longest = 0, bool likeliest = false)
      : axes(std::move(counts)), packs(tiles), longest(longest),
        likeliest(likeliest) {}
  BatchCounts(std::initializer_list<int64_t> counts) : axes(counts) {}

  std::vector<int64_t> axes; // the true counts, as also written in the block
  int64_t packs = 0;         // tiles of plan::batch::kPacks; 0: it has none
  int64_t longest = 0;    // tokens of the longest sequence; 0: it is not known
  bool likeliest = false; // of wanted rows the likeliest token is read alone
};

/// One step's share of a profiled run, or that of several that one launch ran.
struct StepTime {
  int32_t step = 0;        // the first
  double microseconds = 0; // from the start of the run
  double duration = 0;     // microseconds
  int32_t steps = 1;
};

/// Called on the host when a step's work is complete, before the next begins,
/// and once for several that one implementation runs, with the last: what the
/// others have stored is not what they mean. Its error ends the run.
using StepObserver = std::function<Status(int32_t step)>;

/// One way in which a step can run: an implementation and, of a library call,
/// an algorithm (plan::TunedGemm).
struct Candidate {
  std::string name, algorithm;
  std::string refusal; // why the device cannot run it; empty: it can
};

/// A program made ready on a device.
class Executable {
public:
  virtual ~Executable() = default;

  /// Enqueue the program over the batch block, and the end of its step where
  /// it feeds the next (feedOutput). The device may run at a larger bucket than
  /// `counts`, whose surplus rows hold undefined values and change nothing.
  virtual Status run(const BatchCounts &counts) = 0;

  /// Run step by step and report each step's time. With an observer, which may
  /// be empty, wait after each step and call it.
  virtual StatusOr<std::vector<StepTime>>
  profile(const BatchCounts &counts, const StepObserver &after) = 0;

  /// Kernel nodes of the captured graph for these counts, library-internal
  /// ones included; on the CPU, the number of steps.
  virtual StatusOr<int64_t> kernelCount(const BatchCounts &counts) = 0;

  /// All ways in which `step` can run alone and with any batch at these counts,
  /// the one that is taken without a tuning first.
  virtual StatusOr<std::vector<Candidate>>
  candidates(int32_t step, const BatchCounts &counts) {
    (void)step, (void)counts;
    return std::vector<Candidate>{{"meaning", "", ""}};
  }
};

struct MemoryInfo {
  int64_t free = 0, total = 0; // bytes
};

class Device {
public:
  virtual ~Device() = default;

  /// "cpu" or "cuda".
  virtual std::string kind() const = 0;
  /// For reports: "NVIDIA H200 (sm_90), driver 580.159, cuBLASLt 13.0".
  virtual std::string describe() const = 0;
  virtual StatusOr<MemoryInfo> memory() = 0;
  /// What a tuning of this device depends on.
  virtual plan::Machine machine() const { return {kind(), "", ""}; }

  /// At least 256-byte aligned, contents undefined. `what` is for the error.
  virtual StatusOr<std::byte *> allocate(int64_t bytes, const char *what) = 0;
  virtual void release(std::byte *address) = 0;

  /// Enqueue a copy to the device; `source` may be reused on return.
  virtual Status copyIn(std::byte *to, const void *source, int64_t bytes) = 0;
  /// Wait for all enqueued work, then copy to the host.
  virtual Status copyOut(void *to, const std::byte *from, int64_t bytes) = 0;
  virtual Status fill(std::byte *to, uint8_t value, int64_t bytes) = 0;

  /// Elements first .. first+count-1 of the random weight `key` (see
  /// runtime/base/Random.h), scaled by `scale`, as `dtype`: bit-equal on
  /// every device.
  virtual Status fillRandom(std::byte *to, DType dtype, uint64_t key,
                            int64_t first, int64_t count, float scale) = 0;

  /// A feed of steps of at most `rows` rows over `memory`, which is the
  /// caller's, feedBytes(rows) long and outlives it.
  virtual StatusOr<std::unique_ptr<TokenFeed>> makeFeed(std::byte *memory,
                                                        int64_t rows) = 0;
  /// Steps worth having enqueued while one runs, that one included.
  virtual int64_t stepsAhead() const = 0;

  /// `file` owns the plan and its blobs and outlives the Executable.
  virtual StatusOr<std::unique_ptr<Executable>>
  load(const plan::PlanFile &file, const plan::Entry &entry,
       const plan::Program &program, const Binding &binding) = 0;

  /// Joins the ranks of `board`, all of which call this at the same time on
  /// devices of this kind. The device outlives the communicator.
  virtual StatusOr<std::unique_ptr<Communicator>>
  connect(std::shared_ptr<RankBoard> board, int rank) = 0;

  virtual Status synchronize() = 0;
};

/// One device of a kind, "cpu" or "cuda", for each of `ranks` ranks; an empty
/// kind means CUDA where there is a GPU. Ranks share the cores of the CPU, and
/// have a GPU each. Vendor libraries are opened here and nowhere earlier.
StatusOr<std::vector<std::unique_ptr<Device>>>
openDevices(const std::string &kind, int ranks);
StatusOr<std::unique_ptr<Device>> openDevice(const std::string &kind);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_DEVICE_H
