//===- Rank.cpp - one rank's share of a loaded plan -----------------------===//
#include "runtime/engine/Rank.h"

#include "runtime/device/Addressing.h"
#include "runtime/plan/Tuning.h"

#include <algorithm>

namespace ft {

StatusOr<std::unique_ptr<Rank>>
Rank::load(std::shared_ptr<const plan::PlanFile> file,
           std::unique_ptr<Device> device, const Sizes &sizes,
           const ModelOptions &options, std::shared_ptr<RankBoard> board,
           int rank) {
  std::unique_ptr<Rank> loaded(new Rank);
  loaded->file_ = std::move(file);
  loaded->device_ = std::move(device);
  if (board->size() > 1) {
    FT_ASSIGN_OR_RETURN(loaded->communicator_,
                        loaded->device_->connect(std::move(board), rank));
    if (options.wrapCommunicator)
      loaded->communicator_ =
          options.wrapCommunicator(std::move(loaded->communicator_));
  }
  loaded->binding_.communicator = loaded->communicator_.get();
  loaded->binding_.bounds = sizes.bounds;
  loaded->binding_.cachePages = sizes.pages;
  FT_ASSIGN_OR_RETURN(MemoryUse memory,
                      measureMemory(loaded->file_->plan(), sizes));
  FT_RETURN_IF_ERROR(loaded->allocate(memory, options.poison));
  WeightOptions weights;
  weights.directory = options.weightsDir;
  weights.randomSeed = options.randomSeed;
  weights.rank = rank;
  if (rank == 0)
    weights.progress = options.progress;
  FT_ASSIGN_OR_RETURN(loaded->weights_,
                      loadWeights(*loaded->file_, weights, *loaded->device_));
  loaded->binding_.weights = loaded->weights_->addresses();
  loaded->takeTuning(options);
  FT_RETURN_IF_ERROR(loaded->loadExecutables());
  return loaded;
}

void Rank::takeTuning(const ModelOptions &options) {
  tuning_ = options.tuning ? *options.tuning : file_->plan().tuning;
  if (tuning_.gemms.empty())
    return;
  // The CPU runs meanings: it has nothing to choose.
  if (!options.tuning && device_->kind() == "cpu")
    tuning_.gemms.clear();
  else if (note_ = plan::tuningMismatch(tuning_, device_->machine());
           !note_.empty())
    tuning_.gemms.clear();
  binding_.tuning = tuning_.gemms.empty() ? nullptr : &tuning_;
}

Rank::~Rank() {
  programs_.clear();
  feed_.reset();
  weights_.reset();
  for (std::byte *address : allocations_)
    device_->release(address);
}

StatusOr<std::byte *> Rank::reserve(int64_t bytes, const char *what) {
  FT_ASSIGN_OR_RETURN(std::byte * address,
                      device_->allocate(std::max<int64_t>(bytes, 256), what));
  allocations_.push_back(address);
  return address;
}

Status Rank::allocate(const MemoryUse &memory, bool poison) {
  FT_ASSIGN_OR_RETURN(binding_.arena, reserve(memory.arena, "activations"));
  FT_ASSIGN_OR_RETURN(binding_.batch, reserve(memory.batch, "the batch"));
  FT_ASSIGN_OR_RETURN(binding_.workspace,
                      reserve(memory.workspace, "the workspace"));
  FT_RETURN_IF_ERROR(device_->fill(binding_.workspace, 0, memory.workspace));
  if (memory.exchange) {
    FT_ASSIGN_OR_RETURN(
        binding_.exchange,
        reserve(memory.exchange, "the rows that ranks exchange"));
  }
  if (memory.sampling) {
    FT_ASSIGN_OR_RETURN(binding_.samplingState,
                        reserve(memory.sampling, "the sampling state"));
    FT_RETURN_IF_ERROR(device_->fill(binding_.samplingState, poison ? 0xff : 0,
                                     memory.sampling));
  }
  if (memory.feed) {
    FT_ASSIGN_OR_RETURN(std::byte * tokens,
                        reserve(memory.feed, "the chosen tokens"));
    FT_ASSIGN_OR_RETURN(
        feed_,
        device_->makeFeed(tokens, rowsBound(file_->plan(), binding_.bounds)));
    binding_.feed = feed_.get();
  }
  // 0xff bytes are NaN in every float type.
  if (poison)
    FT_RETURN_IF_ERROR(device_->fill(binding_.arena, 0xff, memory.arena));
  for (const plan::Cache &cache : file_->plan().caches) {
    binding_.caches.emplace_back();
    for (size_t plane = 0; plane < cache.planes.size(); ++plane) {
      FT_ASSIGN_OR_RETURN(int64_t bytes, cachePlaneBytes(cache, int32_t(plane),
                                                         binding_.cachePages));
      FT_ASSIGN_OR_RETURN(std::byte * address, reserve(bytes, "the cache"));
      if (poison)
        FT_RETURN_IF_ERROR(device_->fill(address, 0xff, bytes));
      binding_.caches.back().push_back(address);
    }
  }
  return Status::success();
}

Status Rank::loadExecutables() {
  const plan::Plan &plan = file_->plan();
  for (const plan::Entry &entry : plan.entries) {
    binding_.layout = makeBatchLayout(plan, entry, binding_.bounds);
    programs_.emplace_back();
    for (const plan::Program &program : entry.programs) {
      FT_ASSIGN_OR_RETURN(auto executable,
                          device_->load(*file_, entry, program, binding_));
      programs_.back().push_back(std::move(executable));
    }
  }
  return Status::success();
}

StatusOr<Executable *> Rank::prepare(const ProgramCall &call) {
  FT_RETURN_IF_ERROR(call.batch->upload(*device_, binding_.batch));
  if (call.batch->sendsPlaces()) {
    const plan::Plan &plan = file_->plan();
    const plan::Entry &entry = plan.entries[size_t(call.entry)];
    int64_t ids = makeBatchLayout(plan, entry, binding_.bounds)
                      .inputs[size_t(feedInput(entry))];
    FT_RETURN_IF_ERROR(feed_->resolve(
        reinterpret_cast<int32_t *>(binding_.batch + ids),
        call.batch->counts()[size_t(entry.sequences[0].tokensAxis)]));
  }
  return programs_[size_t(call.entry)][size_t(call.program)].get();
}

Status Rank::run(const ProgramCall &call) {
  FT_ASSIGN_OR_RETURN(Executable * program, prepare(call));
  FT_RETURN_IF_ERROR(program->run(call.batch->batchCounts()));
  const plan::Plan &plan = file_->plan();
  bool feeds = feedOutput(plan, plan.entries[size_t(call.entry)]) >= 0;
  return feeds ? feed_->mark() : Status::success();
}

StatusOr<std::vector<StepTime>> Rank::profile(const ProgramCall &call,
                                              const StepObserver &after) {
  FT_ASSIGN_OR_RETURN(Executable * program, prepare(call));
  return program->profile(call.batch->batchCounts(), after);
}

StatusOr<int64_t> Rank::kernelCount(const ProgramCall &call) {
  FT_ASSIGN_OR_RETURN(Executable * program, prepare(call));
  return program->kernelCount(call.batch->batchCounts());
}

std::byte *Rank::samplingSlot(int entry, int32_t slot) const {
  const plan::Plan &plan = file_->plan();
  BatchLayout layout =
      makeBatchLayout(plan, plan.entries[size_t(entry)], binding_.bounds);
  return binding_.samplingState + slot * layout.samplingSlot;
}

Status Rank::writeSamplingState(int entry, int32_t slot,
                                std::span<const std::byte> bytes) {
  return device_->copyIn(samplingSlot(entry, slot), bytes.data(),
                         int64_t(bytes.size()));
}

Status Rank::readOutput(const ProgramCall &last, int output, int64_t first,
                        int64_t count, void *to) {
  const plan::Plan &plan = file_->plan();
  const plan::Program &program =
      plan.entries[size_t(last.entry)].programs[size_t(last.program)];
  return readBuffer(last, program.outputs[size_t(output)], first, count, to);
}

Status Rank::readBuffer(const ProgramCall &last, int32_t index, int64_t first,
                        int64_t count, void *to) {
  const plan::Plan &plan = file_->plan();
  const plan::Program &program =
      plan.entries[size_t(last.entry)].programs[size_t(last.program)];
  const plan::Buffer &buffer = program.buffers[size_t(index)];
  std::byte *from = bufferAddress(program, index,
                                  programBounds(plan, program, binding_.bounds),
                                  binding_.arena);
  int64_t size = dtypeSize(buffer.dtype);
  int64_t row = elementCount(buffer.shape) * size;
  from += first * buffer.rowStride * size;
  if (buffer.rowStride * size == row)
    return device_->copyOut(to, from, count * row);
  for (int64_t i = 0; i < count; ++i)
    FT_RETURN_IF_ERROR(device_->copyOut(static_cast<std::byte *>(to) + i * row,
                                        from + i * buffer.rowStride * size,
                                        row));
  return Status::success();
}

} // namespace ft
