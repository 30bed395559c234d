//===- InstructionsTest.cpp - instructions against C++ --------------------===//
#include "Run.h"

#include <cfenv>
#include <cmath>
#include <functional>
#include <random>

using namespace ft::emulator;

namespace {

/// Numbers with all the corners first, then random ones.
std::vector<uint32_t> numbers(uint32_t seed) {
  std::vector<uint32_t> values = {0,          1,  0xffffffff, 0x80000000,
                                  0x7fffffff, 2,  0x55555555, 0x00010000,
                                  0x0000ffff, 31, 32,         33};
  std::mt19937 random(seed);
  while (values.size() < 32)
    values.push_back(random());
  std::rotate(values.begin(), values.begin() + seed % 7, values.end());
  return values;
}
std::vector<uint32_t>
threeOf(const std::function<std::vector<uint32_t>(uint32_t)> &f) {
  std::vector<uint32_t> all;
  for (uint32_t seed : {1, 2, 3})
    for (uint32_t x : f(seed))
      all.push_back(x);
  return all;
}

void expectInteger(
    const std::string &body,
    const std::function<uint32_t(uint32_t, uint32_t, uint32_t)> &f) {
  std::vector<uint32_t> in = threeOf(numbers), out = mapLanes(body, in);
  for (uint32_t i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], f(in[i], in[32 + i], in[64 + i]))
        << body << " of " << in[i] << ", " << in[32 + i] << ", " << in[64 + i];
}

TEST(InstructionsTest, IntegerArithmetic) {
  using U = uint32_t;
  using S = int32_t;
  expectInteger("add.s32 %r4, %r1, %r2;", [](U a, U b, U) { return a + b; });
  expectInteger("sub.u32 %r4, %r1, %r2;", [](U a, U b, U) { return a - b; });
  expectInteger("mul.lo.s32 %r4, %r1, %r2;", [](U a, U b, U) { return a * b; });
  expectInteger("mul.hi.u32 %r4, %r1, %r2;",
                [](U a, U b, U) { return U(uint64_t(a) * b >> 32); });
  expectInteger("mul.hi.s32 %r4, %r1, %r2;", [](U a, U b, U) {
    return U(uint64_t(int64_t(S(a)) * S(b)) >> 32);
  });
  expectInteger("mad.lo.s32 %r4, %r1, %r2, %r3;",
                [](U a, U b, U c) { return a * b + c; });
  expectInteger(
      "mul.wide.s32 %d2, %r1, %r2; shr.u64 %d2, %d2, 7;"
      "cvt.u32.u64 %r4, %d2;",
      [](U a, U b, U) { return U(uint64_t(int64_t(S(a)) * S(b)) >> 7); });
  expectInteger("mad.wide.u32 %d2, %r1, %r2, %d3;"
                "sub.s64 %d2, %d2, %d3; cvt.u32.u64 %r4, %d2;",
                [](U a, U b, U) { return a * b; });
  expectInteger("or.b32 %r3, %r3, 1; div.u32 %r4, %r1, %r3;",
                [](U a, U, U c) { return a / (c | 1); });
  expectInteger("or.b32 %r3, %r3, 4; rem.s32 %r4, %r1, %r3;", [](U a, U, U c) {
    return c == 0xffffffff ? 0 : U(S(a) % S(c | 4));
  });
  expectInteger("min.s32 %r4, %r1, %r2;",
                [](U a, U b, U) { return U(std::min(S(a), S(b))); });
  expectInteger("max.u32 %r4, %r1, %r2;",
                [](U a, U b, U) { return std::max(a, b); });
  expectInteger("abs.s32 %r4, %r1;",
                [](U a, U, U) { return S(a) < 0 ? 0 - a : a; });
  expectInteger("neg.s32 %r4, %r1;", [](U a, U, U) { return 0 - a; });
}

