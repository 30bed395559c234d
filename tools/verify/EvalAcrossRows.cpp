//===- EvalAcrossRows.cpp - attention, positions, pooling -----------------===//
#include "tools/verify/Elementwise.h"
#include "tools/verify/Evaluator.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace ft;
using namespace ft::verify;

namespace {

/// A score region made ready: instructions over numbered values, of which 0 to
/// 3 are the region's arguments.
class ScoreProgram {
public:
  static StatusOr<ScoreProgram> make(ir::AttentionOp op,
                                     const EvalContext &context);
  double run(double score, int64_t head, int64_t query, int64_t key) const;

private:
  struct Instruction {
    StringRef function; // or "const", "table"
    SmallVector<unsigned, 3> arguments;
    double value = 0;
    SourceWeights::Ptr table;
  };
  static double apply(const Instruction &instruction,
                      ArrayRef<double> arguments);
  std::vector<Instruction> instructions_;
};

StatusOr<ScoreProgram> ScoreProgram::make(ir::AttentionOp op,
                                          const EvalContext &context) {
  ScoreProgram program;
  if (op.getScore().empty())
    return program;
  Block &block = op.getScore().front();
  llvm::DenseMap<Value, unsigned> numbers;
  for (BlockArgument argument : block.getArguments())
    numbers[argument] = argument.getArgNumber();
  for (Operation &inner : block) {
    Instruction instruction;
    for (Value operand : inner.getOperands())
      instruction.arguments.push_back(numbers.lookup(operand));
    if (auto number = dyn_cast<ir::ScoreConstOp>(inner)) {
      instruction.function = "const";
      instruction.value = number.getValue().convertToDouble();
    } else if (auto table = dyn_cast<ir::ScoreTableOp>(inner)) {
      instruction.function = "table";
      FT_ASSIGN_OR_RETURN(instruction.table,
                          context.weights.get(table.getWeightAttr()));
    } else if (auto arithmetic = dyn_cast<ir::ScoreOp>(inner)) {
      instruction.function = arithmetic.getFn();
    } else { // the yield: its operand is the result
      instruction.function = "yield";
    }
    for (Value result : inner.getResults())
      numbers[result] = unsigned(4 + program.instructions_.size());
    program.instructions_.push_back(std::move(instruction));
  }
  return program;
}

double ScoreProgram::apply(const Instruction &instruction,
                           ArrayRef<double> arguments) {
  if (instruction.function == "const")
    return instruction.value;
  if (instruction.function == "yield")
    return arguments[0];
  if (instruction.function == "select")
    return arguments[0] != 0 ? arguments[1] : arguments[2];
  if (instruction.function == "table") {
    const WeightTensor &table = *instruction.table;
    int64_t at = 0;
    for (auto [axis, index] : llvm::enumerate(arguments)) {
      int64_t extent = table.shape[axis];
      at = at * extent + std::clamp<int64_t>(int64_t(index), 0, extent - 1);
    }
    return table.data[size_t(at)];
  }
  if (arguments.size() == 1)
    return unaryFunction(instruction.function)(arguments[0]);
  return binaryFunction(instruction.function)(arguments[0], arguments[1]);
}

double ScoreProgram::run(double score, int64_t head, int64_t query,
                         int64_t key) const {
  if (instructions_.empty())
    return score;
  SmallVector<double, 16> values{score, double(head), double(query),
                                 double(key)};
  for (const Instruction &instruction : instructions_) {
    SmallVector<double, 3> arguments;
    for (unsigned number : instruction.arguments)
      arguments.push_back(values[number]);
    values.push_back(apply(instruction, arguments));
  }
  return values.back();
}

/// Attention of whole sequences; values are [batch, sequence, heads, size].
class Attention {
public:
  Attention(ir::AttentionOp op, const Tensor &query, const Tensor &key,
            const Tensor &value, const ScoreProgram &score)
      : query_(query), key_(key), value_(value), score_(score),
        scale_(op.getScale().convertToDouble()), causal_(op.getCausal()),
        window_(int64_t(op.getWindow())) {}

  void run(const PaddedBatch &batch, Tensor &out) {
    int64_t heads = query_.shape[2];
    parallelFor(batch.batch() * heads, [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item)
        for (int64_t q = 0; q < batch.lengths[size_t(item / heads)]; ++q)
          row(item / heads, item % heads, q,
              batch.lengths[size_t(item / heads)], out);
    });
  }

private:
  static const double *line(const Tensor &tensor, int64_t sequence, int64_t at,
                            int64_t head) {
    int64_t row = sequence * tensor.shape[1] + at;
    return &tensor
                .data[size_t((row * tensor.shape[2] + head) * tensor.shape[3])];
  }

  bool sees(int64_t query, int64_t key) const {
    if (causal_ && key > query)
      return false;
    return window_ <= 0 || (key > query - window_ && key < query + window_);
  }

