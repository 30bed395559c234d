//===- ValidatePlanTest.cpp - every rule, broken once ---------------------===//
#include "runtime/plan/PlanFile.h"
#include "test/runtime/plan/SamplePlan.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>

using namespace ft;
using namespace ft::plan;
using ft::test::samplePlan;

namespace {

struct Case {
  const char *name;
  std::function<void(Plan &)> breakIt;
  const char *place; // the JSON pointer the error must name
};

Program &program(Plan &plan) { return plan.entries[0].programs[0]; }
Step &step(Plan &plan) { return program(plan).steps[0]; }
MeaningOp &meaning(Plan &plan) { return step(plan).meaning[0]; }
KernelLaunch &launch(Plan &plan) {
  return std::get<KernelLaunch>(step(plan).implementations[0].launches[0]);
}
GemmCall &gemm(Plan &plan) {
  return std::get<GemmCall>(step(plan).implementations[0].launches[1]);
}
CollectiveCall &collective(Plan &plan) {
  return std::get<CollectiveCall>(step(plan).implementations[0].launches[2]);
}
Recipe &shard(Plan &plan) { return plan.weights[5].recipe; }
Recipe &merged(Plan &plan) { return plan.weights[0].recipe; }
Recipe &slice(Plan &plan) { return merged(plan).of[0].of[0].of[0]; }

Input &image(Plan &plan) { return plan.entries[1].inputs[0]; }

constexpr int64_t kHuge = int64_t(1) << 62;

const Case kPlanCases[] = {
    {"NegativeVocabulary", [](Plan &p) { p.vocabulary = -1; }, "/vocabulary"},
    {"HugePositions", [](Plan &p) { p.maxPositions = kHuge; },
     "/max_positions"},
    {"NoAxes", [](Plan &p) { p.axes.clear(); }, "/axes"},
    {"FirstAxis", [](Plan &p) { p.axes[0].name = "rows2"; }, "/axes"},
    {"ManyAxes",
     [](Plan &p) {
       p.axes.resize(9, {"a", 0});
     },
     "/axes"},
    {"SameAxes", [](Plan &p) { p.axes[1].name = "rows"; }, "/axes/2"},
    {"AxisMax", [](Plan &p) { p.axes[1].max = -1; }, "/axes/1/max"},
    {"MeshSize", [](Plan &p) { p.mesh[0].size = 0; }, "/mesh/0/size"},
    {"MeshName", [](Plan &p) { p.mesh[0].name = ""; }, "/mesh/0/name"},
    {"SameMeshAxes", [](Plan &p) { p.mesh.push_back(p.mesh[0]); },
     "/mesh/1/name"},
    {"ManyRanks",
     [](Plan &p) {
       p.mesh = {{"tp", 1024}, {"pp", 2}};
     },
     "/mesh"},
    {"CacheLayers", [](Plan &p) { p.caches[0].layers = 0; },
     "/caches/0/layers"},
    {"CachePage", [](Plan &p) { p.caches[0].pageSize = 0; },
     "/caches/0/page_size"},
    {"CachePlanes", [](Plan &p) { p.caches[0].planes.clear(); },
     "/caches/0/planes"},
    {"CacheShape", [](Plan &p) { p.caches[0].planes[1].shape[0] = kHuge; },
     "/caches/0/planes/1/shape"},
    {"FunctionName", [](Plan &p) { p.kernels[0].function = "a b"; },
     "/kernels/0/function"},
    {"FunctionDigit", [](Plan &p) { p.kernels[0].function = "1a"; },
     "/kernels/0/function"},
    {"ImageBlob", [](Plan &p) { p.kernels[0].images["ptx"] = 3; },
     "/kernels/0/images/ptx"},
    {"Registers", [](Plan &p) { p.kernels[0].registers = 256; },
     "/kernels/0/registers"},
    {"Tokenizer", [](Plan &p) { p.text.tokenizer = 3; }, "/text/tokenizer"},
    {"LabelScores", [](Plan &p) { p.labels.scores = "max"; }, "/labels/scores"},
    {"LabelNames", [](Plan &p) { p.labels.names.pop_back(); }, "/labels/names"},
    {"EndToken", [](Plan &p) { p.text.endTokens[1] = -1; },
     "/text/end_tokens/1"},
    {"ImageInput", [](Plan &p) { p.image.input = "input_ids"; },
     "/image/input"},
    {"ImageChannels", [](Plan &p) { image(p).shape[0] = 1; }, "/image/input"},
    {"ImageResize",
     [](Plan &p) {
       p.image.resize = {1, 2, 3};
     },
     "/image/resize"},
    {"ImageSide", [](Plan &p) { p.image.resize[0] = 1 << 15; },
     "/image/resize/0"},
    {"ImageCrop", [](Plan &p) { p.image.crop.pop_back(); }, "/image/crop"},
    {"ImageCropSide", [](Plan &p) { p.image.crop[1] = 0; }, "/image/crop/1"},
    {"ImageFilter", [](Plan &p) { p.image.filter = "cubic"; }, "/image/filter"},
    {"ImageScale", [](Plan &p) { p.image.scale = INFINITY; }, "/image/scale"},
    {"ImageDeviation", [](Plan &p) { p.image.deviation[2] = 0; },
     "/image/deviation/2"},
    {"ImageMean", [](Plan &p) { p.image.mean.clear(); }, "/image"},
    {"ImageTokens", [](Plan &p) { image(p).tokens = 0; },
     "/entries/1/inputs/0/tokens"},
    {"TokensOfIds", [](Plan &p) { p.entries[0].inputs[0].tokens = 4; },
     "/entries/0/inputs/0/tokens"},
    {"ImageAxis", [](Plan &p) { image(p).axis = 0; }, "/entries/1/inputs/0"},
    {"ImageShape", [](Plan &p) { image(p).shape.pop_back(); },
     "/entries/1/inputs/0"},
    {"ImageType", [](Plan &p) { image(p).dtype = DType::F16; },
     "/entries/1/inputs/0"},
    {"CausalImage", [](Plan &p) { p.entries[1].causal = true; },
     "/entries/1/inputs/0"},
    {"NoEntries", [](Plan &p) { p.entries.clear(); }, "/entries"},
    {"SameEntries", [](Plan &p) { p.entries.push_back(p.entries[0]); },
     "/entries/2/name"},
    {"InputAxis", [](Plan &p) { p.entries[0].inputs[1].axis = 3; },
     "/entries/0/inputs/1/axis"},
    {"InputShape", [](Plan &p) { p.entries[0].inputs[2].shape[0] = 0; },
     "/entries/0/inputs/2/shape"},
    {"SequencesAxis",
     [](Plan &p) { p.entries[0].sequences[0].tokensAxis = -1; },
     "/entries/0/sequences/0/tokens_axis"},
    {"SequencesShareAxis",
     [](Plan &p) { p.entries[0].sequences[0].sequencesAxis = 0; },
     "/entries/0/sequences/0/sequences_axis"},
    {"SequencesAreRows",
     [](Plan &p) { p.entries[0].sequences[0].sequencesAxis = 2; },
     "/entries/0/sequences/0"},
    {"SequencesCache", [](Plan &p) { p.entries[0].sequences[0].cache = 1; },
     "/entries/0/sequences/0/cache"},
    {"OutputAxis", [](Plan &p) { p.entries[0].outputs[0].axis = 3; },
     "/entries/0/outputs/0/axis"},
    {"RangesOverlap", [](Plan &p) { p.entries[0].programs[1].minTokens = 8; },
     "/entries/0/programs/1/min_tokens"},
    {"RangeAfterAll", [](Plan &p) { p.entries[0].programs[0].maxTokens = 0; },
     "/entries/0/programs/1/min_tokens"},
    {"RangeReversed", [](Plan &p) { program(p).minTokens = 9; },
     "/entries/0/programs/0/min_tokens"},
    {"RangeZero", [](Plan &p) { program(p).minTokens = 0; },
     "/entries/0/programs/0/min_tokens"},
};

const Case kWeightCases[] = {
    {"FileFolder", [](Plan &p) { p.files[0].name = "a/b"; }, "/files/0/name"},
    {"FileAbsolute", [](Plan &p) { p.files[0].name = "/b"; }, "/files/0/name"},
    {"FileUp", [](Plan &p) { p.files[0].name = ".."; }, "/files/0/name"},
    {"ScalarWeight", [](Plan &p) { p.weights[3].shape.clear(); },
     "/weights/3/shape"},
    {"ZeroExtent", [](Plan &p) { p.weights[3].shape[0] = 0; },
     "/weights/3/shape"},
    {"OverflowingShape",
     [](Plan &p) {
       p.weights[2].shape = {kHuge, kHuge};
     },
     "/weights/2/shape"},
    {"ManyExtents", [](Plan &p) { p.weights[2].shape.assign(9, 1); },
     "/weights/2/shape"},
    {"ViewOfNothing", [](Plan &p) { p.weights[1].viewOf = 6; },
     "/weights/1/view_of"},
    {"ViewOfItself", [](Plan &p) { p.weights[1].viewOf = 1; },
     "/weights/1/view_of"},
    {"ViewDtype", [](Plan &p) { p.weights[1].dtype = DType::F16; },
     "/weights/1/dtype"},
    {"ViewColumns", [](Plan &p) { p.weights[1].shape[1] = 3; },
     "/weights/1/shape"},
    {"ViewBeyond", [](Plan &p) { p.weights[1].viewRow = 9; },
     "/weights/1/view_row"},
    {"ViewNegative", [](Plan &p) { p.weights[1].viewRow = -1; },
     "/weights/1/view_row"},
    {"RootRow", [](Plan &p) { p.weights[0].viewRow = 1; },
     "/weights/0/view_row"},
    {"RecipeShape", [](Plan &p) { p.weights[4].shape = {5}; },
     "/weights/4/recipe/shape"},
    {"TensorFile", [](Plan &p) { p.weights[4].recipe.file = 1; },
     "/weights/4/recipe/file"},
    {"TensorName", [](Plan &p) { p.weights[4].recipe.text.clear(); },
     "/weights/4/recipe/text"},
    {"LeafOperand",
     [](Plan &p) { p.weights[4].recipe.of.push_back(p.weights[4].recipe); },
     "/weights/4/recipe"},
    {"LiteralSize", [](Plan &p) { p.weights[3].recipe.of[0].data.pop_back(); },
     "/weights/3/recipe/of/0/data"},
    {"Generator", [](Plan &p) { p.weights[2].recipe.text = "zeros"; },
     "/weights/2/recipe/text"},
    {"ReshapeCount", [](Plan &p) { p.weights[3].recipe.shape = {3}; },
     "/weights/3/recipe"},
    {"NoOperand", [](Plan &p) { p.weights[3].recipe.of.clear(); },
     "/weights/3/recipe/of"},
    {"SliceAxis", [](Plan &p) { slice(p).axis = 2; },
     "/weights/0/recipe/of/0/of/0/of/0/axis"},
    {"SliceBeyond", [](Plan &p) { slice(p).start = 17; },
     "/weights/0/recipe/of/0/of/0/of/0/start"},
    {"SliceNegative", [](Plan &p) { slice(p).start = -1; },
     "/weights/0/recipe/of/0/of/0/of/0/start"},
    {"SliceOtherExtent", [](Plan &p) { slice(p).shape[0] = 3; },
     "/weights/0/recipe/of/0/of/0/of/0"},
    {"SliceStartOfEveryRank", [](Plan &p) { shard(p).starts.push_back(0); },
     "/weights/5/recipe/starts"},
    {"SliceStartsBeyond", [](Plan &p) { shard(p).starts[1] = 3; },
     "/weights/5/recipe/starts/1"},
    {"PadAxis", [](Plan &p) { shard(p).of[0].axis = 2; },
     "/weights/5/recipe/of/0/axis"},
    {"PadShortens",
     [](Plan &p) {
       shard(p).of[0].shape = {2, 4};
       shard(p).starts = {0, 0};
     },
     "/weights/5/recipe/of/0/shape"},
    {"PadOtherExtent",
     [](Plan &p) {
       shard(p).of[0].shape = {4, 5};
       shard(p).shape = p.weights[5].shape = {2, 5};
     },
     "/weights/5/recipe/of/0"},
    {"Transpose",
     [](Plan &p) {
       merged(p).of[0].of[0].shape = {4, 8};
     },
     "/weights/0/recipe/of/0/of/0"},
    {"ScaleShape",
     [](Plan &p) {
       merged(p).of[0].shape = {4, 8};
     },
     "/weights/0/recipe/of/0"},
    {"ConcatSum", [](Plan &p) { merged(p).of.pop_back(); },
     "/weights/0/recipe"},
    {"ConcatAxis", [](Plan &p) { merged(p).axis = -1; },
     "/weights/0/recipe/axis"},
    {"InterleaveParts", [](Plan &p) { merged(p).of[1].of.pop_back(); },
     "/weights/0/recipe/of/1"},
    {"RotationsWidth",
     [](Plan &p) {
       Recipe frequencies = p.weights[4].recipe;
       Recipe &outer = p.weights[4].recipe;
       outer.op = Recipe::Op::Rotations;
       outer.of = {frequencies};
     },
     "/weights/4/recipe"},
    {"DeepRecipe",
     [](Plan &p) {
       for (int i = 0; i < 16; ++i) {
         Recipe outer = p.weights[4].recipe;
         outer.op = Recipe::Op::Scale;
         outer.of = {p.weights[4].recipe};
         p.weights[4].recipe = outer;
       }
     },
     "/weights/4/recipe/of/0"},
};

const Case kProgramCases[] = {
    {"BufferAxis", [](Plan &p) { program(p).buffers[0].axis = 3; },
     "/entries/0/programs/0/buffers/0/axis"},
    {"BufferStride", [](Plan &p) { program(p).buffers[0].rowStride = 15; },
     "/entries/0/programs/0/buffers/0/row_stride"},
    {"NegativeOffset",
     [](Plan &p) { program(p).buffers[0].offset.constant = -4; },
     "/entries/0/programs/0/buffers/0/offset"},
    {"NegativeCoefficient",
     [](Plan &p) { program(p).buffers[1].offset.perAxis[1] = -1; },
     "/entries/0/programs/0/buffers/1/offset"},
    {"ManyCoefficients",
     [](Plan &p) { program(p).buffers[0].offset.perAxis.assign(4, 0); },
     "/entries/0/programs/0/buffers/0/offset"},
    {"BeyondRows",
     [](Plan &p) { program(p).buffers[2].offset.perAxis[0] = 132; },
     "/entries/0/programs/0/buffers/2/offset"},
    {"BeyondOtherAxis",
     [](Plan &p) { program(p).buffers[4].offset.perAxis[1] = 17; },
     "/entries/0/programs/0/buffers/4/offset"},
    {"BeyondConstant",
     [](Plan &p) { program(p).buffers[4].offset.constant = 260; },
     "/entries/0/programs/0/buffers/4/offset"},
    {"Misaligned", [](Plan &p) { program(p).buffers[4].offset.constant = 2; },
     "/entries/0/programs/0/buffers/4/offset"},
    {"ArenaTooSmall", [](Plan &p) { program(p).arenaBytes.perAxis[2] = 31; },
     "/entries/0/programs/0/buffers/4/offset"},
    {"NegativeArena", [](Plan &p) { program(p).arenaBytes.constant = -1; },
     "/entries/0/programs/0/arena_bytes"},
    {"Workspace", [](Plan &p) { program(p).workspaceBytes = -1; },
     "/entries/0/programs/0/workspace_bytes"},
    {"BufferView", [](Plan &p) { program(p).buffers[3].viewOf = 3; },
     "/entries/0/programs/0/buffers/3/view_of"},
    {"BufferViewIndex", [](Plan &p) { program(p).buffers[3].viewOf = 9; },
     "/entries/0/programs/0/buffers/3/view_of"},
    {"BufferViewStride", [](Plan &p) { program(p).buffers[3].rowStride = 8; },
     "/entries/0/programs/0/buffers/3"},
    {"BufferViewBeyond",
     [](Plan &p) { program(p).buffers[3].offset.constant = 36; },
     "/entries/0/programs/0/buffers/3/offset"},
    {"BufferViewRows",
     [](Plan &p) { program(p).buffers[3].offset.perAxis[0] = 4; },
     "/entries/0/programs/0/buffers/3/offset"},
    {"OutputCount", [](Plan &p) { program(p).outputs.clear(); },
     "/entries/0/programs/0/outputs"},
    {"OutputBuffer", [](Plan &p) { program(p).outputs[0] = 5; },
     "/entries/0/programs/0/outputs/0"},
    {"OutputMismatch", [](Plan &p) { program(p).outputs[0] = 0; },
     "/entries/0/programs/0/outputs/0"},
};

const Case kStepCases[] = {
    {"StepAxis", [](Plan &p) { step(p).axis = 3; }, "/steps/0/axis"},
    {"Reads", [](Plan &p) { step(p).reads[0] = 5; }, "/steps/0/reads/0"},
    {"Writes", [](Plan &p) { step(p).writes[0] = -1; }, "/steps/0/writes/0"},
    {"Cost", [](Plan &p) { step(p).cost.bytesPerRow = -1; }, "/steps/0/cost"},
    {"TempDtype", [](Plan &p) { step(p).temps[0].dtype = DType::F16; },
     "/steps/0/temps/0/dtype"},
    {"TempShape", [](Plan &p) { step(p).temps[0].shape[0] = -1; },
     "/steps/0/temps/0/shape"},
    {"OpName", [](Plan &p) { meaning(p).op = "ft.add"; },
     "/steps/0/meaning/0/op"},
    {"BufferRef", [](Plan &p) { meaning(p).in[0].index = 5; },
     "/steps/0/meaning/0/in/0"},
    {"SequencesRef", [](Plan &p) { meaning(p).in[1].index = 1; },
     "/steps/0/meaning/0/in/1"},
    {"CacheRef", [](Plan &p) { meaning(p).in[2].index = 1; },
     "/steps/0/meaning/0/in/2"},
    {"InputRef", [](Plan &p) { meaning(p).in[3].index = 3; },
     "/steps/0/meaning/0/in/3"},
    {"RowsRef", [](Plan &p) { meaning(p).in[4].index = 1; },
     "/steps/0/meaning/0/in/4"},
    {"WeightRef", [](Plan &p) { step(p).meaning[1].in[1].index = 6; },
     "/steps/0/meaning/1/in/1"},
    {"TempRef", [](Plan &p) { meaning(p).out[0].index = 1; },
     "/steps/0/meaning/0/out/0"},
    {"TempBeforeUse",
     [](Plan &p) {
       meaning(p).in[0] = {RefKind::Temp, 0};
     },
     "/steps/0/meaning/0/in/0"},
    {"WritesWeight",
     [](Plan &p) {
       meaning(p).out[0] = {RefKind::Weight, 0};
     },
     "/steps/0/meaning/0/out/0"},
    {"Layer", [](Plan &p) { meaning(p).attrs["layer"] = int64_t(2); },
     "/steps/0/meaning/0/attrs/layer"},
    {"LayerType", [](Plan &p) { meaning(p).attrs["layer"] = 1.0; },
     "/steps/0/meaning/0/attrs/layer"},
    {"ScoreForward", [](Plan &p) { meaning(p).score[4].args[0] = 4; },
     "/steps/0/meaning/0/score/4/args"},
    {"ScoreOp", [](Plan &p) { meaning(p).score[4].op = "sin"; },
     "/steps/0/meaning/0/score/4/op"},
    {"ScoreArity", [](Plan &p) { meaning(p).score[4].args.pop_back(); },
     "/steps/0/meaning/0/score/4/args"},
    {"ScoreTable", [](Plan &p) { meaning(p).score[3].weight = -1; },
     "/steps/0/meaning/0/score/3/weight"},
    {"ScoreTableRank", [](Plan &p) { meaning(p).score[3].weight = 2; },
     "/steps/0/meaning/0/score/3/args"},
    {"NoArchs", [](Plan &p) { step(p).implementations[0].archs.clear(); },
     "/implementations/0/archs"},
    {"Kernel", [](Plan &p) { launch(p).kernel = 1; },
     "/launches/0/kernel/kernel"},
    {"NoRows", [](Plan &p) { step(p).implementations[0].rows[1] = 0; },
     "/implementations/0/rows/1"},
    {"ManyRows", [](Plan &p) { step(p).implementations[0].rows[0] = kHuge; },
     "/implementations/0/rows/0"},
    {"NoSteps", [](Plan &p) { step(p).implementations[1].steps = 0; },
     "/implementations/1/steps"},
    {"StepsBeyond", [](Plan &p) { step(p).implementations[1].steps = 3; },
     "/implementations/1/steps"},
    {"LastStep",
     [](Plan &p) {
       program(p).steps[1].implementations.push_back(
           step(p).implementations[1]);
     },
     "/steps/1/implementations/1/steps"},
    {"Packed", [](Plan &p) { step(p).implementations[1].packed = 64; },
     "/implementations/1/packed"},
    {"PackedCtas", [](Plan &p) { step(p).implementations[1].packedCtas = -1; },
     "/implementations/1/packed_ctas"},
    {"Longest", [](Plan &p) { step(p).implementations[1].longest = -1; },
     "/implementations/1/longest"},
    {"MostSequences",
     [](Plan &p) { step(p).implementations[1].mostSequences = -1; },
     "/implementations/1/most_sequences"},
    {"BehindAll",
     [](Plan &p) {
       std::get<KernelLaunch>(step(p).implementations[1].launches[0]).behind =
           2;
     },
     "/implementations/1/launches/0/kernel/behind"},
    {"BehindNegative", [](Plan &p) { launch(p).behind = -1; },
     "/implementations/0/launches/0/kernel/behind"},
    {"BehindBackwards",
     [](Plan &p) {
       auto &launches = step(p).implementations[1].launches;
       launches.push_back(launches[0]);
       std::get<KernelLaunch>(launches.back()).behind = 0;
     },
     "/implementations/1/launches/3/kernel/behind"},
    {"BehindAlone", [](Plan &p) { launch(p).behind = 1; },
     "/implementations/0/launches/0/kernel/behind"},
    {"OnlyLikeliest",
     [](Plan &p) {
       step(p).implementations.erase(step(p).implementations.begin());
       Implementation &only = step(p).implementations[0];
       std::get<KernelLaunch>(only.launches[0]).behind = 0;
       only.steps = 1;
       only.packed = only.longest = 0;
     },
     "/implementations/0/archs"},
    {"OnlyShort",
     [](Plan &p) {
       step(p).implementations.erase(step(p).implementations.begin());
       step(p).implementations[0].steps = 1;
       step(p).implementations[0].packed = 0;
       step(p).implementations[0].longest = 64;
       step(p).implementations[0].likeliest = false;
     },
     "/implementations/0/archs"},
    {"OnlyPacked",
     [](Plan &p) {
       step(p).implementations.erase(step(p).implementations.begin());
       Implementation &only = step(p).implementations[0];
       std::get<KernelLaunch>(only.launches[0]).behind = 0;
       only.steps = 1;
       only.longest = 0;
       only.likeliest = false;
     },
     "/implementations/0/archs"},
    {"OnlyJoined",
     [](Plan &p) {
       step(p).implementations.erase(step(p).implementations.begin());
       Implementation &only = step(p).implementations[0];
       only.packed = only.longest = 0;
       only.likeliest = false;
     },
     "/implementations/0/archs"},
    {"OnlyJoinedThere",
     [](Plan &p) { step(p).implementations[0].archs = {"ptx"}; },
     "/implementations/1/archs"},
    {"NothingBehind",
     [](Plan &p) { program(p).steps[1].implementations[0].archs = {"ptx"}; },
     "/implementations/1/archs"},
    {"JoinedBuffer",
     [](Plan &p) {
       std::get<KernelLaunch>(step(p).implementations[1].launches[0])
           .args[0]
           .ref = {RefKind::Buffer, 9};
     },
     "/implementations/1/launches/0/kernel/args/0/ref"},
    {"ClusterZero", [](Plan &p) { launch(p).cluster = 0; },
     "/launches/0/kernel/cluster"},
    {"ClusterLarge", [](Plan &p) { launch(p).cluster = 9; },
     "/launches/0/kernel/cluster"},
    {"TunedRows", [](Plan &p) { p.tuning.gemms[0].rows = 0; },
     "/tuning/gemms/0/rows"},
    {"TunedChoice", [](Plan &p) { p.tuning.gemms[0].choice.clear(); },
     "/tuning/gemms/0/choice"},
    {"TunedAlgorithm", [](Plan &p) { p.tuning.gemms[0].algorithm = "0G"; },
     "/tuning/gemms/0/algorithm"},
    {"GridAxis", [](Plan &p) { launch(p).grid[0].axis = 3; },
     "/launches/0/kernel/grid/0"},
    {"GridDivisor", [](Plan &p) { launch(p).grid[0].divisor = 0; },
     "/launches/0/kernel/grid/0"},
    {"GridConstant", [](Plan &p) { launch(p).grid[2].constant = kHuge; },
     "/launches/0/kernel/grid/2"},
    {"GridPlus", [](Plan &p) { launch(p).grid[0].plusAxis = -2; },
     "/launches/0/kernel/grid/0"},
    {"BlockZero", [](Plan &p) { launch(p).block[2] = 0; },
     "/launches/0/kernel/block/2"},
    {"BlockThreads", [](Plan &p) { launch(p).block[1] = 9; },
     "/launches/0/kernel/block"},
    {"Shared", [](Plan &p) { launch(p).sharedBytes = 227 * 1024 + 1; },
     "/launches/0/kernel/shared_bytes"},
    {"SharedOfRows",
     [](Plan &p) {
       launch(p).sharedBytes = 0;
       launch(p).sharedBytesPerRow = 227 * 128 + 1;
       launch(p).sharedRows = 8;
     },
     "/launches/0/kernel/shared_bytes"},
    {"SharedRows", [](Plan &p) { launch(p).sharedRows = -1; },
     "/launches/0/kernel/shared_rows"},
    {"SharedPerRow", [](Plan &p) { launch(p).sharedBytesPerRow = -4; },
     "/launches/0/kernel/shared_bytes_per_row"},
    {"ManyArgs", [](Plan &p) { launch(p).args.resize(513); },
     "/launches/0/kernel/args"},
    {"ArgRef", [](Plan &p) { launch(p).args[0].ref.index = 9; },
     "/launches/0/kernel/args/0/ref"},
    {"ArgTemp",
     [](Plan &p) {
       launch(p).args[0].ref = {RefKind::Temp, 0};
     },
     "/launches/0/kernel/args/0/ref"},
    {"ArgCache",
     [](Plan &p) {
       launch(p).args[1].ref = {RefKind::Buffer, 0};
     },
     "/launches/0/kernel/args/1/ref"},
    {"ArgLayer", [](Plan &p) { launch(p).args[1].layer = 2; },
     "/launches/0/kernel/args/1"},
    {"ArgPlane", [](Plan &p) { launch(p).args[1].plane = 2; },
     "/launches/0/kernel/args/1"},
    {"ArgField", [](Plan &p) { launch(p).args[2].field = "cu"; },
     "/launches/0/kernel/args/2/field"},
    {"ArgSequences", [](Plan &p) { launch(p).args[2].ref.index = 1; },
     "/launches/0/kernel/args/2/ref"},
    {"ArgWorkspace", [](Plan &p) { launch(p).args[3].value = 129; },
     "/launches/0/kernel/args/3/value"},
    {"ArgI32", [](Plan &p) { launch(p).args[4].value = kHuge; },
     "/launches/0/kernel/args/4/value"},
    {"ArgBound", [](Plan &p) { launch(p).args[7].value = 3; },
     "/launches/0/kernel/args/7/value"},
    {"MapInput",
     [](Plan &p) {
       launch(p).args[9].ref = {RefKind::Input, 0};
     },
     "/launches/0/kernel/args/9/ref"},
    {"MapShortRows",
     [](Plan &p) {
       launch(p).args[9].ref = {RefKind::Weight, 5};
     },
     "/launches/0/kernel/args/9/box/columns"},
    {"MapPlane", [](Plan &p) { launch(p).args[9].plane = 2; },
     "/launches/0/kernel/args/9"},
    {"MapColumns", [](Plan &p) { launch(p).args[9].box.columns = 4; },
     "/launches/0/kernel/args/9/box/columns"},
    {"MapHeads", [](Plan &p) { launch(p).args[9].box.heads = 2; },
     "/launches/0/kernel/args/9/box/columns"},
    {"MapWeightHeads",
     [](Plan &p) {
       Weight rows = p.weights[4];
       rows.name = "rows", rows.dtype = DType::BF16;
       rows.shape = rows.recipe.shape = {3, 8};
       p.weights.push_back(rows);
       Arg &map = launch(p).args[9];
       map.ref = {RefKind::Weight, int32_t(p.weights.size()) - 1};
       map.box = {8, 2, 1, 1}; // two rows make one, of three
     },
     "/launches/0/kernel/args/9/box/columns"},
    {"MapBoxHeads", [](Plan &p) { launch(p).args[9].box.boxHeads = 257; },
     "/launches/0/kernel/args/9/box/box_heads"},
    {"MapBoxRows", [](Plan &p) { launch(p).args[9].box.boxRows = 0; },
     "/launches/0/kernel/args/9/box/box_rows"},
    {"GemmA",
     [](Plan &p) {
       gemm(p).a = {RefKind::Weight, 0};
     },
     "/launches/1/gemm/a"},
    {"GemmARow",
     [](Plan &p) {
       gemm(p).a = {RefKind::Buffer, 9};
     },
     "/launches/1/gemm/a"},
    {"GemmWeight", [](Plan &p) { gemm(p).weight = 9; },
     "/launches/1/gemm/weight"},
    {"GemmWeightShape", [](Plan &p) { gemm(p).n = 8; },
     "/launches/1/gemm/weight"},
    {"GemmOut",
     [](Plan &p) {
       gemm(p).out = {RefKind::Buffer, 3};
     },
     "/launches/1/gemm/out"},
    {"GemmResidual", [](Plan &p) { gemm(p).residual = 2; },
     "/launches/1/gemm/residual"},
    {"GemmBias", [](Plan &p) { gemm(p).bias = 4; }, "/launches/1/gemm/bias"},
    {"GemmWeightType",
     [](Plan &p) { p.weights[0].dtype = p.weights[1].dtype = DType::F16; },
     "/launches/1/gemm/weight"},
    {"GemmOutType",
     [](Plan &p) {
       gemm(p).out = {RefKind::Buffer, 1};
       program(p).buffers[1].dtype = DType::F16;
     },
     "/launches/1/gemm/out"},
    {"GemmResidualType",
     [](Plan &p) { program(p).buffers[1].dtype = DType::F16; },
     "/launches/1/gemm/residual"},
    {"GemmBiasType",
     [](Plan &p) {
       Weight bias = p.weights[4];
       bias.name = "bias";
       bias.dtype = DType::F16;
       bias.shape = bias.recipe.shape = {16};
       p.weights.push_back(bias);
       gemm(p).bias = int32_t(p.weights.size()) - 1;
     },
     "/launches/1/gemm/bias"},
    {"GemmSize", [](Plan &p) { gemm(p).k = 0; }, "/launches/1/gemm/k"},
    {"CollectiveMesh", [](Plan &p) { collective(p).mesh = 1; },
     "/launches/2/collective/mesh"},
    {"CollectiveIn",
     [](Plan &p) {
       collective(p).in = {RefKind::Weight, 0};
     },
     "/launches/2/collective/in"},
    {"CollectiveRow", [](Plan &p) { collective(p).elements = 9; },
     "/launches/2/collective/in"},
    {"CollectiveSize", [](Plan &p) { collective(p).elements = 0; },
     "/launches/2/collective/elements"},
    {"CollectiveAxis",
     [](Plan &p) {
       collective(p).out = {RefKind::Buffer, 4};
     },
     "/launches/2/collective"},
    {"CollectiveGathersMore", [](Plan &p) { collective(p).outElements = 9; },
     "/launches/2/collective/out_elements"},
    {"CollectiveReduces",
     [](Plan &p) { collective(p).op = CollectiveCall::Op::AllReduce; },
     "/launches/2/collective/out_elements"},
    {"CollectiveScatters",
     [](Plan &p) { collective(p).op = CollectiveCall::Op::ReduceScatter; },
     "/launches/2/collective/out_elements"},
    {"GemmEpilogue", [](Plan &p) { gemm(p).epilogue = "silu"; },
     "/launches/1/gemm/epilogue"},
};

class BadPlan : public testing::TestWithParam<Case> {};

} // namespace

