//===- CpuExecutable.cpp - a program as a list of op sites ----------------===//
#include "runtime/device/cpu/CpuExecutable.h"

#include "runtime/device/cpu/Ops.h"
#include "runtime/plan/Batch.h"

#include <chrono>

namespace ft {

namespace {

class CpuExecutable : public Executable {
public:
  CpuExecutable(ThreadPool &pool, const Blas *blas)
      : pool_(pool), blas_(blas) {}

  Status load(const plan::Plan &plan, const plan::Entry &entry,
              const plan::Program &program, const Binding &binding);

  Status run(const BatchCounts &batch) override;
  StatusOr<std::vector<StepTime>> profile(const BatchCounts &batch,
                                          const StepObserver &after) override;
  StatusOr<int64_t> kernelCount(const BatchCounts &) override {
    return int64_t(steps_.size());
  }

private:
  void resolveSequences();
  void locate(Operand &operand, const plan::Step &step) const;
  Operand resolve(plan::Ref ref, const plan::Step &step) const;
  Status loadStep(const plan::Step &step);
  void placeTemps(std::vector<OpSite> &sites,
                  const std::vector<int64_t> &counts);
  Status checkCounts(const std::vector<int64_t> &counts) const;
  Status runStep(std::vector<OpSite> &sites,
                 const std::vector<int64_t> &counts);

