//===- ProgramComparison.cpp - one program on two devices -----------------===//
#include "test/runtime/device/ProgramComparison.h"

#include "runtime/base/Random.h"

#include <algorithm>
#include <cmath>

namespace ft::test {

// Draws are pooled until a result has this many numbers: of so many, normal and
// independent, the squares add up to less than half of what is expected three
// times in 10,000.
static constexpr int64_t kPooled = 64;

//===----------------------------------------------------------------------===//
// Batches
//===----------------------------------------------------------------------===//

/// At least one image, and no more of them than `tokens` allow.
static TestBatch imageBatch(int64_t image, int64_t tokens) {
  TestBatch batch;
  for (int64_t i = 0; i < std::max<int64_t>(1, tokens / image); ++i) {
    batch.wanted.push_back(int32_t(batch.tokens()));
    batch.slices.push_back({image, 0});
  }
  return batch;
}

static TestBatch makeBatch(const plan::Plan &plan, const plan::Entry &entry,
                           int64_t tokens) {
  if (int64_t image = entry.imageTokens())
    return imageBatch(image, tokens);
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
  std::vector<TestBatch> batches;
  for (int64_t tokens : {least, most}) {
    TestBatch batch = makeBatch(plan, entry, tokens);
    // Images make whole numbers of tokens.
    if (batch.tokens() >= program.minTokens &&
        (!program.maxTokens || batch.tokens() <= program.maxTokens))
      batches.push_back(std::move(batch));
  }
  return batches;
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
// The plan with rounded operands
//===----------------------------------------------------------------------===//

/// Replaces temporary `index` of `step` by a buffer behind all others.
static void storeTemp(plan::Program &program, plan::Step &step, int32_t index,
                      DType dtype) {
  const plan::Temp &temp = step.temps[size_t(index)];
  constexpr int64_t kAlignment = 256;
  plan::Affine &end = program.arenaBytes;
  end.constant = (end.constant + kAlignment - 1) / kAlignment * kAlignment;
  end.perAxis.resize(std::max(end.perAxis.size(), size_t(temp.axis) + 1));
  for (int64_t &bytes : end.perAxis)
    bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
  int64_t row = elementCount(temp.shape);
  plan::Ref stored{plan::RefKind::Buffer, int32_t(program.buffers.size())};
  program.buffers.push_back(
      {"operand", dtype, temp.axis, temp.shape, row, end, -1});
  end.perAxis[size_t(temp.axis)] +=
      (row * dtypeSize(dtype) + kAlignment - 1) / kAlignment * kAlignment;
  step.writes.push_back(stored.index);
  for (plan::MeaningOp &op : step.meaning)
    for (std::vector<plan::Ref> *refs : {&op.in, &op.out})
      for (plan::Ref &ref : *refs)
        if (ref.kind == plan::RefKind::Temp && ref.index == index)
          ref = stored;
}

plan::Plan roundedOperandsPlan(const plan::Plan &plan, ProgramName name) {
  plan::Plan rounded = plan;
  plan::Program &program = rounded.entries[name.entry].programs[name.program];
  for (plan::Step &step : program.steps)
    for (size_t i = 0; i < step.meaning.size(); ++i) {
      const plan::MeaningOp &op = step.meaning[i];
      if (op.op != "linear" || op.in[0].kind != plan::RefKind::Temp)
        continue;
      DType dtype = plan.weights[size_t(op.in[1].index)].dtype;
      if (dtypeSize(dtype) == 2)
        storeTemp(program, step, op.in[0].index, dtype);
    }
  return rounded;
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
                        const TestBatch &batch, int64_t rows, uint64_t draw) {
  uint64_t key = randomKey(2 + 2 * draw, input.name);
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
                      const TestBatch &batch, uint64_t draw) {
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
                         mixBits((draw << 32) + uint64_t(layer) * 4096 + s * 2 +
                                 plane)));
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

namespace {
/// A program of a plan bound on a device, for several draws.
class DrawnProgram {
public:
  DrawnProgram(Device &device, const plan::PlanFile &file, ProgramName name,
               const TestBatch &batch)
      : device_(device), plan_(file.plan()), name_(name), batch_(batch),
        entry_(plan_.entries[size_t(name.entry)]),
        run_(device, file, entry_, entry_.programs[size_t(name.program)],
             batch) {}

