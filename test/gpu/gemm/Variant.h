//===- Variant.h - a compiled GEMM kernel and its shape ---------*- C++ -*-===//
#ifndef FT_TEST_GPU_GEMM_VARIANT_H
#define FT_TEST_GPU_GEMM_VARIANT_H

#include "Epilogue.h"

#include <string>
#include <vector>

namespace gemmtest {

inline const char *epilogueName(Epilogue e) {
  static const char *const names[] = {"bias",     "none",       "residual",
                                      "gelu_erf", "gelu_tanh",  "gated_silu",
                                      "f32_out",  "norm_layer", "norm_rms",
                                      "added",    "silu_mul"};
  return names[int(e)];
}

/// One instantiation of gemm::run.
struct Variant {
  std::string config;
  bool bf16 = false;
  Epilogue epilogue = Epilogue::Bias;
  bool wide = false;       // for rows in whole chunks of 16 bytes alone
  int bm = 0, outputs = 0; // of a CTA's tile
  int boxA = 0, boxW = 0, cluster = 1, ctas = 1, threads = 0, shared = 0;
  int most = 0; // outputs that a cluster's columns hold; 0: any number
  const void *function = nullptr;

  bool gated() const { return isGated(epilogue); }
  bool normed() const { return isNorm(epilogue); }
  std::string name() const {
    return config + " " + epilogueName(epilogue) + (wide ? " wide" : "") +
           (bf16 ? " bf16" : " f16");
  }
};

/// Filled by the static initialisers of every compiled group.
std::vector<Variant> &variants();

} // namespace gemmtest

#endif // FT_TEST_GPU_GEMM_VARIANT_H
