//===- ScoreRegion.cpp - attention's row program over scores --------------===//
#include "runtime/device/cpu/ScoreRegion.h"

#include "runtime/device/cpu/Convert.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace ft {

// Keys evaluated together: the registers of a region stay in the cache.
static constexpr int64_t kBlock = 64;

namespace {
struct Function {
  std::string_view name;
  size_t arity;
  float (*apply)(float a, float b, float c);
};
} // namespace

static constexpr Function kFunctions[] = {
    {"add", 2, [](float a, float b, float) { return a + b; }},
    {"sub", 2, [](float a, float b, float) { return a - b; }},
    {"mul", 2, [](float a, float b, float) { return a * b; }},
    {"div", 2, [](float a, float b, float) { return a / b; }},
    {"max", 2, [](float a, float b, float) { return std::fmax(a, b); }},
    {"min", 2, [](float a, float b, float) { return std::fmin(a, b); }},
    {"neg", 1, [](float a, float, float) { return -a; }},
    {"abs", 1, [](float a, float, float) { return std::fabs(a); }},
    {"exp", 1, [](float a, float, float) { return std::exp(a); }},
    {"log", 1, [](float a, float, float) { return std::log(a); }},
    {"tanh", 1, [](float a, float, float) { return std::tanh(a); }},
    {"floor", 1, [](float a, float, float) { return std::floor(a); }},
    {"lt", 2, [](float a, float b, float) { return a < b ? 1.0f : 0.0f; }},
    {"le", 2, [](float a, float b, float) { return a <= b ? 1.0f : 0.0f; }},
    {"eq", 2, [](float a, float b, float) { return a == b ? 1.0f : 0.0f; }},
    {"select", 3, [](float a, float b, float c) { return a != 0.0f ? b : c; }},
};

static const Function *findFunction(std::string_view name) {
  for (const Function &function : kFunctions)
    if (function.name == name)
      return &function;
  return nullptr;
}

static bool isLeaf(std::string_view op) {
  return op == "score" || op == "head" || op == "query" || op == "key" ||
         op == "const";
}

static Status checkInstruction(const OpSite &site, size_t index) {
  const plan::ScoreInst &inst = site.op->score[index];
  std::string place = "score instruction " + std::to_string(index);
  for (int32_t arg : inst.args)
    if (arg < 0 || size_t(arg) >= index)
      return site.mismatch(place + " to use earlier ones only");
  if (inst.op == "table") {
    const std::vector<plan::Weight> &weights = site.program->plan->weights;
    if (inst.weight < 0 || size_t(inst.weight) >= weights.size())
      return site.mismatch(place + " to name a weight");
    const plan::Weight &weight = weights[inst.weight];
    if (!isFloat(weight.dtype) || elementCount(weight.shape) < 1 ||
        inst.args.size() != weight.shape.size() || inst.args.empty() ||
        inst.args.size() > 2)
      return site.mismatch(place + " to index a float vector or matrix");
    return Status::success();
  }
  const Function *function = findFunction(inst.op);
  if (!function && !isLeaf(inst.op))
    return site.mismatch(place + " to be known, found '" + inst.op + "'");
  if (inst.args.size() != (function ? function->arity : 0))
    return site.mismatch(place + " '" + inst.op + "' to have " +
                         std::to_string(function ? function->arity : 0) +
                         " arguments");
  return Status::success();
}

Status checkScoreRegion(const OpSite &site) {
  for (size_t i = 0; i < site.op->score.size(); ++i)
    FT_RETURN_IF_ERROR(checkInstruction(site, i));
  return Status::success();
}

/// Truncated and clamped to the table; NaN reads element 0.
static int64_t tableIndex(float value, int64_t extent) {
  if (!(value > 0.0f))
    return 0;
  return value < float(extent) ? std::min(int64_t(value), extent - 1)
                               : extent - 1;
}

static float readTable(const OpSite &site, const plan::ScoreInst &inst,
                       float first, float second) {
  const plan::Weight &weight = site.program->plan->weights[inst.weight];
  int64_t index = tableIndex(first, weight.shape[0]);
  if (weight.shape.size() == 2)
    index = index * weight.shape[1] + tableIndex(second, weight.shape[1]);
  float value;
  widen(&value,
        site.program->binding->weights[inst.weight] +
            index * dtypeSize(weight.dtype),
        weight.dtype, 1);
  return value;
}

/// What a leaf is for every key of the block: a constant but for the score
/// and the key's position.
static void fillLeaf(const plan::ScoreInst &inst, float head, float query,
                     const int32_t *keys, const float *scores, int64_t count,
                     float *to) {
  if (inst.op == "score")
    std::copy(scores, scores + count, to);
  else if (inst.op == "key")
    std::copy(keys, keys + count, to);
  else
    std::fill(to, to + count,
              inst.op == "const"  ? float(inst.value)
              : inst.op == "head" ? head
                                  : query);
}

/// registers[i * kBlock + key] is the result of instruction i for that key.
static void applyBlock(const OpSite &site, float head, float query,
                       const int32_t *keys, float *scores, int64_t count,
                       std::vector<float> &registers) {
  const std::vector<plan::ScoreInst> &region = site.op->score;
  for (size_t i = 0; i < region.size(); ++i) {
    const plan::ScoreInst &inst = region[i];
    float *to = &registers[i * kBlock];
    if (isLeaf(inst.op)) {
      fillLeaf(inst, head, query, keys, scores, count, to);
      continue;
    }
    // Unused arguments repeat the first; no function looks at them.
    const float *args[3];
    for (size_t a = 0; a < 3; ++a)
      args[a] =
          &registers[size_t(inst.args[a < inst.args.size() ? a : 0]) * kBlock];
    const Function *function = findFunction(inst.op);
    for (int64_t k = 0; k < count; ++k)
      to[k] = function ? function->apply(args[0][k], args[1][k], args[2][k])
                       : readTable(site, inst, args[0][k], args[1][k]);
  }
  const float *result = &registers[(region.size() - 1) * kBlock];
  std::copy(result, result + count, scores);
}

void applyScoreRegion(const OpSite &site, int64_t head, int32_t query,
                      const int32_t *keys, float *scores, int64_t count) {
  if (site.op->score.empty())
    return;
  std::vector<float> registers(site.op->score.size() * kBlock);
  for (int64_t first = 0; first < count; first += kBlock)
    applyBlock(site, float(head), float(query), keys + first, scores + first,
               std::min(kBlock, count - first), registers);
}

} // namespace ft
