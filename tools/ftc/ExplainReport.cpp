//===- ExplainReport.cpp - what a plan does, in numbers -------------------===//
#include "tools/ftc/ExplainReport.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>

using namespace ft;
using codegen::BatchShape;

void KernelCounts::add(const plan::Step &step) {
  for (const plan::MeaningOp &op : step.meaning) {
    primitives += codegen::primitivesOf(op);
    ++operations;
  }
  kernels += codegen::kernelsOf(step);
}

/// Layers are alike but for the first and last: the commonest one stands for
/// them.
static void countLayers(const plan::Program &program, ProgramReport &report) {
  std::map<int64_t, KernelCounts> layers;
  for (const plan::Step &step : program.steps)
    if (int64_t layer = layerOf(step.name); layer >= 0)
      layers[layer].add(step);
  report.layers = int64_t(layers.size());
  std::map<int64_t, int64_t> seen; // kernels -> layers
  int64_t best = 0;
  for (const auto &[layer, counts] : layers) {
    int64_t count = ++seen[counts.kernels];
    if (count > best) {
      best = count;
      report.layer = counts;
    }
  }
}

/// What a device of the first implementation's architectures runs for `rows`,
/// of a batch that is not packed.
static const plan::Implementation &implementationAt(const plan::Step &step,
                                                    int64_t rows) {
  // A valid plan has one.
  const plan::Implementation &first = *std::find_if(
      step.implementations.begin(), step.implementations.end(),
      [](const plan::Implementation &way) { return !way.isSpecial(); });
  const plan::Implementation *nearest = &first;
  int64_t distance = INT64_MAX;
  for (const plan::Implementation &other : step.implementations)
    for (int64_t number : other.rows)
      if (!other.isSpecial() && other.archs == first.archs &&
          !first.rows.empty() && std::abs(number - rows) < distance) {
        distance = std::abs(number - rows);
        nearest = &other;
      }
  return *nearest;
}

static std::string implementationOf(const plan::Plan &plan,
                                    const plan::Step &step, int64_t rows) {
  std::string text;
  if (step.implementations.empty())
    return text;
  for (const plan::Launch &launch : implementationAt(step, rows).launches) {
    text += text.empty() ? "" : "+";
    if (const auto *kernel = std::get_if<plan::KernelLaunch>(&launch))
      text += plan.kernels[size_t(kernel->kernel)].function;
    else if (std::holds_alternative<plan::CollectiveCall>(launch))
      text += "between ranks";
    else
      text += "library";
  }
  return text;
}

/// Sums over the steps between ranks; a layer's are those of the last layer,
/// which is like most others.
static void countExchanges(ProgramReport &report) {
  ExchangeReport &exchange = report.exchange;
  int64_t layerBytes = 0;
  for (const StepReport &step : report.steps) {
    if (step.prediction.linkBytes == 0)
      continue;
    ++exchange.count;
    exchange.bytes += step.prediction.linkBytes;
    exchange.microseconds += step.prediction.microseconds;
    if (step.layer < 0 || step.layer != report.layers - 1)
      continue;
    ++exchange.perLayer;
    layerBytes += step.prediction.linkBytes;
  }
  exchange.bytesPerTokenAndLayer = layerBytes / report.batch.tokens;
}

/// One sequence; a decode program gets one token and a context of 512, a
/// program of images as many whole ones as its range asks for.
static BatchShape chooseShape(const plan::Entry &entry,
                              const plan::Program &program,
                              const ReportShape &shape) {
  BatchShape batch;
  int64_t usual =
      program.maxTokens > 0 && program.maxTokens <= 8 ? program.minTokens
      : program.maxTokens > 0                         ? program.maxTokens
                              : std::max<int64_t>(512, program.minTokens);
  batch.tokens = shape.tokens.value_or(usual);
  if (int64_t image = entry.imageTokens()) {
    int64_t least = std::max(program.minTokens, shape.tokens.value_or(1));
    batch.sequences = batch.rows = (least + image - 1) / image;
    batch.tokens = batch.sequences * image;
    return batch;
  }
  bool decode = entry.causal && batch.tokens <= 8;
  batch.context = entry.causal ? shape.context.value_or(decode ? 512 : 0) : 0;
  return batch;
}

