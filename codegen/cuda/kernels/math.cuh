//===- math.cuh - the scalar operations of docs/spec.md ---------*- C++ -*-===//
//
// One function for each unary or binary op of the dialect, in fp32. Generated
// row programs, GEMV epilogues and score regions call them by these names.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_MATH_CUH
#define FT_KERNELS_MATH_CUH

namespace ft {

__device__ __forceinline__ float sigmoid(float x) {
  return 1.0f / (1.0f + expf(-x));
}
__device__ __forceinline__ float silu(float x) { return x * sigmoid(x); }
/// max(x, 0), and NaN stays NaN.
__device__ __forceinline__ float relu(float x) { return x < 0.0f ? 0.0f : x; }
__device__ __forceinline__ float square(float x) { return x * x; }
__device__ __forceinline__ float reciprocal(float x) { return 1.0f / x; }
__device__ __forceinline__ float inverseSqrt(float x) {
  return 1.0f / sqrtf(x);
}
__device__ __forceinline__ float geluErf(float x) {
  return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
}
__device__ __forceinline__ float geluTanh(float x) {
  float cube = x * x * x;
  return 0.5f * x *
         (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * cube)));
}
/// x - floor(x / y) * y: the sign of y.
__device__ __forceinline__ float modulo(float x, float y) {
  float r = fmodf(x, y);
  return r != 0.0f && (r < 0.0f) != (y < 0.0f) ? r + y : r;
}
/// Index `x` of a score table of `size`, truncated and clamped.
__device__ __forceinline__ int tablePlace(float x, int size) {
  return int(fminf(fmaxf(x, 0.0f), float(size - 1)));
}
/// A NaN operand gives NaN.
__device__ __forceinline__ float maximum(float a, float b) {
  return a != a || a > b ? a : b;
}
__device__ __forceinline__ float minimum(float a, float b) {
  return a != a || a < b ? a : b;
}

} // namespace ft

#endif // FT_KERNELS_MATH_CUH
