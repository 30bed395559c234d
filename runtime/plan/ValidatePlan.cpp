//===- ValidatePlan.cpp - checking a plan once ----------------------------===//
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/Tuning.h"
#include "runtime/plan/Validate.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace ft::plan {

//===----------------------------------------------------------------------===//
// Place
//===----------------------------------------------------------------------===//

Status Place::index(int64_t value, size_t size, bool orNone) const {
  if ((value >= 0 && uint64_t(value) < size) || (orNone && value == -1))
    return Status::success();
  return error("index " + std::to_string(value) + " is outside the list of " +
               std::to_string(size));
}

Status Place::range(int64_t value, int64_t low, int64_t high) const {
  if (value >= low && value <= high)
    return Status::success();
  return error("expected " + std::to_string(low) + " to " +
               std::to_string(high) + ", found " + std::to_string(value));
}

Status Place::shape(const std::vector<int64_t> &extents) const {
  if (extents.size() > 8)
    return error("a shape has at most 8 extents, found " +
                 std::to_string(extents.size()));
  int64_t elements = 1;
  for (int64_t extent : extents)
    if (extent <= 0 || __builtin_mul_overflow(elements, extent, &elements) ||
        elements >= kMaxElements)
      return error("extents are positive and their product below 2^40, found "
                   "extent " +
                   std::to_string(extent));
  return Status::success();
}

static bool isIdentifierChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '_';
}

Status Place::identifier(const std::string &name) const {
  bool good = !name.empty() && name.size() <= 256 &&
              !(name[0] >= '0' && name[0] <= '9');
  for (char c : name)
    good &= isIdentifierChar(c);
  return require(good, "expected a name of letters, digits and _");
}

int64_t product(const std::vector<int64_t> &shape) {
  int64_t elements = 1;
  for (int64_t extent : shape)
    elements *= extent;
  return elements;
}

size_t blobCount(const Plan &plan) {
  return plan.blobBytes.empty() ? plan.blobs.size() : plan.blobBytes.size();
}

//===----------------------------------------------------------------------===//
// The plan's own tables
//===----------------------------------------------------------------------===//

static Status validateAxes(const Plan &plan) {
  Place place("/axes");
  FT_RETURN_IF_ERROR((place).range(int64_t(plan.axes.size()), 1, 8));
  FT_RETURN_IF_ERROR(place.require(plan.axes[0].name == "tokens",
                                   "the first axis must be \"tokens\""));
  std::set<std::string> names;
  for (size_t i = 0; i < plan.axes.size(); ++i) {
    FT_RETURN_IF_ERROR((place / i).identifier(plan.axes[i].name));
    FT_RETURN_IF_ERROR(
        (place / i / "max").range(plan.axes[i].max, 0, INT32_MAX - 16));
    FT_RETURN_IF_ERROR((place / i).require(
        names.insert(plan.axes[i].name).second, "two axes have this name"));
  }
  return Status::success();
}

static Status validateMesh(const Plan &plan) {
  Place place("/mesh");
  FT_RETURN_IF_ERROR(place.range(int64_t(plan.mesh.size()), 0, 4));
  std::set<std::string> names;
  int64_t ranks = 1;
  for (size_t i = 0; i < plan.mesh.size(); ++i) {
    const MeshAxis &axis = plan.mesh[i];
    FT_RETURN_IF_ERROR((place / i / "name").identifier(axis.name));
    FT_RETURN_IF_ERROR((place / i / "name")
                           .require(names.insert(axis.name).second,
                                    "two axes of the mesh have this name"));
    FT_RETURN_IF_ERROR((place / i / "size").range(axis.size, 1, kMaxRanks));
    ranks *= axis.size;
  }
  return place.require(ranks <= kMaxRanks, "a mesh has at most 1024 ranks");
}

static Status validateCaches(const Plan &plan) {
  for (size_t i = 0; i < plan.caches.size(); ++i) {
    const Cache &cache = plan.caches[i];
    Place place = Place("/caches") / i;
    FT_RETURN_IF_ERROR((place / "layers").range(cache.layers, 1, 1 << 16));
    FT_RETURN_IF_ERROR((place / "page_size").range(cache.pageSize, 1, 1 << 16));
    FT_RETURN_IF_ERROR(
        (place / "page_size")
            .require(cache.pageSize == plan.caches[0].pageSize,
                     "caches share page tables, but their pages differ"));
    FT_RETURN_IF_ERROR(
        (place / "planes").range(int64_t(cache.planes.size()), 1, 64));
    for (size_t j = 0; j < cache.planes.size(); ++j)
      FT_RETURN_IF_ERROR(
          (place / "planes" / j / "shape").shape(cache.planes[j].shape));
  }
  return Status::success();
}

