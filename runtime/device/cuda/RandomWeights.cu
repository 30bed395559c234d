// Elements of a random weight, as runtime/base/Random.h defines them. The PTX
// of this file is RandomWeightsPtx.h; make-ptx makes it again.
extern "C" __global__ void ft_random_weights(void *to, unsigned long long key,
                                             unsigned long long first,
                                             unsigned long long count,
                                             float scale, int kind) {
  unsigned long long stride = (unsigned long long)gridDim.x * blockDim.x;
  for (unsigned long long i = (unsigned long long)blockIdx.x * blockDim.x +
                              threadIdx.x;
       i < count; i += stride) {
    unsigned long long z = key + (first + i + 1) * 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    float value = float(int(z >> 40) - (1 << 23)) * 0x1p-23f * scale;
    unsigned short bits;
    if (kind == 0) {
      static_cast<float *>(to)[i] = value;
      continue;
    }
    if (kind == 1)
      asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    else
      asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    static_cast<unsigned short *>(to)[i] = bits;
  }
}
