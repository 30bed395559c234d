//===- EvalRowWise.cpp - operations that stay within a row ----------------===//
#include "tools/verify/Dense.h"
#include "tools/verify/Elementwise.h"
#include "tools/verify/Evaluator.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace ft;
using namespace ft::verify;

namespace {

using Weight = SourceWeights::Ptr;

/// Applies `row(in, out, width)` to every run of the last extent.
template <typename Row>
Tensor mapRows(const Tensor &input, const Shape &shape, Row row) {
  Tensor out(shape);
  int64_t width = input.last(), wide = out.last();
  for (int64_t i = 0; width > 0 && i * width < input.size(); ++i)
    row(&input.data[size_t(i * width)], &out.data[size_t(i * wide)], width);
  return out;
}

double mean(const double *x, int64_t width) {
  double sum = 0;
  for (int64_t i = 0; i < width; ++i)
    sum += x[i];
  return sum / double(width);
}

StatusOr<Tensor> rmsNorm(ir::RmsNormOp op, const EvalContext &context) {
  FT_ASSIGN_OR_RETURN(Weight weight, context.weights.get(op.getWeightAttr()));
  double eps = op.getEps().convertToDouble();
  const Tensor &input = context.value(op.getInput());
  return mapRows(input, input.shape, [&](auto *x, auto *y, int64_t width) {
    double squares = 0;
    for (int64_t i = 0; i < width; ++i)
      squares += x[i] * x[i];
    double length = std::sqrt(squares / double(width) + eps);
    for (int64_t i = 0; i < width; ++i)
      y[i] = x[i] / length * weight->data[size_t(i)];
  });
}

StatusOr<Tensor> layerNorm(ir::LayerNormOp op, const EvalContext &context) {
  FT_ASSIGN_OR_RETURN(Weight weight, context.weights.get(op.getWeightAttr()));
  Weight bias;
  if (op.getBiasAttr()) {
    FT_ASSIGN_OR_RETURN(bias, context.weights.get(op.getBiasAttr()));
  }
  double eps = op.getEps().convertToDouble();
  const Tensor &input = context.value(op.getInput());
  return mapRows(input, input.shape, [&](auto *x, auto *y, int64_t width) {
    double center = mean(x, width), squares = 0;
    for (int64_t i = 0; i < width; ++i)
      squares += (x[i] - center) * (x[i] - center);
    double spread = std::sqrt(squares / double(width) + eps);
    for (int64_t i = 0; i < width; ++i)
      y[i] = (x[i] - center) / spread * weight->data[size_t(i)] +
             (bias ? bias->data[size_t(i)] : 0);
  });
}

StatusOr<Tensor> linear(ir::LinearOp op, const EvalContext &context) {
  FT_ASSIGN_OR_RETURN(Weight weight, context.weights.get(op.getWeightAttr()));
  Weight bias;
  if (op.getBiasAttr()) {
    FT_ASSIGN_OR_RETURN(bias, context.weights.get(op.getBiasAttr()));
  }
  const Tensor &input = context.value(op.getInput());
  Tensor out(EvalContext::rowsLike(input, op.getInput().getType(),
                                   op.getResult().getType()));
  int64_t n = weight->shape[0], k = weight->shape[1];
  std::vector<bool> rows = context.realRows(op, out.size() / n);
  multiplyWeight(input.data.data(), weight->data.data(),
                 bias ? bias->data.data() : nullptr, rows, n, k,
                 out.data.data());
  return out;
}

StatusOr<Tensor> embedding(ir::EmbeddingOp op, const EvalContext &context) {
  FT_ASSIGN_OR_RETURN(Weight table, context.weights.get(op.getTableAttr()));
  const Tensor &ids = context.value(op.getIds());
  Tensor out(EvalContext::rowsLike(ids, op.getIds().getType(),
                                   op.getResult().getType()));
  int64_t rows = table->shape[0], width = table->shape[1];
  std::vector<bool> real = context.realRows(op, ids.size());
  for (int64_t i = 0; i < ids.size(); ++i) {
    auto id = int64_t(ids.data[size_t(i)]);
    if (!real[size_t(i)])
      continue;
    if (id < 0 || id >= rows)
      return outOfRange("row " + std::to_string(id) + " of a table of " +
                        std::to_string(rows));
    std::copy_n(table->data.begin() + id * width, width,
                out.data.begin() + i * width);
  }
  return out;
}

StatusOr<Tensor> broadcast(ir::BroadcastOp op, const EvalContext &context) {
  FT_ASSIGN_OR_RETURN(Weight weight, context.weights.get(op.getWeightAttr()));
  auto type = op.getResult().getType();
  // Among padded values the readers repeat it along their own leading axes.
  Tensor out(isa<ir::PrimApplyOp>(op->getParentOp())
                 ? Shape(type.getShape().begin(), type.getShape().end())
                 : context.shapeOf(type));
  for (size_t i = 0; i < out.data.size(); ++i)
    out.data[i] = weight->data[i % weight->data.size()];
  return out;
}

/// The rotation by position of the pairs of every head.
StatusOr<Tensor> rope(ir::RopeOp op, const EvalContext &context) {
  FT_ASSIGN_OR_RETURN(Weight table, context.weights.get(op.getTableAttr()));
  Tensor out = context.value(op.getInput());
  int64_t size = out.last(), heads = out.shape[out.shape.size() - 2];
  int64_t half = table->shape[1] / 2;
  bool together = op.getInterleaved();
  for (int64_t i = 0; i * size < out.size(); ++i) {
    int64_t position = i / heads % context.batch.sequence;
    const float *angles = &table->data[size_t(position * 2 * half)];
    double *x = &out.data[size_t(i * size)];
    for (int64_t j = 0; j < half; ++j) {
      double &a = x[together ? 2 * j : j];
      double &b = x[together ? 2 * j + 1 : j + half];
      double c = angles[j], s = angles[half + j], before = a;
      a = before * c - b * s;
      b = b * c + before * s;
    }
  }
  return out;
}

Tensor normalize(ir::NormalizeOp op, const Tensor &input) {
  double eps = op.getEps().convertToDouble();
  return mapRows(input, input.shape, [&](auto *x, auto *y, int64_t width) {
    double squares = 0;
    for (int64_t i = 0; i < width; ++i)
      squares += x[i] * x[i];
    for (int64_t i = 0; i < width; ++i)
      y[i] = x[i] / std::max(std::sqrt(squares), eps);
  });
}

Tensor reduce(Operation *op, const Tensor &input) {
  Shape shape = input.shape;
  shape.back() = 1;
  return mapRows(input, shape, [&](auto *x, auto *y, int64_t width) {
    if (isa<ir::ReduceMaxOp>(op))
      *y = *std::max_element(x, x + width);
    else
      *y = mean(x, width) * (isa<ir::ReduceSumOp>(op) ? double(width) : 1);
  });
}

} // namespace

