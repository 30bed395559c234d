//===- JoinSteps.h - steps that one implementation may run ------*- C++ -*-===//
#ifndef FT_PASSES_JOINSTEPS_H
#define FT_PASSES_JOINSTEPS_H

#include "passes/Capability.h"

namespace ft::passes {

/// The step in front of `fused` that one implementation may run with it, where
/// the capability table has one; null where not: the merged linears of q, k and
/// v of an attention, the linear whose rows' largest outputs are chosen, and of
/// a norm and the linear behind it each the one in front: these run all
/// three; or the norm in front of a linear whose prologue it may be.
ir::FusedOp joinedStep(ir::FusedOp fused, const KernelContext &ctx);

} // namespace ft::passes

#endif // FT_PASSES_JOINSTEPS_H
