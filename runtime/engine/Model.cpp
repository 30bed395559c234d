//===- Model.cpp - a plan made resident on its devices --------------------===//
#include "runtime/engine/Model.h"

#include "runtime/device/Addressing.h"

#include <cassert>

namespace ft {

StatusOr<MemoryUse> Model::memoryUse(const plan::Plan &plan,
                                     const ModelOptions &options) {
  FT_ASSIGN_OR_RETURN(Sizes sizes, chooseSizes(plan, options));
  return measureMemory(plan, sizes);
}

/// What this build can run.
static Status checkPlan(const plan::Plan &plan, size_t devices) {
  if (plan.mesh.size() > 1)
    return unsupported("the plan '" + plan.name + "' has a mesh of " +
                       std::to_string(plan.mesh.size()) +
                       " axes; this build runs plans with one");
  if (int64_t(devices) != plan.ranks())
    return invalidArgument("the plan '" + plan.name + "' is for " +
                           std::to_string(plan.ranks()) + " ranks, found " +
                           std::to_string(devices) + " devices");
  for (const plan::Entry &entry : plan.entries)
    if (entry.sequences.size() != 1)
      return unsupported("entry '" + entry.name + "' has " +
                         std::to_string(entry.sequences.size()) +
                         " sequence groups; this build runs entries with one");
  return Status::success();
}

Status
Model::checkDevices(const std::vector<std::unique_ptr<Device>> &devices) {
  // Ranks on the CPU share its memory.
  int64_t sharers =
      devices[0]->kind() == "cpu" ? int64_t(devices.size()) : int64_t(1);
  for (const std::unique_ptr<Device> &device : devices) {
    FT_ASSIGN_OR_RETURN(MemoryInfo available, device->memory());
    if (memory_.total() <= available.free / sharers)
      continue;
    return resourceExhausted(
        "the plan needs " + std::to_string(memory_.total() >> 20) + " MiB " +
        (sharers > 1 ? "for each of " + std::to_string(sharers) + " ranks "
                     : std::string()) +
        "on " + device->describe() + " (weights " +
        std::to_string(memory_.weights >> 20) + ", cache " +
        std::to_string(memory_.cache >> 20) + ", activations " +
        std::to_string(memory_.arena >> 20) + ") but " +
        std::to_string(available.free >> 20) +
        " MiB are free; choose a smaller --context, --max-sequences or "
        "--max-tokens");
  }
  return Status::success();
}

Status Model::loadRanks(std::vector<std::unique_ptr<Device>> devices,
                        const ModelOptions &options, const Sizes &sizes) {
  ranks_ = std::make_shared<Ranks>(devices.size());
  auto given = std::make_shared<std::vector<std::unique_ptr<Device>>>(
      std::move(devices));
  return threads_->run([ranks = ranks_, given, options, sizes, file = file_,
                        board = board_](int rank) -> Status {
    FT_ASSIGN_OR_RETURN((*ranks)[size_t(rank)],
                        Rank::load(file, std::move((*given)[size_t(rank)]),
                                   sizes, options, board, rank));
    return Status::success();
  });
}

StatusOr<std::unique_ptr<Model>>
Model::load(std::unique_ptr<plan::PlanFile> file,
            std::vector<std::unique_ptr<Device>> devices,
            const ModelOptions &options) {
  FT_RETURN_IF_ERROR(checkPlan(file->plan(), devices.size()));
  std::unique_ptr<Model> model(new Model);
  model->file_ = std::move(file);
  FT_ASSIGN_OR_RETURN(Sizes sizes, chooseSizes(model->plan(), options));
  FT_ASSIGN_OR_RETURN(model->memory_, measureMemory(model->plan(), sizes));
  FT_RETURN_IF_ERROR(model->checkDevices(devices));
  model->bounds_ = sizes.bounds;
  model->cachePages_ = sizes.pages;
  model->board_ =
      std::make_shared<RankBoard>(int(devices.size()), options.rankDeadline);
  model->threads_ = std::make_unique<RankThreads>(model->board_);
  FT_RETURN_IF_ERROR(model->loadRanks(std::move(devices), options, sizes));
  for (const plan::Entry &entry : model->plan().entries)
    model->batches_.push_back(std::make_shared<HostBatch>(
        model->plan(), entry, model->bounds_,
        makeBatchLayout(model->plan(), entry, model->bounds_)));
  return model;
}

StatusOr<std::unique_ptr<Model>>
Model::load(std::unique_ptr<plan::PlanFile> file,
            std::unique_ptr<Device> device, const ModelOptions &options) {
  std::vector<std::unique_ptr<Device>> devices;
  devices.push_back(std::move(device));
  return load(std::move(file), std::move(devices), options);
}

Model::~Model() = default;

int64_t Model::axisBound(const std::string &name) const {
  for (size_t i = 0; i < plan().axes.size(); ++i)
    if (plan().axes[i].name == name)
      return bounds_.axes[i];
  return 0;
}

int64_t Model::pageSize() const {
  return plan().caches.empty() ? 0 : plan().caches[0].pageSize;
}

int Model::entryIndex(const std::string &name) const {
  for (size_t i = 0; i < plan().entries.size(); ++i)
    if (plan().entries[i].name == name)
      return int(i);
  return -1;
}

StatusOr<int> Model::programIndex(int index, int64_t tokens) const {
  const auto &programs = entry(index).programs;
  for (size_t i = 0; i < programs.size(); ++i)
    if (tokens >= programs[i].minTokens &&
        (programs[i].maxTokens == 0 || tokens <= programs[i].maxTokens))
      return int(i);
  return outOfRange("the plan has no program of entry '" + entry(index).name +
                    "' for " + std::to_string(tokens) + " tokens");
}

Status Model::onRanks(const std::function<Status(Rank &, int)> &job) {
  return threads_->run([ranks = ranks_, job](int rank) {
    return job(*(*ranks)[size_t(rank)], rank);
  });
}

/// What rank 0 waited for in vain ends the group.
Status Model::waited(const Status &status) {
  if (status.ok() || ranks_->size() == 1)
    return status;
  board_->fail(0, status);
  return board_->failure();
}

Status Model::prepare(int index, std::span<const SequenceSlice> slices,
                      Results results) {
  FT_RETURN_IF_ERROR(board_->failure());
  const std::shared_ptr<HostBatch> &batch = batches_[size_t(index)];
  if (last_.entry != index)
    batch->forget();
  FT_RETURN_IF_ERROR(batch->build(slices, results));
  int64_t tokens =
      batch->counts()[size_t(entry(index).sequences[0].tokensAxis)];
  FT_ASSIGN_OR_RETURN(int program, programIndex(index, tokens));
  last_ = {index, program, batch};
  return Status::success();
}

Status Model::run(int index, std::span<const SequenceSlice> slices,
                  Results results) {
  FT_RETURN_IF_ERROR(prepare(index, slices, results));
  HostBatch &batch = *batches_[size_t(index)];
  Status ran =
      onRanks([call = last_](Rank &rank, int) { return rank.run(call); });
  if (!ran.ok())
    batch.forget();
  FT_RETURN_IF_ERROR(ran);
  bool feeds = feedOutput(plan(), entry(index)) >= 0;
  batch.markRun(feeds ? std::optional(steps() - 1) : std::nullopt);
  return Status::success();
}

StatusOr<std::vector<std::vector<StepTime>>>
Model::profile(int index, std::span<const SequenceSlice> slices,
               const StepObserver &after, Results results) {
  FT_RETURN_IF_ERROR(prepare(index, slices, results));
  // What is enqueued without the end of a step leaves the block as it is.
  batches_[size_t(index)]->forget();
  auto times =
      std::make_shared<std::vector<std::vector<StepTime>>>(ranks_->size());
  FT_RETURN_IF_ERROR(
      onRanks([call = last_, times, after](Rank &rank, int number) -> Status {
        FT_ASSIGN_OR_RETURN(
            (*times)[size_t(number)],
            rank.profile(call, number == 0 ? after : StepObserver()));
        return Status::success();
      }));
  return *times;
}

StatusOr<int64_t> Model::kernelCount(int index,
                                     std::span<const SequenceSlice> slices,
                                     Results results) {
  FT_RETURN_IF_ERROR(prepare(index, slices, results));
  batches_[size_t(index)]->forget();
  auto counts = std::make_shared<std::vector<int64_t>>(ranks_->size());
  FT_RETURN_IF_ERROR(
      onRanks([call = last_, counts](Rank &rank, int number) -> Status {
        FT_ASSIGN_OR_RETURN((*counts)[size_t(number)], rank.kernelCount(call));
        return Status::success();
      }));
  return counts->front();
}

Status Model::readOutput(int index, int output, int64_t first, int64_t count,
                         void *to) {
  assert(index == last_.entry && "outputs are those of the last run");
  FT_RETURN_IF_ERROR(board_->failure());
  return waited(ranks_->front()->readOutput(last_, output, first, count, to));
}

int64_t Model::sampledColumns(int index) const {
  return ft::sampledColumns(entry(index));
}

Status Model::writeSamplingState(int index, int32_t slot,
                                 std::vector<std::byte> bytes) {
  FT_RETURN_IF_ERROR(board_->failure());
  auto shared = std::make_shared<std::vector<std::byte>>(std::move(bytes));
  return onRanks([index, slot, shared](Rank &rank, int) {
    return rank.writeSamplingState(index, slot, *shared);
  });
}

StatusOr<std::span<const ChosenToken>> Model::chosen(int64_t step) {
  FT_RETURN_IF_ERROR(board_->failure());
  auto result = ranks_->front()->chosen(step);
  FT_RETURN_IF_ERROR(waited(result.status()));
  return result;
}

Status Model::synchronize() {
  FT_RETURN_IF_ERROR(board_->failure());
  return waited(device().synchronize());
}

} // namespace ft
