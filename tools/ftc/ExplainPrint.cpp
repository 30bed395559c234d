//===- ExplainPrint.cpp - a report for a person, and as JSON --------------===//
#include "tools/ftc/ExplainReport.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <span>

using namespace ft;
using nlohmann::json;

template <typename... Args>
static void print(std::string &out, const char *format, Args... args) {
  char line[512];
  std::snprintf(line, sizeof line, format, args...);
  out += line;
}

/// "12.5 MB"; decimal units, as bandwidths are.
static std::string size(double value, const char *unit) {
  static constexpr const char *prefixes[] = {"", "k", "M", "G", "T"};
  int scale = 0;
  while (value >= 1000 && scale < 4) {
    value /= 1000;
    ++scale;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.*f %s%s", scale == 0 ? 0 : 1, value,
                prefixes[scale], unit);
  return text;
}

static std::string range(const ProgramReport &program) {
  std::string first = std::to_string(program.minTokens);
  if (program.maxTokens == 0)
    return first + " or more tokens";
  return first + " to " + std::to_string(program.maxTokens) + " tokens";
}

static std::string operations(const StepReport &step) {
  std::string text;
  for (const std::string &op : step.operations)
    text += (text.empty() ? "" : " ") + op;
  return text;
}

static void printCounts(std::string &out, const char *what,
                        const KernelCounts &counts) {
  print(out, "  %-16s about %lld primitives, %lld operations -> %lld kernels\n",
        what, (long long)counts.primitives, (long long)counts.operations,
        (long long)counts.kernels);
}

static const std::string &kernelOf(const StepReport &step) {
  return step.implementation.empty() ? step.pattern : step.implementation;
}

/// Whether two layers' steps would print the same but for the layer's name.
static bool alike(std::span<const StepReport> a,
                  std::span<const StepReport> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const StepReport &left, const StepReport &right) {
                      return kernelOf(left) == kernelOf(right) &&
                             left.operations == right.operations &&
                             left.prediction.bytes == right.prediction.bytes &&
                             left.prediction.flops == right.prediction.flops;
                    });
}

static void printStep(std::string &out, const StepReport &step,
                      const int (&widths)[2]) {
  print(out, "  %-*s  %-*s %10s %10s %9.2f  ", widths[0], step.name.c_str(),
        widths[1], kernelOf(step).c_str(),
        size(double(step.prediction.bytes), "B").c_str(),
        size(double(step.prediction.flops), "").c_str(),
        step.prediction.microseconds);
  out += operations(step) + "\n";
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
  std::span<const StepReport> rest(program.steps), last;
  while (!rest.empty()) {
    auto sameLayer = [&rest](size_t begin) {
      size_t end = begin;
      while (end < rest.size() && rest[end].layer == rest[begin].layer)
        ++end;
      return rest.subspan(begin, end - begin);
    };
    std::span<const StepReport> layer = sameLayer(0), alikeLast;
    size_t end = 0;
    while (end < rest.size() && rest[end].layer >= 0 &&
           alike(sameLayer(end), last)) {
      alikeLast = sameLayer(end);
      end += alikeLast.size();
    }
    if (alikeLast.empty()) {
      for (const StepReport &step : layer)
        printStep(out, step, widths);
      last = layer;
      rest = rest.subspan(layer.size());
      continue;
    }
    print(out, "  layers %lld to %lld: as layer %lld\n",
          (long long)layer[0].layer, (long long)alikeLast[0].layer,
          (long long)last[0].layer);
    rest = rest.subspan(end);
  }
  print(out, "  %-*s  %-*s %10s %10s %9.2f\n", widths[0], "total", widths[1],
        "", size(double(program.total.bytes), "B").c_str(),
        size(double(program.total.flops), "").c_str(),
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
        size(double(exchange.bytesPerTokenAndLayer), "B").c_str(),
        (long long)exchange.count, size(double(exchange.bytes), "B").c_str(),
        exchange.microseconds);
}

static void printProgram(std::string &out, const ProgramReport &program) {
  print(out, "\n%s, %s; figures for %lld token%s", program.entry.c_str(),
        range(program).c_str(), (long long)program.batch.tokens,
        program.batch.tokens == 1 ? "" : "s");
  if (program.batch.context > 0)
    print(out, " after %lld", (long long)program.batch.context);
  out += " of one sequence\n";
  if (program.layer)
    printCounts(out, "a layer:", *program.layer);
  printCounts(out, "in all:", program.all);
  printExchange(out, program.exchange);
  print(out, "  activations      %s, workspace %s\n\n",
        size(double(program.arenaBytes), "B").c_str(),
        size(double(program.workspaceBytes), "B").c_str());
  printSteps(out, program);
}

std::string ft::reportText(const Report &report) {
  std::string out;
  print(out, "%s (%s), %s\n", report.name.c_str(), report.architecture.c_str(),
        report.dtype.c_str());
  if (report.ranks > 1)
    print(out, "  ranks            %lld; all figures are of one\n",
          (long long)report.ranks);
  print(out, "  weights          %s\n",
        size(double(report.weightBytes), "B").c_str());
  if (report.cacheBytesPerToken > 0)
    print(out, "  cache            %s a token\n",
          size(double(report.cacheBytesPerToken), "B").c_str());
  if (report.planBytes > 0)
    print(out, "  plan file        %s\n",
          size(double(report.planBytes), "B").c_str());
  print(out, "  kernel texts     %lld\n", (long long)report.kernelTexts);
  out +=
      "  times are estimates for an H200: the larger of bytes and FLOPs over "
      "its\n  measured ceilings, plus the kernel boundary\n";
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
              {"programs", std::move(programs)}};
  // Names come from files and need not be UTF-8.
  return out.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}
