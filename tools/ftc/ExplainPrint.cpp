//===- ExplainPrint.cpp - a report for a person, and as JSON --------------===//
#include "tools/ftc/ExplainFormat.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>

using namespace ft;
using nlohmann::json;

template <typename... Args>
static void print(std::string &out, const char *format, Args... args) {
  char line[512];
  std::snprintf(line, sizeof line, format, args...);
  out += line;
}

static void printCounts(std::string &out, const char *what,
                        const KernelCounts &counts) {
  print(out, "  %-16s about %lld primitives, %lld operations -> %lld kernels\n",
        what, (long long)counts.primitives, (long long)counts.operations,
        (long long)counts.kernels);
}

static void printStep(std::string &out, const StepReport &step,
                      const int (&widths)[2]) {
  print(out, "  %-*s  %-*s %10s %10s %9.2f  ", widths[0], step.name.c_str(),
        widths[1], kernelOf(step).c_str(),
        sizeText(double(step.prediction.bytes), "B").c_str(),
        sizeText(double(step.prediction.flops), "").c_str(),
        step.prediction.microseconds);
  out += joined(step.operations, " ") + "\n";
}

static void printAlike(std::string &out, int64_t first, int64_t last,
                       int64_t like) {
  print(out, "  layers %lld to %lld: as layer %lld\n", (long long)first,
        (long long)last, (long long)like);
}

/// The graph as imported, and the step of its first program that computes each
/// operation.
static void printSource(std::string &out, const SourceEntry &entry) {
  print(out, "\nthe graph of %s as imported: %lld operations\n",
        entry.name.c_str(), (long long)entry.operations.size());
  int widths[] = {16, 12, 24};
  for (const SourceOp &op : entry.operations) {
    widths[0] = std::max(widths[0], int(op.name.size()));
    widths[1] = std::max(widths[1], int(op.operation.size()));
    widths[2] = std::max(widths[2], int(op.type.size()));
  }
  print(out, "  %-*s  %-*s  %-*s  %s\n", widths[0], "value", widths[1],
        "operation", widths[2], "shape", "computed by step");
  for (const Section<SourceOp> &section : sectionsOf(entry)) {
    if (section.rows.empty())
      printAlike(out, section.first, section.last, section.like);
    for (const SourceOp &op : section.rows) {
      print(out, "  %-*s  %-*s  %-*s  ", widths[0], op.name.c_str(), widths[1],
            op.operation.c_str(), widths[2], op.type.c_str());
      out += (op.steps.empty() ? "" : op.steps.front()) + "\n";
    }
  }
}

/// The steps layer by layer; layers like the one before them on one line.
static void printSteps(std::string &out, const ProgramReport &program) {
  int widths[] = {16, 12}; // of the names and the kernels
  for (const StepReport &step : program.steps) {
    widths[0] = std::max(widths[0], int(step.name.size()));
    widths[1] = std::max(widths[1], int(kernelOf(step).size()));
  }
  print(out, "  %-*s  %-*s %10s %10s %9s  %s\n", widths[0], "step", widths[1],
        "kernel", "bytes", "FLOPs", "est. us", "operations");
  for (const Section<StepReport> &section : sectionsOf(program)) {
    if (section.rows.empty())
      printAlike(out, section.first, section.last, section.like);
    for (const StepReport &step : section.rows)
      printStep(out, step, widths);
  }
  print(out, "  %-*s  %-*s %10s %10s %9.2f\n", widths[0], "total", widths[1],
        "", sizeText(double(program.total.bytes), "B").c_str(),
        sizeText(double(program.total.flops), "").c_str(),
        program.total.microseconds);
}

/// What a rank sends the others, if there are others.
static void printExchange(std::string &out, const ExchangeReport &exchange) {
  if (exchange.count == 0)
    return;
  print(out,
        "  between ranks:   %lld exchanges and %s a token in a layer; in all "
        "%lld, %s, est. %.0f us\n",
        (long long)exchange.perLayer,
        sizeText(double(exchange.bytesPerTokenAndLayer), "B").c_str(),
        (long long)exchange.count,
        sizeText(double(exchange.bytes), "B").c_str(), exchange.microseconds);
}

static void printProgram(std::string &out, const ProgramReport &program) {
  out += "\n" + program.entry + ", " + rangeText(program) + "; figures for " +
         batchText(program) + "\n";
  if (program.layer)
    printCounts(out, "a layer:", *program.layer);
  printCounts(out, "in all:", program.all);
  printExchange(out, program.exchange);
  print(out, "  activations      %s, workspace %s\n\n",
        sizeText(double(program.arenaBytes), "B").c_str(),
        sizeText(double(program.workspaceBytes), "B").c_str());
  printSteps(out, program);
  out += "\n  activations that are live, step by step\n" + memoryChart(program);
}

