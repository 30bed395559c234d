//===- CudaExecutable.cpp - a program as kernels and graphs ---------------===//
#include "runtime/device/cuda/CudaExecutable.h"

#include "runtime/device/Addressing.h"
#include "runtime/device/cuda/Buckets.h"
#include "runtime/device/cuda/NcclCommunicator.h"
#include "runtime/device/cuda/StepLoader.h"
#include "runtime/plan/Batch.h"
#include "runtime/plan/PlanFile.h"

#include <set>

namespace ft {

namespace {

/// What a graph is captured for: counts per axis, and which of the program's
/// conditions the batch meets.
struct Bucket {
  std::vector<int64_t> counts;
  std::vector<bool> met;

  auto operator<=>(const Bucket &) const = default;
};

/// How a step runs in a bucket.
struct Taken {
  const ReadyWay *way = nullptr;
  std::string algorithm; // of the GEMM library
};

Taken takenBy(const ReadyStep &step, const Bucket &bucket) {
  int64_t rows = bucket.counts[size_t(step.step->axis)];
  if (const ReadyWay *special = step.specialFor(rows, bucket.met))
    return {special, ""};
  const ReadyChoice *choice = step.choiceFor(rows);
  return choice ? Taken{&step.ways[choice->way], choice->algorithm}
                : Taken{&step.ways.front(), ""};
}

class CudaExecutable final : public Executable {
public:
  CudaExecutable(CudaContext &context, const plan::Plan &plan,
                 const plan::Entry &entry, const plan::Program &source,
                 ReadyProgram program, std::vector<int64_t> bounds,
                 const Binding &binding, std::optional<FeedSite> feedSite);
  ~CudaExecutable() override {
    if (context_.synchronize().ok())
      dropGraphs();
  }

  Status run(const BatchCounts &counts) override;
  StatusOr<std::vector<StepTime>> profile(const BatchCounts &counts,
                                          const StepObserver &after) override;
  StatusOr<int64_t> kernelCount(const BatchCounts &counts) override;
  StatusOr<std::vector<Candidate>>
  candidates(int32_t step, const BatchCounts &counts) override;

private:
  struct Graph {
    CUgraphExec executable = nullptr;
    int64_t kernels = 0;
  };
  /// More buckets than this are unlikely to be worth their memory.
  static constexpr size_t kMaxGraphs = 128;

  StatusOr<Bucket> bucketFor(const BatchCounts &counts) const;
  bool isMet(const BatchCondition &condition, const BatchCounts &batch,
             int64_t multiprocessors) const;
  Status enterGroup(bool launchesGraph);
  /// `next`, if any, before a launch that is for a later step than the launch
  /// before: so many behind `step`.
  Status enqueue(const ReadyStep &step, const Taken &taken,
                 const Bucket &bucket,
                 const std::function<Status(int32_t)> &next = {});
  Status enqueue(const ReadyKernel &kernel, const Bucket &bucket,
                 const plan::Step &step);
  StatusOr<int64_t> residentCtas(const ReadyKernel &kernel,
                                 const CUlaunchConfig &config);
  Status enqueueAll(const Bucket &bucket);
  StatusOr<Graph *> graphFor(const Bucket &bucket);
  StatusOr<Graph> capture(const Bucket &bucket);
  StatusOr<int64_t> countKernels(CUgraph graph) const;
  void dropGraphs();

