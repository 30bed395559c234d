//===- Describe.cpp - --describe, --explain-memory ------------------------===//
#include "runtime/device/Addressing.h"
#include "runtime/plan/Tuning.h"
#include "tools/ft-run/RunOptions.h"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace ft::run {

static std::string bytesText(int64_t bytes) {
  char text[32];
  if (bytes >= int64_t(1) << 30)
    std::snprintf(text, sizeof(text), "%.2f GiB", double(bytes) / (1 << 30));
  else if (bytes >= 1 << 20)
    std::snprintf(text, sizeof(text), "%.2f MiB", double(bytes) / (1 << 20));
  else
    std::snprintf(text, sizeof(text), "%.2f KiB", double(bytes) / (1 << 10));
  return text;
}

static int64_t weightBytes(const plan::Plan &plan) {
  int64_t bytes = 0;
  for (const plan::Weight &weight : plan.weights)
    if (weight.viewOf < 0)
      bytes += elementCount(weight.shape) * dtypeSize(weight.dtype);
  return bytes;
}

/// "2 (tp 2)".
static std::string meshText(const plan::Plan &plan) {
  std::string text = std::to_string(plan.ranks());
  for (const plan::MeshAxis &axis : plan.mesh) {
    text += &axis == &plan.mesh.front() ? " (" : ", ";
    text += axis.name + ' ' + std::to_string(axis.size);
  }
  return text + ')';
}

static void describeEntry(const plan::Plan &plan, const plan::Entry &entry) {
  std::printf("entry %s%s\n", entry.name.c_str(),
              entry.causal ? " (causal)" : "");
  auto shape = [&](int32_t axis, const std::vector<int64_t> &extents) {
    std::string text = "[" + plan.axes[size_t(axis)].name;
    for (int64_t extent : extents)
      text += ", " + std::to_string(extent);
    return text + "]";
  };
  for (const plan::Input &input : entry.inputs)
    std::printf(
        "  input  %-18s %s %s%s\n", input.name.c_str(),
        std::string(dtypeName(input.dtype)).c_str(),
        shape(input.axis, input.shape).c_str(),
        input.tokens
            ? (", " + std::to_string(input.tokens) + " tokens each").c_str()
            : "");
  for (const plan::Output &output : entry.outputs)
    std::printf("  output %-18s %s %s\n", output.name.c_str(),
                std::string(dtypeName(output.dtype)).c_str(),
                shape(output.axis, output.shape).c_str());
  for (const plan::Program &program : entry.programs) {
    int64_t launches = 0;
    for (const plan::Step &step : program.steps)
      for (const plan::Implementation &way : step.implementations)
        if (!way.isSpecial()) {
          launches += int64_t(way.launches.size());
          break;
        }
    std::string to = program.maxTokens ? "-" + std::to_string(program.maxTokens)
                                       : " and more";
    std::printf("  program for %lld%s tokens: %zu steps, %lld kernels\n",
                (long long)program.minTokens, to.c_str(), program.steps.size(),
                (long long)launches);
  }
}

StatusOr<int> describePlan(RunOptions &options) {
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(options.plan));
  const plan::Plan &plan = file->plan();
  if (options.json) {
    std::printf("%s\n", plan::planToJson(plan, 1).c_str());
    return 0;
  }
  int64_t cacheBytes = 0;
  for (const plan::Cache &cache : plan.caches)
    for (const plan::CachePlane &plane : cache.planes)
      cacheBytes += cache.layers * cacheTokenBytes(plane);
  std::printf("%s (%s, %s%s)\n", plan.name.c_str(), plan.architecture.c_str(),
              std::string(dtypeName(plan.dtype)).c_str(),
              plan::usesTf32(plan) ? ", products in TF32" : "");
  if (!plan.labels.names.empty())
    std::printf("labels: %zu, scores by %s\n", plan.labels.names.size(),
                plan.labels.scores.c_str());
  for (const auto &[key, value] : plan.provenance)
    std::printf("  %s: %s\n", key.c_str(), value.c_str());
  std::string targets;
  for (const std::string &target : plan.targets)
    targets += (targets.empty() ? "" : ", ") + target;
  std::printf("targets: %s\n", targets.empty() ? "cpu only" : targets.c_str());
  std::string each = plan.ranks() > 1 ? " a rank" : "";
  if (plan.ranks() > 1)
    std::printf("ranks: %s\n", meshText(plan).c_str());
  std::printf(
      "weights: %zu in %zu files, %s%s; from %s\n", plan.weights.size(),
      plan.files.size(), bytesText(weightBytes(plan)).c_str(), each.c_str(),
      plan.weightsDir.empty() ? "(not remembered)" : plan.weightsDir.c_str());
  if (cacheBytes)
    std::printf("cache: %s a token%s, pages of %lld tokens\n",
                bytesText(cacheBytes).c_str(),
                plan.ranks() > 1 ? " and rank" : "",
                (long long)plan.caches[0].pageSize);
  std::printf("kernels: %zu\n", plan.kernels.size());
  for (const plan::Entry &entry : plan.entries)
    describeEntry(plan, entry);
  return 0;
}

StatusOr<int> explainMemory(RunOptions &options) {
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(options.plan));
  FT_ASSIGN_OR_RETURN(MemoryUse use,
                      Model::memoryUse(file->plan(), options.model));
  const std::pair<const char *, int64_t> rows[] = {
      {"weights", use.weights},     {"cache", use.cache},
      {"activations", use.arena},   {"batch", use.batch},
      {"workspace", use.workspace}, {"exchange", use.exchange},
      {"sampling", use.sampling},   {"feed", use.feed},
      {"total", use.total()}};
  int64_t ranks = file->plan().ranks();
  if (options.json) {
    nlohmann::ordered_json line;
    for (auto [name, bytes] : rows)
      line[name] = bytes;
    if (ranks > 1)
      line["ranks"] = ranks;
    std::printf("%s\n", line.dump().c_str());
    return 0;
  }
  for (auto [name, bytes] : rows)
    std::printf("%-12s %14lld bytes  %s\n", name, (long long)bytes,
                bytesText(bytes).c_str());
  if (ranks > 1)
    std::printf("on %lld ranks %13lld bytes  %s\n", (long long)ranks,
                (long long)(ranks * use.total()),
                bytesText(ranks * use.total()).c_str());
  return 0;
}

} // namespace ft::run
