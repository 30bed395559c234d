//===- attention_f32.cuh - attention in exact fp32 --------------*- C++ -*-===//
//
// float only, on CUDA cores (no TF32); arguments and grid: attention.cuh.
//
//     attention::runF32<attention::Shape<float, 64, 64, true, true>, BM>(
//         args, score);
//
// Launch: block kThreadsF32 = 256; dynamic shared sharedBytesF32<Shape, BM>():
//   pitch(x) = roundUp(x, 4) + 4, BN = 32
//   4 * (BM * pitch(D) + BN * (pitch(D) + pitch(DV)) + BM * (BN + 1))
//
//===----------------------------------------------------------------------===//
