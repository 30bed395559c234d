//===- OpsLinear.cpp - linear: x * weight^T + bias ------------------------===//
#include "runtime/device/cpu/Gemm.h"
#include "runtime/device/cpu/Ops.h"

namespace ft {

static Status checkLinear(const OpSite &site) {
  const Operand &x = site.in[0], &weight = site.in[1];
  if (!isFloatValue(x))
    return site.mismatch("a float value");
  if (!isFloatWeight(weight) || weight.shape.size() != 2 ||
      weight.shape[1] != x.width())
    return site.mismatch("a float weight [N, " + std::to_string(x.width()) +
                         "]");
  int64_t n = weight.shape[0];
  if (site.in.size() > 2 &&
      (!isFloatWeight(site.in[2]) || site.in[2].width() != n))
    return site.mismatch("a bias of " + std::to_string(n) + " elements");
  for (const Operand &result : site.out)
    if (!isFloatValue(result) || result.axis != x.axis || result.width() != n)
      return site.mismatch("a result of " + std::to_string(n) +
                           " elements a row");
  // The library's interface counts in int.
  if (n > INT32_MAX || x.width() > INT32_MAX || x.rowStride > INT32_MAX)
    return site.mismatch("extents below 2^31");
  return Status::success();
}

static Status runLinear(const OpSite &site, RunContext &context) {
  Rows x = readRows(context, site.in[0]);
  Rows y = resultRows(context, site);
  GemmProblem problem;
  problem.m = x.count;
  problem.n = y.width;
  problem.k = x.width;
  problem.x = x.data;
  problem.strideX = x.stride;
  problem.weight = site.in[1].address;
  problem.weightType = site.in[1].dtype;
  problem.bias = site.in.size() > 2 ? readWeight(context, site.in[2]) : nullptr;
  problem.out = y.data;
  problem.strideOut = y.stride;
  gemm(context.pool, context.blas, problem);
  storeRows(context, site, y);
  return Status::success();
}

static constexpr OpSpec kOps[] = {
    {"linear", 2, 3, true, checkLinear, runLinear},
};

std::span<const OpSpec> linearOps() { return kOps; }

} // namespace ft