TEST(InstructionsTest, Bits) {
  using U = uint32_t;
  expectInteger("and.b32 %r4, %r1, %r2; xor.b32 %r4, %r4, %r3;",
                [](U a, U b, U c) { return (a & b) ^ c; });
  expectInteger("not.b32 %r4, %r1; or.b32 %r4, %r4, %r2;",
                [](U a, U b, U) { return ~a | b; });
  expectInteger("lop3.b32 %r4, %r1, %r2, %r3, 0xe8;", [](U a, U b, U c) {
    return (a & b) | (a & c) | (b & c); // the majority
  });
  expectInteger("shl.b32 %r4, %r1, %r2;",
                [](U a, U b, U) { return b < 32 ? a << b : 0; });
  expectInteger("shr.s32 %r4, %r1, %r2;",
                [](U a, U b, U) { return U(int32_t(a) >> std::min(b, 31u)); });
  expectInteger("shf.l.wrap.b32 %r4, %r1, %r2, %r3;", [](U a, U b, U c) {
    return c & 31 ? b << (c & 31) | a >> (32 - (c & 31)) : b;
  });
  expectInteger("shf.r.clamp.b32 %r4, %r1, %r2, %r3;", [](U a, U b, U c) {
    uint64_t pair = uint64_t(b) << 32 | a;
    return c > 31 ? b : U(pair >> c);
  });
  expectInteger("popc.b32 %r4, %r1;",
                [](U a, U, U) { return U(std::popcount(a)); });
  expectInteger("clz.b32 %r4, %r1;",
                [](U a, U, U) { return U(std::countl_zero(a)); });
  expectInteger("bfind.u32 %r4, %r1;", [](U a, U, U) {
    return a ? 31 - U(std::countl_zero(a)) : ~0u;
  });
  expectInteger("bfind.shiftamt.s32 %r4, %r1;", [](U a, U, U) {
    U x = int32_t(a) < 0 ? ~a : a;
    return x ? U(std::countl_zero(x)) : ~0u;
  });
  expectInteger("brev.b32 %r4, %r1; brev.b32 %r4, %r4; sub.s32 %r4, %r4, %r1;",
                [](U, U, U) { return 0; });
  expectInteger("bfe.u32 %r4, %r1, 5, 9;",
                [](U a, U, U) { return a >> 5 & 511; });
  expectInteger("bfe.s32 %r4, %r1, 28, 9;",
                [](U a, U, U) { return U(int32_t(a) >> 28); });
  expectInteger("bfi.b32 %r4, %r1, %r2, 4, 8;",
                [](U a, U b, U) { return (b & ~0xff0u) | (a & 0xff) << 4; });
  expectInteger("prmt.b32 %r4, %r1, %r2, 0xc170;", [](U a, U b, U) {
    U sign = b >> 7 & 1 ? 0xff : 0; // of byte 4
    return sign << 24 | (a >> 8 & 0xff) << 16 | (b >> 24) << 8 | (a & 0xff);
  });
  expectInteger("dp4a.s32.u32 %r4, %r1, %r2, %r3;", [](U a, U b, U c) {
    for (int k = 0; k < 32; k += 8)
      c += U(int32_t(int8_t(a >> k)) * int32_t(uint8_t(b >> k)));
    return c;
  });
}

TEST(InstructionsTest, Compare) {
  using U = uint32_t;
  expectInteger("setp.lt.s32 %p1, %r1, %r2; selp.b32 %r4, %r1, %r3, %p1;",
                [](U a, U b, U c) { return int32_t(a) < int32_t(b) ? a : c; });
  expectInteger("setp.hi.u32 %p2, %r2, %r3;"
                "setp.ne.and.s32 %p1|%p3, %r1, %r2, %p2;"
                "selp.u32 %r4, 1, 0, %p1; @%p3 add.s32 %r4, %r4, 2;"
                "@!%p2 add.s32 %r4, %r4, 4;",
                [](U a, U b, U c) {
                  bool p2 = b > c, p1 = a != b && p2, p3 = a == b && p2;
                  return U(p1) + 2 * U(p3) + 4 * U(!p2);
                });
  expectInteger(
      "setp.leu.f32 %p1, %f1, %f2; selp.u32 %r4, 1, 0, %p1;", [](U a, U b, U) {
        return U(!(std::bit_cast<float>(a) > std::bit_cast<float>(b)));
      });
  expectInteger(
      "setp.nan.f32 %p1, %f1, %f2; selp.u32 %r4, 1, 0, %p1;", [](U a, U b, U) {
        float x = std::bit_cast<float>(a), y = std::bit_cast<float>(b);
        return U(std::isunordered(x, y));
      });
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

std::vector<uint32_t> floats(uint32_t seed) {
  std::vector<float> values = {0.0f,     -0.0f,      1.0f,      -1.0f,
                               1e-40f,   INFINITY,   3.4e38f,   65520.0f,
                               65519.9f, 2.5f,       -2.5f,     1.00390625f,
                               0x1p-25f, 0x1.8p-24f, -INFINITY, 0.3f};
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 100);
  while (values.size() < 32)
    values.push_back(normal(random));
  std::rotate(values.begin(), values.begin() + seed % 5 * 3, values.end());
  std::vector<uint32_t> words;
  for (float x : values)
    words.push_back(bits(x));
  return words;
}

/// NaNs are equal to each other.
void expectFloat(const std::string &body,
                 const std::function<float(float, float, float)> &f) {
  std::vector<uint32_t> in = threeOf(floats),
                        out = mapLanes(body + " mov.b32 %r4, %f4;", in);
  auto value = [&](uint32_t i) { return std::bit_cast<float>(in[i]); };
  for (uint32_t i = 0; i < 32; ++i) {
    float want = f(value(i), value(32 + i), value(64 + i));
    float got = std::bit_cast<float>(out[i]);
    EXPECT_TRUE(bits(got) == bits(want) || (got != got && want != want))
        << body << " of " << value(i) << ", " << value(32 + i) << ", "
        << value(64 + i) << " is " << got << ", not " << want;
  }
}

