//===- ModelOptions.cpp - sizes and memory of a loaded plan ---------------===//
#include "runtime/engine/ModelOptions.h"

#include "runtime/device/Addressing.h"
#include "runtime/device/Collectives.h"

#include <algorithm>

namespace ft {

namespace {

constexpr int64_t kDefaultTokens = 2048;
constexpr int64_t kDefaultSequences = 64;
constexpr int64_t kDefaultContext = 8192;

bool hasCausalEntry(const plan::Plan &plan) {
  return std::any_of(plan.entries.begin(), plan.entries.end(),
                     [](const plan::Entry &entry) { return entry.causal; });
}

/// The fewest tokens of an image, where entries take nothing but images; 0
/// elsewhere.
int64_t imageTokens(const plan::Plan &plan) {
  int64_t fewest = plan.entries.empty() ? 0 : INT32_MAX;
  for (const plan::Entry &entry : plan.entries)
    fewest = std::min(fewest, entry.imageTokens());
  return fewest;
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

} // namespace

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
  // Images take as much memory as their bound says: no more than have tokens.
  if (int64_t each = imageTokens(plan)) {
    if (!options.maxTokens && options.maxSequences > 0)
      tokens = std::min<int64_t>(options.maxSequences, INT32_MAX / each) * each;
    sequences = std::clamp<int64_t>(tokens / each, 1, sequences);
  }
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
static bool addBytes(int64_t &sum, int64_t bytes) {
  return !__builtin_add_overflow(sum, bytes, &sum) && sum < int64_t(1) << 60;
}

StatusOr<MemoryUse> measureMemory(const plan::Plan &plan, const Sizes &sizes) {
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
    if (feedOutput(plan, entry) >= 0)
      use.feed = feedBytes(rowsBound(plan, sizes.bounds));
    for (const plan::Program &program : entry.programs) {
      FT_ASSIGN_OR_RETURN(int64_t bytes,
                          arenaBytes(plan, program, sizes.bounds));
      use.arena = std::max(use.arena, bytes);
      use.workspace = std::max(use.workspace, program.workspaceBytes);
      use.exchange =
          std::max(use.exchange, exchangeBytes(plan, program, sizes.bounds));
    }
  }
  int64_t total = 0;
  for (int64_t bytes : {use.weights, use.cache, use.arena, use.batch,
                        use.workspace, use.exchange, use.sampling, use.feed})
    fits &= addBytes(total, bytes);
  if (!fits)
    return resourceExhausted("the memory of the plan overflows at these "
                             "bounds; choose a smaller batch or context");
  return use;
}

} // namespace ft
