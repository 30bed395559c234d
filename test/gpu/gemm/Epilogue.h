//===- Epilogue.h - what follows a product ----------------------*- C++ -*-===//
#ifndef FT_TEST_GPU_GEMM_EPILOGUE_H
#define FT_TEST_GPU_GEMM_EPILOGUE_H

namespace gemmtest {

/// NormLayer: bias, residual, layer_norm. NormRms: bias, residual, rms_norm,
/// with the sum stored besides. Added and SiluMul have no bias, as a decoder's
/// products: the residual, and silu(gate) * up as plans have it for 16 bits.
enum class Epilogue {
  Bias,
  None,
  Residual,
  GeluErf,
  GeluTanh,
  Gated,
  F32,
  NormLayer,
  NormRms,
  Added,
  SiluMul
};

constexpr bool isNorm(Epilogue e) {
  return e == Epilogue::NormLayer || e == Epilogue::NormRms;
}

} // namespace gemmtest

#endif // FT_TEST_GPU_GEMM_EPILOGUE_H
