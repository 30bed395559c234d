//===- attention_mma.cuh - attention on mma.m16n8k16 ------------*- C++ -*-===//
//
// f16 and bf16, sm_80 and later; arguments and grid: attention.cuh.
//
//     attention::runMma<attention::Shape<bf16, 128, 128, true, true>, BM>(
//         args, score);
//
// BM = 64: four warps, 16 rows each, share the keys of a block; BM = 16: every
// warp has the same 16 rows and a quarter of the block's keys.
//
// Launch: block kThreads = 128; dynamic shared sharedBytesMma<Shape, BM>():
//   pitch(x) = roundUp(x, 16) + 8
//   BN = BM == 64 && max(D, DV) > 128 ? 32 : 64
//   2 * (BM * pitch(D) + 2 * BN * (pitch(D) + pitch(DV)))
//
//===----------------------------------------------------------------------===//