TEST(InstructionsTest, FloatArithmetic) {
  expectFloat("add.f32 %f4, %f1, %f2;",
              [](float a, float b, float) { return a + b; });
  expectFloat("mul.f32 %f4, %f1, %f2; sub.f32 %f4, %f4, %f3;",
              [](float a, float b, float c) {
                volatile float product = a * b; // rounded twice
                return product - c;
              });
  expectFloat("fma.rn.f32 %f4, %f1, %f2, %f3;",
              [](float a, float b, float c) { return std::fma(a, b, c); });
  expectFloat("div.rn.f32 %f4, %f1, %f2;",
              [](float a, float b, float) { return a / b; });
  expectFloat("max.f32 %f4, %f1, %f2;", [](float a, float b, float) {
    return a == b ? (std::signbit(a) ? b : a) : std::fmax(a, b);
  });
  expectFloat("sqrt.rn.f32 %f4, %f1;",
              [](float a, float, float) { return std::sqrt(a); });
  expectFloat("neg.f32 %f4, %f1; abs.f32 %f4, %f4;",
              [](float a, float, float) { return std::fabs(a); });
  expectFloat("copysign.f32 %f4, %f1, %f2;",
              [](float a, float b, float) { return std::copysign(b, a); });
  expectFloat("add.sat.f32 %f4, %f1, %f2;", [](float a, float b, float) {
    float y = a + b;
    return y > 0 ? std::fmin(y, 1.0f) : 0.0f;
  });
}

TEST(InstructionsTest, FloatRounding) {
  auto rounded = [](int mode) {
    return [mode](float a, float b, float c) {
      std::fesetround(mode);
      volatile float x = a, y = b, z = c;
      volatile float result = std::fma(x, y, z);
      std::fesetround(FE_TONEAREST);
      return result;
    };
  };
  expectFloat("fma.rm.f32 %f4, %f1, %f2, %f3;", rounded(FE_DOWNWARD));
  expectFloat("fma.rp.f32 %f4, %f1, %f2, %f3;", rounded(FE_UPWARD));
  expectFloat("fma.rz.f32 %f4, %f1, %f2, %f3;", rounded(FE_TOWARDZERO));
}

TEST(InstructionsTest, FloatFunctions) {
  auto flush = [](float x) {
    return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x;
  };
  expectFloat("ex2.approx.ftz.f32 %f4, %f1;", [=](float a, float, float) {
    return flush(std::exp2(flush(a)));
  });
  expectFloat("rcp.approx.ftz.f32 %f4, %f1;",
              [=](float a, float, float) { return flush(1 / flush(a)); });
  expectFloat("lg2.approx.f32 %f4, %f1;",
              [](float a, float, float) { return std::log2(a); });
  expectFloat("rsqrt.approx.f32 %f4, %f1;", [](float a, float, float) {
    return float(1 / std::sqrt(double(a)));
  });
}

//===----------------------------------------------------------------------===//
// Conversions
//===----------------------------------------------------------------------===//

/// The 16-bit float nearest to x, the even one of two, found by search.
uint16_t nearest(float x, const std::function<double(uint16_t)> &value,
                 uint16_t infinity) {
  if (x != x)
    return 0x7fff;
  uint16_t low = 0, high = infinity; // of magnitudes, which ascend
  double size = std::fabs(double(x));
  while (low < high) {
    uint16_t middle = uint16_t((low + high) / 2);
    if (value(middle) < size)
      low = uint16_t(middle + 1);
    else
      high = middle;
  }
  // Infinity stands where the next value would be.
  double above = low == infinity ? 2 * value(uint16_t(infinity - 1)) -
                                       value(uint16_t(infinity - 2))
                                 : value(low);
  if (low > 0) {
    double below = value(uint16_t(low - 1)), middle = (above + below) / 2;
    if (size < middle || (size == middle && low % 2 == 1))
      --low;
  }
  return uint16_t(low | (std::signbit(x) ? 0x8000 : 0));
}
double bf16Value(uint16_t x) { return std::bit_cast<float>(uint32_t(x) << 16); }
double f16Value(uint16_t x) {
  int exponent = x >> 10, mantissa = x & 1023;
  return exponent ? std::ldexp(1024 + mantissa, exponent - 25)
                  : std::ldexp(mantissa, -24);
}
uint16_t toBf16(uint32_t x) {
  return nearest(std::bit_cast<float>(x), bf16Value, 0x7f80);
}
uint16_t toF16(uint32_t x) {
  return nearest(std::bit_cast<float>(x), f16Value, 0x7c00);
}

