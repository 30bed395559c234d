//===- FtVerifiers.cpp - what each op requires (labels of docs/spec.md) ---===//
#include "ir/Ft.h"

using namespace mlir;
using namespace ft::ir;

#define FT_VERIFIER(Op)                                                        \
  LogicalResult Op::verify() { return success(); }
FT_VERIFIER(ParamOp)
FT_VERIFIER(CacheOp)
FT_VERIFIER(EntryOp)
FT_VERIFIER(ReturnOp)
FT_VERIFIER(FusedOp)
FT_VERIFIER(PositionsOp)
FT_VERIFIER(EmbeddingOp)
FT_VERIFIER(BroadcastOp)
FT_VERIFIER(RowsOp)
FT_VERIFIER(LinearOp)
FT_VERIFIER(RmsNormOp)
FT_VERIFIER(LayerNormOp)
FT_VERIFIER(CastOp)
FT_VERIFIER(AddOp)
FT_VERIFIER(SubOp)
FT_VERIFIER(MulOp)
FT_VERIFIER(DivOp)
FT_VERIFIER(MaximumOp)
FT_VERIFIER(MinimumOp)
FT_VERIFIER(ReduceSumOp)
FT_VERIFIER(ReduceMaxOp)
FT_VERIFIER(ReduceMeanOp)
FT_VERIFIER(RopeOp)
FT_VERIFIER(CacheAppendOp)
FT_VERIFIER(AttentionOp)
FT_VERIFIER(ScoreOp)
FT_VERIFIER(SegmentReduceOp)
FT_VERIFIER(ArgmaxOp)
