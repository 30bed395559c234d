//===- Model.cpp - a plan made resident on a device -----------------------===//
#include "runtime/engine/Model.h"

#include "runtime/device/Addressing.h"

#include <algorithm>

namespace ft {

namespace {

constexpr int64_t kDefaultTokens = 2048;
constexpr int64_t kDefaultSequences = 64;
constexpr int64_t kDefaultContext = 8192;

/// ModelOptions with every zero replaced.
struct Sizes {
  Bounds bounds;
  int64_t pages = 0;
};

bool hasCausalEntry(const plan::Plan &plan) {
  return std::any_of(plan.entries.begin(), plan.entries.end(),
                     [](const plan::Entry &entry) { return entry.causal; });
}

/// Counts fit the int32 fields of a batch; products of two cannot overflow.
Status checkOptions(const ModelOptions &options) {
  const std::pair<const char *, int64_t> counts[] = {
      {"tokens", options.maxTokens},
      {"sequences", options.maxSequences},
      {"wanted rows", options.maxRows},
      {"tokens in a context", options.context},
      {"tokens in the cache", options.cacheTokens}};
  for (auto [what, count] : counts)
    if (count > INT32_MAX)
      return outOfRange("at most " + std::to_string(INT32_MAX) + " " + what +
                        " are possible, found " + std::to_string(count));
  return Status::success();
}

StatusOr<Sizes> chooseSizes(const plan::Plan &plan,
                            const ModelOptions &options) {
  FT_RETURN_IF_ERROR(checkOptions(options));
  auto orDefault = [](int64_t value, int64_t fallback) {
    return value > 0 ? value : fallback;
  };
  int64_t sequences = orDefault(options.maxSequences, kDefaultSequences);
  int64_t context = orDefault(
      options.context,
      std::min(orDefault(plan.maxPositions, kDefaultContext), kDefaultContext));
  if (plan.maxPositions && context > plan.maxPositions)
    return outOfRange("a context of " + std::to_string(context) +
                      " tokens exceeds the " +
                      std::to_string(plan.maxPositions) +
                      " positions the model was made for");
  int64_t tokens = orDefault(options.maxTokens, kDefaultTokens);
  // Without a cache a sequence cannot be fed in chunks.
  if (!hasCausalEntry(plan))
    tokens = std::max(tokens, context);
  tokens = std::max(tokens, sequences);
  Sizes sizes;
  for (const plan::Axis &axis : plan.axes) {
    int64_t bound = axis.name == "tokens" ? tokens
                    : axis.name == "sequences"
                        ? sequences
                        : orDefault(options.maxRows, sequences);
    sizes.bounds.axes.push_back(axis.max ? std::min(bound, axis.max) : bound);
  }
  if (!plan.caches.empty()) {
    int64_t page = plan.caches[0].pageSize;
    int64_t perSequence = (context + page - 1) / page;
    if (perSequence > INT32_MAX / sequences)
      return outOfRange("the page table of " + std::to_string(sequences) +
                        " sequences of " + std::to_string(context) +
                        " tokens is too large; choose fewer or shorter ones");
    sizes.bounds.pageColumns = perSequence;
    sizes.pages = options.cacheTokens > 0
                      ? (options.cacheTokens + page - 1) / page
                      : perSequence * sequences;
  }
  return sizes;
}

/// Adds where the sum stays below 2^60, so that a few sums can be added too.
bool addBytes(int64_t &sum, int64_t bytes) {
  return !__builtin_add_overflow(sum, bytes, &sum) && sum < int64_t(1) << 60;
}

StatusOr<MemoryUse> measure(const plan::Plan &plan, const Sizes &sizes) {
  MemoryUse use;
  bool fits = true;
  for (const plan::Weight &weight : plan.weights)
    if (weight.viewOf < 0)
      fits &= addBytes(use.weights,
                       elementCount(weight.shape) * dtypeSize(weight.dtype));
  for (const plan::Cache &cache : plan.caches)
    for (size_t plane = 0; plane < cache.planes.size(); ++plane) {
      FT_ASSIGN_OR_RETURN(int64_t bytes,
                          cachePlaneBytes(cache, int32_t(plane), sizes.pages));
      fits &= addBytes(use.cache, bytes);
    }
  for (const plan::Entry &entry : plan.entries) {
    BatchLayout layout = makeBatchLayout(plan, entry, sizes.bounds);
    use.batch = std::max(use.batch, layout.bytes);
    int64_t slots = 0;
    if (layout.samplingSlot)
      slots = sizes.bounds.axes[size_t(entry.sequences[0].sequencesAxis)];
    fits &= !__builtin_mul_overflow(layout.samplingSlot, slots, &slots);
    use.sampling = std::max(use.sampling, slots);
    for (const plan::Program &program : entry.programs) {
      FT_ASSIGN_OR_RETURN(int64_t bytes,
                          arenaBytes(plan, program, sizes.bounds));
      use.arena = std::max(use.arena, bytes);
      use.workspace = std::max(use.workspace, program.workspaceBytes);
    }
  }
  int64_t total = 0;
  for (int64_t bytes : {use.weights, use.cache, use.arena, use.batch,
                        use.workspace, use.sampling})
    fits &= addBytes(total, bytes);
  if (!fits)
    return resourceExhausted("the memory of the plan overflows at these "
                             "bounds; choose a smaller batch or context");
  return use;
}

} // namespace

StatusOr<MemoryUse> Model::memoryUse(const plan::Plan &plan,
                                     const ModelOptions &options) {
  FT_ASSIGN_OR_RETURN(Sizes sizes, chooseSizes(plan, options));
  return measure(plan, sizes);
}

StatusOr<std::unique_ptr<Model>>
Model::load(std::unique_ptr<plan::PlanFile> file,
            std::unique_ptr<Device> device, const ModelOptions &options) {
  std::unique_ptr<Model> model(new Model);
  model->file_ = std::move(file);
  model->device_ = std::move(device);
  FT_RETURN_IF_ERROR(model->allocate(options));
  WeightOptions weights;
  weights.directory = options.weightsDir;
  weights.randomSeed = options.randomSeed;
  weights.progress = options.progress;
  FT_ASSIGN_OR_RETURN(model->weights_,
                      loadWeights(*model->file_, weights, *model->device_));
  model->binding_.weights = model->weights_->addresses();
  FT_RETURN_IF_ERROR(model->loadExecutables());
  return model;
}

Model::~Model() {
  entries_.clear();
  weights_.reset();
  for (std::byte *address : allocations_)
    device_->release(address);
}

StatusOr<std::byte *> Model::reserve(int64_t bytes, const char *what) {
  FT_ASSIGN_OR_RETURN(std::byte * address,
                      device_->allocate(std::max<int64_t>(bytes, 256), what));
  allocations_.push_back(address);
  return address;
}

Status Model::allocate(const ModelOptions &options) {
  FT_ASSIGN_OR_RETURN(Sizes sizes, chooseSizes(plan(), options));
  FT_ASSIGN_OR_RETURN(memory_, measure(plan(), sizes));
  FT_ASSIGN_OR_RETURN(MemoryInfo available, device_->memory());
  if (memory_.total() > available.free)
    return resourceExhausted(
        "the plan needs " + std::to_string(memory_.total() >> 20) + " MiB on " +
        device_->describe() + " (weights " +
        std::to_string(memory_.weights >> 20) + ", cache " +
        std::to_string(memory_.cache >> 20) + ", activations " +
        std::to_string(memory_.arena >> 20) + ") but " +
        std::to_string(available.free >> 20) +
        " MiB are free; choose a smaller --context, --max-sequences or "
        "--max-tokens");
  bounds_ = sizes.bounds;
  cachePages_ = sizes.pages;
  binding_.bounds = bounds_;
  binding_.cachePages = cachePages_;
  FT_ASSIGN_OR_RETURN(binding_.arena, reserve(memory_.arena, "activations"));
  FT_ASSIGN_OR_RETURN(binding_.batch, reserve(memory_.batch, "the batch"));
  FT_ASSIGN_OR_RETURN(binding_.workspace,
                      reserve(memory_.workspace, "the workspace"));
  FT_RETURN_IF_ERROR(device_->fill(binding_.workspace, 0, memory_.workspace));
  if (memory_.sampling) {
    FT_ASSIGN_OR_RETURN(binding_.samplingState,
                        reserve(memory_.sampling, "the sampling state"));
    FT_RETURN_IF_ERROR(device_->fill(
        binding_.samplingState, options.poison ? 0xff : 0, memory_.sampling));
  }
  // 0xff bytes are NaN in every float type.
  if (options.poison)
    FT_RETURN_IF_ERROR(device_->fill(binding_.arena, 0xff, memory_.arena));
  for (const plan::Cache &cache : plan().caches) {
    binding_.caches.emplace_back();
    for (size_t plane = 0; plane < cache.planes.size(); ++plane) {
      FT_ASSIGN_OR_RETURN(int64_t bytes,
                          cachePlaneBytes(cache, int32_t(plane), cachePages_));
      FT_ASSIGN_OR_RETURN(std::byte * address, reserve(bytes, "the cache"));
      if (options.poison)
        FT_RETURN_IF_ERROR(device_->fill(address, 0xff, bytes));
      binding_.caches.back().push_back(address);
    }
  }
  return Status::success();
}

Status Model::loadExecutables() {
  for (const plan::Entry &entry : plan().entries) {
    LoadedEntry loaded;
    if (entry.sequences.size() != 1)
      return unsupported("entry '" + entry.name + "' has " +
                         std::to_string(entry.sequences.size()) +
                         " sequence groups; this build runs entries with one");
    loaded.layout = makeBatchLayout(plan(), entry, bounds_);
    loaded.batch =
        std::make_unique<HostBatch>(plan(), entry, bounds_, loaded.layout);
    binding_.layout = loaded.layout;
    for (const plan::Program &program : entry.programs) {
      FT_ASSIGN_OR_RETURN(auto executable,
                          device_->load(*file_, entry, program, binding_));
      loaded.programs.push_back(std::move(executable));
    }
    entries_.push_back(std::move(loaded));
  }
  return Status::success();
}

int64_t Model::sampledColumns(int index) const {
  return ft::sampledColumns(entry(index));
}

Status Model::writeSamplingState(int index, int32_t slot,
                                 std::span<const std::byte> bytes) {
  const BatchLayout &layout = entries_[size_t(index)].layout;
  return device_->copyIn(binding_.samplingState + slot * layout.samplingSlot,
                         bytes.data(), int64_t(bytes.size()));
}

StatusOr<plan::SamplingResult> Model::readSamplingResult(int index,
                                                         int32_t slot) {
  const BatchLayout &layout = entries_[size_t(index)].layout;
  plan::SamplingResult result;
  FT_RETURN_IF_ERROR(device_->copyOut(&result,
                                      binding_.samplingState +
                                          slot * layout.samplingSlot +
                                          plan::sampling::kResult,
                                      sizeof(result)));
  return result;
}

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

StatusOr<Executable *> Model::prepare(int index,
                                      std::span<const SequenceSlice> slices) {
  LoadedEntry &loaded = entries_[size_t(index)];
  FT_RETURN_IF_ERROR(loaded.batch->build(slices));
  int64_t tokens =
      loaded.batch->counts()[size_t(entry(index).sequences[0].tokensAxis)];
  FT_ASSIGN_OR_RETURN(lastProgram_, programIndex(index, tokens));
  if (lastEntry_ != index)
    loaded.batch->forget();
  lastEntry_ = index;
  FT_RETURN_IF_ERROR(loaded.batch->upload(*device_, binding_.batch));
  return loaded.programs[size_t(lastProgram_)].get();
}

Status Model::run(int index, std::span<const SequenceSlice> slices) {
  FT_ASSIGN_OR_RETURN(Executable * program, prepare(index, slices));
  return program->run(entries_[size_t(index)].batch->counts());
}

StatusOr<std::vector<StepTime>>
Model::profile(int index, std::span<const SequenceSlice> slices) {
  FT_ASSIGN_OR_RETURN(Executable * program, prepare(index, slices));
  return program->profile(entries_[size_t(index)].batch->counts());
}

StatusOr<int64_t> Model::kernelCount(int index,
                                     std::span<const SequenceSlice> slices) {
  FT_ASSIGN_OR_RETURN(Executable * program, prepare(index, slices));
  return program->kernelCount(entries_[size_t(index)].batch->counts());
}

Status Model::readOutput(int index, int output, int64_t first, int64_t count,
                         void *to) {
  const plan::Program &program = entry(index).programs[size_t(lastProgram_)];
  int32_t bufferIndex = program.outputs[size_t(output)];
  const plan::Buffer &buffer = program.buffers[size_t(bufferIndex)];
  std::byte *from =
      bufferAddress(program, bufferIndex,
                    programBounds(plan(), program, bounds_), binding_.arena);
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