  CudaContext &context_;
  const plan::Plan &plan_;
  const plan::Program &source_; // of program_
  ReadyProgram program_;
  std::vector<int64_t> bounds_;
  Binding binding_;
  std::map<Bucket, Graph> graphs_;
  std::set<Bucket> seen_;
  Communicator *communicator_; // null: one rank
  TokenFeed *feed_;
  std::optional<FeedSite> feedSite_;          // where a step ends
  size_t tokensAxis_ = 0, sequencesAxis_ = 0; // of the entry's sequences
  std::string firstPlace_;    // the first collective of the program
  bool behindKernel_ = false; // what was enqueued last in the program is one
};

} // namespace

CudaExecutable::CudaExecutable(CudaContext &context, const plan::Plan &plan,
                               const plan::Entry &entry,
                               const plan::Program &source,
                               ReadyProgram program,
                               std::vector<int64_t> bounds,
                               const Binding &binding,
                               std::optional<FeedSite> feedSite)
    : context_(context), plan_(plan), source_(source),
      program_(std::move(program)), bounds_(std::move(bounds)),
      binding_(binding), communicator_(binding.communicator),
      feed_(binding.feed), feedSite_(feedSite) {
  if (!entry.sequences.empty()) {
    tokensAxis_ = size_t(entry.sequences[0].tokensAxis);
    sequencesAxis_ = size_t(entry.sequences[0].sequencesAxis);
  }
  for (const ReadyStep &step : program_.steps)
    for (const auto &launch : step.ways.front().launches)
      if (auto *ready = std::get_if<ReadyCollective>(&launch);
          ready && firstPlace_.empty())
        firstPlace_ = ready->collective.place;
}

/// Programs that exchange nothing need no other rank.
Status CudaExecutable::enterGroup(bool launchesGraph) {
  return firstPlace_.empty()
             ? Status::success()
             : context_.communicator->enter(firstPlace_, launchesGraph);
}

StatusOr<Bucket> CudaExecutable::bucketFor(const BatchCounts &batch) const {
  const std::vector<int64_t> &counts = batch.axes;
  if (counts.size() != bounds_.size())
    return invalidArgument("run: " + std::to_string(counts.size()) +
                           " counts given, the plan has " +
                           std::to_string(bounds_.size()) + " axes");
  Bucket bucket;
  for (size_t axis = 0; axis < counts.size(); ++axis) {
    if (counts[axis] < 0 || counts[axis] > bounds_[axis])
      return outOfRange("run: a count of " + std::to_string(counts[axis]) +
                        " on axis " + std::to_string(axis) +
                        " is outside 0 to " + std::to_string(bounds_[axis]));
    bucket.counts.push_back(bucketOf(counts[axis], bounds_[axis]));
  }
  FT_ASSIGN_OR_RETURN(
      int multiprocessors,
      context_.attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
  for (const BatchCondition &condition : program_.conditions)
    bucket.met.push_back(isMet(condition, batch, multiprocessors));
  return bucket;
}

bool CudaExecutable::isMet(const BatchCondition &condition,
                           const BatchCounts &batch,
                           int64_t multiprocessors) const {
  if (condition.packed > 0 &&
      !plan::batch::isPackedWell(batch.packs, batch.axes[tokensAxis_],
                                 condition.packedCtas, multiprocessors))
    return false;
  if (condition.longest > 0 &&
      (batch.longest == 0 || batch.longest > condition.longest))
    return false;
  if (condition.likeliest && !batch.likeliest)
    return false;
  return condition.mostSequences == 0 ||
         batch.axes[sequencesAxis_] <= condition.mostSequences;
}

/// CTAs of `kernel` that the whole device holds at once.
StatusOr<int64_t> CudaExecutable::residentCtas(const ReadyKernel &kernel,
                                               const CUlaunchConfig &config) {
  const std::array<int32_t, 3> &block = kernel.launch->block;
  int cluster = kernel.launch->cluster;
  if (cluster > 1) {
    int clusters = 0;
    CUlaunchAttribute attribute{};
    attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
    attribute.value.clusterDim.x = unsigned(cluster);
    attribute.value.clusterDim.y = attribute.value.clusterDim.z = 1;
    CUlaunchConfig asked = config;
    asked.gridDimX = unsigned(cluster);
    asked.attrs = &attribute;
    asked.numAttrs = 1;
    FT_CUDA(context_.cu, cuOccupancyMaxActiveClusters, "a kernel", &clusters,
            kernel.function, &asked);
    return std::max<int64_t>(1, clusters) * cluster;
  }
  int perMultiprocessor = 0;
  FT_CUDA(context_.cu, cuOccupancyMaxActiveBlocksPerMultiprocessor, "a kernel",
          &perMultiprocessor, kernel.function, block[0] * block[1] * block[2],
          size_t(config.sharedMemBytes));
  FT_ASSIGN_OR_RETURN(
      int multiprocessors,
      context_.attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
  return std::max<int64_t>(1, int64_t(perMultiprocessor) * multiprocessors);
}

Status CudaExecutable::enqueue(const ReadyKernel &kernel, const Bucket &bucket,
                               const plan::Step &step) {
  const plan::KernelLaunch &launch = *kernel.launch;
  int64_t shared = launch.sharedBytes +
                   launch.sharedBytesPerRow *
                       std::min<int64_t>(bucket.counts[size_t(step.axis)],
                                         launch.sharedRows);
  std::vector<uint64_t> cells = kernel.cells;
  std::vector<void *> arguments;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (kernel.boundAxis[i] >= 0)
      cells[i] = uint64_t(bucket.counts[kernel.boundAxis[i]]);
    // cuLaunchKernelEx copies what the addresses hold and writes nothing.
    arguments.push_back(
        kernel.mapNumber[i] < 0
            ? static_cast<void *>(&cells[i])
            : const_cast<CUtensorMap *>(&kernel.maps[kernel.mapNumber[i]]));
  }
  CUlaunchAttribute attribute{};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig config{};
  config.gridDimX = unsigned(evaluateExtent(launch.grid[0], bucket.counts));
  config.gridDimY = unsigned(evaluateExtent(launch.grid[1], bucket.counts));
  config.gridDimZ = unsigned(evaluateExtent(launch.grid[2], bucket.counts));
  config.blockDimX = unsigned(launch.block[0]);
  config.blockDimY = unsigned(launch.block[1]);
  config.blockDimZ = unsigned(launch.block[2]);
  config.sharedMemBytes = unsigned(shared);
  config.hStream = context_.stream;
  if (launch.residentGrid) {
    FT_ASSIGN_OR_RETURN(int64_t most, residentCtas(kernel, config));
    int64_t grid = std::min<int64_t>(config.gridDimX, most);
    config.gridDimX =
        unsigned(std::max<int64_t>(grid / launch.cluster, 1) * launch.cluster);
  }
  // Which implementation the step in front runs by may be a tuning's choice.
  if (launch.dependentLaunch && kernel.waits && behindKernel_) {
    config.attrs = &attribute;
    config.numAttrs = 1;
  }
  FT_CUDA(context_.cu, cuLaunchKernelEx,
          "step '" + step.name + "', grid (" + std::to_string(config.gridDimX) +
              ", " + std::to_string(config.gridDimY) + ", " +
              std::to_string(config.gridDimZ) + ")",
          &config, kernel.function, arguments.data(), nullptr);
  return Status::success();
}

Status CudaExecutable::enqueue(const ReadyStep &step, const Taken &taken,
                               const Bucket &bucket,
                               const std::function<Status(int32_t)> &next) {
  int32_t behind = 0;
  for (const auto &launch : taken.way->launches) {
    if (auto *kernel = std::get_if<ReadyKernel>(&launch);
        next && kernel && kernel->launch->behind != behind) {
      behind = kernel->launch->behind;
      FT_RETURN_IF_ERROR(next(behind));
    }
    if (auto *kernel = std::get_if<ReadyKernel>(&launch)) {
      FT_RETURN_IF_ERROR(enqueue(*kernel, bucket, *step.step));
      behindKernel_ = true;
      continue;
    }
    if (auto *exchange = std::get_if<ReadyCollective>(&launch)) {
      FT_RETURN_IF_ERROR(communicator_->run(
          exchange->collective, bucket.counts[size_t(exchange->axis)]));
      behindKernel_ = false;
      continue;
    }
    const ReadyGemm &gemm = std::get<ReadyGemm>(launch);
    GemmProblem problem = gemm.problem;
    problem.m = bucket.counts[gemm.axis];
    FT_ASSIGN_OR_RETURN(GemmLibrary * library, context_.gemms());
    FT_RETURN_IF_ERROR(library->run(problem, context_.stream,
                                    "step '" + step.step->name + "'",
                                    taken.algorithm));
    behindKernel_ = true; // the library's, which ends before ours goes on
  }
  return Status::success();
}

StatusOr<std::vector<Candidate>>
CudaExecutable::candidates(int32_t number, const BatchCounts &counts) {
  FT_RETURN_IF_ERROR(context_.use());
  FT_ASSIGN_OR_RETURN(Bucket bucket, bucketFor(counts));
  const ReadyStep &ready = program_.steps[size_t(number)];
  std::vector<Candidate> found;
  for (const plan::Implementation *implementation : ready.known) {
    const plan::GemmCall *call = nullptr; // there is at most one
    for (const plan::Launch &launch : implementation->launches)
      if (auto *one = std::get_if<plan::GemmCall>(&launch))
        call = one;
    if (!call) {
      found.push_back({implementation->name, "", ""});
      continue;
    }
    int32_t axis = ready.step->axis;
    ReadyGemm gemm = readyGemm(source_, *call, axis, binding_, bounds_);
    gemm.problem.m = bucket.counts[size_t(axis)];
    FT_ASSIGN_OR_RETURN(GemmLibrary * library, context_.gemms());
    auto algorithms =
        library->algorithms(gemm.problem, "step '" + ready.step->name + "'");
    if (!algorithms.ok()) {
      found.push_back(
          {implementation->name, "", algorithms.status().message()});
      continue;
    }
    for (std::string &algorithm : *algorithms)
      found.push_back({implementation->name, std::move(algorithm), ""});
  }
  return found;
}

Status CudaExecutable::enqueueAll(const Bucket &bucket) {
  behindKernel_ = false;
  for (size_t i = 0; i < program_.steps.size();) {
    Taken taken = takenBy(program_.steps[i], bucket);
    FT_RETURN_IF_ERROR(enqueue(program_.steps[i], taken, bucket));
    i += taken.way->steps;
  }
  return feedSite_ ? feed_->finish(*feedSite_, behindKernel_)
                   : Status::success();
}

StatusOr<int64_t> CudaExecutable::countKernels(CUgraph graph) const {
  size_t count = 0;
  FT_CUDA(context_.cu, cuGraphGetNodes, "a captured graph", graph, nullptr,
          &count);
  std::vector<CUgraphNode> nodes(count);
  FT_CUDA(context_.cu, cuGraphGetNodes, "a captured graph", graph, nodes.data(),
          &count);
  int64_t kernels = 0;
  for (CUgraphNode node : nodes) {
    CUgraphNodeType type;
    FT_CUDA(context_.cu, cuGraphNodeGetType, "a captured graph", node, &type);
    kernels += type == CU_GRAPH_NODE_TYPE_KERNEL;
  }
  return kernels;
}

StatusOr<CudaExecutable::Graph> CudaExecutable::capture(const Bucket &bucket) {
  const CudaDriver &cu = context_.cu;
  const char *what = "a captured graph";
  FT_CUDA(cu, cuStreamBeginCapture, what, context_.stream,
          CU_STREAM_CAPTURE_MODE_RELAXED);
  Status enqueued = enqueueAll(bucket);
  CUgraph graph = nullptr;
  Status ended = cudaStatus(cu, cu.cuStreamEndCapture(context_.stream, &graph),
                            "cuStreamEndCapture", what);
  FT_RETURN_IF_ERROR(enqueued);
  FT_RETURN_IF_ERROR(ended);
  Graph result;
  StatusOr<int64_t> kernels = countKernels(graph);
  Status made = kernels.status();
  if (kernels.ok()) {
    result.kernels = *kernels;
    made = cudaStatus(cu, cu.cuGraphInstantiate(&result.executable, graph, 0),
                      "cuGraphInstantiate", what);
  }
  cu.cuGraphDestroy(graph);
  FT_RETURN_IF_ERROR(made);
  return result;
}

StatusOr<CudaExecutable::Graph *>
CudaExecutable::graphFor(const Bucket &bucket) {
  auto found = graphs_.find(bucket);
  if (found != graphs_.end())
    return &found->second;
  if (graphs_.size() >= kMaxGraphs) {
    FT_RETURN_IF_ERROR(context_.synchronize());
    dropGraphs();
  }
  FT_RETURN_IF_ERROR(enterGroup(/*launchesGraph=*/false));
  FT_ASSIGN_OR_RETURN(Graph graph, capture(bucket));
  return &graphs_.emplace(bucket, graph).first->second;
}

void CudaExecutable::dropGraphs() {
  for (auto &[bucket, graph] : graphs_)
    context_.cu.cuGraphExecDestroy(graph.executable);
  graphs_.clear();
}

Status CudaExecutable::run(const BatchCounts &counts) {
  FT_RETURN_IF_ERROR(context_.use());
  FT_ASSIGN_OR_RETURN(Bucket bucket, bucketFor(counts));
  // A bucket met once (a long prompt) may never come again: capture the second
  // time.
  if (!graphs_.count(bucket) && seen_.insert(bucket).second) {
    FT_RETURN_IF_ERROR(enterGroup(/*launchesGraph=*/false));
    return enqueueAll(bucket);
  }
  FT_ASSIGN_OR_RETURN(Graph * graph, graphFor(bucket));
  FT_RETURN_IF_ERROR(enterGroup(/*launchesGraph=*/true));
  FT_CUDA(context_.cu, cuGraphLaunch, "the program", graph->executable,
          context_.stream);
  return Status::success();
}

StatusOr<int64_t> CudaExecutable::kernelCount(const BatchCounts &counts) {
  FT_RETURN_IF_ERROR(context_.use());
  FT_ASSIGN_OR_RETURN(Bucket bucket, bucketFor(counts));
  FT_ASSIGN_OR_RETURN(Graph * graph, graphFor(bucket));
  return graph->kernels;
}

namespace {
/// Timing events, destroyed together.
struct Events {
  explicit Events(const CudaDriver &driver) : cu(driver) {}
  Events(const Events &) = delete;
  ~Events() {
    for (CUevent event : all)
      cu.cuEventDestroy(event);
  }
  Status record(CUstream stream) {
    CUevent event = nullptr;
    FT_CUDA(cu, cuEventCreate, "a profile", &event, CU_EVENT_DEFAULT);
    all.push_back(event);
    FT_CUDA(cu, cuEventRecord, "a profile", event, stream);
    return Status::success();
  }
  /// Microseconds from the first event to event `number`.
  StatusOr<double> at(size_t number) const {
    float milliseconds = 0;
    FT_CUDA(cu, cuEventElapsedTime, "a profile", &milliseconds, all[0],
            all[number]);
    return 1e3 * milliseconds;
  }
  const CudaDriver &cu;
  std::vector<CUevent> all;
};
} // namespace

StatusOr<std::vector<StepTime>>
CudaExecutable::profile(const BatchCounts &counts, const StepObserver &after) {
  FT_RETURN_IF_ERROR(context_.use());
  FT_ASSIGN_OR_RETURN(Bucket bucket, bucketFor(counts));
  FT_RETURN_IF_ERROR(enterGroup(/*launchesGraph=*/false));
  Events events(context_.cu);
  std::vector<StepTime> times;
  for (size_t i = 0, end = 0; i < program_.steps.size(); i = end) {
    Taken taken = takenBy(program_.steps[i], bucket);
    end = i + taken.way->steps;
    times.push_back({.step = int32_t(i), .steps = int32_t(end - i)});
    FT_RETURN_IF_ERROR(events.record(context_.stream));
    FT_RETURN_IF_ERROR(enqueue(
        program_.steps[i], taken, bucket, [&](int32_t behind) -> Status {
          FT_RETURN_IF_ERROR(events.record(context_.stream));
          int32_t next = int32_t(i) + behind;
          times.back().steps = next - times.back().step;
          times.push_back({.step = next, .steps = int32_t(end) - next});
          return events.record(context_.stream);
        }));
    FT_RETURN_IF_ERROR(events.record(context_.stream));
    if (after) {
      FT_RETURN_IF_ERROR(context_.synchronize());
      FT_RETURN_IF_ERROR(after(int32_t(end - 1)));
    }
  }
  FT_RETURN_IF_ERROR(context_.synchronize());
  for (size_t i = 0; i < times.size(); ++i) {
    FT_ASSIGN_OR_RETURN(double start, events.at(2 * i));
    FT_ASSIGN_OR_RETURN(double end, events.at(2 * i + 1));
    times[i].microseconds = start;
    times[i].duration = end - start;
  }
  return times;
}

StatusOr<std::unique_ptr<Executable>>
loadCudaExecutable(CudaContext &context, const plan::PlanFile &file,
                   const plan::Entry &entry, const plan::Program &program,
                   const Binding &binding) {
  const plan::Plan &plan = file.plan();
  FT_RETURN_IF_ERROR(checkBinding(plan, entry, program, binding));
  std::vector<int64_t> bounds = programBounds(plan, program, binding.bounds);
  FT_ASSIGN_OR_RETURN(ReadyProgram ready,
                      loadSteps(context, file, program, binding, bounds));
  return std::unique_ptr<Executable>(new CudaExecutable(
      context, plan, entry, program, std::move(ready), std::move(bounds),
      binding, feedSite(plan, entry, program, binding)));
}

} // namespace ft