static Status validateKernels(const Plan &plan) {
  for (size_t i = 0; i < plan.kernels.size(); ++i) {
    const Kernel &kernel = plan.kernels[i];
    Place place = Place("/kernels") / i;
    FT_RETURN_IF_ERROR((place / "function").identifier(kernel.function));
    for (const auto &[arch, blob] : kernel.images) {
      FT_RETURN_IF_ERROR((place / "images").identifier(arch));
      FT_RETURN_IF_ERROR(
          (place / "images" / arch).index(blob, blobCount(plan)));
    }
    FT_RETURN_IF_ERROR((place / "registers").range(kernel.registers, 0, 255));
    FT_RETURN_IF_ERROR(
        (place / "static_shared").range(kernel.staticShared, 0, 227 * 1024));
  }
  return Status::success();
}

static Status validateText(const Plan &plan) {
  Place place("/text");
  size_t blobs = blobCount(plan);
  FT_RETURN_IF_ERROR(
      (place / "tokenizer").index(plan.text.tokenizer, blobs, true));
  FT_RETURN_IF_ERROR((place / "tokenizer_config")
                         .index(plan.text.tokenizerConfig, blobs, true));
  for (size_t i = 0; i < plan.text.endTokens.size(); ++i)
    FT_RETURN_IF_ERROR(
        (place / "end_tokens" / i).range(plan.text.endTokens[i], 0, INT32_MAX));
  return (place / "start_token").range(plan.text.startToken, -1, INT32_MAX);
}

/// As many names as an output "logits" has elements a row.
static Status validateLabels(const Plan &plan) {
  const Labels &labels = plan.labels;
  FT_RETURN_IF_ERROR(Place("/labels/scores")
                         .require(labels.scores == "softmax" ||
                                      labels.scores == "sigmoid" ||
                                      labels.scores == "none",
                                  "expected softmax, sigmoid or none"));
  if (labels.names.empty())
    return Status::success();
  for (const Entry &entry : plan.entries)
    for (const Output &output : entry.outputs)
      if (output.name == "logits" &&
          product(output.shape) != int64_t(labels.names.size()))
        return Place("/labels/names")
            .error("expected a name for each of the " +
                   std::to_string(product(output.shape)) +
                   " elements of a row of 'logits', found " +
                   std::to_string(labels.names.size()));
  return Status::success();
}

static constexpr const char *kFilters[] = {"nearest", "box",     "bilinear",
                                           "hamming", "bicubic", "lanczos"};

static Status validateNumbers(const std::vector<double> &numbers, bool nonZero,
                              const Place &place) {
  FT_RETURN_IF_ERROR(place.range(int64_t(numbers.size()), 0, 16));
  for (size_t i = 0; i < numbers.size(); ++i)
    FT_RETURN_IF_ERROR((place / i).require(
        std::isfinite(numbers[i]) && (!nonZero || numbers[i] != 0),
        "expected a finite number, and no divisor of 0"));
  return Status::success();
}

/// Sides are small enough that an image of them fits the memory of a host.
static Status validateImage(const Plan &plan) {
  constexpr int64_t kMaxSide = 1 << 14;
  Place place("/image");
  const ImageSteps &steps = plan.image;
  if (steps.input.empty())
    return Status::success();
  const Input *input = nullptr;
  for (const Entry &entry : plan.entries)
    for (const Input &candidate : entry.inputs)
      if (candidate.name == steps.input && candidate.role == InputRole::Image)
        input = &candidate;
  FT_RETURN_IF_ERROR(
      (place / "input")
          .require(
              input && input->shape[0] == 3,
              "expected the name of an image of 3 channels among the inputs"));
  FT_RETURN_IF_ERROR(
      (place / "resize").range(int64_t(steps.resize.size()), 0, 2));
  FT_RETURN_IF_ERROR((place / "crop")
                         .require(steps.crop.empty() || steps.crop.size() == 2,
                                  "expected two extents"));
  for (const auto &[name, sides] :
       {std::pair("resize", &steps.resize), std::pair("crop", &steps.crop)})
    for (size_t i = 0; i < sides->size(); ++i)
      FT_RETURN_IF_ERROR((place / name / i).range((*sides)[i], 1, kMaxSide));
  FT_RETURN_IF_ERROR(
      (place / "filter")
          .require(std::find(std::begin(kFilters), std::end(kFilters),
                             steps.filter) != std::end(kFilters),
                   "unknown filter"));
  FT_RETURN_IF_ERROR(validateNumbers({steps.scale}, false, place / "scale"));
  FT_RETURN_IF_ERROR(validateNumbers(steps.mean, false, place / "mean"));
  FT_RETURN_IF_ERROR(
      validateNumbers(steps.deviation, true, place / "deviation"));
  return place.require(steps.mean.size() == steps.deviation.size() &&
                           (steps.mean.empty() || steps.mean.size() == 3),
                       "mean and deviation have one number a channel");
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

/// Where an input's rows are and, of an image, what they make.
static Status validateInput(const Entry &entry, const Input &input,
                            const Place &place) {
  FT_RETURN_IF_ERROR((place / "tokens").range(input.tokens, 0, INT32_MAX));
  bool image = input.role == InputRole::Image;
  FT_RETURN_IF_ERROR(
      (place / "tokens")
          .require(image == (input.tokens > 0) &&
                       input.tokens == (image ? entry.imageTokens() : 0),
                   "images, and nothing else, make tokens, each as many"));
  if (!image)
    return Status::success();
  return place.require(
      input.dtype == DType::F32 && input.shape.size() == 3 &&
          entry.sequences.size() == 1 &&
          input.axis == entry.sequences[0].sequencesAxis && !entry.causal,
      "an image is f32 of [channels, height, width] along the one sequences "
      "axis of an entry that is not causal");
}

static Status validateSignature(const Plan &plan, const Entry &entry,
                                const Place &place) {
  size_t axes = plan.axes.size();
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    Place at = place / "inputs" / i;
    FT_RETURN_IF_ERROR((at / "axis").index(entry.inputs[i].axis, axes));
    FT_RETURN_IF_ERROR((at / "shape").shape(entry.inputs[i].shape));
    FT_RETURN_IF_ERROR(
        (at / "limit").range(entry.inputs[i].limit, 0, INT32_MAX));
    FT_RETURN_IF_ERROR(validateInput(entry, entry.inputs[i], at));
  }
  for (size_t i = 0; i < entry.sequences.size(); ++i) {
    Place at = place / "sequences" / i;
    const Sequences &sequences = entry.sequences[i];
    FT_RETURN_IF_ERROR((at / "tokens_axis").index(sequences.tokensAxis, axes));
    FT_RETURN_IF_ERROR(
        (at / "sequences_axis").index(sequences.sequencesAxis, axes));
    FT_RETURN_IF_ERROR(
        (at / "sequences_axis")
            .require(sequences.sequencesAxis != sequences.tokensAxis,
                     "tokens and sequences share an axis"));
    for (int32_t axis : {sequences.tokensAxis, sequences.sequencesAxis})
      FT_RETURN_IF_ERROR(at.require(plan.axes[size_t(axis)].name != "rows",
                                    "the axis 'rows' counts wanted rows only"));
    FT_RETURN_IF_ERROR(
        (at / "cache").index(sequences.cache, plan.caches.size(), true));
  }
  for (size_t i = 0; i < entry.outputs.size(); ++i) {
    Place at = place / "outputs" / i;
    FT_RETURN_IF_ERROR((at / "axis").index(entry.outputs[i].axis, axes));
    FT_RETURN_IF_ERROR((at / "shape").shape(entry.outputs[i].shape));
  }
  return Status::success();
}

