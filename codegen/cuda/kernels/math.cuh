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
/// 2^x by one instruction, within 2^-22 of it.
__device__ __forceinline__ float fastExp2(float x) {
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}
/// 1 / x by one instruction, within 2^-23 of it.
__device__ __forceinline__ float fastReciprocal(float x) {
  float r;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}
/// The same as sigmoid and silu, for results that are rounded to 16 bits, in 4
/// and 5 instructions for some 20: within 2^-20 of them.
__device__ __forceinline__ float sigmoid16(float x) {
  return fastReciprocal(1.0f + fastExp2(-1.44269504088896341f * x));
}
__device__ __forceinline__ float silu16(float x) { return x * sigmoid16(x); }
/// The same as geluErf, for results that are rounded to 16 bits, in 9
/// instructions for some 30: max(x, 0) - |x| * P(-|x|), P the normal
/// distribution. log2 P(-a) is nearly a parabola; the polynomial is a minimax
/// fit on [0, 6], weighted so that the result is within 5e-6 and, for x from -3
/// to 0, 3.4e-5 of itself: a seventh of f16's half a unit, a fiftieth of
/// bf16's. Behind it falls without end.
__device__ __forceinline__ float geluErf16(float x) {
  float a = fabsf(x);
  float q = -0.000391488749f;
  q = fmaf(q, a, 0.00647129212f);
  q = fmaf(q, a, -0.0502566546f);
  q = fmaf(q, a, -0.46157828f);
  q = fmaf(q, a, -1.15027034f);
  q = fmaf(q, a, -1.00004971f);
  // Infinity, whose P is 0, must not meet it.
  return fmaf(-fminf(a, 1e30f), fastExp2(q), fmaxf(x, 0.0f));
}
/// x / (1 + exp(-2 u)), which is x / 2 * (1 + tanh(u)).
__device__ __forceinline__ float geluTanh16(float x) {
  constexpr float scale = -2 * 0.79788456080286536f * 1.44269504088896341f;
  float u = x * fmaf(x * x, 0.044715f * scale, scale);
  return x * fastReciprocal(1.0f + fastExp2(u));
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
