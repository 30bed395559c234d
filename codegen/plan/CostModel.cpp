//===- CostModel.cpp - what a step should take ----------------------------===//
#include "codegen/plan/CostModel.h"

#include <algorithm>

using namespace ft;
using namespace ft::codegen;

const DeviceDescription &codegen::h200() {
  static constexpr DeviceDescription device = {
      .name = "H200",
      .bytesPerSecond = 4.55e12,
      .halfFlops = 773e12,
      .singleFlops = 51e12,
      .kernelMicroseconds = 2.0,
      .linkBytesPerSecond = 450e9, // NVLink 4, one direction
      .linkMicroseconds = 8.0};    // NCCL in a graph, short messages
  return device;
}

static int64_t rowsOf(const plan::Plan &plan, int32_t axis,
                      const BatchShape &batch) {
  const std::string &name = plan.axes[size_t(axis)].name;
  if (name == "sequences")
    return batch.sequences;
  return name == "rows" ? batch.rows : batch.tokens;
}

int64_t codegen::kernelsOf(const plan::Step &step) {
  for (const plan::Implementation &implementation : step.implementations)
    if (!implementation.isSpecial())
      return int64_t(implementation.launches.size());
  return 1;
}

Prediction codegen::predictStep(const plan::Plan &plan, const plan::Step &step,
                                bool causal, const BatchShape &batch,
                                const DeviceDescription &device) {
  const plan::Cost &cost = step.cost;
  int64_t rows = rowsOf(plan, step.axis, batch);
  int64_t own = batch.tokens / std::max<int64_t>(1, batch.sequences);
  int64_t within = causal ? (own + 1) / 2 : own;
  Prediction out;
  out.bytes = cost.weightBytes + cost.bytesPerRow * rows +
              cost.cacheBytesPerKey * batch.sequences * (batch.context + own);
  out.flops = cost.flopsPerRow * rows +
              cost.flopsPerQueryKey * batch.tokens * (batch.context + within);
  bool half = plan.dtype == DType::F16 || plan.dtype == DType::BF16;
  double flopsPerSecond = half ? device.halfFlops : device.singleFlops;
  out.microseconds = 1e6 * std::max(double(out.bytes) / device.bytesPerSecond,
                                    double(out.flops) / flopsPerSecond) +
                     device.kernelMicroseconds * double(kernelsOf(step));
  out.linkBytes = cost.linkBytesPerRow * rows;
  if (out.linkBytes > 0)
    out.microseconds += device.linkMicroseconds +
                        1e6 * double(out.linkBytes) / device.linkBytesPerSecond;
  return out;
}

namespace {
struct PrimitiveCount {
  const char *op;
  int64_t count;
};
} // namespace

/// As a framework's exporter writes the op without fusion: layer_norm is mean,
/// sub, square, mean, add, sqrt, div, mul, add; and so on.
static constexpr PrimitiveCount kPrimitives[] = {
    {"layer_norm", 9}, {"rms_norm", 6},      {"softmax", 5},
    {"normalize", 6},  {"rope", 10},         {"cache_append", 2},
    {"silu", 2},       {"sigmoid", 4},       {"attention", 14},
    {"linear", 2},     {"segment_reduce", 4}};

int64_t codegen::primitivesOf(const plan::MeaningOp &op) {
  if (op.op == "gelu") {
    auto form = op.attrs.find("approximate");
    bool tanh = form != op.attrs.end() &&
                form->second == plan::AttrValue(std::string("tanh"));
    return tanh ? 8 : 5;
  }
  const auto *it = std::find_if(
      std::begin(kPrimitives), std::end(kPrimitives),
      [&](const PrimitiveCount &entry) { return op.op == entry.op; });
  int64_t count = it == std::end(kPrimitives) ? 1 : it->count;
  // A product, then a bias where there is one, then the split into heads.
  if (op.op == "linear")
    count = op.in.size() > 2 ? 3 : 2;
  return count + int64_t(op.score.size() > 4 ? op.score.size() - 4 : 0);
}

static int64_t bytesOf(const std::vector<int64_t> &shape, DType dtype) {
  int64_t bytes = dtypeSize(dtype);
  for (int64_t extent : shape)
    bytes *= extent;
  return bytes;
}

int64_t codegen::weightBytes(const plan::Plan &plan) {
  int64_t bytes = 0;
  for (const plan::Weight &weight : plan.weights)
    if (weight.viewOf < 0)
      bytes += bytesOf(weight.shape, weight.dtype);
  return bytes;
}

int64_t codegen::cacheBytesPerToken(const plan::Plan &plan) {
  int64_t bytes = 0;
  for (const plan::Cache &cache : plan.caches)
    for (const plan::CachePlane &plane : cache.planes)
      bytes += cache.layers * bytesOf(plane.shape, plane.dtype);
  return bytes;
}

int64_t codegen::evaluate(const plan::Affine &affine, const plan::Plan &plan,
                          const BatchShape &batch) {
  int64_t bytes = affine.constant;
  for (size_t axis = 0; axis < affine.perAxis.size(); ++axis) {
    int64_t bound = rowsOf(plan, int32_t(axis), batch);
    bound = (bound + plan::kAxisQuantum - 1) / plan::kAxisQuantum *
            plan::kAxisQuantum;
    bytes += affine.perAxis[axis] * bound;
  }
  return bytes;
}