void expectOfFloats(const std::string &body,
                    const std::function<uint32_t(uint32_t, uint32_t)> &f) {
  std::vector<uint32_t> in = threeOf(floats), out = mapLanes(body, in);
  for (uint32_t i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], f(in[i], in[32 + i]))
        << body << " of " << std::bit_cast<float>(in[i]) << ", "
        << std::bit_cast<float>(in[32 + i]);
}

TEST(InstructionsTest, ConvertToHalf) {
  expectOfFloats("cvt.rn.bf16.f32 %h1, %f1; cvt.u32.u16 %r4, %h1;",
                 [](uint32_t a, uint32_t) { return toBf16(a); });
  expectOfFloats("cvt.rn.f16.f32 %h1, %f1; cvt.u32.u16 %r4, %h1;",
                 [](uint32_t a, uint32_t) { return toF16(a); });
  expectOfFloats("cvt.rn.bf16x2.f32 %r4, %f1, %f2;",
                 [](uint32_t a, uint32_t b) {
                   return uint32_t(toBf16(a)) << 16 | toBf16(b);
                 });
  expectOfFloats("cvt.rn.f16x2.f32 %r4, %f1, %f2;", [](uint32_t a, uint32_t b) {
    return uint32_t(toF16(a)) << 16 | toF16(b);
  });
}

TEST(InstructionsTest, ConvertEveryHalf) {
  // All 65,536 of both kinds, 2,048 at a time.
  for (uint32_t first = 0; first < 0x10000; first += 32) {
    if (first % 2048 != 0 && first % 2048 != 992 && first >> 10 != 31)
      continue; // one line of each exponent, and all NaNs
    std::vector<uint32_t> in;
    for (uint32_t i = 0; i < 32; ++i)
      in.push_back(first + i);
    auto out = mapLanes("cvt.u16.u32 %h1, %r1; cvt.f32.f16 %f4, %h1;"
                        "mov.b32 %r4, %f4;",
                        in);
    for (uint32_t i = 0; i < 32; ++i) {
      float got = std::bit_cast<float>(out[i]);
      bool nan = (in[i] & 0x7fff) > 0x7c00;
      double size =
          (in[i] & 0x7fff) == 0x7c00 ? INFINITY : f16Value(in[i] & 0x7fff);
      EXPECT_TRUE(nan ? got != got : got == (in[i] >> 15 ? -size : size))
          << in[i];
    }
  }
}

TEST(InstructionsTest, ConvertIntegers) {
  expectOfFloats("cvt.rzi.s32.f32 %r4, %f1;", [](uint32_t a, uint32_t) {
    float x = std::bit_cast<float>(a);
    return uint32_t(x >= 0x1p31f    ? INT32_MAX
                    : x <= -0x1p31f ? INT32_MIN
                                    : int32_t(x));
  });
  expectOfFloats("cvt.rni.s32.f32 %r4, %f1;", [](uint32_t a, uint32_t) {
    float x = std::bit_cast<float>(a);
    return uint32_t(x >= 0x1p31f    ? INT32_MAX
                    : x <= -0x1p31f ? INT32_MIN
                                    : int32_t(std::nearbyint(x)));
  });
  expectOfFloats("cvt.sat.f32.f32 %f4, %f1; mov.b32 %r4, %f4;",
                 [](uint32_t a, uint32_t) {
                   float x = std::bit_cast<float>(a);
                   return bits(x > 0 ? std::fmin(x, 1.0f) : 0.0f);
                 });
  expectInteger(
      "cvt.rn.f32.s32 %f4, %r1; mov.b32 %r4, %f4;",
      [](uint32_t a, uint32_t, uint32_t) { return bits(float(int32_t(a))); });
  expectInteger("cvt.s64.s32 %d2, %r1; shr.u64 %d2, %d2, 16;"
                "cvt.u32.u64 %r4, %d2;",
                [](uint32_t a, uint32_t, uint32_t) {
                  return uint32_t(uint64_t(int64_t(int32_t(a))) >> 16);
                });
  expectInteger("cvt.s32.s8 %r4, %r1;", [](uint32_t a, uint32_t, uint32_t) {
    return uint32_t(int32_t(int8_t(a)));
  });
}

TEST(InstructionsTest, MovesOfParts) {
  expectInteger("mov.b64 %d2, {%r1, %r2}; mov.b64 {%r5, %r4}, %d2;",
                [](uint32_t, uint32_t b, uint32_t) { return b; });
  expectInteger(
      "mov.b32 {%h1, %h2}, %r1; mov.b32 %r4, {%h2, %h1};",
      [](uint32_t a, uint32_t, uint32_t) { return a << 16 | a >> 16; });
}

} // namespace