/// The last step that needs each buffer: results to the end, a root as long as
/// any range of its columns.
static std::vector<int64_t> lastUses(const plan::Program &program) {
  std::vector<int64_t> last(program.buffers.size(), -1);
  auto use = [&](int32_t buffer, int64_t step) {
    last[size_t(buffer)] = std::max(last[size_t(buffer)], step);
    if (int32_t root = program.buffers[size_t(buffer)].viewOf; root >= 0)
      last[size_t(root)] = std::max(last[size_t(root)], step);
  };
  for (size_t i = 0; i < program.steps.size(); ++i) {
    for (int32_t buffer : program.steps[i].reads)
      use(buffer, int64_t(i));
    for (int32_t buffer : program.steps[i].writes)
      use(buffer, int64_t(i));
  }
  for (int32_t buffer : program.outputs)
    use(buffer, int64_t(program.steps.size()));
  return last;
}

/// Bytes of the buffers that hold something while each step runs.
static void measureMemory(const plan::Plan &plan, const plan::Program &program,
                          ProgramReport &report) {
  std::vector<int64_t> last = lastUses(program);
  std::vector<bool> seen(program.buffers.size());
  for (size_t i = 0; i < program.steps.size(); ++i)
    for (int32_t written : program.steps[i].writes) {
      int32_t view = program.buffers[size_t(written)].viewOf;
      auto root = size_t(view >= 0 ? view : written);
      if (seen[root])
        continue;
      seen[root] = true;
      const plan::Buffer &buffer = program.buffers[root];
      plan::Affine bytes;
      bytes.perAxis.resize(size_t(buffer.axis) + 1);
      bytes.perAxis.back() = buffer.rowStride * dtypeSize(buffer.dtype);
      int64_t held = codegen::evaluate(bytes, plan, report.batch);
      int64_t end = std::min(last[root] + 1, int64_t(report.steps.size()));
      for (int64_t step = int64_t(i); step < end; ++step)
        report.steps[size_t(step)].liveBytes += held;
    }
}

static ProgramReport reportProgram(const plan::Plan &plan,
                                   const plan::Entry &entry,
                                   const plan::Program &program,
                                   const ReportShape &shape) {
  ProgramReport report;
  report.entry = entry.name;
  report.minTokens = program.minTokens;
  report.maxTokens = program.maxTokens;
  report.batch = chooseShape(entry, program, shape);
  report.workspaceBytes = program.workspaceBytes;
  report.arenaBytes = codegen::evaluate(program.arenaBytes, plan, report.batch);
  for (const plan::Step &step : program.steps) {
    StepReport row;
    row.name = step.name;
    row.layer = layerOf(step.name);
    row.pattern = step.pattern;
    row.kernels = codegen::kernelsOf(step);
    row.implementation = implementationOf(plan, step, report.batch.tokens);
    row.prediction = codegen::predictStep(plan, step, entry.causal,
                                          report.batch, codegen::h200());
    for (const plan::MeaningOp &op : step.meaning)
      row.operations.push_back(op.op);
    report.total.bytes += row.prediction.bytes;
    report.total.flops += row.prediction.flops;
    report.total.microseconds += row.prediction.microseconds;
    report.all.add(step);
    report.steps.push_back(std::move(row));
  }
  countLayers(program, report);
  countExchanges(report);
  measureMemory(plan, program, report);
  return report;
}

Report ft::makeReport(const plan::Plan &plan, const ReportShape &shape) {
  Report report;
  report.name = plan.name;
  report.architecture = plan.architecture;
  report.dtype = dtypeName(plan.dtype);
  report.targets = plan.targets;
  report.ranks = plan.ranks();
  report.kernelTexts = int64_t(plan.kernels.size());
  report.weightBytes = codegen::weightBytes(plan);
  report.cacheBytesPerToken = codegen::cacheBytesPerToken(plan);
  for (const plan::Entry &entry : plan.entries)
    for (const plan::Program &program : entry.programs) {
      bool covers =
          !shape.tokens ||
          (*shape.tokens >= program.minTokens &&
           (program.maxTokens == 0 || *shape.tokens <= program.maxTokens));
      if (covers)
        report.programs.push_back(reportProgram(plan, entry, program, shape));
    }
  return report;
}
