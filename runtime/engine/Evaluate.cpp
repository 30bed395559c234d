//===- Evaluate.cpp - padded tensors in, padded tensors out ---------------===//
#include "runtime/engine/Evaluate.h"

#include "runtime/device/Addressing.h"
#include "runtime/kv/PagePool.h"

#include <algorithm>
#include <cstring>

namespace ft {

void fitOptions(const plan::Plan &plan, const PaddedBatch &batch,
                ModelOptions &options) {
  // Row outputs may be as wide as a vocabulary: 256 of them bound the memory.
  constexpr int64_t kRows = 256;
  bool chunked = !plan.caches.empty();
  int64_t longest = batch.longest();
  if (!options.context)
    options.context = longest;
  if (!options.maxTokens)
    options.maxTokens = std::min(
        batch.tokens(), chunked ? kRows : std::max(longest, int64_t(4096)));
  if (!options.maxRows)
    options.maxRows = options.maxTokens;
  if (!options.maxSequences)
    options.maxSequences = std::min<int64_t>(batch.batch, 64);
}

namespace {

/// One evaluation in progress: inputs unpacked, outputs being filled.
class Evaluation {
public:
  Evaluation(Model &model, int entry, const NamedArrays &inputs,
             PaddedBatch padded)
      : model_(model), entryIndex_(entry), entry_(model.entry(entry)),
        inputs_(inputs), padded_(std::move(padded)),
        pool_(model.cachePages(), std::max<int64_t>(1, model.pageSize())) {}

  Status unpack();
  Status run();
  NamedArrays takeOutputs() { return std::move(outputs_); }

private:
  struct Sequence {
    std::vector<int32_t> tokens;
    std::vector<std::vector<std::byte>> inputs; // by Entry::inputs
    int64_t row = 0, column = 0, done = 0;
    std::optional<kv::PageList> pages;
  };
  Status unpackSequence(int64_t row);
  Status unpackInput(const plan::Input &input, size_t index, Sequence &to);
  void makeOutputs();
  Status nextBatch();
  Status scatter();
  Status scatterOutput(size_t output);
  SequenceSlice slice(const Sequence &sequence, int64_t count) const;

