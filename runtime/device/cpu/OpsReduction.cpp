//===- OpsReduction.cpp - norms and reductions over the last extent -------===//
#include "runtime/device/cpu/Ops.h"

#include <cmath>
#include <limits>

namespace ft {

/// Calls `body(x, y)` for each last-extent vector x of the operand, with the
/// place y of its result: a vector, or one element for a reduction.
template <typename Body>
static Status mapVectors(const OpSite &site, RunContext &context, Body body) {
  Rows x = readRows(context, site.in[0]);
  Rows y = resultRows(context, site);
  int64_t extent = site.in[0].lastExtent();
  int64_t vectors = extent ? x.width / extent : 0;
  int64_t resultExtent = site.out[0].lastExtent();
  context.pool.forEach(
      x.count, rowGrain(x.width), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row)
          for (int64_t v = 0; v < vectors; ++v)
            body(x[row] + v * extent, y[row] + v * resultExtent);
      });
  storeRows(context, site, y);
  return Status::success();
}

static Status checkSameShape(const OpSite &site) {
  const Operand &x = site.in[0];
  if (!isFloatValue(x) || x.shape.empty())
    return site.mismatch("a float value with an extent to reduce");
  if (!resultsAre(site, x.axis, x.shape))
    return site.mismatch("a result of the operand's shape");
  return Status::success();
}

static Status checkNorm(const OpSite &site) {
  FT_RETURN_IF_ERROR(checkSameShape(site));
  int64_t extent = site.in[0].lastExtent();
  for (size_t i = 1; i < site.in.size(); ++i)
    if (!isFloatWeight(site.in[i]) || site.in[i].width() != extent)
      return site.mismatch("weights of " + std::to_string(extent) +
                           " elements");
  if (!site.has("eps"))
    return site.mismatch("an attribute 'eps'");
  return Status::success();
}

static Status runRmsNorm(const OpSite &site, RunContext &context) {
  const float *weight = readWeight(context, site.in[1]);
  double eps = site.real("eps", 0.0);
  int64_t n = site.in[0].lastExtent();
  return mapVectors(site, context, [&](const float *x, float *y) {
    double squares = 0;
    for (int64_t j = 0; j < n; ++j)
      squares += double(x[j]) * x[j];
    double factor = 1.0 / std::sqrt(squares / double(n) + eps);
    for (int64_t j = 0; j < n; ++j)
      y[j] = float(x[j] * factor * weight[j]);
  });
}

static Status runLayerNorm(const OpSite &site, RunContext &context) {
  const float *weight = readWeight(context, site.in[1]);
  const float *bias =
      site.in.size() > 2 ? readWeight(context, site.in[2]) : nullptr;
  double eps = site.real("eps", 0.0);
  int64_t n = site.in[0].lastExtent();
  return mapVectors(site, context, [&](const float *x, float *y) {
    double sum = 0, squares = 0;
    for (int64_t j = 0; j < n; ++j)
      sum += x[j];
    double mean = sum / double(n);
    for (int64_t j = 0; j < n; ++j)
      squares += (x[j] - mean) * (x[j] - mean);
    double factor = 1.0 / std::sqrt(squares / double(n) + eps);
    for (int64_t j = 0; j < n; ++j)
      y[j] = float((x[j] - mean) * factor * weight[j] + (bias ? bias[j] : 0.0));
  });
}

static Status checkNormalize(const OpSite &site) {
  if (!site.has("eps"))
    return site.mismatch("an attribute 'eps'");
  return checkSameShape(site);
}

static Status runNormalize(const OpSite &site, RunContext &context) {
  double eps = site.real("eps", 0.0);
  int64_t n = site.in[0].lastExtent();
  return mapVectors(site, context, [&](const float *x, float *y) {
    double squares = 0;
    for (int64_t j = 0; j < n; ++j)
      squares += double(x[j]) * x[j];
    double norm = std::max(std::sqrt(squares), eps);
    for (int64_t j = 0; j < n; ++j)
      y[j] = float(x[j] / norm);
  });
}

static Status runSoftmax(const OpSite &site, RunContext &context) {
  int64_t n = site.in[0].lastExtent();
  return mapVectors(site, context, [&](const float *x, float *y) {
    float largest = -std::numeric_limits<float>::infinity();
    for (int64_t j = 0; j < n; ++j)
      largest = std::max(largest, x[j]);
    double sum = 0;
    for (int64_t j = 0; j < n; ++j)
      sum += std::exp(double(x[j]) - largest);
    for (int64_t j = 0; j < n; ++j)
      y[j] = float(std::exp(double(x[j]) - largest) / sum);
  });
}

static Status runCumsum(const OpSite &site, RunContext &context) {
  int64_t n = site.in[0].lastExtent();
  return mapVectors(site, context, [&](const float *x, float *y) {
    double sum = 0;
    for (int64_t j = 0; j < n; ++j)
      y[j] = float(sum += x[j]);
  });
}

static Status checkReduce(const OpSite &site) {
  const Operand &x = site.in[0];
  if (!isFloatValue(x) || x.shape.empty() || x.shape.back() < 1)
    return site.mismatch("a float value with an extent to reduce");
  std::vector<int64_t> shape = x.shape;
  shape.back() = 1;
  if (!resultsAre(site, x.axis, shape))
    return site.mismatch("a result whose last extent is 1");
  return Status::success();
}

static Status runReduce(const OpSite &site, RunContext &context) {
  int64_t n = site.in[0].lastExtent();
  if (site.op->op == "reduce_max")
    return mapVectors(site, context, [&](const float *x, float *y) {
      float largest = x[0];
      for (int64_t j = 1; j < n; ++j)
        largest = std::max(largest, x[j]);
      *y = largest;
    });
  double divisor = site.op->op == "reduce_mean" ? double(n) : 1.0;
  return mapVectors(site, context, [&](const float *x, float *y) {
    double sum = 0;
    for (int64_t j = 0; j < n; ++j)
      sum += x[j];
    *y = float(sum / divisor);
  });
}

static constexpr OpSpec kOps[] = {
    {"rms_norm", 2, 2, true, checkNorm, runRmsNorm},
    {"layer_norm", 2, 3, true, checkNorm, runLayerNorm},
    {"normalize", 1, 1, true, checkNormalize, runNormalize},
    {"softmax", 1, 1, true, checkSameShape, runSoftmax},
    {"cumsum", 1, 1, true, checkSameShape, runCumsum},
    {"reduce_sum", 1, 1, true, checkReduce, runReduce},
    {"reduce_max", 1, 1, true, checkReduce, runReduce},
    {"reduce_mean", 1, 1, true, checkReduce, runReduce},
};

std::span<const OpSpec> reductionOps() { return kOps; }

} // namespace ft