  ThreadPool &pool_;
  const Blas *blas_;
  Binding binding_;
  ProgramSite site_;
  std::optional<FeedSite> feed_;
  std::vector<std::vector<OpSite>> steps_;
  Scratch temps_, scratch_;
};

} // namespace

void CpuExecutable::resolveSequences() {
  namespace batch = plan::batch;
  for (size_t i = 0; i < site_.entry->sequences.size(); ++i) {
    const plan::Sequences &sequences = site_.entry->sequences[i];
    auto field = [&](const char *name) {
      return reinterpret_cast<const int32_t *>(
          batchField(binding_, name, int32_t(i)));
    };
    SequenceFields fields;
    fields.tokensAxis = sequences.tokensAxis;
    fields.sequencesAxis = sequences.sequencesAxis;
    fields.cache = sequences.cache;
    fields.positions = field(batch::kPositions);
    fields.sequenceIds = field(batch::kSequenceIds);
    fields.cuTokens = field(batch::kCuTokens);
    fields.kvLengths = field(batch::kKvLengths);
    fields.pageTable = field(batch::kPageTable);
    fields.pageColumns = binding_.bounds.pageColumns;
    site_.sequences.push_back(fields);
  }
  site_.rows =
      reinterpret_cast<const int32_t *>(batchField(binding_, batch::kRows, 0));
  site_.sampling = reinterpret_cast<const plan::SamplingRecord *>(
      batchField(binding_, batch::kSampling, 0));
}

void CpuExecutable::locate(Operand &operand, const plan::Step &step) const {
  int32_t index = operand.ref.index;
  switch (operand.ref.kind) {
  case plan::RefKind::Buffer: {
    const plan::Buffer &buffer = site_.program->buffers[index];
    operand.dtype = buffer.dtype;
    operand.axis = buffer.axis;
    operand.shape = buffer.shape;
    operand.rowStride = buffer.rowStride;
    operand.address =
        bufferAddress(*site_.program, index, site_.bounds, binding_.arena);
    return;
  }
  case plan::RefKind::Temp: {
    const plan::Temp &temp = step.temps[index];
    operand.dtype = temp.dtype;
    operand.axis = temp.axis;
    operand.shape = temp.shape;
    operand.rowStride = elementCount(temp.shape);
    return;
  }
  case plan::RefKind::Input: {
    const plan::Input &input = site_.entry->inputs[index];
    operand.dtype = input.dtype;
    operand.axis = input.axis;
    operand.shape = input.shape;
    operand.rowStride = elementCount(input.shape);
    operand.address = binding_.batch + binding_.layout.inputs[index];
    return;
  }
  case plan::RefKind::Weight: {
    const plan::Weight &weight = site_.plan->weights[index];
    operand.dtype = weight.dtype;
    operand.shape = weight.shape;
    operand.address = binding_.weights[index];
    return;
  }
  case plan::RefKind::Sequences:
  case plan::RefKind::Rows:
  case plan::RefKind::Cache:
    return;
  }
}

Operand CpuExecutable::resolve(plan::Ref ref, const plan::Step &step) const {
  Operand operand;
  operand.ref = ref;
  locate(operand, step);
  return operand;
}

/// A mask is packed away by the engine and has no place in the batch block.
static bool readsMask(const plan::Entry &entry, plan::Ref ref) {
  return ref.kind == plan::RefKind::Input &&
         entry.inputs[ref.index].role == plan::InputRole::Mask;
}

Status CpuExecutable::loadStep(const plan::Step &step) {
  std::vector<OpSite> sites;
  for (const plan::MeaningOp &op : step.meaning) {
    OpSite site;
    site.program = &site_;
    site.step = &step;
    site.op = &op;
    site.spec = findOp(op.op);
    if (!site.spec)
      return unsupported("plan step '" + step.name + "': unknown op '" + op.op +
                         "'; the plan needs a newer runtime");
    for (plan::Ref ref : op.in) {
      if (readsMask(*site_.entry, ref))
        return site.mismatch("no operand that is an attention mask");
      site.in.push_back(resolve(ref, step));
    }
    for (plan::Ref ref : op.out)
      site.out.push_back(resolve(ref, step));
    FT_RETURN_IF_ERROR(checkOp(site));
    sites.push_back(std::move(site));
  }
  steps_.push_back(std::move(sites));
  return Status::success();
}

Status CpuExecutable::load(const plan::Plan &plan, const plan::Entry &entry,
                           const plan::Program &program,
                           const Binding &binding) {
  FT_RETURN_IF_ERROR(checkBinding(plan, entry, program, binding));
  binding_ = binding;
  site_.plan = &plan;
  site_.entry = &entry;
  site_.program = &program;
  site_.binding = &binding_;
  site_.bounds = programBounds(plan, program, binding.bounds);
  feed_ = feedSite(plan, entry, program, binding);
  resolveSequences();
  for (const plan::Step &step : program.steps)
    FT_RETURN_IF_ERROR(loadStep(step));
  return Status::success();
}

void CpuExecutable::placeTemps(std::vector<OpSite> &sites,
                               const std::vector<int64_t> &counts) {
  temps_.reset();
  if (sites.empty())
    return;
  std::vector<std::byte *> addresses;
  for (const plan::Temp &temp : sites[0].step->temps)
    addresses.push_back(temps_.allocate(
        counts[temp.axis] * elementCount(temp.shape) * dtypeSize(temp.dtype)));
  for (OpSite &site : sites)
    for (std::vector<Operand> *operands : {&site.in, &site.out})
      for (Operand &operand : *operands)
        if (operand.ref.kind == plan::RefKind::Temp)
          operand.address = addresses[operand.ref.index];
}

Status CpuExecutable::checkCounts(const std::vector<int64_t> &counts) const {
  if (counts.size() != site_.bounds.size())
    return invalidArgument(
        "the plan has " + std::to_string(site_.bounds.size()) +
        " axes, the batch counts " + std::to_string(counts.size()));
  for (size_t axis = 0; axis < counts.size(); ++axis) {
    int64_t bound = std::min(site_.bounds[axis], binding_.bounds.axes[axis]);
    if (counts[axis] < 0 || counts[axis] > bound)
      return outOfRange("batch of " + std::to_string(counts[axis]) + " " +
                        site_.plan->axes[axis].name +
                        ", but this program was loaded for at most " +
                        std::to_string(bound));
  }
  return Status::success();
}

Status CpuExecutable::runStep(std::vector<OpSite> &sites,
                              const std::vector<int64_t> &counts) {
  placeTemps(sites, counts);
  RunContext context{pool_, blas_, counts, scratch_};
  for (const OpSite &site : sites) {
    scratch_.reset();
    FT_RETURN_IF_ERROR(site.spec->run(site, context));
  }
  return Status::success();
}

Status CpuExecutable::run(const BatchCounts &batch) {
  const std::vector<int64_t> &counts = batch.axes;
  FT_RETURN_IF_ERROR(checkCounts(counts));
  for (std::vector<OpSite> &sites : steps_)
    FT_RETURN_IF_ERROR(runStep(sites, counts));
  return feed_ ? binding_.feed->finish(*feed_, false) : Status::success();
}

StatusOr<std::vector<StepTime>>
CpuExecutable::profile(const BatchCounts &batch, const StepObserver &after) {
  const std::vector<int64_t> &counts = batch.axes;
  using Clock = std::chrono::steady_clock;
  using Microseconds = std::chrono::duration<double, std::micro>;
  FT_RETURN_IF_ERROR(checkCounts(counts));
  std::vector<StepTime> times;
  Clock::time_point start = Clock::now();
  for (size_t step = 0; step < steps_.size(); ++step) {
    Clock::time_point begin = Clock::now();
    FT_RETURN_IF_ERROR(runStep(steps_[step], counts));
    times.push_back({int32_t(step), Microseconds(begin - start).count(),
                     Microseconds(Clock::now() - begin).count()});
    if (after)
      FT_RETURN_IF_ERROR(after(int32_t(step)));
  }
  return times;
}

StatusOr<std::unique_ptr<Executable>>
loadCpuExecutable(const plan::Plan &plan, const plan::Entry &entry,
                  const plan::Program &program, const Binding &binding,
                  ThreadPool &pool, const Blas *blas) {
  auto executable = std::make_unique<CpuExecutable>(pool, blas);
  FT_RETURN_IF_ERROR(executable->load(plan, entry, program, binding));
  return std::unique_ptr<Executable>(std::move(executable));
}

} // namespace ft