std::string ft::reportText(const Report &report) {
  std::string out;
  print(out, "%s (%s), %s\n", report.name.c_str(), report.architecture.c_str(),
        report.dtype.c_str());
  if (report.ranks > 1)
    print(out, "  ranks            %lld; all figures are of one\n",
          (long long)report.ranks);
  print(out, "  weights          %s\n",
        sizeText(double(report.weightBytes), "B").c_str());
  if (report.cacheBytesPerToken > 0)
    print(out, "  cache            %s a token\n",
          sizeText(double(report.cacheBytesPerToken), "B").c_str());
  if (report.planBytes > 0)
    print(out, "  plan file        %s\n",
          sizeText(double(report.planBytes), "B").c_str());
  print(out, "  kernel texts     %lld\n", (long long)report.kernelTexts);
  out +=
      "  times are estimates for an H200: the larger of bytes and FLOPs over "
      "its\n  measured ceilings, plus the kernel boundary\n";
  for (const std::string &warning : report.warnings)
    out += "  warning: " + warning + "\n";
  for (const SourceEntry &entry : report.source)
    printSource(out, entry);
  for (const ProgramReport &program : report.programs)
    printProgram(out, program);
  return out;
}

static json countsJson(const KernelCounts &counts) {
  return {{"primitives", counts.primitives},
          {"operations", counts.operations},
          {"kernels", counts.kernels}};
}

static json predictionJson(const codegen::Prediction &prediction) {
  return {{"bytes", prediction.bytes},
          {"flops", prediction.flops},
          {"link_bytes", prediction.linkBytes},
          {"microseconds", prediction.microseconds}};
}

static json programJson(const ProgramReport &program) {
  json steps = json::array();
  for (const StepReport &step : program.steps) {
    json row = predictionJson(step.prediction);
    row["name"] = step.name;
    row["pattern"] = step.pattern;
    row["operations"] = step.operations;
    row["covers"] = step.covers;
    row["live_bytes"] = step.liveBytes;
    row["kernels"] = step.kernels;
    row["implementation"] = step.implementation;
    steps.push_back(std::move(row));
  }
  json out = {
      {"entry", program.entry},
      {"min_tokens", program.minTokens},
      {"max_tokens", program.maxTokens},
      {"tokens", program.batch.tokens},
      {"context", program.batch.context},
      {"all", countsJson(program.all)},
      {"layers", program.layers},
      {"total", predictionJson(program.total)},
      {"activation_bytes", program.arenaBytes},
      {"workspace_bytes", program.workspaceBytes},
      {"exchange",
       {{"per_layer", program.exchange.perLayer},
        {"bytes_per_token_and_layer", program.exchange.bytesPerTokenAndLayer},
        {"count", program.exchange.count},
        {"bytes", program.exchange.bytes},
        {"microseconds", program.exchange.microseconds}}},
      {"steps", std::move(steps)}};
  if (program.layer)
    out["layer"] = countsJson(*program.layer);
  return out;
}

static json sourceJson(const Report &report) {
  json entries = json::array();
  for (const SourceEntry &entry : report.source) {
    json operations = json::array();
    for (const SourceOp &op : entry.operations)
      operations.push_back({{"name", op.name},
                            {"operation", op.operation},
                            {"inputs", op.inputs},
                            {"type", op.type},
                            {"place", op.place},
                            {"steps", op.steps}});
    entries.push_back(
        {{"entry", entry.name}, {"operations", std::move(operations)}});
  }
  return entries;
}

std::string ft::reportJson(const Report &report) {
  json programs = json::array();
  for (const ProgramReport &program : report.programs)
    programs.push_back(programJson(program));
  json out = {{"name", report.name},
              {"architecture", report.architecture},
              {"dtype", report.dtype},
              {"targets", report.targets},
              {"ranks", report.ranks},
              {"kernel_texts", report.kernelTexts},
              {"plan_bytes", report.planBytes},
              {"weight_bytes", report.weightBytes},
              {"cache_bytes_per_token", report.cacheBytesPerToken},
              {"warnings", report.warnings},
              {"source", sourceJson(report)},
              {"programs", std::move(programs)}};
  // Names come from files and need not be UTF-8.
  return out.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}
