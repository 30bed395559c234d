//===- Epilogue.h - what follows a product ----------------------*- C++ -*-===//
#ifndef FT_TEST_GPU_GEMM_EPILOGUE_H
#define FT_TEST_GPU_GEMM_EPILOGUE_H

#ifdef __CUDACC__
#define FT_EVERYWHERE inline __host__ __device__
#else
#define FT_EVERYWHERE inline
#endif

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

FT_EVERYWHERE constexpr bool isNorm(Epilogue e) {
  return e == Epilogue::NormLayer || e == Epilogue::NormRms;
}
FT_EVERYWHERE constexpr bool isGated(Epilogue e) {
  return e == Epilogue::Gated || e == Epilogue::SiluMul;
}
FT_EVERYWHERE constexpr bool hasBias(Epilogue e) {
  return e != Epilogue::None && e != Epilogue::Added && e != Epilogue::SiluMul;
}

} // namespace gemmtest

#endif // FT_TEST_GPU_GEMM_EPILOGUE_H
