//===- Ops.cpp - the semantic ops the CPU executes ------------------------===//
#include "runtime/device/cpu/Ops.h"

#include "runtime/device/cpu/Convert.h"

namespace ft {

const OpSpec *findOp(std::string_view name) {
  for (std::span<const OpSpec> group :
       {elementwiseOps(), reductionOps(), moveOps(), indexOps(), positionOps(),
        linearOps(), attentionOps(), collectiveOps(), samplingOps()})
    for (const OpSpec &spec : group)
      if (spec.name == name)
        return &spec;
  return nullptr;
}

Status checkOp(const OpSite &site) {
  const OpSpec &spec = *site.spec;
  int operands = int(site.in.size());
  if (operands < spec.minOperands || operands > spec.maxOperands)
    return site.mismatch(std::to_string(spec.minOperands) + " to " +
                         std::to_string(spec.maxOperands) +
                         " operands, found " + std::to_string(operands));
  if (site.out.empty() == spec.hasResult)
    return site.mismatch(spec.hasResult ? "a result" : "no result");
  for (const Operand &result : site.out)
    if (!result.isValue() || result.ref.kind == plan::RefKind::Input)
      return site.mismatch("results that are buffers or temps");
  return spec.check(site);
}

bool isFloatValue(const Operand &operand) {
  return operand.isValue() && isFloat(operand.dtype);
}

bool isIndexValue(const Operand &operand) {
  return operand.isValue() && operand.dtype == DType::I32 &&
         operand.width() == 1;
}

bool isFloatWeight(const Operand &operand) {
  return operand.isWeight() && isFloat(operand.dtype);
}

bool isSequences(const Operand &operand) {
  return operand.ref.kind == plan::RefKind::Sequences;
}

bool pagesFit(const OpSite &site, size_t operand, int32_t cache) {
  const std::vector<plan::Cache> &caches = site.program->plan->caches;
  int32_t own = site.sequences(operand).cache;
  return own >= 0 &&
         caches[size_t(own)].pageSize == caches[size_t(cache)].pageSize;
}

bool resultsAre(const OpSite &site, int32_t axis,
                const std::vector<int64_t> &shape) {
  for (const Operand &result : site.out)
    if (!isFloatValue(result) || result.axis != axis || result.shape != shape)
      return false;
  return true;
}

} // namespace ft
