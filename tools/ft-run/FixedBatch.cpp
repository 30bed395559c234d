//===- FixedBatch.cpp - a batch of random tokens to time ------------------===//
#include "tools/ft-run/FixedBatch.h"

#include "runtime/device/Addressing.h"

#include <algorithm>

namespace ft::run {

std::vector<int32_t> randomTokens(const plan::Plan &plan, int64_t count,
                                  std::mt19937 &random) {
  int64_t vocabulary = std::max<int64_t>(1, plan.vocabulary);
  std::uniform_int_distribution<int32_t> token(0, int32_t(vocabulary - 1));
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < count; ++i)
    tokens.push_back(token(random));
  return tokens;
}

void FixedBatch::makeImages(const plan::Entry &entry, int64_t count,
                            std::mt19937 &random) {
  std::normal_distribution<float> pixel;
  for (const plan::Input &input : entry.inputs) {
    images_.emplace_back();
    if (input.role != plan::InputRole::Image)
      continue;
    std::vector<float> pixels(size_t(count * elementCount(input.shape)));
    for (float &value : pixels)
      value = pixel(random);
    auto bytes = std::as_bytes(std::span(pixels));
    images_.back().assign(bytes.begin(), bytes.end());
  }
}

void FixedBatch::keepInputs(bool kept) {
  for (SequenceSlice &slice : slices_)
    slice.inputsKept = kept;
}

std::vector<Length> promptLengths(const RunOptions &options) {
  std::vector<Length> lengths;
  int64_t least = options.inLeast ? options.inLeast : options.in;
  int64_t gaps = std::max<int64_t>(1, options.batch - 1);
  // Rounded to the nearest, so that their mean is that of the two ends.
  for (int64_t i = 0; i < options.batch; ++i) {
    int64_t shorter = (2 * (options.in - least) * i + gaps) / (2 * gaps);
    lengths.push_back({options.in - shorter, 0});
  }
  return lengths;
}

std::vector<Length> decodeLengths(const RunOptions &options) {
  std::vector<Length> lengths = promptLengths(options);
  for (Length &length : lengths)
    length = {1, length.tokens + options.out / 2};
  return lengths;
}

static int64_t tokensOf(const std::vector<Length> &lengths) {
  int64_t sum = 0;
  for (const Length &length : lengths)
    sum += length.tokens;
  return sum;
}

BatchShape batchShape(const plan::Plan &plan, const plan::Entry &entry,
                      const std::vector<Length> &lengths) {
  BatchShape shape;
  for (const plan::Axis &axis : plan.axes)
    shape.counts.push_back(axis.name == "tokens" ? tokensOf(lengths)
                                                 : int64_t(lengths.size()));
  for (const Length &length : lengths) {
    int64_t keys = length.cached + length.tokens;
    shape.keys += keys;
    shape.queryKeys += length.tokens * keys;
    if (entry.causal)
      shape.queryKeys -= length.tokens * (length.tokens - 1) / 2;
  }
  return shape;
}

/// Rows of input data; nothing for inputs that are no rows of f32. Products of
/// zeros would take less power, and time, than those of a model.
static std::vector<std::vector<float>>
randomData(const plan::Entry &entry, int64_t count, std::mt19937 &random) {
  std::normal_distribution<float> normal;
  std::vector<std::vector<float>> data(entry.inputs.size());
  for (size_t i = 0; i < data.size(); ++i) {
    const plan::Input &input = entry.inputs[i];
    if (input.role != plan::InputRole::Data || input.dtype != DType::F32)
      continue;
    data[i].resize(size_t(count * elementCount(input.shape)));
    for (float &value : data[i])
      value = normal(random);
  }
  return data;
}

/// The rows of a sequence of `tokens`; `data` has those of `longest`.
static std::span<const std::byte> firstRows(const std::vector<float> &data,
                                            int64_t tokens, int64_t longest) {
  return std::as_bytes(std::span(data))
      .first(data.size() / size_t(longest) * size_t(tokens) * sizeof(float));
}

StatusOr<std::unique_ptr<FixedBatch>>
FixedBatch::make(Model &model, int index, const std::vector<Length> &lengths) {
  const plan::Entry &entry = model.entry(index);
  std::unique_ptr<FixedBatch> batch(new FixedBatch(model));
  std::mt19937 random(1);
  size_t count = lengths.size();
  int64_t longest = 1;
  batch->makeImages(entry, int64_t(count), random);
  for (const Length &length : lengths) {
    longest = std::max(longest, length.tokens);
    batch->tokens_.push_back(randomTokens(model.plan(), length.tokens, random));
    batch->pages_.emplace_back(batch->pool_);
    if (entry.causal)
      FT_RETURN_IF_ERROR(
          batch->pages_.back().reserve(length.cached + length.tokens));
  }
  batch->data_ = randomData(entry, longest, random);
  bool rows = model.axisBound("rows") > 0;
  for (size_t i = 0; i < count; ++i) {
    SequenceSlice slice;
    slice.tokens = batch->tokens_[i];
    slice.position = lengths[i].cached;
    slice.pages = batch->pages_[i].pages();
    for (size_t j = 0; j < entry.inputs.size(); ++j) {
      std::span<const std::byte> images(batch->images_[j]);
      size_t row = images.size() / count;
      slice.inputs.push_back(
          row ? images.subspan(i * row, row)
              : firstRows(batch->data_[j], lengths[i].tokens, longest));
    }
    slice.wanted = rows ? WantedRows::Last : WantedRows::None;
    batch->slices_.push_back(slice);
  }
  batch->shape_ = batchShape(model.plan(), entry, lengths);
  FT_ASSIGN_OR_RETURN(int program,
                      model.programIndex(index, tokensOf(lengths)));
  batch->program_ = &entry.programs[size_t(program)];
  return batch;
}

} // namespace ft::run
