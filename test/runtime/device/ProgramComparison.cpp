//===- ProgramComparison.cpp - one program on two devices -----------------===//
#include "test/runtime/device/ProgramComparison.h"

#include "runtime/base/Random.h"

#include <algorithm>
#include <cmath>

namespace ft::test {

// What any fp32 run of a program may differ from exact arithmetic, relative L2.
static constexpr double kArithmeticError = 1e-5;

//===----------------------------------------------------------------------===//
// Batches
//===----------------------------------------------------------------------===//

static TestBatch makeBatch(const plan::Plan &plan, const plan::Entry &entry,
                           int64_t tokens) {
  bool cached = entry.sequences[0].cache >= 0;
  int64_t page = cached ? plan.caches[0].pageSize : 16;
  int64_t longest = plan.maxPositions ? plan.maxPositions : INT64_MAX;
  const int64_t lengths[] = {1, 2, page - 1, page, page + 1};
  const int64_t pasts[] = {page + 1, 0, 1, page, page - 1, 2 * page + 3};
  TestBatch batch;
  for (size_t i = 0; tokens > 0; ++i) {
    int64_t past = cached ? std::min(pasts[i % 6], longest - 1) : 0;
    int64_t length = std::max<int64_t>(1, lengths[i % 5]);
    length = std::min({length, tokens, longest - past});
    batch.slices.push_back({length, past});
    tokens -= length;
    // First and last tokens see different parts of what the mask allows.
    batch.wanted.push_back(int32_t(batch.tokens() - length));
    if (length > 1)
      batch.wanted.push_back(int32_t(batch.tokens() - 1));
  }
  return batch;
}

std::vector<TestBatch> batchesFor(const plan::Plan &plan, ProgramName name) {
  const plan::Entry &entry = plan.entries[name.entry];
  const plan::Program &program = entry.programs[name.program];
  int64_t least = std::max<int64_t>(1, program.minTokens);
  int64_t most = least + 70;
  if (program.maxTokens)
    most = std::min(most, program.maxTokens);
  return {makeBatch(plan, entry, least), makeBatch(plan, entry, most)};
}

//===----------------------------------------------------------------------===//
// The widened plan
//===----------------------------------------------------------------------===//

/// base * 2 + (offset - base) * factor: ranges double, so disjoint stay so.
static plan::Affine widenedOffset(plan::Affine offset, plan::Affine base,
                                  int64_t factor) {
  offset.perAxis.resize(std::max(offset.perAxis.size(), base.perAxis.size()));
  base.perAxis.resize(offset.perAxis.size());
  auto widen = [&](int64_t &value, int64_t from) {
    value = from * 2 + (value - from) * factor;
  };
  widen(offset.constant, base.constant);
  for (size_t i = 0; i < offset.perAxis.size(); ++i)
    widen(offset.perAxis[i], base.perAxis[i]);
  return offset;
}

plan::Plan widenedPlan(const plan::Plan &plan, ProgramName name) {
  plan::Plan wide = plan;
  plan::Program &program = wide.entries[name.entry].programs[name.program];
  const std::vector<plan::Buffer> before = program.buffers;
  for (plan::Buffer &buffer : program.buffers) {
    const plan::Buffer *base = &buffer;
    while (base->viewOf >= 0)
      base = &before[base->viewOf];
    int64_t factor = dtypeSize(buffer.dtype) == 2 ? 2 : 1;
    buffer.offset = widenedOffset(
        buffer.offset, base == &buffer ? buffer.offset : base->offset, factor);
    if (factor == 2)
      buffer.dtype = DType::F32;
  }
  program.arenaBytes = widenedOffset(program.arenaBytes, {}, 2);
  for (plan::Cache &cache : wide.caches)
    for (plan::CachePlane &plane : cache.planes)
      if (dtypeSize(plane.dtype) == 2)
        plane.dtype = DType::F32;
  return wide;
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

namespace {
struct NamedValues {
  std::string name;
  Values values;
};
} // namespace

/// Multiples of 2^-7 in [-1, 1), which every float type holds.
static Values coarseValues(int64_t count, uint64_t key) {
  Values values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(std::floor(randomWeight(key, uint64_t(i)) * 128.0) /
                     128.0);
  return values;
}

static Values makeInput(const plan::Plan &plan, const plan::Input &input,
                        const TestBatch &batch, int64_t rows) {
  uint64_t key = randomKey(2, input.name);
  Values values;
  if (input.role == plan::InputRole::Positions) {
    for (const Slice &slice : batch.slices)
      for (int64_t i = 0; i < slice.tokens; ++i)
        values.push_back(double(slice.past + i));
    return values;
  }
  int64_t count = rows * elementCount(input.shape);
  if (input.dtype != DType::I32)
    return coarseValues(count, key);
  int64_t limit =
      input.limit ? input.limit : std::max<int64_t>(plan.vocabulary, 1);
  for (int64_t i = 0; i < count; ++i)
    values.push_back(double(mixBits(key + uint64_t(i)) % uint64_t(limit)));
  return values;
}

static void fillCache(BoundProgram &run, const plan::Plan &plan,
                      const TestBatch &batch) {
  if (plan.caches.empty())
    return;
  const plan::Cache &cache = plan.caches[0];
  for (size_t plane = 0; plane < cache.planes.size(); ++plane)
    for (int64_t layer = 0; layer < cache.layers; ++layer)
      for (size_t s = 0; s < batch.slices.size(); ++s) {
        int64_t width = elementCount(cache.planes[plane].shape);
        run.writeCache(
            int32_t(plane), layer, int64_t(s),
            coarseValues(batch.slices[s].past * width,
                         mixBits(uint64_t(layer) * 4096 + s * 2 + plane)));
      }
}

static std::vector<NamedValues> results(BoundProgram &run,
                                        const plan::Plan &plan,
                                        ProgramName name,
                                        const TestBatch &batch) {
  std::vector<NamedValues> all;
  const plan::Entry &entry = plan.entries[name.entry];
  const plan::Program &program = entry.programs[name.program];
  for (size_t i = 0; i < program.outputs.size(); ++i)
    // The nearest of two close maxima is no matter of rounding bounds.
    if (program.buffers[program.outputs[i]].dtype != DType::I32)
      all.push_back({entry.outputs[i].name,
                     run.read({plan::RefKind::Buffer, program.outputs[i]})});
  if (entry.sequences[0].cache < 0)
    return all;
  const plan::Cache &cache = plan.caches[entry.sequences[0].cache];
  for (size_t plane = 0; plane < cache.planes.size(); ++plane)
    for (int64_t layer = 0; layer < cache.layers; ++layer) {
      NamedValues rows{"cache plane " + cache.planes[plane].name + " layer " +
                           std::to_string(layer),
                       {}};
      for (size_t s = 0; s < batch.slices.size(); ++s) {
        Values sequence =
            run.readCache(int32_t(plane), layer, int64_t(s),
                          batch.slices[s].past + batch.slices[s].tokens);
        rows.values.insert(rows.values.end(), sequence.begin(), sequence.end());
      }
      all.push_back(std::move(rows));
    }
  return all;
}

static StatusOr<std::vector<NamedValues>> runProgram(Device &device,
                                                     const plan::PlanFile &file,
                                                     ProgramName name,
                                                     const TestBatch &batch) {
  const plan::Plan &plan = file.plan();
  const plan::Entry &entry = plan.entries[name.entry];
  BoundProgram run(device, file, entry, entry.programs[name.program], batch);
  run.randomWeights(1);
  fillCache(run, plan, batch);
  for (size_t i = 0; i < entry.inputs.size(); ++i)
    if (entry.inputs[i].role != plan::InputRole::Mask)
      run.write({plan::RefKind::Input, int32_t(i)},
                makeInput(plan, entry.inputs[i], batch,
                          run.counts()[entry.inputs[i].axis]));
  FT_RETURN_IF_ERROR(run.run().withContext(device.kind()));
  return results(run, plan, name, batch);
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// |a - b| / |b|; NaN where either holds one.
static double distance(const Values &a, const Values &b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return difference == 0 ? 0 : std::sqrt(difference / norm);
}

testing::AssertionResult
compareProgram(Device &device, const plan::PlanFile &file, Device &reference,
               const plan::PlanFile &referenceFile, ProgramName name,
               const TestBatch &batch) {
  auto wideFile =
      plan::PlanFile::fromPlan(widenedPlan(referenceFile.plan(), name));
  auto got = runProgram(device, file, name, batch);
  auto want = runProgram(reference, referenceFile, name, batch);
  auto wide = runProgram(reference, *wideFile, name, batch);
  for (const auto *run : {&got, &want, &wide})
    if (!run->ok())
      return testing::AssertionFailure() << run->status().message();
  for (size_t i = 0; i < want->size(); ++i) {
    double rounding = distance((*want)[i].values, (*wide)[i].values);
    double bound = 2.1 * rounding + 2 * kArithmeticError;
    double found = distance((*got)[i].values, (*want)[i].values);
    // Written so that NaN, which compares with nothing, fails.
    if (!(found <= bound))
      return testing::AssertionFailure()
             << (*want)[i].name << " of "
             << file.plan().entries[name.entry].name << " program "
             << name.program << ", " << batch.tokens() << " tokens in "
             << batch.slices.size() << " sequences: relative L2 " << found
             << " beyond " << bound << " (rounding alone " << rounding << ")";
  }
  return testing::AssertionSuccess();
}

} // namespace ft::test
