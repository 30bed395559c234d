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

void FixedBatch::keepImages(bool kept) {
  for (SequenceSlice &slice : slices_)
    slice.inputsKept = kept;
}

BatchShape batchShape(const plan::Plan &plan, const plan::Entry &entry,
                      int64_t count, int64_t each, int64_t cached) {
  BatchShape shape;
  int64_t keys = cached + each;
  for (const plan::Axis &axis : plan.axes)
    shape.counts.push_back(axis.name == "tokens" ? count * each : count);
  shape.keys = count * keys;
  shape.queryKeys = count * each * keys;
  if (entry.causal)
    shape.queryKeys -= count * each * (each - 1) / 2;
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

StatusOr<std::unique_ptr<FixedBatch>> FixedBatch::make(Model &model, int index,
                                                       int64_t count,
                                                       int64_t each,
                                                       int64_t cached) {
  const plan::Entry &entry = model.entry(index);
  std::unique_ptr<FixedBatch> batch(new FixedBatch(model));
  std::mt19937 random(1);
  batch->makeImages(entry, count, random);
  for (int64_t i = 0; i < count; ++i) {
    batch->tokens_.push_back(randomTokens(model.plan(), each, random));
    batch->pages_.emplace_back(batch->pool_);
    if (entry.causal)
      FT_RETURN_IF_ERROR(batch->pages_.back().reserve(cached + each));
  }
  batch->data_ = randomData(entry, each, random);
  bool rows = model.axisBound("rows") > 0;
  for (size_t i = 0; i < size_t(count); ++i) {
    SequenceSlice slice;
    slice.tokens = batch->tokens_[i];
    slice.position = cached;
    slice.pages = batch->pages_[i].pages();
    for (size_t j = 0; j < entry.inputs.size(); ++j) {
      std::span<const std::byte> images(batch->images_[j]);
      size_t row = images.size() / size_t(count);
      slice.inputs.push_back(row ? images.subspan(i * row, row)
                                 : std::as_bytes(std::span(batch->data_[j])));
    }
    slice.wanted = rows ? WantedRows::Last : WantedRows::None;
    batch->slices_.push_back(slice);
  }
  batch->shape_ = batchShape(model.plan(), entry, count, each, cached);
  FT_ASSIGN_OR_RETURN(int program, model.programIndex(index, count * each));
  batch->program_ = &entry.programs[size_t(program)];
  return batch;
}

} // namespace ft::run