  Model &model_;
  int entryIndex_;
  const plan::Entry &entry_;
  const NamedArrays &inputs_;
  PaddedBatch padded_;
  kv::PagePool pool_;
  std::vector<Sequence> sequences_;
  size_t first_ = 0; // first sequence that is not done
  std::vector<SequenceSlice> slices_;
  std::vector<Sequence *> inBatch_;
  NamedArrays outputs_;
};

/// Rows `first` on in the input's own dtype; any floats will do for f32.
Status unpackData(const plan::Input &input, const Array &array, int64_t first,
                  int64_t count, std::vector<std::byte> &to) {
  int64_t elements = elementCount(input.shape);
  int64_t row = elements * dtypeSize(array.dtype);
  auto begin = array.bytes.begin() + first * row;
  if (array.dtype == input.dtype) {
    to.assign(begin, begin + count * row);
    return Status::success();
  }
  bool floats = array.dtype == DType::F16 || array.dtype == DType::F64;
  if (input.dtype != DType::F32 || !floats)
    return invalidArgument("input '" + input.name + "': expected " +
                           std::string(dtypeName(input.dtype)) + ", found " +
                           std::string(dtypeName(array.dtype)));
  to.resize(size_t(count * elements) * sizeof(float));
  for (int64_t i = 0; i < count * elements; ++i) {
    float value = 0;
    if (array.dtype == DType::F16) {
      uint16_t half = 0;
      std::memcpy(&half, &begin[i * 2], sizeof(half));
      value = f16ToF32(half);
    } else {
      double wide = 0;
      std::memcpy(&wide, &begin[i * 8], sizeof(wide));
      value = float(wide);
    }
    std::memcpy(&to[size_t(i) * sizeof(float)], &value, sizeof(value));
  }
  return Status::success();
}

/// An image is a row of its own for each sequence.
Status unpackImage(const plan::Input &input, const Array &array, int64_t row,
                   std::vector<std::byte> &to) {
  if (array.dtype != DType::F32 && array.dtype != DType::F64 &&
      array.dtype != DType::F16)
    return invalidArgument("input '" + input.name + "': expected f32, found " +
                           std::string(dtypeName(array.dtype)) +
                           "; an image is normalized already, as the "
                           "checkpoint's processor leaves it");
  return unpackData(input, array, row, 1, to);
}

Status Evaluation::unpackInput(const plan::Input &input, size_t index,
                               Sequence &to) {
  auto found = inputs_.find(input.name);
  if (found == inputs_.end() || input.role == plan::InputRole::Mask)
    return Status::success();
  const Array &array = found->second;
  if (input.role == plan::InputRole::Image)
    return unpackImage(input, array, to.row, to.inputs[index]);
  int64_t count = padded_.spans[size_t(to.row)].second;
  int64_t first = to.row * padded_.length + to.column;
  if (input.role == plan::InputRole::Data)
    return unpackData(input, array, first, count, to.inputs[index]);
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    int64_t id = integerAt(array, first + i);
    if (id < 0 || id > INT32_MAX || (input.limit && id >= input.limit))
      return outOfRange("input '" + input.name + "': row " +
                        std::to_string(to.row) + ", column " +
                        std::to_string(to.column + i) + " is " +
                        std::to_string(id) + "; ids must be below " +
                        std::to_string(input.limit));
    ids.push_back(int32_t(id));
  }
  if (input.role == plan::InputRole::Tokens) {
    to.tokens = std::move(ids);
    return Status::success();
  }
  auto bytes = std::as_bytes(std::span(ids));
  to.inputs[index].assign(bytes.begin(), bytes.end());
  return Status::success();
}

Status Evaluation::unpackSequence(int64_t row) {
  Sequence sequence;
  sequence.row = row;
  sequence.column = padded_.spans[size_t(row)].first;
  sequence.inputs.resize(entry_.inputs.size());
  for (size_t i = 0; i < entry_.inputs.size(); ++i)
    FT_RETURN_IF_ERROR(unpackInput(entry_.inputs[i], i, sequence));
  sequence.tokens.resize(size_t(padded_.spans[size_t(row)].second));
  sequences_.push_back(std::move(sequence));
  return Status::success();
}

Status Evaluation::unpack() {
  int64_t most = model_.plan().maxPositions;
  if (most && padded_.longest() > most)
    return outOfRange("a sequence of " + std::to_string(padded_.longest()) +
                      " tokens exceeds the " + std::to_string(most) +
                      " positions the model was made for");
  for (int64_t row = 0; row < padded_.batch; ++row)
    FT_RETURN_IF_ERROR(unpackSequence(row));
  makeOutputs();
  return Status::success();
}

void Evaluation::makeOutputs() {
  const std::string &sequencesAxis =
      model_.plan().axes[size_t(entry_.sequences[0].sequencesAxis)].name;
  for (const plan::Output &output : entry_.outputs) {
    Array array;
    array.dtype = output.dtype == DType::I32 ? DType::I32 : DType::F32;
    array.shape = {padded_.batch};
    if (model_.plan().axes[size_t(output.axis)].name != sequencesAxis)
      array.shape.push_back(padded_.length);
    array.shape.insert(array.shape.end(), output.shape.begin(),
                       output.shape.end());
    array.bytes.resize(size_t(elementCount(array.shape) * 4));
    outputs_[output.name] = std::move(array);
  }
}

SequenceSlice Evaluation::slice(const Sequence &sequence, int64_t count) const {
  SequenceSlice slice;
  slice.tokens =
      std::span(sequence.tokens).subspan(size_t(sequence.done), size_t(count));
  slice.position = sequence.done;
  slice.wanted = WantedRows::All;
  if (sequence.pages)
    slice.pages = std::span(sequence.pages->pages());
  for (size_t i = 0; i < entry_.inputs.size(); ++i) {
    std::span<const std::byte> bytes(sequence.inputs[i]);
    if (entry_.inputs[i].role == plan::InputRole::Image) {
      slice.inputs.push_back(bytes);
      continue;
    }
    size_t row = bytes.size() / sequence.tokens.size();
    slice.inputs.push_back(
        bytes.subspan(size_t(sequence.done) * row, size_t(count) * row));
  }
  return slice;
}

Status Evaluation::nextBatch() {
  slices_.clear();
  inBatch_.clear();
  const Bounds &bounds = model_.bounds();
  int64_t budget = bounds.axes[size_t(entry_.sequences[0].tokensAxis)];
  int64_t most = bounds.axes[size_t(entry_.sequences[0].sequencesAxis)];
  if (entry_.causal)
    budget = std::min(budget, model_.axisBound("rows"));
  for (size_t i = first_;
       i < sequences_.size() && int64_t(slices_.size()) < most && budget > 0;
       ++i) {
    Sequence &sequence = sequences_[i];
    int64_t pending = int64_t(sequence.tokens.size()) - sequence.done;
    if (pending > budget && !entry_.causal)
      break;
    int64_t count = std::min(pending, budget);
    if (entry_.causal && !sequence.pages) {
      kv::PageList pages(pool_);
      Status room = pages.reserve(int64_t(sequence.tokens.size()));
      if (!room.ok() && !slices_.empty())
        break; // it waits for the pages of the sequences before it
      FT_RETURN_IF_ERROR(room);
      sequence.pages = std::move(pages);
    }
    slices_.push_back(slice(sequence, count));
    inBatch_.push_back(&sequence);
    budget -= count;
  }
  if (slices_.empty())
    return outOfRange("a sequence of " +
                      std::to_string(sequences_[first_].tokens.size()) +
                      " tokens exceeds a batch of " + std::to_string(budget) +
                      "; load with a larger --max-tokens");
  return Status::success();
}

Status Evaluation::scatterOutput(size_t index) {
  const plan::Output &output = entry_.outputs[index];
  Array &array = outputs_[output.name];
  int64_t elements = elementCount(output.shape);
  int64_t size = dtypeSize(output.dtype);
  bool perSequence = output.axis == entry_.sequences[0].sequencesAxis;
  std::vector<std::byte> rows;
  int64_t row = 0;
  for (size_t i = 0; i < slices_.size(); ++i) {
    const Sequence &sequence = *inBatch_[i];
    int64_t count = perSequence ? 1 : int64_t(slices_[i].tokens.size());
    rows.resize(size_t(count * elements * size));
    FT_RETURN_IF_ERROR(
        model_.readOutput(entryIndex_, int(index), row, count, rows.data()));
    row += count;
    int64_t to = perSequence ? sequence.row
                             : sequence.row * padded_.length + sequence.column +
                                   sequence.done;
    if (size == 4) {
      std::memcpy(array.bytes.data() + to * elements * 4, rows.data(),
                  rows.size());
      continue;
    }
    const auto *halves = reinterpret_cast<const uint16_t *>(rows.data());
    auto *floats =
        reinterpret_cast<float *>(array.bytes.data()) + to * elements;
    for (int64_t j = 0; j < count * elements; ++j)
      floats[j] = output.dtype == DType::BF16 ? bf16ToF32(halves[j])
                                              : f16ToF32(halves[j]);
  }
  return Status::success();
}

Status Evaluation::scatter() {
  for (size_t i = 0; i < entry_.outputs.size(); ++i)
    FT_RETURN_IF_ERROR(scatterOutput(i));
  for (size_t i = 0; i < slices_.size(); ++i) {
    Sequence &sequence = *inBatch_[i];
    sequence.done += int64_t(slices_[i].tokens.size());
    if (sequence.done == int64_t(sequence.tokens.size())) {
      sequence.pages.reset();
      first_ = std::max(first_, size_t(&sequence - sequences_.data()) + 1);
    }
  }
  return Status::success();
}

Status Evaluation::run() {
  while (first_ < sequences_.size()) {
    FT_RETURN_IF_ERROR(nextBatch());
    FT_RETURN_IF_ERROR(model_.run(entryIndex_, slices_));
    FT_RETURN_IF_ERROR(scatter());
  }
  return Status::success();
}

} // namespace

StatusOr<NamedArrays> evaluate(Model &model, int entry,
                               const NamedArrays &inputs) {
  FT_ASSIGN_OR_RETURN(PaddedBatch padded,
                      readPadding(model.entry(entry), inputs));
  Evaluation evaluation(model, entry, inputs, std::move(padded));
  FT_RETURN_IF_ERROR(evaluation.unpack());
  FT_RETURN_IF_ERROR(evaluation.run());
  return evaluation.takeOutputs();
}

} // namespace ft
