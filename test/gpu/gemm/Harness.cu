//===- Harness.cu - device memory, tensor maps and launches ---------------===//
#include "Harness.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <dlfcn.h>
#include <map>

using namespace gemmtest;

std::vector<Variant> &gemmtest::variants() {
  static std::vector<Variant> all;
  return all;
}

static __device__ float randomValue(uint64_t index, uint32_t seed) {
  // A counter-based generator (splitmix64); the sum of four uniforms is near
  // enough to normal.
  uint64_t x = index * 0x9e3779b97f4a7c15ull + seed * 0xd1342543de82ef95ull;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 27) * 0x94d049bb133111ebull;
  x ^= x >> 31;
  float sum = 0;
  for (int i = 0; i < 4; ++i)
    sum += float(x >> 16 * i & 0xffff) / 65536.0f - 0.5f;
  return sum * 1.7320508f;
}

static __global__ void randomKernel(uint16_t *data, int64_t rows,
                                    int64_t columns, int64_t stride, bool bf16,
                                    float scale, uint32_t seed) {
  int64_t step = int64_t(gridDim.x) * blockDim.x;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
       i < rows * columns; i += step) {
    float v = randomValue(i, seed) * scale;
    data[i / columns * stride + i % columns] =
        bf16 ? __bfloat16_as_ushort(__float2bfloat16(v))
             : __half_as_ushort(__float2half(v));
  }
}

void gemmtest::fillRandomRows(void *data, int64_t rows, int64_t columns,
                              int64_t stride, bool bf16, float scale,
                              uint32_t seed) {
  randomKernel<<<1024, 256>>>(static_cast<uint16_t *>(data), rows, columns,
                              stride, bf16, scale, seed);
  FT_CHECK(cudaGetLastError());
}

void gemmtest::fillRandom(void *data, int64_t count, bool bf16, float scale,
                          uint32_t seed) {
  fillRandomRows(data, 1, count, count, bf16, scale, seed);
}

CUtensorMap gemmtest::makeMap(const void *data, bool bf16, int64_t rows,
                              int64_t columns, int64_t stride, int boxRows) {
  using Encode = decltype(&cuTensorMapEncodeTiled);
  static Encode encode = nullptr;
  if (!encode) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (library)
      encode =
          reinterpret_cast<Encode>(dlsym(library, "cuTensorMapEncodeTiled"));
    if (!encode) {
      std::printf("  no cuTensorMapEncodeTiled in libcuda.so.1\n");
      std::exit(3);
    }
  }
  CUtensorMap map;
  cuuint64_t size[2] = {cuuint64_t(columns), cuuint64_t(rows)};
  cuuint64_t strides[1] = {cuuint64_t(stride) * 2};
  cuuint32_t box[2] = {64, cuuint32_t(boxRows)};
  cuuint32_t elementStrides[2] = {1, 1};
  FT_CHECK(encode(
      &map,
      bf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
      2, const_cast<void *>(data), size, strides, box, elementStrides,
      CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
      CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE));
  return map;
}

/// Clusters that run at once fill the grid: a persistent kernel's tiles are
/// dealt out in advance, so a cluster that must wait would double the time.
static int gridOf(const Variant &v) {
  static std::map<const void *, int> known;
  int &grid = known[v.function];
  if (grid != 0)
    return grid;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(v.cluster);
  config.blockDim = dim3(v.threads);
  config.dynamicSmemBytes = v.shared;
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim.x = v.cluster;
  attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
  config.attrs = &attribute;
  config.numAttrs = 1;
  int clusters = 0;
  FT_CHECK(cudaOccupancyMaxActiveClusters(&clusters, v.function, &config));
  return grid = clusters * v.cluster;
}

int gemmtest::prepare(const Variant &v) {
  FT_CHECK(cudaFuncSetAttribute(
      v.function, cudaFuncAttributeMaxDynamicSharedMemorySize, v.shared));
  if (v.cluster > 8)
    FT_CHECK(cudaFuncSetAttribute(
        v.function, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
  return gridOf(v);
}

void gemmtest::launch(const Variant &v, const Call &call, cudaStream_t stream,
                      bool dependent) {
  int axis = 0;
  Call c = call;
  void *arguments[] = {&c.a,     &c.w,         &c.n,
                       &c.k,     &c.counts,    &axis,
                       &c.bias,  &c.residual,  &c.residualStride,
                       &c.out,   &c.outStride, &c.scale,
                       &c.shift, &c.eps,       &c.sum};
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(gridOf(v));
  config.blockDim = dim3(v.threads);
  config.dynamicSmemBytes = v.shared;
  config.stream = stream;
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &attribute;
  config.numAttrs = dependent ? 1 : 0;
  FT_CHECK(cudaLaunchKernelExC(&config, v.function, arguments));
}