  void row(int64_t sequence, int64_t head, int64_t at, int64_t length,
           Tensor &out) {
    int64_t kvHead = head / (query_.shape[2] / key_.shape[2]);
    const double *q = line(query_, sequence, at, head);
    std::vector<double> scores(size_t(length), -HUGE_VAL);
    double most = -HUGE_VAL, sum = 0;
    for (int64_t k = 0; k < length; ++k) {
      if (!sees(at, k))
        continue;
      const double *other = line(key_, sequence, k, kvHead);
      double dot = 0;
      for (int64_t i = 0; i < query_.shape[3]; ++i)
        dot += q[i] * other[i];
      scores[size_t(k)] = score_.run(dot * scale_, head, at, k);
      most = std::max(most, scores[size_t(k)]);
    }
    if (most == -HUGE_VAL)
      return; // no key: 0
    auto *result = const_cast<double *>(line(out, sequence, at, head));
    for (double &score : scores)
      sum += score = std::exp(score - most);
    for (int64_t k = 0; k < length; ++k) {
      const double *other = line(value_, sequence, k, kvHead);
      for (int64_t i = 0; i < value_.shape[3]; ++i)
        result[i] += scores[size_t(k)] / sum * other[i];
    }
  }

  const Tensor &query_, &key_, &value_;
  const ScoreProgram &score_;
  double scale_;
  bool causal_;
  int64_t window_;
};

StatusOr<Tensor> attention(ir::AttentionOp op, const EvalContext &context) {
  FT_ASSIGN_OR_RETURN(ScoreProgram score, ScoreProgram::make(op, context));
  Value key = op.getKey(), value = op.getValue();
  if (op.getCache()) {
    ir::CacheAppendOp append = context.index.appendOf(op);
    if (!append)
      return unsupported("nothing was appended to layer " +
                         std::to_string(op.getLayer()) + " of the cache @" +
                         op.getCache()->str() + " before");
    key = append.getKey();
    value = append.getValue();
  }
  Tensor out(context.shapeOf(op.getResult().getType()));
  Attention(op, context.value(op.getQuery()), context.value(key),
            context.value(value), score)
      .run(context.batch, out);
  return out;
}

Tensor positions(ir::PositionsOp op, const EvalContext &context) {
  Tensor out(context.shapeOf(op.getResult().getType()));
  for (int64_t i = 0; i < out.size(); ++i) {
    int64_t position = i % context.batch.sequence + int64_t(op.getOffset());
    if (op.getMost())
      position = std::min(position, int64_t(*op.getMost()));
    out.data[size_t(i)] = double(position);
  }
  return out;
}

/// [batch, channels, height, width] to [batch, sequence, patch]; a place that
/// has no patch stays 0.
Tensor patches(ir::PatchesOp op, const EvalContext &context) {
  const Tensor &image = context.value(op.getImage());
  Tensor out(context.shapeOf(op.getResult().getType()));
  int64_t channels = image.shape[1], height = image.shape[2];
  int64_t width = image.shape[3], sequence = context.batch.sequence;
  int64_t high = op.getPatch()[0], wide = op.getPatch()[1];
  for (int64_t b = 0; b < context.batch.batch(); ++b)
    for (int64_t row = 0; row < height / high; ++row)
      for (int64_t column = 0; column < width / wide; ++column) {
        int64_t at = int64_t(op.getPrefix()) + row * (width / wide) + column;
        bool real = at < context.batch.lengths[size_t(b)];
        for (int64_t c = 0; real && c < channels; ++c)
          for (int64_t y = 0; y < high; ++y)
            for (int64_t x = 0; x < wide; ++x)
              out.data[size_t(
                  (((b * sequence + at) * channels + c) * high + y) * wide +
                  x)] =
                  image.data[size_t(
                      ((b * channels + c) * height + row * high + y) * width +
                      column * wide + x)];
      }
  return out;
}

Tensor segmentReduce(ir::SegmentReduceOp op, const EvalContext &context) {
  const Tensor &input = context.value(op.getInput());
  Tensor out(context.shapeOf(op.getResult().getType()));
  StringRef kind = op.getKind();
  int64_t sequence = context.batch.sequence;
  int64_t width = input.size() / (context.batch.batch() * sequence);
  for (int64_t b = 0; b < context.batch.batch(); ++b) {
    int64_t length = context.batch.lengths[size_t(b)];
    int64_t index = int64_t(op.getIndex());
    int64_t first = kind == "last" ? length - 1 - index : index;
    int64_t end = kind == "first" || kind == "last" ? first + 1 : length;
    if (first < 0 || end > length)
      continue; // no such row: 0
    for (int64_t j = 0; j < width; ++j) {
      double &result = out.data[size_t(b * width + j)];
      for (int64_t s = first; s < end; ++s) {
        double x = input.data[size_t((b * sequence + s) * width + j)];
        result = s == first      ? x
                 : kind == "max" ? std::max(result, x)
                                 : result + x;
      }
      if (kind == "mean")
        result /= double(length);
    }
  }
  return out;
}

} // namespace

Evaluated verify::evaluateAcrossRows(Operation *op,
                                     const EvalContext &context) {
  if (auto site = dyn_cast<ir::AttentionOp>(op))
    return attention(site, context);
  if (auto site = dyn_cast<ir::PositionsOp>(op))
    return positions(site, context);
  if (auto site = dyn_cast<ir::SegmentReduceOp>(op))
    return segmentReduce(site, context);
  if (auto site = dyn_cast<ir::PatchesOp>(op))
    return patches(site, context);
  return std::nullopt;
}
