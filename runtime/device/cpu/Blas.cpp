//===- Blas.cpp - the CPU's GEMM library, opened at run time --------------===//
#include "runtime/device/cpu/Blas.h"

#include <dlfcn.h>

namespace ft {

// Values of CBLAS_ORDER and CBLAS_TRANSPOSE, fixed by the CBLAS standard.
static constexpr int kRowMajor = 101, kNoTrans = 111, kTrans = 112;

std::unique_ptr<Blas> Blas::open() {
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return nullptr;
  std::unique_ptr<Blas> blas(new Blas);
  blas->sgemm_ = reinterpret_cast<Sgemm>(dlsym(library, "cblas_sgemm"));
  auto setThreads = reinterpret_cast<void (*)(int)>(
      dlsym(library, "openblas_set_num_threads"));
  auto config =
      reinterpret_cast<char *(*)()>(dlsym(library, "openblas_get_config"));
  if (!blas->sgemm_ || !setThreads || !config)
    return nullptr;
  setThreads(1);
  std::string text = config();
  size_t end = text.find(' ', text.find(' ') + 1);
  blas->version_ = text.substr(0, end); // "OpenBLAS 0.3.21"
  return blas;
}

void Blas::gemm(int m, int n, int k, const float *x, int strideX,
                const float *w, int strideW, float *out, int strideOut) const {
  sgemm_(kRowMajor, kNoTrans, kTrans, m, n, k, 1.0f, x, strideX, w, strideW,
         0.0f, out, strideOut);
}

} // namespace ft
