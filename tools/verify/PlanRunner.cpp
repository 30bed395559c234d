//===- PlanRunner.cpp - running a plan's entries on slices ----------------===//
#include "tools/verify/PlanRunner.h"

#include "runtime/device/Addressing.h"
#include "runtime/plan/PlanFile.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <unistd.h>

using namespace ft;
using namespace ft::verify;

/// Through the file, so that writer, checks and reader are part of the trial.
static StatusOr<std::unique_ptr<plan::PlanFile>>
reopen(const plan::Plan &plan) {
  std::error_code error;
  std::string path =
      (std::filesystem::temp_directory_path(error) / "ftc-verify-XXXXXX");
  int handle = mkstemp(path.data());
  if (handle < 0)
    return resourceExhausted("cannot write a temporary plan: " +
                             std::string(std::strerror(errno)));
  close(handle);
  Status written = plan::writePlan(plan, path);
  StatusOr<std::unique_ptr<plan::PlanFile>> file =
      written.ok() ? plan::PlanFile::open(path)
                   : StatusOr<std::unique_ptr<plan::PlanFile>>(written);
  std::filesystem::remove(path, error); // the mapping keeps it
  return file;
}

StatusOr<std::unique_ptr<PlanRunner>>
PlanRunner::load(const plan::Plan &plan, const std::string &device,
                 const WeightChoice &weights,
                 const std::vector<int64_t> &lengths,
                 std::function<void(int64_t, int64_t)> progress) {
  FT_ASSIGN_OR_RETURN(auto file, reopen(plan));
  FT_ASSIGN_OR_RETURN(auto opened, openDevices(device, int(plan.ranks())));
  ModelOptions options;
  options.weightsDir = weights.directory;
  options.randomSeed = weights.seed;
  options.maxTokens =
      std::accumulate(lengths.begin(), lengths.end(), int64_t(0));
  options.maxRows = options.maxTokens;
  options.maxSequences = int64_t(lengths.size());
  options.context = *std::max_element(lengths.begin(), lengths.end());
  if (!plan.caches.empty()) {
    int64_t page = plan.caches[0].pageSize;
    int64_t columns = (options.context + page - 1) / page;
    options.cacheTokens = 2 * options.maxSequences * columns * page;
  }
  options.poison = true;
  options.progress = std::move(progress);
  auto runner = std::make_unique<PlanRunner>();
  runner->sequences_ = options.maxSequences;
  FT_ASSIGN_OR_RETURN(runner->model_,
                      Model::load(std::move(file), std::move(opened), options));
  return runner;
}

/// Rows of `input` of one slice, as the batch block holds them.
static std::vector<std::byte> packInput(const plan::Input &input,
                                        const Tensor &padded,
                                        const Slice &slice, int64_t sequence) {
  int64_t row = elementCount(input.shape);
  bool image = input.role == plan::InputRole::Image;
  int64_t first =
      image ? slice.sequence : slice.sequence * sequence + slice.begin;
  std::vector<float> values;
  for (int64_t i = 0; i < (image ? 1 : slice.count) * row; ++i)
    values.push_back(float(padded.data[size_t(first * row + i)]));
  std::vector<std::byte> bytes(values.size() * size_t(dtypeSize(input.dtype)));
  narrowFromF32(values.data(), input.dtype, int64_t(values.size()),
                bytes.data());
  return bytes;
}

PlanRunner::Packed PlanRunner::pack(int entry, const PaddedBatch &batch,
                                    const Call &call) const {
  const plan::Entry &target = model_->entry(entry);
  bool hasRows = model_->axisBound("rows") > 0;
  Packed packed;
  for (const Slice &slice : call.slices) {
    SequenceSlice out;
    out.position = slice.begin;
    out.wanted = hasRows ? WantedRows::All : WantedRows::None;
    packed.tokens.emplace_back(size_t(slice.count));
    for (const plan::Input &input : target.inputs) {
      auto found = batch.inputs.find(input.name);
      std::vector<std::byte> bytes;
      if (found != batch.inputs.end() && input.role != plan::InputRole::Mask)
        bytes = packInput(input, found->second, slice, batch.sequence);
      if (input.role == plan::InputRole::Tokens && !bytes.empty())
        std::memcpy(packed.tokens.back().data(), bytes.data(), bytes.size());
      packed.inputs.push_back(std::move(bytes));
      out.inputs.push_back(packed.inputs.back());
    }
    packed.pages.emplace_back();
    for (int64_t page = 0; page < model_->bounds().pageColumns; ++page)
      packed.pages.back().push_back(
          int32_t((page * 2 + call.pageSet) * sequences_ + slice.sequence));
    packed.slices.push_back(std::move(out));
  }
  for (size_t i = 0; i < packed.slices.size(); ++i) {
    packed.slices[i].tokens = packed.tokens[i];
    packed.slices[i].pages = packed.pages[i];
  }
  return packed;
}

Status PlanRunner::run(int entry, const PaddedBatch &batch, const Call &call,
                       const StepObserver &after) {
  Packed packed = pack(entry, batch, call);
  return model_->profile(entry, packed.slices, after).status();
}

Status PlanRunner::runAtOnce(int entry, const PaddedBatch &batch,
                             const Call &call) {
  Packed packed = pack(entry, batch, call);
  return model_->run(entry, packed.slices);
}

StatusOr<std::vector<double>> PlanRunner::read(const plan::Buffer &shape,
                                               int32_t buffer, int64_t count) {
  int64_t elements = count * elementCount(shape.shape);
  std::vector<std::byte> bytes(size_t(elements * dtypeSize(shape.dtype)));
  FT_RETURN_IF_ERROR(model_->readBuffer(buffer, 0, count, bytes.data()));
  std::vector<float> values(static_cast<size_t>(elements));
  widenToF32(bytes.data(), shape.dtype, elements, values.data());
  return std::vector<double>(values.begin(), values.end());
}
