//===- EvaluatorTest.cpp - each operation against numbers by hand ---------===//
//
// The judge has to be right by itself: every operation of the primitive level,
// and what the semantic level computes across rows, against results that were
// worked out on paper.
//
//===----------------------------------------------------------------------===//
#include "tools/verify/Evaluator.h"

#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace mlir;
using namespace ft;
using namespace ft::verify;

namespace {

/// One entry over x, data [batch, sequence, 4], and its result y.
struct Case {
  std::string name;
  std::string body; // operations that make %y
  std::string type; // of %y
  std::vector<double> expected;
};

const char *const kPadded = "!ft.padded<[batch, sequence, 4], f32>";

void PrintTo(const Case &one, std::ostream *out) { *out << one.name; }

/// Sequences of two tokens and one: 1 2 3 4 / -1 0 5 2, and 3 3 3 9 / padding.
PaddedBatch makeInputs() {
  PaddedBatch batch;
  batch.lengths = {2, 1};
  batch.sequence = 2;
  batch.batchSymbol = "batch";
  batch.sequenceSymbol = "sequence";
  Tensor x({2, 2, 4});
  x.data = {1, 2, 3, 4, -1, 0, 5, 2, 3, 3, 3, 9, 0, 0, 0, 0};
  batch.inputs["x"] = std::move(x);
  return batch;
}

std::string moduleText(const std::string &input, const std::string &body,
                       const std::string &type) {
  std::string weights;
  auto weight = [&](const char *name, const char *type, const char *shape,
                    const char *data) {
    weights += std::string("ft.param @") + name + " : tensor<" + type +
               "xf32> = #ft.recipe<\"literal\" {shape = array<i64: " + shape +
               ">, data = array<f32: " + data + ">}>\n";
  };
  weight("w", "2x4", "2, 4", "1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0");
  weight("b", "2", "2", "10.0, 20.0");
  weight("one", "4", "4", "1.0, 1.0, 1.0, 1.0");
  weight("turn", "2x2", "2, 2", "1.0, 0.0, 0.0, 1.0");
  // Padded entries have no sequences.
  bool packed = input.find("packed") != std::string::npos;
  return "module attributes {ft.axes = [\"tokens\", \"sequences\", \"rows\"]} "
         "{\n" +
         weights + "ft.entry @e(%x: " + input +
         " {ft.name = \"x\", ft.role = \"data\"}" +
         (packed ? ", %s: !ft.sequences<tokens, sequences> {ft.role = "
                   "\"sequences\"}"
                 : "") +
         ") -> (" + type + " {ft.name = \"y\"}) {\n" + body +
         "\nft.return %y : " + type + "\n}\n}\n";
}

class Evaluate : public testing::TestWithParam<Case> {
protected:
  /// The elements of y.
  void check(const std::string &input) {
    const Case &one = GetParam();
    MLIRContext context(MLIRContext::Threading::DISABLED);
    context.loadDialect<ir::FtDialect>();
    std::string text = moduleText(input, one.body, one.type);
    auto module = parseSourceString<ModuleOp>(text, &context);
    ASSERT_TRUE(module) << text;
    plan::Plan none;
    SourceWeights weights(*module, none, {});
    weights.setPositions(2);
    PaddedBatch batch = makeInputs();
    ir::EntryOp entry = *module->getOps<ir::EntryOp>().begin();
    batch.inputs["x"].shape = shapeFor(entry.getArgumentTypes()[0], batch);
    SourceIndex index(entry);
    Evaluator evaluator(index, weights, batch);
    Status status =
        evaluator.run([](Value) { return false; }, [](int64_t, int64_t) {});
    ASSERT_TRUE(status.ok()) << status.message();
    const Tensor *y = evaluator.find(index.outputs()[0].value);
    ASSERT_NE(y, nullptr);
    ASSERT_EQ(y->data.size(), one.expected.size());
    for (size_t i = 0; i < one.expected.size(); ++i)
      EXPECT_NEAR(y->data[i], one.expected[i], 1e-7) << "element " << i;
  }
};

//===----------------------------------------------------------------------===//
// Primitives
//===----------------------------------------------------------------------===//

std::string unary(const char *op) {
  return std::string("%y = ft.prim.") + op + " %x : (" + kPadded + ") -> " +
         kPadded;
}

/// x against its own first element of every token.
std::string binary(const char *op) {
  return std::string("%f = ft.prim.slice %x axis 2 start 0 : (") + kPadded +
         ") -> !ft.padded<[batch, sequence, 1], f32>\n%y = ft.prim." + op +
         " %x, %f : (" + kPadded +
         ", !ft.padded<[batch, sequence, 1], f32>) -> " + kPadded;
}

/// A comparison as 0 and 1 of f32.
std::string comparison(const char *op) {
  std::string text = binary(op);
  size_t end = text.rfind("f32>");
  text.replace(end, 3, "i1");
  text.replace(text.find("%y"), 2, "%c");
  return text +
         "\n%y = ft.prim.cast %c : (!ft.padded<[batch, sequence, 4], "
         "i1>) -> " +
         kPadded;
}

std::string along(const char *op, const char *type) {
  return std::string("%y = ft.prim.") + op + " : (" + kPadded + ") -> " + type;
}

const char *const kRow = "!ft.padded<[batch, sequence], f32>";
const double kE = std::exp(1.0);

std::vector<Case> primitives() {
  const std::string padded = kPadded;
  return {
      {"Neg",
       unary("neg"),
       padded,
       {-1, -2, -3, -4, 1, 0, -5, -2, -3, -3, -3, -9, 0, 0, 0, 0}},
      {"Relu",
       unary("relu"),
       padded,
       {1, 2, 3, 4, 0, 0, 5, 2, 3, 3, 3, 9, 0, 0, 0, 0}},
      {"Sub",
       binary("sub"),
       padded,
       {0, 1, 2, 3, 0, 1, 6, 3, 0, 0, 0, 6, 0, 0, 0, 0}},
      {"Maximum",
       binary("maximum"),
       padded,
       {1, 2, 3, 4, -1, 0, 5, 2, 3, 3, 3, 9, 0, 0, 0, 0}},
      {"Less",
       comparison("lt"),
       padded,
       {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
      {"Greater",
       comparison("gt"),
       padded,
       {0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0}},
      {"GreaterOrEqual",
       comparison("ge"),
       padded,
       {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
      {"NotEqual",
       comparison("ne"),
       padded,
       {0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0}},
      {"ReduceSum",
       along("reduce_sum %x axes [2]", kRow),
       kRow,
       {10, 6, 18, 0}},
      {"ReduceMeanOfTwoAxes",
       along("reduce_mean %x axes [1, 2]", "!ft.padded<[batch], f32>"),
       "!ft.padded<[batch], f32>",
       {2, 2.25}},
      {"ReduceMin", along("reduce_min %x axes [2]", kRow), kRow, {1, -1, 3, 0}},
      {"ReduceMaxOfSequence",
       along("reduce_max %x axes [1]", "!ft.padded<[batch, 4], f32>"),
       "!ft.padded<[batch, 4], f32>",
       {1, 2, 5, 4, 3, 3, 3, 9}},
      {"Cumsum",
       along("cumsum %x axis 1", kPadded),
       padded,
       {1, 2, 3, 4, 0, 2, 8, 6, 3, 3, 3, 9, 3, 3, 3, 9}},
      {"SoftmaxOfSequence",
       "%c = ft.prim.slice %x axis 2 start 1 : (" + padded +
           ") -> !ft.padded<[batch, sequence, 1], f32>\n"
           "%y = ft.prim.softmax %c axis 1 : (!ft.padded<[batch, sequence, 1],"
           " f32>) -> !ft.padded<[batch, sequence, 1], f32>",
       "!ft.padded<[batch, sequence, 1], f32>",
       {kE * kE / (kE * kE + 1), 1 / (kE * kE + 1),
        kE * kE * kE / (kE * kE * kE + 1), 1 / (kE * kE * kE + 1)}},
      {"SoftmaxOfNothing",
       "%c = ft.prim.constant [0xFFF0000000000000 : f64] : " + padded +
           "\n%y = ft.prim.softmax %c axis 2 : (" + padded + ") -> " + padded,
       padded,
       {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
      {"Transpose",
       along("transpose %x [0, 2, 1]", "!ft.padded<[batch, 4, sequence], f32>"),
       "!ft.padded<[batch, 4, sequence], f32>",
       {1, -1, 2, 0, 3, 5, 4, 2, 3, 0, 3, 0, 3, 0, 9, 0}},
      {"Reshape",
       along("reshape %x", "!ft.padded<[batch, sequence, 2, 2], f32>"),
       "!ft.padded<[batch, sequence, 2, 2], f32>",
       {1, 2, 3, 4, -1, 0, 5, 2, 3, 3, 3, 9, 0, 0, 0, 0}},
      {"SliceWithStep",
       along("slice %x axis 2 start 1 step 2",
             "!ft.padded<[batch, sequence, 2], f32>"),
       "!ft.padded<[batch, sequence, 2], f32>",
       {2, 4, 0, 2, 3, 9, 0, 0}},
      {"SliceFromTheEnd",
       along("slice %x axis 1 start -1", "!ft.padded<[batch, 1, 4], f32>"),
       "!ft.padded<[batch, 1, 4], f32>",
       {-1, 0, 5, 2, 0, 0, 0, 0}},
      {"Concat",
       "%y = ft.prim.concat %x, %x axis 1 : (" + padded + ", " + padded +
           ") -> !ft.padded<[batch, 2*sequence, 4], f32>",
       "!ft.padded<[batch, 2*sequence, 4], f32>",
       {1, 2, 3, 4, -1, 0, 5, 2, 1, 2, 3, 4, -1, 0, 5, 2,
        3, 3, 3, 9, 0,  0, 0, 0, 3, 3, 3, 9, 0,  0, 0, 0}},
      {"Matmul",
       "%t = ft.prim.transpose %x [0, 2, 1] : (" + padded +
           ") -> !ft.padded<[batch, 4, sequence], f32>\n"
           "%y = ft.prim.matmul %x, %t : (" +
           padded +
           ", !ft.padded<[batch, 4, sequence], f32>) -> "
           "!ft.padded<[batch, sequence, sequence], f32>",
       "!ft.padded<[batch, sequence, sequence], f32>",
       {30, 22, 22, 30, 108, 0, 0, 0}},
      {"MatmulWithWeight",
       "%w = ft.prim.param @w : !ft.padded<[2, 4], f32>\n"
       "%t = ft.prim.transpose %w [1, 0] : (!ft.padded<[2, 4], f32>) -> "
       "!ft.padded<[4, 2], f32>\n%y = ft.prim.matmul %x, %t : (" +
           padded +
           ", !ft.padded<[4, 2], f32>) -> !ft.padded<[batch, sequence, 2], "
           "f32>",
       "!ft.padded<[batch, sequence, 2], f32>",
       {1, 10, -1, 6, 3, 18, 0, 0}},
      {"IotaAndSelect",
       "%i = ft.prim.iota axis 1 : !ft.padded<[1, sequence, 1], i32>\n"
       "%z = ft.prim.constant [0.0] : !ft.padded<[1, 1, 1], i32>\n"
       "%c = ft.prim.eq %i, %z : (!ft.padded<[1, sequence, 1], i32>, "
       "!ft.padded<[1, 1, 1], i32>) -> !ft.padded<[1, sequence, 1], i1>\n"
       "%m = ft.prim.constant [7.0] : !ft.padded<[1, 1, 1], f32>\n"
       "%y = ft.prim.select %c, %x, %m : (!ft.padded<[1, sequence, 1], i1>, " +
           padded + ", !ft.padded<[1, 1, 1], f32>) -> " + padded,
       padded,
       {1, 2, 3, 4, 7, 7, 7, 7, 3, 3, 3, 9, 7, 7, 7, 7}},
      {"Gather",
       "%w = ft.prim.param @w : !ft.padded<[2, 4], f32>\n"
       "%i = ft.prim.iota axis 1 : !ft.padded<[batch, sequence], i32>\n"
       "%y = ft.prim.gather %w, %i axis 0 : (!ft.padded<[2, 4], f32>, "
       "!ft.padded<[batch, sequence], i32>) -> " +
           padded,
       padded,
       {1, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1}},
      {"Argmax",
       "%a = ft.prim.argmax %x axis 2 : (" + padded +
           ") -> !ft.padded<[batch, sequence], i32>\n"
           "%y = ft.prim.cast %a : (!ft.padded<[batch, sequence], i32>) -> "
           "!ft.padded<[batch, sequence], f32>",
       kRow,
       {3, 2, 3, 0}},
      {"SemanticRows",
       "%y = ft.prim.apply(%x) {\n^bb0(%a: !ft.packed<tokens, 4xf32>):\n"
       "%0 = ft.linear %a, @w bias @b : (!ft.packed<tokens, 4xf32>) -> "
       "!ft.packed<tokens, 2xf32>\nft.yield %0 : !ft.packed<tokens, 2xf32>\n} "
       ": (" +
           padded + ") -> !ft.padded<[batch, sequence, 2], f32>",
       "!ft.padded<[batch, sequence, 2], f32>",
       {11, 30, 9, 26, 13, 38, 10, 20}},
  };
}

class EvaluatePrimitive : public Evaluate {};
TEST_P(EvaluatePrimitive, IsAsByHand) { check(kPadded); }
INSTANTIATE_TEST_SUITE_P(Operations, EvaluatePrimitive,
                         testing::ValuesIn(primitives()),
                         [](const auto &info) { return info.param.name; });

//===----------------------------------------------------------------------===//
// Semantic operations
//===----------------------------------------------------------------------===//

const char *const kPacked = "!ft.packed<tokens, 4xf32>";
const char *const kHeads = "!ft.packed<tokens, 2x2xf32>";

std::string onPacked(const std::string &op) {
  return "%y = ft." + op + " : (" + kPacked +
         ", !ft.sequences<tokens, sequences>) -> ";
}

/// x as two heads of two, by a linear with the identity.
std::string attention(const std::string &attributes) {
  return std::string("%y = ft.attention %x, %x, %x at %s {") + attributes +
         "scale = 0.0 : f64} : (" + kHeads + ", " + kHeads + ", " + kHeads +
         ", !ft.sequences<tokens, sequences>) -> " + kHeads;
}

std::vector<Case> semantics() {
  const std::string packed = kPacked;
  const std::string pooled = "!ft.packed<sequences, 4xf32>";
  double rms = std::sqrt((1 + 4 + 9 + 16) / 4.0);
  double other = std::sqrt((1 + 0 + 25 + 4) / 4.0);
  double third = std::sqrt((9 + 9 + 9 + 81) / 4.0);
  return {
      {"RmsNorm",
       "%n = ft.rms_norm %x, @one {eps = 0.0 : f64} : " + packed +
           "\n%y = ft.segment_reduce \"first\" %n at %s : (" + packed +
           ", !ft.sequences<tokens, sequences>) -> " + pooled,
       pooled,
       {1 / rms, 2 / rms, 3 / rms, 4 / rms, 3 / third, 3 / third, 3 / third,
        9 / third}},
      {"RmsNormOfLast",
       "%n = ft.rms_norm %x, @one {eps = 0.0 : f64} : " + packed +
           "\n%y = ft.segment_reduce \"sum\" %n at %s : (" + packed +
           ", !ft.sequences<tokens, sequences>) -> " + pooled,
       pooled,
       {1 / rms - 1 / other, 2 / rms, 3 / rms + 5 / other, 4 / rms + 2 / other,
        3 / third, 3 / third, 3 / third, 9 / third}},
      {"RearrangeConcatSelect",
       "%r = ft.rearrange %x from 1 by [2] : (" + packed +
           ") -> !ft.packed<tokens, 2xf32>\n"
           "%q = ft.rearrange %x from 0 by [0] : (" +
           packed +
           ") -> !ft.packed<tokens, 2xf32>\n"
           "%c = ft.concat %r, %q : (!ft.packed<tokens, 2xf32>, "
           "!ft.packed<tokens, 2xf32>) -> " +
           packed + "\n%l = ft.lt %x, %c : (" + packed + ", " + packed +
           ") -> " + packed + "\n%y = ft.select %l, %x, %c : (" + packed +
           ", " + packed + ", " + packed + ") -> " + packed,
       packed,
       {1, 2, 1, 1, -1, 0, -1, -1, 3, 3, 3, 3, 0, 0, 0, 0}},
      {"CumsumOfRow",
       "%y = ft.cumsum %x : " + packed,
       packed,
       {1, 3, 6, 10, -1, -1, 4, 6, 3, 6, 9, 18, 0, 0, 0, 0}},
      {"SegmentMean",
       onPacked("segment_reduce \"mean\" %x at %s") + pooled,
       pooled,
       {0, 1, 4, 3, 3, 3, 3, 9}},
      {"SegmentLast",
       onPacked("segment_reduce \"last\" %x at %s") + pooled,
       pooled,
       {-1, 0, 5, 2, 3, 3, 3, 9}},
      {"SegmentSecond",
       onPacked("segment_reduce \"first\" %x at %s {index = 1 : i64}") + pooled,
       pooled,
       {-1, 0, 5, 2, 0, 0, 0, 0}},
      {"SegmentMax",
       onPacked("segment_reduce \"max\" %x at %s") + pooled,
       pooled,
       {1, 2, 5, 4, 3, 3, 3, 9}},
  };
}

class EvaluateSemantic : public Evaluate {};
TEST_P(EvaluateSemantic, IsAsByHand) { check(kPacked); }
INSTANTIATE_TEST_SUITE_P(Operations, EvaluateSemantic,
                         testing::ValuesIn(semantics()),
                         [](const auto &info) { return info.param.name; });

/// x as images of one channel, 2 by 4, in patches of 2 by 2; a class token in
/// front, and the look-up that stops behind it.
std::vector<Case> images() {
  const std::string patches =
      "ft.patches %x at %s by [2, 2] {prefix = PREFIX : i64} : "
      "(!ft.packed<sequences, 1x2x4xf32>, !ft.sequences<tokens, sequences>) "
      "-> !ft.packed<tokens, 4xf32>";
  auto after = [&](const char *prefix) {
    std::string text = patches;
    return text.replace(text.find("PREFIX"), 6, prefix);
  };
  return {
      {"Patches",
       "%y = " + after("0"),
       kPacked,
       {1, 2, -1, 0, 3, 4, 5, 2, 3, 3, 0, 0, 0, 0, 0, 0}},
      {"PatchesAfterAToken",
       "%y = " + after("1"),
       kPacked,
       {0, 0, 0, 0, 1, 2, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
      {"PositionsAtMost",
       "%p = ft.positions %s {offset = 1 : i64, most = 1 : i64} : "
       "(!ft.sequences<tokens, sequences>) -> !ft.packed<tokens, i32>\n"
       "%y = ft.embedding %p, @w : (!ft.packed<tokens, i32>) -> " +
           std::string(kPacked),
       kPacked,
       {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0}},
  };
}

class EvaluateImage : public Evaluate {};
TEST_P(EvaluateImage, IsAsByHand) { check("!ft.packed<sequences, 1x2x4xf32>"); }
INSTANTIATE_TEST_SUITE_P(Operations, EvaluateImage, testing::ValuesIn(images()),
                         [](const auto &info) { return info.param.name; });

/// Scores of 0 weigh every visible key alike; padded rows stay 0.
std::vector<Case> attentions() {
  return {
      {"AllKeys",
       attention(""),
       kHeads,
       {0, 1, 4, 3, 0, 1, 4, 3, 3, 3, 3, 9, 0, 0, 0, 0}},
      {"Causal",
       attention("causal, "),
       kHeads,
       {1, 2, 3, 4, 0, 1, 4, 3, 3, 3, 3, 9, 0, 0, 0, 0}},
      {"CausalWindow",
       attention("causal, window = 1 : i64, "),
       kHeads,
       {1, 2, 3, 4, -1, 0, 5, 2, 3, 3, 3, 9, 0, 0, 0, 0}},
      {"RopeTurnsByPosition",
       std::string("%y = ft.rope %x, @turn at %s : (") + kHeads +
           ", !ft.sequences<tokens, sequences>) -> " + kHeads,
       kHeads,
       // Position 0 by angle 0, position 1 by a quarter: (a, b) to (-b, a).
       {1, 2, 3, 4, 0, -1, -2, 5, 3, 3, 3, 9, 0, 0, 0, 0}},
  };
}

class EvaluateAttention : public Evaluate {};
TEST_P(EvaluateAttention, IsAsByHand) { check(kHeads); }
INSTANTIATE_TEST_SUITE_P(Operations, EvaluateAttention,
                         testing::ValuesIn(attentions()),
                         [](const auto &info) { return info.param.name; });

} // namespace