Tensor verify::softmaxRows(const Tensor &input) {
  return mapRows(input, input.shape, [&](auto *x, auto *y, int64_t width) {
    double most = *std::max_element(x, x + width), sum = 0;
    for (int64_t i = 0; i < width; ++i)
      sum += y[i] = std::exp(x[i] - most);
    for (int64_t i = 0; i < width; ++i)
      y[i] /= sum;
  });
}

static Tensor cumsumRows(const Tensor &input) {
  return mapRows(input, input.shape, [&](auto *x, auto *y, int64_t width) {
    for (int64_t i = 0; i < width; ++i)
      y[i] = x[i] + (i > 0 ? y[i - 1] : 0);
  });
}

Tensor verify::argmaxRows(const Tensor &input) {
  Shape shape(input.shape.begin(), input.shape.end() - 1);
  Tensor out(shape);
  for (int64_t i = 0, width = input.last(); i < out.size(); ++i) {
    const double *x = &input.data[size_t(i * width)];
    out.data[size_t(i)] = double(std::max_element(x, x + width) - x);
  }
  return out;
}

UnaryFunction verify::unaryFunction(llvm::StringRef name) {
  return llvm::StringSwitch<UnaryFunction>(name)
      .Case("silu", [](double x) { return x / (1 + std::exp(-x)); })
      .Case("relu", [](double x) { return x > 0 ? x : 0.0; })
      .Case("tanh", [](double x) { return std::tanh(x); })
      .Case("sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); })
      .Case("exp", [](double x) { return std::exp(x); })
      .Case("log", [](double x) { return std::log(x); })
      .Case("sqrt", [](double x) { return std::sqrt(x); })
      .Case("rsqrt", [](double x) { return 1 / std::sqrt(x); })
      .Case("neg", [](double x) { return -x; })
      .Case("abs", [](double x) { return std::fabs(x); })
      .Case("erf", [](double x) { return std::erf(x); })
      .Case("square", [](double x) { return x * x; })
      .Case("reciprocal", [](double x) { return 1 / x; })
      .Case("sin", [](double x) { return std::sin(x); })
      .Case("cos", [](double x) { return std::cos(x); })
      .Case("floor", [](double x) { return std::floor(x); })
      .Case("trunc", [](double x) { return std::trunc(x); })
      .Default(nullptr);
}

BinaryFunction verify::binaryFunction(llvm::StringRef name) {
  return llvm::StringSwitch<BinaryFunction>(name)
      .Case("add", [](double x, double y) { return x + y; })
      .Case("sub", [](double x, double y) { return x - y; })
      .Case("mul", [](double x, double y) { return x * y; })
      .Case("div", [](double x, double y) { return x / y; })
      .Cases({"maximum", "max"},
             [](double x, double y) { return x > y ? x : y; })
      .Cases({"minimum", "min"},
             [](double x, double y) { return x < y ? x : y; })
      .Case("pow", [](double x, double y) { return std::pow(x, y); })
      .Case("mod", [](double x, double y) { return x - std::floor(x / y) * y; })
      .Case("lt", [](double x, double y) { return double(x < y); })
      .Case("le", [](double x, double y) { return double(x <= y); })
      .Case("gt", [](double x, double y) { return double(x > y); })
      .Case("ge", [](double x, double y) { return double(x >= y); })
      .Case("eq", [](double x, double y) { return double(x == y); })
      .Case("ne", [](double x, double y) { return double(x != y); })
      .Default(nullptr);
}

Tensor verify::mapElements(Tensor input,
                           const std::function<double(double)> &function) {
  for (double &x : input.data)
    x = function(x);
  return input;
}

namespace {
double gelu(double x) { return x * (1 + std::erf(x / std::sqrt(2.0))) / 2; }
double geluTanh(double x) {
  double inner = std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x);
  return x * (1 + std::tanh(inner)) / 2;
}
} // namespace

