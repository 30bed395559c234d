//===- WeightStore.cpp - making a plan's weights resident -----------------===//
#include "runtime/weights/WeightStore.h"

#include "runtime/weights/Generators.h"
#include "runtime/weights/RecipeReader.h"

#include <algorithm>

namespace ft {

using plan::Recipe;

// Below it, copies of their own cost more than a pass through fp32.
static constexpr int64_t kShortRun = 4096;

static int64_t elementsOf(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

ResidentWeights::~ResidentWeights() {
  for (std::byte *address : owned_)
    device_.release(address);
}

/// Streams recipes to a device. Ranges that need no arithmetic go straight from
/// their source; the rest is computed in blocks of the staging size.
class WeightLoader {
public:
  WeightLoader(const plan::Plan &plan, const WeightOptions &options,
               Device &device, TensorSource &source)
      : plan_(plan), options_(options), device_(device), source_(source),
        reader_(source, options.rank),
        weights_(std::make_unique<ResidentWeights>(device)) {}

  StatusOr<std::unique_ptr<ResidentWeights>> run() {
    FT_RETURN_IF_ERROR(prepare());
    FT_RETURN_IF_ERROR(makeResident());
    resolveViews();
    return std::move(weights_);
  }

private:
  Status prepare();
  Status prepareLeaves(const Recipe &recipe);
  Status makeResident();
  void resolveViews();
  Status emit(const Recipe &recipe, int64_t first, int64_t count,
              std::byte *to);
  Status emitSlice(const Recipe &recipe, int64_t first, int64_t count,
                   std::byte *to);
  Status emitConcat(const Recipe &recipe, int64_t first, int64_t count,
                    std::byte *to);
  Status emitStaged(const Recipe &recipe, int64_t first, int64_t count,
                    std::byte *to);
  void advance(int64_t bytes) {
    done_ += bytes;
    if (options_.progress)
      options_.progress(done_, weights_->bytes_);
  }

  const plan::Plan &plan_;
  const WeightOptions &options_;
  Device &device_;
  TensorSource &source_;
  RecipeReader reader_;
  std::unique_ptr<ResidentWeights> weights_;
  DType dtype_ = DType::F32; // of the weight being made
  int64_t done_ = 0;
};

Status WeightLoader::prepareLeaves(const Recipe &recipe) {
  if (recipe.op == Recipe::Op::Tensor)
    return source_.prepare(recipe);
  if (recipe.op == Recipe::Op::Generator)
    return checkGenerator(recipe);
  for (const Recipe &operand : recipe.of)
    FT_RETURN_IF_ERROR(prepareLeaves(operand));
  return Status::success();
}

Status WeightLoader::prepare() {
  for (const plan::Weight &weight : plan_.weights) {
    if (weight.viewOf >= 0)
      continue;
    FT_RETURN_IF_ERROR(prepareLeaves(weight.recipe)
                           .withContext("weight '" + weight.name + "'"));
    weights_->bytes_ += elementsOf(weight.shape) * dtypeSize(weight.dtype);
  }
  return Status::success();
}

Status WeightLoader::makeResident() {
  weights_->addresses_.resize(plan_.weights.size());
  for (size_t i = 0; i < plan_.weights.size(); ++i) {
    const plan::Weight &weight = plan_.weights[i];
    if (weight.viewOf >= 0)
      continue;
    int64_t count = elementsOf(weight.shape);
    std::string what = "weight '" + weight.name + "'";
    FT_ASSIGN_OR_RETURN(
        std::byte * address,
        device_.allocate(count * dtypeSize(weight.dtype), what.c_str()));
    weights_->owned_.push_back(address);
    weights_->addresses_[i] = address;
    dtype_ = weight.dtype;
    FT_RETURN_IF_ERROR(
        emit(weight.recipe, 0, count, address).withContext(what));
  }
  return Status::success();
}

void WeightLoader::resolveViews() {
  for (size_t i = 0; i < plan_.weights.size(); ++i) {
    const plan::Weight &weight = plan_.weights[i];
    if (weight.viewOf < 0)
      continue;
    int64_t row = elementsOf(weight.shape) / weight.shape[0];
    weights_->addresses_[i] = weights_->addresses_[size_t(weight.viewOf)] +
                              weight.viewRow * row * dtypeSize(weight.dtype);
  }
}

Status WeightLoader::emit(const Recipe &recipe, int64_t first, int64_t count,
                          std::byte *to) {
  switch (recipe.op) {
  case Recipe::Op::Reshape:
    return emit(recipe.of[0], first, count, to);
  case Recipe::Op::Slice:
    return emitSlice(recipe, first, count, to);
  case Recipe::Op::Concat:
    if (recipe.axis != 0)
      break;
    return emitConcat(recipe, first, count, to);
  case Recipe::Op::Tensor: {
    FT_ASSIGN_OR_RETURN(
        bool done, source_.transfer(recipe, first, count, dtype_, device_, to));
    if (!done)
      break;
    advance(count * dtypeSize(dtype_));
    return Status::success();
  }
  default:
    break;
  }
  return emitStaged(recipe, first, count, to);
}

/// Whole runs of the operand, unless they are so short that staging is faster.
Status WeightLoader::emitSlice(const Recipe &recipe, int64_t first,
                               int64_t count, std::byte *to) {
  int64_t inner = 1;
  for (size_t i = size_t(recipe.axis) + 1; i < recipe.shape.size(); ++i)
    inner *= recipe.shape[i];
  int64_t run = recipe.shape[size_t(recipe.axis)] * inner;
  int64_t from = recipe.of[0].shape[size_t(recipe.axis)] * inner;
  int64_t start = recipe.startOf(options_.rank) * inner;
  if (recipe.axis != 0 && run * dtypeSize(dtype_) < kShortRun)
    return emitStaged(recipe, first, count, to);
  while (count > 0) {
    int64_t within = first % run;
    int64_t part = std::min(count, run - within);
    FT_RETURN_IF_ERROR(
        emit(recipe.of[0], first / run * from + start + within, part, to));
    to += part * dtypeSize(dtype_);
    first += part;
    count -= part;
  }
  return Status::success();
}

Status WeightLoader::emitConcat(const Recipe &recipe, int64_t first,
                                int64_t count, std::byte *to) {
  for (const Recipe &part : recipe.of) {
    int64_t size = elementsOf(part.shape);
    int64_t take = std::clamp<int64_t>(size - first, 0, count);
    if (take > 0)
      FT_RETURN_IF_ERROR(emit(part, first, take, to));
    to += take * dtypeSize(dtype_);
    count -= take;
    first = std::max<int64_t>(first + take - size, 0);
  }
  return Status::success();
}

Status WeightLoader::emitStaged(const Recipe &recipe, int64_t first,
                                int64_t count, std::byte *to) {
  int64_t size = dtypeSize(dtype_);
  int64_t block = std::max<int64_t>(
      options_.stagingBytes / (int64_t(sizeof(float)) + size), 1);
  // Whole rows where they fit: a transpose is fast on them.
  int64_t row = recipe.shape.empty() ? 1 : recipe.shape.back();
  if (block > row)
    block -= block % row;
  block = std::min(block, count);
  std::vector<float> values(size_t(block), 0.0f);
  std::vector<std::byte> bytes(size_t(block * size));
  for (int64_t at = 0; at < count; at += block) {
    int64_t part = std::min(block, count - at);
    reader_.read(recipe, first + at, part, values.data());
    narrowFromF32(values.data(), dtype_, part, bytes.data());
    FT_RETURN_IF_ERROR(
        device_.copyIn(to + at * size, bytes.data(), part * size));
    advance(part * size);
  }
  return Status::success();
}

StatusOr<std::unique_ptr<ResidentWeights>>
loadWeights(const plan::Plan &plan, const WeightOptions &options,
            Device &device) {
  std::unique_ptr<TensorSource> source;
  if (options.randomSeed)
    source = makeRandomSource(plan, *options.randomSeed);
  else
    source = makeCheckpointSource(
        plan, options.directory.empty() ? plan.weightsDir : options.directory,
        /*explicitly=*/!options.directory.empty());
  return WeightLoader(plan, options, device, *source).run();
}

StatusOr<std::unique_ptr<ResidentWeights>>
loadWeights(const plan::PlanFile &file, const WeightOptions &options,
            Device &device) {
  return loadWeights(file.plan(), options, device);
}

} // namespace ft
