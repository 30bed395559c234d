//===- Variant.h - a compiled GEMM kernel and its shape ---------*- C++ -*-===//
#ifndef FT_TEST_GPU_GEMM_VARIANT_H
#define FT_TEST_GPU_GEMM_VARIANT_H

#include <string>
#include <vector>

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

inline const char *epilogueName(Epilogue e) {
  static const char *const names[] = {"bias",     "none",       "residual",
                                      "gelu_erf", "gelu_tanh",  "gated_silu",
                                      "f32_out",  "norm_layer", "norm_rms"};
  return names[int(e)];
}

/// One instantiation of gemm::run.
struct Variant {
  std::string config;
  bool bf16 = false;
  Epilogue epilogue = Epilogue::Bias;
  int bm = 0, outputs = 0; // of a CTA's tile
  int boxA = 0, boxW = 0, cluster = 1, ctas = 1, threads = 0, shared = 0;
  int most = 0; // outputs that a cluster's columns hold; 0: any number
  const void *function = nullptr;

  bool gated() const { return epilogue == Epilogue::Gated; }
  bool normed() const {
    return epilogue == Epilogue::NormLayer || epilogue == Epilogue::NormRms;
  }
  std::string name() const {
    return config + " " + epilogueName(epilogue) + (bf16 ? " bf16" : " f16");
  }
};

/// Filled by the static initialisers of every compiled group.
std::vector<Variant> &variants();

} // namespace gemmtest

#endif // FT_TEST_GPU_GEMM_VARIANT_H