Evaluated verify::evaluateRowWise(Operation *op, const EvalContext &context) {
  auto in = [&](unsigned operand) -> const Tensor & {
    return context.value(op->getOperand(operand));
  };
  StringRef name = op->getName().stripDialect();
  if (UnaryFunction function = unaryFunction(name))
    return mapElements(in(0), function);
  if (BinaryFunction function = binaryFunction(name))
    return mapPairs(in(0), in(1), function);
  return llvm::TypeSwitch<Operation *, Evaluated>(op)
      .Case<ir::RmsNormOp>([&](auto norm) { return rmsNorm(norm, context); })
      .Case<ir::LayerNormOp>(
          [&](auto norm) { return layerNorm(norm, context); })
      .Case<ir::LinearOp>([&](auto dense) { return linear(dense, context); })
      .Case<ir::EmbeddingOp>(
          [&](auto table) { return embedding(table, context); })
      .Case<ir::BroadcastOp>(
          [&](auto weight) { return broadcast(weight, context); })
      .Case<ir::RopeOp>([&](auto turn) { return rope(turn, context); })
      .Case<ir::NormalizeOp>([&](auto unit) { return normalize(unit, in(0)); })
      .Case<ir::ReduceSumOp, ir::ReduceMaxOp, ir::ReduceMeanOp>(
          [&](auto) { return reduce(op, in(0)); })
      .Case<ir::CumsumOp>([&](auto) { return cumsumRows(in(0)); })
      .Case<ir::SoftmaxOp>([&](auto) { return softmaxRows(in(0)); })
      .Case<ir::ArgmaxOp, ir::SampleOp>([&](auto) { return argmaxRows(in(0)); })
      // Every row is wanted, and every float is exact.
      .Case<ir::CastOp, ir::RowsOp>([&](auto) { return in(0); })
      .Case<ir::GeluOp>([&](auto unit) {
        return mapElements(in(0), unit.getTanh() ? geluTanh : gelu);
      })
      .Case<ir::ScaleOp>([&](auto scale) {
        double by = scale.getBy().convertToDouble();
        return mapElements(in(0), [by](double x) { return x * by; });
      })
      .Case<ir::OffsetOp>([&](auto offset) {
        double by = offset.getBy().convertToDouble();
        return mapElements(in(0), [by](double x) { return x + by; });
      })
      .Default([](Operation *) { return std::nullopt; });
}
