//===- Ops.h - the semantic ops the CPU executes ----------------*- C++ -*-===//
//
// One entry for each op of docs/spec.md, one implementation each, none for any
// fusion. `check` decides at load whether a site obeys the op's constraints;
// what it accepts, `run` can execute without reading or writing out of bounds.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_DEVICE_CPU_OPS_H
#define FT_RUNTIME_DEVICE_CPU_OPS_H

#include "runtime/device/cpu/OpSite.h"

#include <span>
#include <string_view>

namespace ft {

struct OpSpec {
  std::string_view name;
  int minOperands, maxOperands;
  bool hasResult;
  Status (*check)(const OpSite &);
  Status (*run)(const OpSite &, RunContext &);
};

std::span<const OpSpec> elementwiseOps();
std::span<const OpSpec> reductionOps();
std::span<const OpSpec> moveOps();
std::span<const OpSpec> indexOps();
std::span<const OpSpec> positionOps();
std::span<const OpSpec> linearOps();
std::span<const OpSpec> attentionOps();
std::span<const OpSpec> collectiveOps();
std::span<const OpSpec> samplingOps();

/// Null for an op that docs/spec.md does not have.
const OpSpec *findOp(std::string_view name);

/// Arity, then the op's own constraints.
Status checkOp(const OpSite &site);

//===----------------------------------------------------------------------===//
// Constraints that several ops share
//===----------------------------------------------------------------------===//

/// A buffer, temp or input of f32, f16 or bf16.
bool isFloatValue(const Operand &operand);
/// A buffer, temp or input of one i32 a row.
bool isIndexValue(const Operand &operand);
/// A weight of f32, f16 or bf16.
bool isFloatWeight(const Operand &operand);
bool isSequences(const Operand &operand);
/// Whether the page table of the sequences in[operand] addresses the plan's
/// cache `cache`: caches of one page size share their page numbers.
bool pagesFit(const OpSite &site, size_t operand, int32_t cache);
/// Every result is a float value of this axis and row shape.
bool resultsAre(const OpSite &site, int32_t axis,
                const std::vector<int64_t> &shape);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CPU_OPS_H