TEST(ValidatePlan, AcceptsTheSample) {
  Status status = validatePlan(samplePlan());
  EXPECT_TRUE(status.ok()) << status.message();
}

// The nearest plans that are still right.
TEST(ValidatePlan, AcceptsTheEdges) {
  Plan plan = samplePlan();
  plan.weights[1].viewRow = 8;
  slice(plan).start = 16;
  launch(plan).sharedBytes = 27 * 1024;
  launch(plan).sharedBytesPerRow = 25 * 1024;
  launch(plan).sharedRows = 8;
  launch(plan).block = {512, 2, 1};
  launch(plan).args[3].value = 128;
  auto &joined = step(plan).implementations[1].launches;
  joined.push_back(joined[0]); // both for the last step
  program(plan).buffers[2].offset.perAxis[0] = 128;
  plan.entries[0].programs[1].minTokens = 9;
  Status status = validatePlan(plan);
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST_P(BadPlan, IsRefusedAtItsPlace) {
  Plan plan = samplePlan();
  GetParam().breakIt(plan);
  Status status = validatePlan(plan);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.code(), StatusCode::Corrupt);
  std::string pointer = status.message().substr(0, status.message().find(": "));
  EXPECT_NE(pointer.find(GetParam().place), std::string::npos)
      << status.message();
}

static std::string caseName(const testing::TestParamInfo<Case> &info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Plan, BadPlan, testing::ValuesIn(kPlanCases),
                         caseName);
INSTANTIATE_TEST_SUITE_P(Weights, BadPlan, testing::ValuesIn(kWeightCases),
                         caseName);
INSTANTIATE_TEST_SUITE_P(Programs, BadPlan, testing::ValuesIn(kProgramCases),
                         caseName);
INSTANTIATE_TEST_SUITE_P(Steps, BadPlan, testing::ValuesIn(kStepCases),
                         caseName);
