//===- DeviceConformanceRowOpsTest.cpp - row-wise ops against fp64 --------===//
#include "test/runtime/device/Conformance.h"

#include <cmath>
#include <numbers>
#include <numeric>

namespace ft::test {

using RowOpTest = OpTest;
FT_INSTANTIATE_OP_TESTS(RowOpTest);

static const TestBatch kRagged = {{{1}, {7}, {16}, {17}, {3}}, {}, 3};

/// One op from a buffer to a buffer, both of `dtype`, with gaps between rows.
static Values runUnary(Device &device, const std::string &name, DType dtype,
                       Shape shape, Shape result, const Values &x,
                       std::map<std::string, plan::AttrValue> attrs = {},
                       std::vector<std::pair<Shape, Values>> weights = {}) {
  TestProgram program;
  plan::Ref from = program.buffer(dtype, kTokens, shape, 3);
  plan::Ref to = program.buffer(dtype, kTokens, result, 5);
  std::vector<plan::Ref> in = {from};
  for (auto &[weightShape, values] : weights)
    in.push_back(program.weight(dtype, weightShape, values));
  program.op(name, in, {to}, std::move(attrs));
  TestRun run(device, program, kRagged);
  run.write(from, x);
  Status status = run.run();
  EXPECT_TRUE(status.ok()) << status.message();
  return run.read(to);
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

namespace {
struct UnaryCase {
  const char *name;
  double (*reference)(double);
  bool positive = false;
  std::map<std::string, plan::AttrValue> attrs = {};
};
} // namespace

static const UnaryCase kUnaryCases[] = {
    {"silu", [](double x) { return x / (1 + std::exp(-x)); }},
    {"relu", [](double x) { return std::max(x, 0.0); }},
    {"tanh", [](double x) { return std::tanh(x); }},
    {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
    {"exp", [](double x) { return std::exp(x); }},
    {"log", [](double x) { return std::log(x); }, true},
    {"sqrt", [](double x) { return std::sqrt(x); }, true},
    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, true},
    {"neg", [](double x) { return -x; }},
    {"abs", [](double x) { return std::fabs(x); }},
    {"erf", [](double x) { return std::erf(x); }},
    {"square", [](double x) { return x * x; }},
    {"reciprocal", [](double x) { return 1 / x; }, true},
    {"sin", [](double x) { return std::sin(x); }},
    {"cos", [](double x) { return std::cos(x); }},
    {"floor", [](double x) { return std::floor(x); }},
    {"trunc", [](double x) { return std::trunc(x); }},
    {"gelu",
     [](double x) {
       return x * 0.5 * std::erfc(-x * std::numbers::sqrt2 / 2);
     }},
    {"gelu",
     [](double x) {
       double u = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
       return x / (1 + std::exp(-2 * u));
     },
     false,
     {{"approximate", std::string("tanh")}}},
    {"scale", [](double x) { return x * -1.75; }, false, {{"by", -1.75}}},
    {"offset", [](double x) { return x + 3; }, false, {{"by", int64_t(3)}}}};

TEST_P(RowOpTest, UnaryOpsMatchTheirFormulas) {
  for (const UnaryCase &unary : kUnaryCases)
    for (DType dtype : kFloats) {
      SCOPED_TRACE(std::string(unary.name) + " " +
                   std::string(dtypeName(dtype)));
      Values x = randomValues(44 * 37, dtype, 1, 4.0), want;
      for (double &value : x) {
        value = unary.positive ? std::fabs(value) + 0.125 : value;
        value = rounded(value, dtype);
        want.push_back(unary.reference(value));
      }
      Values got =
          runUnary(*device, unary.name, dtype, {37}, {37}, x, unary.attrs);
      // One rounding to fp32, one more for the product of offset and scale.
      expectClose(got, want, dtype,
                  [&](size_t i) { return f32Error(2, std::fabs(want[i])); });
    }
}

TEST_P(RowOpTest, GeluFormsDiffer) {
  Values x(44, 1.0);
  EXPECT_NEAR(runUnary(*device, "gelu", DType::F32, {1}, {1}, x)[0], 0.8413447,
              1e-7);
  EXPECT_NEAR(runUnary(*device, "gelu", DType::F32, {1}, {1}, x,
                       {{"approximate", std::string("tanh")}})[0],
              0.8411920, 1e-7);
}

static double apply(const std::string &op, double x, double y) {
  return op == "add"       ? x + y
         : op == "sub"     ? x - y
         : op == "mul"     ? x * y
         : op == "div"     ? x / y
         : op == "maximum" ? std::max(x, y)
         : op == "pow"     ? std::pow(x, y)
         : op == "mod"     ? x - std::floor(x / y) * y
         : op == "lt"      ? double(x < y)
         : op == "le"      ? double(x <= y)
         : op == "eq"      ? double(x == y)
                           : std::min(x, y);
}

namespace {
/// How the second operand is given for a row [5, 6].
struct BroadcastCase {
  const char *name;
  bool isWeight;
  Shape shape;
  int64_t (*index)(int64_t row, int64_t j); // of the operand's elements
};
} // namespace

static const BroadcastCase kBroadcastCases[] = {
    {"same", false, {5, 6}, [](int64_t r, int64_t j) { return r * 30 + j; }},
    {"last1",
     false,
     {5, 1},
     [](int64_t r, int64_t j) { return r * 5 + j / 6; }},
    {"first1",
     false,
     {1, 6},
     [](int64_t r, int64_t j) { return r * 6 + j % 6; }},
    {"suffix", true, {6}, [](int64_t, int64_t j) { return j % 6; }},
    {"whole", true, {5, 6}, [](int64_t, int64_t j) { return j; }},
    {"scalar", true, {1}, [](int64_t, int64_t) { return int64_t(0); }}};

TEST_P(RowOpTest, BinaryOpsBroadcast) {
  for (std::string op : {"add", "sub", "mul", "div", "maximum", "minimum",
                         "pow", "mod", "lt", "le", "eq"})
    for (const BroadcastCase &form : kBroadcastCases)
      for (DType dtype : kFloats) {
        SCOPED_TRACE(op + " " + form.name);
        TestProgram program;
        plan::Ref a = program.buffer(dtype, kTokens, {5, 6}, 1);
        plan::Ref c = program.buffer(dtype, kTokens, {5, 6}, 2);
        int64_t count = elementCount(form.shape) * (form.isWeight ? 1 : 44);
        Values x = randomValues(44 * 30, dtype, 2);
        Values y = randomValues(count, dtype, 3), want;
        for (size_t i = 0; i < x.size(); ++i) {
          if (op == "pow")
            x[i] = std::fabs(x[i]);
          else if (op != "div" && op != "mod" && i % 3 == 0)
            x[i] = y[i % y.size()]; // pairs that are equal
        }
        plan::Ref b = form.isWeight
                          ? program.weight(dtype, form.shape, y)
                          : program.buffer(dtype, kTokens, form.shape, 4);
        program.op(op, {a, b}, {c});
        TestRun run(*device, program, kRagged);
        run.write(a, x);
        if (!form.isWeight)
          run.write(b, y);
        ASSERT_TRUE(run.run().ok());
        for (int64_t r = 0; r < 44; ++r)
          for (int64_t j = 0; j < 30; ++j)
            want.push_back(
                apply(op, x[r * 30 + j], y[size_t(form.index(r, j))]));
        expectClose(run.read(c), want, dtype,
                    [&](size_t i) { return f32Error(1, std::fabs(want[i])); });
      }
}

TEST_P(RowOpTest, BroadcastRepeatsAWeight) {
  TestProgram program;
  plan::Ref w = program.weight(DType::F16, {3}, {1.5, -2, 0.25});
  plan::Ref b = program.buffer(DType::F32, kTokens, {2, 3});
  program.op("broadcast", {w}, {b});
  TestRun run(*device, program, kRagged);
  ASSERT_TRUE(run.run().ok());
  Values got = run.read(b);
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(got[i], (Values{1.5, -2, 0.25}[i % 3]));
}

// Values between the ops of a step stay fp32; a buffer between them rounds.
TEST_P(RowOpTest, TempsKeepWhatBuffersRound) {
  for (bool useTemp : {true, false}) {
    TestProgram program;
    plan::Ref x = program.buffer(DType::BF16, kTokens, {1});
    plan::Ref middle = useTemp ? program.temp(DType::F32, kTokens, {1})
                               : program.buffer(DType::BF16, kTokens, {1});
    plan::Ref y = program.buffer(DType::BF16, kTokens, {1});
    program.op("offset", {x}, {middle}, {{"by", 256.0}});
    program.op("offset", {middle}, {y}, {{"by", -256.0}});
    TestRun run(*device, program, kRagged);
    run.write(x, Values(44, 0.5));
    ASSERT_TRUE(run.run().ok());
    // 256.5 needs nine bits; bf16 has eight.
    EXPECT_EQ(run.read(y)[0], useTemp ? 0.5 : 0.0);
  }
}

// A value both stored and used again in its step: the buffer is rounded, the
// temp is not.
TEST_P(RowOpTest, OneResultMayHaveTwoPlaces) {
  TestProgram program;
  plan::Ref x = program.buffer(DType::F32, kTokens, {2});
  plan::Ref stored = program.buffer(DType::F16, kTokens, {2});
  plan::Ref kept = program.temp(DType::F32, kTokens, {2});
  plan::Ref y = program.buffer(DType::F32, kTokens, {2});
  program.op("neg", {x}, {stored, kept});
  program.op("neg", {kept}, {y});
  TestRun run(*device, program, kRagged);
  Values values = randomValues(88, DType::F32, 5);
  run.write(x, values);
  ASSERT_TRUE(run.run().ok());
  EXPECT_EQ(run.read(y), values);
  for (double &value : values)
    value = -rounded(value, DType::F16);
  EXPECT_EQ(run.read(stored), values);
}

//===----------------------------------------------------------------------===//
// Norms and reductions: each over the last extent of [heads, n]
//===----------------------------------------------------------------------===//

namespace {
using VectorFunction = Values (*)(const Values &x, const Values &w,
                                  const Values &b);
struct ReductionCase {
  const char *name;
  VectorFunction reference;
  int weights = 0;
  bool keepsExtent = true;
  std::map<std::string, plan::AttrValue> attrs = {};
};
} // namespace

static double total(const Values &x) {
  double sum = 0;
  for (double value : x)
    sum += value;
  return sum;
}

static Values map(const Values &x, const std::function<double(size_t)> &f) {
  Values y;
  for (size_t i = 0; i < x.size(); ++i)
    y.push_back(f(i));
  return y;
}

static Values rmsNorm(const Values &x, const Values &w, const Values &) {
  double mean =
      total(map(x, [&](size_t i) { return x[i] * x[i]; })) / double(x.size());
  return map(x, [&](size_t i) { return x[i] / std::sqrt(mean + 1e-5) * w[i]; });
}

static Values layerNorm(const Values &x, const Values &w, const Values &b) {
  double mean = total(x) / double(x.size());
  Values centered = map(x, [&](size_t i) { return x[i] - mean; });
  Values norm = rmsNorm(centered, w, {});
  return map(x, [&](size_t i) { return norm[i] + (b.empty() ? 0 : b[i]); });
}

static Values normalize(const Values &x, const Values &, const Values &) {
  double norm = std::sqrt(total(map(x, [&](size_t i) { return x[i] * x[i]; })));
  return map(x, [&](size_t i) { return x[i] / std::max(norm, 1e-12); });
}

static Values softmax(const Values &x, const Values &, const Values &) {
  Values e = map(x, [&](size_t i) { return std::exp(x[i]); });
  double sum = total(e);
  return map(x, [&](size_t i) { return e[i] / sum; });
}

static Values cumsum(const Values &x, const Values &, const Values &) {
  Values sums(x.size());
  std::partial_sum(x.begin(), x.end(), sums.begin());
  return sums;
}

static const ReductionCase kReductionCases[] = {
    {"rms_norm", rmsNorm, 1, true, {{"eps", 1e-5}}},
    {"layer_norm", layerNorm, 2, true, {{"eps", 1e-5}}},
    {"layer_norm", layerNorm, 1, true, {{"eps", 1e-5}}},
    {"normalize", normalize, 0, true, {{"eps", 1e-12}}},
    {"softmax", softmax},
    {"cumsum", cumsum},
    {"reduce_sum",
     [](const Values &x, const Values &, const Values &) {
       return Values{total(x)};
     },
     0, false},
    {"reduce_mean",
     [](const Values &x, const Values &, const Values &) {
       return Values{total(x) / double(x.size())};
     },
     0, false},
    {"reduce_max",
     [](const Values &x, const Values &, const Values &) {
       return Values{*std::max_element(x.begin(), x.end())};
     },
     0, false}};

static void checkReduction(Device &device, const ReductionCase &reduction,
                           DType dtype, int64_t heads, int64_t n) {
  SCOPED_TRACE(std::string(reduction.name) + " " + std::to_string(n) + " " +
               std::string(dtypeName(dtype)));
  Shape shape = heads ? Shape{heads, n} : Shape{n};
  Shape result = shape;
  if (!reduction.keepsExtent)
    result.back() = 1;
  Values x = randomValues(44 * elementCount(shape), dtype, 6, 3.0), want;
  Values w = randomValues(n, dtype, 7), b = randomValues(n, dtype, 8);
  std::vector<std::pair<Shape, Values>> weights = {{{n}, w}, {{n}, b}};
  weights.resize(size_t(reduction.weights));
  for (size_t i = 0; i < x.size(); i += size_t(n)) {
    Values vector(x.begin() + long(i), x.begin() + long(i) + n);
    Values y =
        reduction.reference(vector, w, reduction.weights > 1 ? b : Values{});
    want.insert(want.end(), y.begin(), y.end());
  }
  Values got = runUnary(device, reduction.name, dtype, shape, result, x,
                        reduction.attrs, weights);
  // Sums are exact to fp64; what remains is one rounding to fp32.
  expectClose(got, want, dtype,
              [&](size_t i) { return f32Error(1.01, std::fabs(want[i])); });
}

TEST_P(RowOpTest, ReductionsMatchTheirFormulas) {
  for (const ReductionCase &reduction : kReductionCases)
    for (DType dtype : kFloats)
      for (int64_t n : {1, 2, 33, 768})
        checkReduction(*device, reduction, dtype, n < 100 ? 3 : 0, n);
}

TEST_P(RowOpTest, NormalizeOfZeroIsZero) {
  Values got = runUnary(*device, "normalize", DType::F32, {4}, {4},
                        Values(44 * 4, 0.0), {{"eps", 1e-12}});
  EXPECT_EQ(got, Values(44 * 4, 0.0));
}

TEST_P(RowOpTest, SoftmaxSurvivesLargeScores) {
  Values x;
  for (int i = 0; i < 44; ++i)
    x.insert(x.end(), {30000.0, 30000.0, -30000.0});
  Values got = runUnary(*device, "softmax", DType::F16, {3}, {3}, x);
  EXPECT_EQ(Values(got.begin(), got.begin() + 3), (Values{0.5, 0.5, 0.0}));
}

} // namespace ft::test
