//===- SamplePlan.cpp - a small plan that uses every field ----------------===//
#include "test/runtime/plan/SamplePlan.h"

#include <limits>

using namespace ft::plan;

namespace ft::test {

static Recipe tensor(std::vector<int64_t> shape, const char *name) {
  Recipe recipe;
  recipe.shape = std::move(shape);
  recipe.file = 0;
  recipe.text = name;
  recipe.stored = DType::BF16;
  return recipe;
}

static Recipe node(Recipe::Op op, std::vector<int64_t> shape,
                   std::vector<Recipe> of) {
  Recipe recipe;
  recipe.op = op;
  recipe.shape = std::move(shape);
  recipe.of = std::move(of);
  return recipe;
}

static Recipe mergedRecipe() {
  Recipe slice =
      node(Recipe::Op::Slice, {4, 8}, {tensor({4, 24}, "h.0.c_attn")});
  slice.axis = 1;
  slice.start = 8;
  Recipe scale = node(Recipe::Op::Scale, {8, 4},
                      {node(Recipe::Op::Transpose, {8, 4}, {slice})});
  scale.value = 0.5;
  Recipe offset = node(Recipe::Op::Offset, {4, 4}, {tensor({4, 4}, "h.0.v")});
  offset.value = 1.0;
  Recipe twice = node(Recipe::Op::Interleave, {8, 4}, {offset, offset});
  return node(Recipe::Op::Concat, {16, 4}, {scale, twice});
}

/// Rows 0, 1 for rank 0 and the padded 2, 3 for rank 1.
static Recipe shardRecipe() {
  Recipe slice =
      node(Recipe::Op::Slice, {2, 4},
           {node(Recipe::Op::Pad, {4, 4}, {tensor({3, 4}, "head")})});
  slice.starts = {0, 2};
  return slice;
}

static std::vector<Weight> sampleWeights() {
  Recipe rope = node(Recipe::Op::Generator, {32, 4}, {});
  rope.text = "rope";
  rope.numbers = {{"theta", 10000.0}, {"dims", 4.0}};
  Recipe literal = node(Recipe::Op::Literal, {2, 2}, {});
  literal.data = {1.0f, -0.1f, 1e-30f, -std::numeric_limits<float>::infinity()};
  return {
      {"h.0.q+v", DType::F32, {16, 4}, -1, 0, mergedRecipe()},
      {"h.0.v", DType::F32, {8, 4}, 0, 8, {}},
      {"rope", DType::F32, {32, 4}, -1, 0, rope},
      {"table",
       DType::F32,
       {4},
       -1,
       0,
       node(Recipe::Op::Reshape, {4}, {literal})},
      {"norm", DType::F32, {4}, -1, 0, tensor({4}, "norm/~weight")},
      {"head", DType::BF16, {2, 4}, -1, 0, shardRecipe()},
  };
}

static Step attentionStep() {
  Step step;
  step.name = "layers.0.attention";
  step.pattern = "attention";
  step.axis = 1;
  step.temps = {{DType::I32, 1, {2}}};
  MeaningOp attention{"attention",
                      {{RefKind::Buffer, 0},
                       {RefKind::Sequences, 0},
                       {RefKind::Cache, 0},
                       {RefKind::Input, 0},
                       {RefKind::Rows, 0}},
                      {{RefKind::Temp, 0}},
                      {{"layer", int64_t(1)},
                       {"causal", true},
                       {"scale", 0.125},
                       {"window", -std::numeric_limits<double>::infinity()},
                       {"kind", std::string("full")}},
                      {{"score", {}, 0, -1},
                       {"const", {}, 2.5, -1},
                       {"head", {}, 0, -1},
                       {"table", {2}, 0, 3},
                       {"mul", {0, 3}, 0, -1},
                       {"add", {4, 1}, 0, -1}}};
  MeaningOp copy{"add",
                 {{RefKind::Temp, 0}, {RefKind::Weight, 4}},
                 {{RefKind::Buffer, 2}},
                 {},
                 {}};
  step.meaning = {attention, copy};
  step.reads = {0};
  step.writes = {2};
  step.cost = {1, 2, 3, 4, 5, 6};
  return step;
}

static std::vector<Arg> sampleArgs() {
  using Kind = Arg::Kind;
  auto arg = [](Kind kind, Ref ref, int64_t value) {
    Arg result;
    result.kind = kind;
    result.ref = ref;
    result.value = value;
    return result;
  };
  std::vector<Arg> args = {
      arg(Kind::Pointer, {RefKind::Weight, 1}, 0),
      arg(Kind::CachePage, {RefKind::Cache, 0}, 0),
      arg(Kind::Batch, {RefKind::Sequences, 0}, 0),
      arg(Kind::Workspace, {}, 64),
      arg(Kind::I32, {}, -5),
      arg(Kind::I64, {}, int64_t(1) << 40),
      arg(Kind::F32, {}, 0),
      arg(Kind::Bound, {}, 1),
      arg(Kind::PageCount, {}, 0),
      arg(Kind::TensorMap, {RefKind::Cache, 0}, 0),
  };
  args[1].layer = 1;
  args[1].plane = 1;
  args[2].field = "cu_tokens";
  args[6].real = 0.1;
  args[9].layer = 1;
  args[9].box = {8, 1, 2, 64};
  return args;
}

static Implementation sampleImplementation() {
  KernelLaunch launch;
  launch.kernel = 0;
  launch.grid = {Extent{2, 0, 64, 1}, Extent{}, Extent{3, -1, 1, -1}};
  launch.block = {128, 2, 1};
  launch.sharedBytes = 1024;
  launch.sharedBytesPerRow = 32;
  launch.sharedRows = 4;
  launch.residentGrid = true;
  launch.cluster = 2;
  launch.prefersShared = true;
  launch.dependentLaunch = true;
  launch.args = sampleArgs();
  GemmCall call;
  call.a = {RefKind::Buffer, 2};
  call.weight = 0;
  call.out = {RefKind::Buffer, 0};
  call.bias = -1;
  call.residual = 1;
  call.epilogue = "relu";
  call.n = 16;
  call.k = 4;
  call.tf32 = true;
  CollectiveCall gather;
  gather.op = CollectiveCall::Op::AllGather;
  gather.in = {RefKind::Buffer, 2};
  gather.out = {RefKind::Buffer, 1};
  gather.elements = 4;
  gather.outElements = 7;
  return {"main", {256, 1024}, {"sm_90a", "ptx"}, {launch, call, gather}};
}

static Program sampleProgram() {
  Program program;
  program.minTokens = 1;
  program.maxTokens = 8;
  // [q|v] with v as its view; then a value of each other axis.
  program.buffers = {
      {"qv", DType::F32, 0, {16}, 16, {0, {0, 0, 0}}, -1},
      {"sum", DType::F32, 0, {16}, 16, {0, {64, 0, 0}}, -1},
      {"x", DType::F32, 0, {2, 2}, 8, {0, {128}}, -1},
      {"v", DType::F32, 0, {8}, 16, {32, {0, 0, 0}}, 0},
      {"logits", DType::F32, 2, {5}, 8, {256, {160, 0}}, -1},
  };
  program.arenaBytes = {256, {160, 16, 32}};
  program.workspaceBytes = 128;
  program.outputs = {4};
  Step step = attentionStep();
  Implementation joined = sampleImplementation();
  joined.name = "joined";
  joined.steps = 2;
  joined.packed = 128;
  joined.packedCtas = 12;
  joined.longest = 208;
  joined.mostSequences = 3;
  joined.likeliest = true;
  std::get<KernelLaunch>(joined.launches[0]).behind = 1;
  step.implementations = {sampleImplementation(), joined};
  Step behind = attentionStep();
  behind.name = "layers.1.attention";
  behind.implementations = {sampleImplementation()};
  program.steps = {step, behind};
  return program;
}

static Entry sampleEntry() {
  Entry entry;
  entry.name = "step";
  entry.causal = true;
  entry.inputs = {
      {"input_ids", InputRole::Tokens, DType::I32, 0, {}, 100},
      {"attention_mask", InputRole::Mask, DType::I32, 0, {}, 0},
      {"rows", InputRole::Data, DType::F16, 1, {3}, 0},
  };
  entry.sequences = {{"batch", 0, 1, 0}};
  entry.outputs = {{"logits", DType::F32, 2, {5}}};
  Program large = sampleProgram();
  large.minTokens = 9;
  large.maxTokens = 0;
  entry.programs = {sampleProgram(), large};
  return entry;
}

/// What an entry of images takes; it computes nothing.
static Entry imageEntry() {
  Entry entry;
  entry.name = "see";
  entry.inputs = {{"pixels", InputRole::Image, DType::F32, 1, {3, 8, 6}, 0, 9}};
  entry.sequences = {{"batch", 0, 1, -1}};
  return entry;
}

static ImageSteps imageSteps() {
  return {"pixels",          {12},       "bicubic", {8, 6}, 1.0 / 255,
          {0.5, 0.25, -0.5}, {0.5, 1, 2}};
}

Plan samplePlan() {
  Plan plan;
  plan.name = "sample";
  plan.architecture = "graph";
  plan.dtype = DType::BF16;
  plan.vocabulary = 100;
  plan.maxPositions = 32;
  plan.weightsDir = "some/where";
  plan.provenance = {{"ftc", "0.1"}};
  plan.targets = {"sm_90a", "ptx"};
  plan.axes = {{"tokens", 1024}, {"sequences", 0}, {"rows", 0}};
  plan.mesh = {{"tp", 2}};
  plan.files = {{"model.safetensors", 0xfedcba9876543210u}};
  plan.weights = sampleWeights();
  plan.caches = {
      {"kv", 2, 16, {{"k", DType::BF16, {2, 4}}, {"v", DType::F16, {2, 4}}}}};
  plan.kernels = {{"ft_attention", {{"ptx", 1}, {"sm_90a", 0}}, 64, 512}};
  plan.entries = {sampleEntry(), imageEntry()};
  plan.text = {2, 0, {1, 2}, 3};
  plan.labels = {{"a", "b", "c", "d", "e"}, "sigmoid"};
  plan.image = imageSteps();
  plan.tuning.machine = {"a GPU", "a driver", "a library"};
  plan.tuning.gemms = {
      {"bf16 [16, 4] linear", 64, "library", "0f", 1.5, "tiles", 2.5}};
  plan.blobBytes = {"cubin", std::string(100, 'p'), "{}"};
  return plan;
}

} // namespace ft::test
