//===- AttentionTiles.h - launches of sm90/attention_tiles ------*- C++ -*-===//
#ifndef FT_TEST_GPU_ATTENTIONTILES_H
#define FT_TEST_GPU_ATTENTIONTILES_H

#include "AttentionBatch.h"
#include "sm90/attention_short.cuh"

#include <cuda.h>
#include <dlfcn.h>

namespace check {

using ft::TensorMap;
using ft::attention::NoScore;
using ft::attention::Shape;
namespace attention = ft::attention;

template <typename C, typename Score>
__global__ void __launch_bounds__(C::kThreads, C::kCtas)
    tilesKernel(const __grid_constant__ TensorMap q,
                const __grid_constant__ TensorMap k,
                const __grid_constant__ TensorMap v,
                const __grid_constant__ Args<typename C::T> args,
                const __grid_constant__ Score score) {
  attention::runTiles<C>(q, k, v, args, score);
}

template <typename C, typename Score>
__global__ void __launch_bounds__(128 * C::kWarpgroups, C::kCtas)
    shortKernel(const __grid_constant__ TensorMap q,
                const __grid_constant__ TensorMap k,
                const __grid_constant__ TensorMap v,
                const __grid_constant__ Args<typename C::T> args,
                const __grid_constant__ Score score) {
  attention::runShort<C>(q, k, v, args, score);
}

/// The map of [rows, heads, width] elements, rows `stride` elements apart.
template <typename T>
TensorMap makeMap(const T *data, int width, int heads, size_t rows,
                  size_t stride, int boxHeads, int boxRows) {
  using Encode = decltype(&cuTensorMapEncodeTiled);
  static Encode encode = reinterpret_cast<Encode>(
      dlsym(dlopen("libcuda.so.1", RTLD_NOW), "cuTensorMapEncodeTiled"));
  alignas(64) CUtensorMap map;
  cuuint64_t size[3] = {cuuint64_t(width), cuuint64_t(heads), rows};
  cuuint64_t strides[2] = {cuuint64_t(width) * 2, stride * 2};
  cuuint32_t box[3] = {64, cuuint32_t(boxHeads), cuuint32_t(boxRows)};
  cuuint32_t steps[3] = {1, 1, 1};
  CUresult code = encode(
      &map,
      std::is_same_v<T, bf16> ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                              : CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
      3, const_cast<T *>(data), size, strides, box, steps,
      CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
      CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (code != CUDA_SUCCESS) {
    std::printf("FAILED cuTensorMapEncodeTiled: %d\n", int(code));
    std::exit(1);
  }
  TensorMap result;
  static_assert(sizeof result == sizeof map);
  std::memcpy(&result, &map, sizeof map);
  return result;
}

/// One launch of C over a batch; `brief`: of attention_short.
template <typename C, typename Score, bool brief = false> struct Call {
  using S = typename C::S;
  Batch<S> &batch;
  Score score;
  TensorMap q, k, v;

  Call(Batch<S> &b, const Score &s) : batch(b), score(s) {
    const Case &c = b.c;
    auto keys = [&](auto &array, int width, int stride) {
      size_t step = S::kPaged ? size_t(c.kvHeads) * width : size_t(stride);
      return makeMap(array.device, width, c.kvHeads, array.host.size() / step,
                     step, 1, C::kBoxRows);
    };
    q = makeMap(b.q.device, S::D, c.heads, b.total + 4, b.qStride, C::kPack,
                C::kTokens);
    k = keys(b.k, S::D, b.kStride);
    v = keys(b.v, S::DV, b.vStride);
    cuda(cudaFuncSetAttribute(kernel(),
                              cudaFuncAttributeMaxDynamicSharedMemorySize,
                              C::kSharedBytes),
         "shared memory");
  }
  static constexpr auto kernel() {
    if constexpr (brief)
      return shortKernel<C, Score>;
    else
      return tilesKernel<C, Score>;
  }
  /// `grid`: CTAs; attention_short has one for each tile and head, and takes
  /// it as the number of tiles past the last one.
  void operator()(cudaStream_t stream, int grid) {
    dim3 ctas(grid);
    if (brief)
      ctas = dim3((batch.total + C::BM - 1) / C::BM + grid % 3, batch.c.heads);
    launch(kernel(), ctas, brief ? 128 * C::kWarpgroups : C::kThreads,
           C::kSharedBytes, stream, q, k, v, batch.args(), score);
  }
};

inline std::vector<int> ragged(int count, int from, int to) {
  std::vector<int> lengths;
  for (int i = 0; i < count; ++i)
    lengths.push_back(from + (i * 37 + 11) % (to - from + 1));
  return lengths;
}

} // namespace check

#endif // FT_TEST_GPU_ATTENTIONTILES_H
