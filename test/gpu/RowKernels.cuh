//===- RowKernels.cuh - what stands between linears -------------*- C++ -*-===//
#ifndef FT_TEST_GPU_ROWKERNELS_CUH
#define FT_TEST_GPU_ROWKERNELS_CUH

#include "gemv_norm.cuh"
#include "sm90/async.cuh"

namespace check {

using namespace ft;
using gemv::packEight;
using gemv::unpackEight;

/// rms_norm of rows of 8 * blockDim.x values: a CTA a row.
__global__ void rowNormKernel(const bf16 *x, bf16 *out, const bf16 *scale) {
  __shared__ float parts[32];
  launchDependents();
  int at = threadIdx.x * 8, width = blockDim.x * 8, warps = blockDim.x / 32;
  Vec16 w = load16(scale + at);
  dependencyWait();
  Vec16 raw = load16(x + i64(blockIdx.x) * width + at);
  float v[8], s[8], square = 0;
  unpackEight<bf16>(raw, v);
  unpackEight<bf16>(w, s);
  for (float y : v)
    square += y * y;
  square = warpSum(square);
  if (threadIdx.x % 32 == 0)
    parts[threadIdx.x / 32] = square;
  __syncthreads();
  square = 0;
  for (int i = 0; i < warps; ++i)
    square += parts[i];
  float factor = rsqrtf(square / width + 1e-5f);
  for (int i = 0; i < 8; ++i)
    v[i] *= factor * s[i];
  *reinterpret_cast<Vec16 *>(out + i64(blockIdx.x) * width + at) =
      packEight<bf16>(v);
}

/// silu(gate) * up of rows of both.
__global__ void activationKernel(const bf16 *x, bf16 *out, int width) {
  launchDependents();
  dependencyWait();
  int at = (blockIdx.x * blockDim.x + threadIdx.x) * 8;
  if (at >= width)
    return;
  const bf16 *row = x + i64(blockIdx.y) * width * 2 + at;
  float a[8], b[8];
  unpackEight<bf16>(load16(row), a);
  unpackEight<bf16>(load16(row + width), b);
  for (int i = 0; i < 8; ++i)
    a[i] = a[i] / (1 + __expf(-a[i])) * b[i];
  *reinterpret_cast<Vec16 *>(out + i64(blockIdx.y) * width + at) =
      packEight<bf16>(a);
}

/// Small values of either sign.
__global__ void fillKernel(bf16 *x, size_t count) {
  for (size_t i = size_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += size_t(gridDim.x) * blockDim.x) {
    u32 h = u32(i) * 2654435761u;
    h ^= h >> 15, h *= 2246822519u, h ^= h >> 13;
    x[i].bits = u16((h & 0x8000) | (0x3b00 + (h >> 16) % 0x180));
  }
}

} // namespace check

#endif // FT_TEST_GPU_ROWKERNELS_CUH
