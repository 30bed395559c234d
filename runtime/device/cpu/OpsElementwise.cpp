//===- OpsElementwise.cpp - unary, binary and scalar ops ------------------===//
#include "runtime/device/cpu/Ops.h"

#include <cmath>
#include <numbers>

namespace ft {

//===----------------------------------------------------------------------===//
// Unary: y[j] = f(x[j]), f in double, one rounding to fp32
//===----------------------------------------------------------------------===//

namespace {
using UnaryFunction = double (*)(double);
struct UnaryRow {
  std::string_view name;
  UnaryFunction function;
};
} // namespace

static double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

static double geluErf(double x) {
  return 0.5 * x * (1.0 + std::erf(x / std::numbers::sqrt2));
}

static double geluTanh(double x) {
  double inner = std::sqrt(2.0 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1.0 + std::tanh(inner));
}

static constexpr UnaryRow kUnary[] = {
    {"cast", [](double x) { return x; }}, // the store rounds
    {"silu", [](double x) { return x * sigmoid(x); }},
    {"relu", [](double x) { return x < 0.0 ? 0.0 : x; }},
    {"tanh", [](double x) { return std::tanh(x); }},
    {"sigmoid", sigmoid},
    {"exp", [](double x) { return std::exp(x); }},
    {"log", [](double x) { return std::log(x); }},
    {"sqrt", [](double x) { return std::sqrt(x); }},
    {"rsqrt", [](double x) { return 1.0 / std::sqrt(x); }},
    {"neg", [](double x) { return -x; }},
    {"abs", [](double x) { return std::fabs(x); }},
    {"erf", [](double x) { return std::erf(x); }},
    {"square", [](double x) { return x * x; }},
    {"reciprocal", [](double x) { return 1.0 / x; }},
    {"sin", [](double x) { return std::sin(x); }},
    {"cos", [](double x) { return std::cos(x); }},
    {"floor", [](double x) { return std::floor(x); }},
    {"trunc", [](double x) { return std::trunc(x); }},
};

static UnaryFunction unaryFunction(const OpSite &site) {
  if (site.op->op == "gelu")
    return site.text("approximate", "none") == "tanh" ? geluTanh : geluErf;
  for (const UnaryRow &row : kUnary)
    if (row.name == site.op->op)
      return row.function;
  return nullptr;
}

/// Calls `body(x, y)` with each input row and the result row to fill.
template <typename Body>
static Status mapRows(const OpSite &site, RunContext &context, Body body) {
  Rows x = readRows(context, site.in[0]);
  Rows y = resultRows(context, site);
  context.pool.forEach(x.count, rowGrain(x.width),
                       [&](int64_t begin, int64_t end) {
                         for (int64_t row = begin; row < end; ++row)
                           body(x[row], y[row]);
                       });
  storeRows(context, site, y);
  return Status::success();
}

static Status checkUnary(const OpSite &site) {
  if (!isFloatValue(site.in[0]))
    return site.mismatch("a float value");
  if (!resultsAre(site, site.in[0].axis, site.in[0].shape))
    return site.mismatch("a result of the operand's shape");
  return Status::success();
}

static Status checkGelu(const OpSite &site) {
  std::string form = site.text("approximate", "none");
  if (form != "none" && form != "tanh")
    return site.mismatch("attribute 'approximate' none or tanh, found '" +
                         form + "'");
  return checkUnary(site);
}

static Status runUnary(const OpSite &site, RunContext &context) {
  UnaryFunction function = unaryFunction(site);
  int64_t width = site.in[0].width();
  return mapRows(site, context, [&](const float *x, float *y) {
    for (int64_t j = 0; j < width; ++j)
      y[j] = float(function(x[j]));
  });
}

//===----------------------------------------------------------------------===//
// Scalar: y[j] = x[j] * by, x[j] + by
//===----------------------------------------------------------------------===//

static Status checkScalar(const OpSite &site) {
  if (!site.has("by"))
    return site.mismatch("an attribute 'by'");
  return checkUnary(site);
}

static Status runScale(const OpSite &site, RunContext &context) {
  float by = float(site.real("by", 1.0));
  int64_t width = site.in[0].width();
  return mapRows(site, context, [&](const float *x, float *y) {
    for (int64_t j = 0; j < width; ++j)
      y[j] = x[j] * by;
  });
}

static Status runOffset(const OpSite &site, RunContext &context) {
  float by = float(site.real("by", 0.0));
  int64_t width = site.in[0].width();
  return mapRows(site, context, [&](const float *x, float *y) {
    for (int64_t j = 0; j < width; ++j)
      y[j] = x[j] + by;
  });
}

//===----------------------------------------------------------------------===//
// Binary and broadcast
//===----------------------------------------------------------------------===//

/// For each element of `shape`, the element of `from` that stands there:
/// extents of 1 and missing leading extents repeat. Empty where the shapes are
/// incompatible.
static std::vector<int64_t> broadcastMap(const std::vector<int64_t> &from,
                                         const std::vector<int64_t> &shape) {
  // A scalar weight has shape [1], a scalar row shape [].
  bool scalar = elementCount(from) == 1;
  if (!scalar && from.size() > shape.size())
    return {};
  size_t missing = scalar ? shape.size() : shape.size() - from.size();
  std::vector<int64_t> map(size_t(elementCount(shape)), 0);
  int64_t inner = 1, stride = 1;
  for (size_t d = shape.size(); d-- > missing;) {
    int64_t extent = from[d - missing];
    if (extent != shape[d] && extent != 1)
      return {};
    if (extent != 1)
      for (size_t j = 0; j < map.size(); ++j)
        map[j] += int64_t(j) / inner % extent * stride;
    inner *= shape[d];
    stride *= extent;
  }
  return map;
}

static bool broadcasts(const Operand &operand, const OpSite &site) {
  if (!isFloatValue(operand) && !isFloatWeight(operand))
    return false;
  if (operand.isValue() && operand.axis != site.out[0].axis)
    return false;
  return !broadcastMap(operand.shape, site.out[0].shape).empty();
}

static Status checkBroadcast(const OpSite &site) {
  for (const Operand &operand : site.in)
    if (!broadcasts(operand, site))
      return site.mismatch("float operands whose extents equal the result's "
                           "or are 1");
  if (!resultsAre(site, site.out[0].axis, site.out[0].shape))
    return site.mismatch("float results");
  return Status::success();
}

namespace {
/// One operand of a broadcasting op at run time.
struct Repeated {
  Rows rows; // of a weight: one row, stride 0
  std::vector<int64_t> map;
  Repeated(const RunContext &context, const Operand &operand,
           const Operand &result)
      : map(broadcastMap(operand.shape, result.shape)) {
    if (operand.isValue())
      rows = readRows(context, operand);
    else
      rows.data = const_cast<float *>(readWeight(context, operand));
  }
};
} // namespace

/// x - floor(x / y) * y without its rounding: the sign of y.
static float modulo(float x, float y) {
  float r = std::fmod(x, y);
  return r != 0.0f && (r < 0.0f) != (y < 0.0f) ? r + y : r;
}

template <typename Function>
static Status binary(const OpSite &site, RunContext &context,
                     Function function) {
  Repeated x(context, site.in[0], site.out[0]);
  Repeated y(context, site.in[1], site.out[0]);
  Rows z = resultRows(context, site);
  context.pool.forEach(
      z.count, rowGrain(z.width), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row)
          for (int64_t j = 0; j < z.width; ++j)
            z[row][j] = function(x.rows[row][x.map[j]], y.rows[row][y.map[j]]);
      });
  storeRows(context, site, z);
  return Status::success();
}