/// Token ranges ascend and do not overlap.
static Status validateRanges(const Entry &entry, const Place &place) {
  int64_t after = 0; // the last token count a program covers; -1 = all
  for (size_t i = 0; i < entry.programs.size(); ++i) {
    const Program &program = entry.programs[i];
    Place at = place / "programs" / i;
    FT_RETURN_IF_ERROR(
        (at / "max_tokens").range(program.maxTokens, 0, INT32_MAX - 16));
    FT_RETURN_IF_ERROR(
        (at / "min_tokens")
            .require(after >= 0 && program.minTokens > after &&
                         program.minTokens <= INT32_MAX - 16 &&
                         (program.maxTokens == 0 ||
                          program.minTokens <= program.maxTokens),
                     "token ranges must ascend and not overlap"));
    after = program.maxTokens ? program.maxTokens : -1;
  }
  return Status::success();
}

static Status validateEntries(const Plan &plan) {
  FT_RETURN_IF_ERROR(
      Place("/entries").require(!plan.entries.empty(), "a plan has an entry"));
  std::set<std::string> names;
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    const Entry &entry = plan.entries[i];
    Place place = Place("/entries") / i;
    FT_RETURN_IF_ERROR((place / "name").identifier(entry.name));
    FT_RETURN_IF_ERROR((place / "name")
                           .require(names.insert(entry.name).second,
                                    "two entries have this name"));
    FT_RETURN_IF_ERROR(validateSignature(plan, entry, place));
    FT_RETURN_IF_ERROR(validateRanges(entry, place));
    for (size_t j = 0; j < entry.programs.size(); ++j)
      FT_RETURN_IF_ERROR(validateProgram(plan, entry, entry.programs[j],
                                         place / "programs" / j));
  }
  return Status::success();
}

Status validatePlan(const Plan &plan) {
  FT_RETURN_IF_ERROR(Place("/vocabulary").range(plan.vocabulary, 0, INT32_MAX));
  FT_RETURN_IF_ERROR(
      Place("/max_positions").range(plan.maxPositions, 0, INT32_MAX));
  FT_RETURN_IF_ERROR(validateAxes(plan));
  FT_RETURN_IF_ERROR(validateMesh(plan));
  FT_RETURN_IF_ERROR(validateWeights(plan));
  FT_RETURN_IF_ERROR(validateCaches(plan));
  FT_RETURN_IF_ERROR(validateKernels(plan));
  FT_RETURN_IF_ERROR(validateText(plan));
  FT_RETURN_IF_ERROR(validateTuning(plan.tuning));
  FT_RETURN_IF_ERROR(validateEntries(plan));
  FT_RETURN_IF_ERROR(validateLabels(plan));
  return validateImage(plan);
}

} // namespace ft::plan
