//===- ExplainReport.cpp - what a plan does, in numbers -------------------===//
#include "tools/ftc/ExplainReport.h"

#include <algorithm>
#include <cctype>
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

/// The number of the layer a step's name is in ("l3.qkv" and "layers.3.mlp" are
/// in 3), or -1.
static int64_t layerOf(const std::string &name) {
  for (size_t i = 0; i < name.size(); ++i) {
    if (!std::isdigit(static_cast<unsigned char>(name[i])))
      continue;
    size_t end = i;
    while (end < name.size() &&
           std::isdigit(static_cast<unsigned char>(name[end])))
      ++end;
    bool whole = end == name.size() || name[end] == '.';
    if (whole && end - i < 9)
      return std::stoll(name.substr(i, end - i));
    i = end;
  }
  return -1;
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

static std::string implementationOf(const plan::Plan &plan,
                                    const plan::Step &step) {
  std::string text;
  if (step.implementations.empty())
    return text;
  for (const plan::Launch &launch : step.implementations.front().launches) {
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

/// One sequence; a decode program gets one token and a context of 512.
static BatchShape chooseShape(const plan::Entry &entry,
                              const plan::Program &program,
                              const ReportShape &shape) {
  BatchShape batch;
  int64_t usual =
      program.maxTokens > 0 && program.maxTokens <= 8 ? program.minTokens
      : program.maxTokens > 0                         ? program.maxTokens
                              : std::max<int64_t>(512, program.minTokens);
  batch.tokens = shape.tokens.value_or(usual);
  bool decode = entry.causal && batch.tokens <= 8;
  batch.context = entry.causal ? shape.context.value_or(decode ? 512 : 0) : 0;
  return batch;
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
    row.implementation = implementationOf(plan, step);
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