  /// What it computes from the weights, cache and inputs of `draw`.
  StatusOr<std::vector<NamedValues>> results(uint64_t draw);

private:
  Device &device_;
  const plan::Plan &plan_;
  ProgramName name_;
  const TestBatch &batch_;
  const plan::Entry &entry_;
  BoundProgram run_;
};
} // namespace

StatusOr<std::vector<NamedValues>> DrawnProgram::results(uint64_t draw) {
  run_.randomWeights(1 + 2 * draw);
  fillCache(run_, plan_, batch_, draw);
  for (size_t i = 0; i < entry_.inputs.size(); ++i)
    if (entry_.inputs[i].role != plan::InputRole::Mask)
      run_.write({plan::RefKind::Input, int32_t(i)},
                 makeInput(plan_, entry_.inputs[i], batch_,
                           run_.counts()[size_t(entry_.inputs[i].axis)], draw));
  FT_RETURN_IF_ERROR(run_.run().withContext(device_.kind()));
  return ft::test::results(run_, plan_, name_, batch_);
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

/// How many products or squares `op` adds up for one number, each key of an
/// attention counted as a product more; 0 of what adds none.
static int64_t summandsOf(const plan::Plan &plan, const plan::Program &program,
                          const plan::Step &step, const plan::MeaningOp &op,
                          int64_t longest) {
  if (op.op == "linear")
    return plan.weights[size_t(op.in[1].index)].shape.back();
  if (op.op == "segment_reduce" || op.op == "cumsum")
    return longest;
  if (op.in.empty() ||
      (op.op != "attention" && op.op != "rms_norm" && op.op != "layer_norm"))
    return 0;
  const plan::Ref &first = op.in[0];
  int64_t row = 0;
  if (first.kind == plan::RefKind::Buffer)
    row = elementCount(program.buffers[size_t(first.index)].shape);
  if (first.kind == plan::RefKind::Temp)
    row = elementCount(step.temps[size_t(first.index)].shape);
  return op.op == "attention" ? row + longest : row;
}

double arithmeticError(const plan::Plan &plan, ProgramName name,
                       const TestBatch &batch) {
  constexpr double kUnit = 0x1p-24, kFunction = 4, kPassedOn = 4;
  int64_t longest = 0;
  for (const Slice &slice : batch.slices)
    longest = std::max(longest, slice.past + slice.tokens);
  const plan::Program &program =
      plan.entries[size_t(name.entry)].programs[size_t(name.program)];
  double squares = 0;
  for (const plan::Step &step : program.steps)
    for (const plan::MeaningOp &op : step.meaning)
      squares += double(summandsOf(plan, program, step, op, longest)) / 2 +
                 kFunction * kFunction;
  return kPassedOn * kUnit * std::sqrt(squares);
}

namespace {
/// Squares of one result, over draws.
struct Squares {
  double found = 0, rounding = 0, operands = 0, size = 0;
  int64_t count = 0;

  void add(const Values &got, const Values &want, const Values &wide,
           const Values &rounded) {
    for (size_t i = 0; i < want.size(); ++i) {
      found += (got[i] - want[i]) * (got[i] - want[i]);
      rounding += (want[i] - wide[i]) * (want[i] - wide[i]);
      operands += (rounded[i] - wide[i]) * (rounded[i] - wide[i]);
      size += want[i] * want[i];
    }
    count += int64_t(want.size());
  }
  /// NaN where either holds one.
  double relative(double squares) const {
    return squares == 0 ? 0 : std::sqrt(squares / size);
  }
};
} // namespace

testing::AssertionResult
compareProgram(Device &device, const plan::PlanFile &file, Device &reference,
               const plan::PlanFile &referenceFile, ProgramName name,
               const TestBatch &batch) {
  auto wideFile =
      plan::PlanFile::fromPlan(widenedPlan(referenceFile.plan(), name));
  auto roundedFile =
      plan::PlanFile::fromPlan(roundedOperandsPlan(referenceFile.plan(), name));
  DrawnProgram got(device, file, name, batch);
  DrawnProgram want(reference, referenceFile, name, batch);
  DrawnProgram wide(reference, *wideFile, name, batch);
  DrawnProgram rounded(reference, *roundedFile, name, batch);
  std::vector<std::string> names;
  std::vector<Squares> squares;
  auto isPooled = [](const Squares &s) { return s.count >= kPooled; };
  for (uint64_t draw = 0;
       draw == 0 || !std::all_of(squares.begin(), squares.end(), isPooled);
       ++draw) {
    auto a = got.results(draw), b = want.results(draw), c = wide.results(draw),
         d = rounded.results(draw);
    for (const auto *run : {&a, &b, &c, &d})
      if (!run->ok())
        return testing::AssertionFailure() << run->status().message();
    squares.resize(b->size());
    names.resize(b->size());
    for (size_t i = 0; i < b->size(); ++i) {
      names[i] = (*b)[i].name;
      squares[i].add((*a)[i].values, (*b)[i].values, (*c)[i].values,
                     (*d)[i].values);
    }
  }
  double arithmetic = arithmeticError(referenceFile.plan(), name, batch);
  for (size_t i = 0; i < squares.size(); ++i) {
    double rounding = squares[i].relative(squares[i].rounding);
    double operands = squares[i].relative(squares[i].operands);
    double bound =
        rounding + 1.1 * std::max(rounding, operands) + 2 * arithmetic;
    double found = squares[i].relative(squares[i].found);
    // Written so that NaN, which compares with nothing, fails.
    if (!(found <= bound))
      return testing::AssertionFailure()
             << names[i] << " of " << file.plan().entries[name.entry].name
             << " program " << name.program << ", " << batch.tokens()
             << " tokens in " << batch.slices.size()
             << " sequences: relative L2 " << found << " beyond " << bound
             << " (rounding alone " << rounding << ", of operands, too, "
             << operands << ")";
  }
  return testing::AssertionSuccess();
}

} // namespace ft::test
