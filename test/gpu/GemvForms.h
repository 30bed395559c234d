//===- GemvForms.h - instances of the ring GEMVs, by their numbers -*- C++ -*-//
#ifndef FT_TEST_GPU_GEMVFORMS_H
#define FT_TEST_GPU_GEMVFORMS_H

#include "GemvBatch.h"

namespace check {

template <typename T, typename Out, typename Norm, bool gated>
using GemvFunction = void (*)(const T *, i64, const T *, int, int, const int *,
                              Norm, Epilogue<T, Out, gated>);

/// A kernel that holds x in registers, of so many chunks.
template <int chunks, int cluster = 1, int ctas = 1> struct HeldForm {
  static bool is(const Ring &ring) {
    return ring.chunks == chunks && ring.cluster == cluster &&
           ring.ctas == ctas;
  }
  template <typename T, typename Out, typename Norm, bool gated>
  static GemvFunction<T, Out, Norm, gated> function() {
    if constexpr (cluster > 1)
      return ringClusters<T, Out, Norm, gated, ctas, chunks, cluster>;
    else
      return ringKernel<T, Out, Norm, gated, gemv::XIn::Registers, ctas,
                        chunks>;
  }
};

/// The kernel that `ring` means; of those that hold x, one of `Held`. Null if
/// there is none.
template <typename T, typename Out, typename Norm, bool gated, typename... Held>
GemvFunction<T, Out, Norm, gated> ringOf(const Ring &ring) {
  using gemv::XIn;
  GemvFunction<T, Out, Norm, gated> found = nullptr;
  if (ring.where == XIn::Registers) {
    ((found = Held::is(ring) ? Held::template function<T, Out, Norm, gated>()
                             : found),
     ...);
    return found;
  }
  if constexpr (!Norm::kPresent)
    if (ring.where == XIn::SharedIfRoom)
      return ringKernel<T, Out, Norm, gated, XIn::SharedIfRoom, 1, 0>;
  return ring.ctas > 1 ? ringKernel<T, Out, Norm, gated, XIn::Shared, 2, 0>
                       : ringKernel<T, Out, Norm, gated, XIn::Shared, 1, 0>;
}

} // namespace check

#endif // FT_TEST_GPU_GEMVFORMS_H
