//===- StepCost.h - bytes and FLOPs of a fused op ---------------*- C++ -*-===//
#ifndef FT_CODEGEN_PLAN_STEPCOST_H
#define FT_CODEGEN_PLAN_STEPCOST_H

#include "codegen/plan/PlanIndex.h"

namespace ft::codegen {

/// What a step moves and computes when its intermediate values stay on chip:
/// every operand and weight is read once, every result written once.
plan::Cost stepCost(ir::FusedOp fused, const PlanIndex &index);

} // namespace ft::codegen

#endif // FT_CODEGEN_PLAN_STEPCOST_H