static Status runBinary(const OpSite &site, RunContext &context) {
  const std::string &op = site.op->op;
  if (op == "add")
    return binary(site, context, [](float x, float y) { return x + y; });
  if (op == "sub")
    return binary(site, context, [](float x, float y) { return x - y; });
  if (op == "mul")
    return binary(site, context, [](float x, float y) { return x * y; });
  if (op == "div")
    return binary(site, context, [](float x, float y) { return x / y; });
  if (op == "pow")
    return binary(site, context, [](float x, float y) {
      return float(std::pow(double(x), double(y)));
    });
  if (op == "mod")
    return binary(site, context, modulo);
  if (op == "lt")
    return binary(site, context, [](float x, float y) { return float(x < y); });
  if (op == "le")
    return binary(site, context,
                  [](float x, float y) { return float(x <= y); });
  if (op == "eq")
    return binary(site, context,
                  [](float x, float y) { return float(x == y); });
  if (op == "maximum")
    return binary(site, context, [](float x, float y) {
      return std::isnan(x) || x > y ? x : y;
    });
  return binary(site, context, [](float x, float y) {
    return std::isnan(x) || x < y ? x : y;
  });
}

static Status runSelect(const OpSite &site, RunContext &context) {
  Repeated c(context, site.in[0], site.out[0]);
  Repeated x(context, site.in[1], site.out[0]);
  Repeated y(context, site.in[2], site.out[0]);
  Rows z = resultRows(context, site);
  for (int64_t row = 0; row < z.count; ++row)
    for (int64_t j = 0; j < z.width; ++j)
      z[row][j] = c.rows[row][c.map[j]] != 0.0f ? x.rows[row][x.map[j]]
                                                : y.rows[row][y.map[j]];
  storeRows(context, site, z);
  return Status::success();
}

