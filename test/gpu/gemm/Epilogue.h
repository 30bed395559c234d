//===- Epilogue.h - what follows a product ----------------------*- C++ -*-===//
#ifndef FT_TEST_GPU_GEMM_EPILOGUE_H
#define FT_TEST_GPU_GEMM_EPILOGUE_H

namespace gemmtest {

/// NormLayer: bias, residual, layer_norm. NormRms: bias, residual, rms_norm,
/// with the sum stored besides.
enum class Epilogue {
  Bias,
  None,
  Residual,
  GeluErf,
  GeluTanh,
  Gated,
  F32,
  NormLayer,
  NormRms
};

constexpr bool isNorm(Epilogue e) {
  return e == Epilogue::NormLayer || e == Epilogue::NormRms;
}

} // namespace gemmtest

#endif // FT_TEST_GPU_GEMM_EPILOGUE_H