static Status runBroadcast(const OpSite &site, RunContext &context) {
  Repeated x(context, site.in[0], site.out[0]);
  Rows y = resultRows(context, site);
  for (int64_t row = 0; row < y.count; ++row)
    for (int64_t j = 0; j < y.width; ++j)
      y[row][j] = x.rows[row][x.map[j]];
  storeRows(context, site, y);
  return Status::success();
}

static constexpr OpSpec kOps[] = {
    {"add", 2, 2, true, checkBroadcast, runBinary},
    {"sub", 2, 2, true, checkBroadcast, runBinary},
    {"mul", 2, 2, true, checkBroadcast, runBinary},
    {"div", 2, 2, true, checkBroadcast, runBinary},
    {"maximum", 2, 2, true, checkBroadcast, runBinary},
    {"minimum", 2, 2, true, checkBroadcast, runBinary},
    {"pow", 2, 2, true, checkBroadcast, runBinary},
    {"mod", 2, 2, true, checkBroadcast, runBinary},
    {"lt", 2, 2, true, checkBroadcast, runBinary},
    {"le", 2, 2, true, checkBroadcast, runBinary},
    {"eq", 2, 2, true, checkBroadcast, runBinary},
    {"select", 3, 3, true, checkBroadcast, runSelect},
    {"broadcast", 1, 1, true, checkBroadcast, runBroadcast},
    {"scale", 1, 1, true, checkScalar, runScale},
    {"offset", 1, 1, true, checkScalar, runOffset},
    {"gelu", 1, 1, true, checkGelu, runUnary},
    {"cast", 1, 1, true, checkUnary, runUnary},
    {"silu", 1, 1, true, checkUnary, runUnary},
    {"relu", 1, 1, true, checkUnary, runUnary},
    {"tanh", 1, 1, true, checkUnary, runUnary},
    {"sigmoid", 1, 1, true, checkUnary, runUnary},
    {"exp", 1, 1, true, checkUnary, runUnary},
    {"log", 1, 1, true, checkUnary, runUnary},
    {"sqrt", 1, 1, true, checkUnary, runUnary},
    {"rsqrt", 1, 1, true, checkUnary, runUnary},
    {"neg", 1, 1, true, checkUnary, runUnary},
    {"abs", 1, 1, true, checkUnary, runUnary},
    {"erf", 1, 1, true, checkUnary, runUnary},
    {"square", 1, 1, true, checkUnary, runUnary},
    {"reciprocal", 1, 1, true, checkUnary, runUnary},
    {"sin", 1, 1, true, checkUnary, runUnary},
    {"cos", 1, 1, true, checkUnary, runUnary},
    {"floor", 1, 1, true, checkUnary, runUnary},
    {"trunc", 1, 1, true, checkUnary, runUnary},
};

std::span<const OpSpec> elementwiseOps() { return kOps; }

} // namespace ft
