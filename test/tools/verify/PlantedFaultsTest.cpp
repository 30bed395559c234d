//===- PlantedFaultsTest.cpp - verify finds what a pass gets wrong --------===//
//
// Every pass of the pipeline is followed once by a mistake that such a pass
// could make. Each must be found, and named where it happened. Phase verifiers
// would refuse some of them; those are planted after the verifier, as a mistake
// that it missed.
//
//===----------------------------------------------------------------------===//
#include "codegen/SelectKernels.h"
#include "codegen/plan/EmitPlan.h"
#include "frontends/Frontend.h"
#include "passes/Pipelines.h"
#include "tools/source/SourceNames.h"
#include "tools/verify/Verify.h"

#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

using namespace mlir;
using namespace ft;
using verify::Difference;
using verify::Outcome;

namespace {

using Plant = std::function<void(ModuleOp)>;
using PlantInPlan = std::function<void(plan::Plan &)>;

struct Fault {
  std::string name;  // of the test
  std::string after; // the pass; empty: none, or the plan
  /// A checkpoint of test/e2e, or a .json of test/models with random weights.
  std::string model;
  bool optimize = true;
  Plant plant;
  /// What verify has to name: the first value that is wrong.
  std::string value;
  int64_t minTokens = 0; // of the program, 0 = any
  PlantInPlan plantInPlan = {};
  int occurrence = 1; // of the pass in the pipeline
  int64_t ranks = 1;
};

void PrintTo(const Fault &fault, std::ostream *out) { *out << fault.name; }

bool isGraph(const Fault &fault) {
  return StringRef(fault.model).ends_with(".json");
}

std::string pathOf(const Fault &fault) {
  return std::string(FT_SOURCE_DIR) +
         (isGraph(fault) ? "/test/models/" : "/test/e2e/checkpoints/") +
         fault.model;
}

/// Calls `plant` on the module after the pass of this name.
class Planter : public PassInstrumentation {
public:
  Planter(const Fault &fault, bool &planted)
      : fault_(fault), planted_(planted) {}

  void runAfterPass(Pass *pass, Operation *op) override {
    if (pass->getArgument() != fault_.after || ++seen_ != fault_.occurrence)
      return;
    fault_.plant(cast<ModuleOp>(op));
    planted_ = true;
  }

private:
  const Fault &fault_;
  bool &planted_;
  int seen_ = 0;
};

/// Compiles with the fault and verifies, in fp32 on the CPU.
StatusOr<Outcome> verifyWith(const Fault &fault) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  FT_ASSIGN_OR_RETURN(auto source, importModel(pathOf(fault), {}, context));
  OwningOpRef<ModuleOp> lowered = source->clone();
  passes::PipelineOptions options;
  options.dtype = "f32";
  options.optimize = fault.optimize;
  options.tp = fault.ranks;
  options.addKernels = [&](OpPassManager &manager) {
    manager.addPass(codegen::createSelectKernelsPass(options.archs));
  };
  PassManager manager(&context);
  bool planted = false;
  if (fault.plant)
    manager.addInstrumentation(std::make_unique<Planter>(fault, planted));
  passes::buildPipeline(manager, options, passes::Phase::Kernels);
  if (failed(manager.run(*lowered)))
    return internalError("the passes failed");
  if (fault.plant && !planted)
    return internalError("no pass is called " + fault.after);
  auto plan = codegen::emitPlan(*lowered);
  if (failed(plan))
    return internalError("no plan was emitted");
  plan->dtype = DType::F32;
  if (fault.plantInPlan)
    fault.plantInPlan(*plan);
  verify::VerifyOptions checks;
  if (isGraph(fault))
    checks.weights.seed = 1;
  return verify::verifyPlan(*source, *lowered, *plan, checks);
}

/// The operations that compute the source value `name`, in every clone.
template <typename Op> std::vector<Op> opsOf(ModuleOp module, StringRef name) {
  std::vector<Op> found;
  module.walk([&](Op op) {
    if (nameOf(op->getLoc()) == name)
      found.push_back(op);
  });
  EXPECT_FALSE(found.empty()) << name.str();
  return found;
}

ir::FusedOp stepOf(Operation *op) { return op->getParentOfType<ir::FusedOp>(); }

//===----------------------------------------------------------------------===//
// Mistakes
//===----------------------------------------------------------------------===//

void wrongEps(ModuleOp module) {
  for (auto norm : opsOf<ir::RmsNormOp>(module, "l1.h1"))
    norm.setEpsAttr(Builder(module).getF64FloatAttr(1e-2));
}

void dropResidual(ModuleOp module) {
  for (auto add : opsOf<ir::AddOp>(module, "l0.x1"))
    add.getResult().replaceAllUsesWith(add.getRhs());
}

void unifyValueWithKey(ModuleOp module) {
  for (auto value : opsOf<ir::LinearOp>(module, "l1.v"))
    value.setWeight("l1.k");
}

void narrowCache(ModuleOp module) {
  module.walk([](ir::CacheOp cache) {
    SmallVector<Attribute> planes;
    for (auto plane : cache.getPlanes().getAsRange<ir::PlaneAttr>())
      planes.push_back(ir::PlaneAttr::get(
          plane.getContext(), plane.getName(), plane.getShape(),
          BFloat16Type::get(plane.getContext())));
    cache.setPlanesAttr(ArrayAttr::get(cache.getContext(), planes));
  });
}

/// Of a table: a library's weight of another type makes no valid plan.
void narrowWeight(ModuleOp module) {
  auto param = module.lookupSymbol<ir::ParamOp>("positions");
  param.setType(
      param.getTensorType().clone(BFloat16Type::get(module.getContext())));
}

void shiftView(ModuleOp module) {
  auto view = module.lookupSymbol<ir::ParamOp>("l0.k");
  ASSERT_TRUE(view.getViewOf());
  view.setRow(view.getRow() - 1);
}

void concatInOtherOrder(ModuleOp module) {
  auto root = module.lookupSymbol<ir::ParamOp>("l0.q+k+v");
  ir::RecipeAttr recipe = *root.getRecipe();
  SmallVector<ir::RecipeAttr> parts(recipe.getOf());
  std::swap(parts[1], parts[2]); // k and v
  root.setRecipeAttr(ir::RecipeAttr::get(module.getContext(), recipe.getOp(),
                                         parts, recipe.getArgs()));
}

/// In the clone for 9 to 64 tokens only.
void loseCausalInOneClone(ModuleOp module) {
  for (auto attention : opsOf<ir::AttentionOp>(module, "l0.a")) {
    auto kind = attention->getParentOfType<ir::EntryOp>().getKind();
    if (kind && kind->getMinTokens() == 9)
      attention.setCausal(false);
  }
}

void windowOffByOne(ModuleOp module) {
  for (auto attention : opsOf<ir::AttentionOp>(module, "l1.a"))
    attention.setWindow(attention.getWindow() + 1);
}

void swapAppended(ModuleOp module) {
  module.walk([](ir::CacheAppendOp append) {
    if (append.getLayer() != 0)
      return;
    Value key = append.getKey();
    append->setOperand(0, append.getValue());
    append->setOperand(1, key);
  });
}

void appendAfterAttention(ModuleOp module) {
  for (auto attention : opsOf<ir::AttentionOp>(module, "l0.a")) {
    Operation *reader = stepOf(attention);
    Operation *append = nullptr;
    reader->getBlock()->walk([&](ir::CacheAppendOp op) {
      if (op.getLayer() == attention.getLayer())
        append = stepOf(op);
    });
    if (append->getNumResults() == 0) // nobody reads the step itself
      append->moveAfter(reader);
  }
}

void wrongWeightKept(ModuleOp module) {
  for (auto linear : opsOf<ir::LinearOp>(module, "l1.o"))
    linear.setWeight("l0.o");
}

/// Attention writes where the residual stream still is.
void overlapSlots(ModuleOp module) {
  for (auto attention : opsOf<ir::AttentionOp>(module, "l0.a")) {
    ir::FusedOp writer = stepOf(attention);
    auto first = cast<ir::FusedOp>(writer->getBlock()->front());
    auto slot = cast<ir::SlotAttr>((*first.getSlots())[0]);
    writer.setSlotsAttr(ArrayAttr::get(module.getContext(), {slot}));
  }
}

/// The step that ropes and appends gets k and v in each other's place.
void swapInputs(ModuleOp module) {
  for (auto rope : opsOf<ir::RopeOp>(module, "l0.kr")) {
    ir::FusedOp step = stepOf(rope);
    Value key = step.getInputs()[2], value = step.getInputs()[3];
    ASSERT_EQ(key.getType(), value.getType());
    step->setOperand(2, value);
    step->setOperand(3, key);
  }
}

/// The linears of the step in front in another order.
void swapKeysAndValues(ModuleOp module) {
  for (auto attention : opsOf<ir::AttentionOp>(module, "l0.a")) {
    ir::FusedOp step = stepOf(attention);
    Value key = step.getInputs()[1], value = step.getInputs()[2];
    ASSERT_EQ(key.getType(), value.getType());
    step->setOperand(1, value);
    step->setOperand(2, key);
  }
}

void otherGelu(ModuleOp module) {
  for (auto gelu : opsOf<ir::GeluOp>(module, "l0.act"))
    gelu.setTanh(!gelu.getTanh());
}

void otherRope(ModuleOp module) {
  for (auto rope : opsOf<ir::RopeOp>(module, "l1.qr"))
    rope.setInterleaved(true);
}

void forgetScale(plan::Plan &plan) {
  for (plan::Program &program : plan.entries[0].programs)
    for (plan::Step &step : program.steps)
      for (plan::MeaningOp &op : step.meaning)
        if (op.op == "attention")
          op.attrs["scale"] = 1.0;
}

/// Raising names by nodes of the graph; the kind of operation says which.
template <typename Op> Op firstOf(ModuleOp module) {
  Op first;
  module.walk([&](Op op) {
    first = op;
    return WalkResult::interrupt();
  });
  EXPECT_TRUE(first);
  return first;
}

void makeCausal(ModuleOp module) {
  firstOf<ir::AttentionOp>(module).setCausal(true);
}

/// Cosines and sines of other angles.
void otherTheta(ModuleOp module) {
  auto rope = firstOf<ir::RopeOp>(module);
  auto table = module.lookupSymbol<ir::ParamOp>(rope.getTable());
  ir::RecipeAttr recipe = *table.getRecipe();
  Builder builder(module);
  NamedAttrList args(recipe.getArgs());
  args.set("numbers", builder.getDictionaryAttr(builder.getNamedAttr(
                          "theta", builder.getF64FloatAttr(9000))));
  table.setRecipeAttr(
      ir::RecipeAttr::get(module.getContext(), recipe.getOp(), recipe.getOf(),
                          args.getDictionary(module.getContext())));
}

void otherScale(ModuleOp module) {
  firstOf<ir::AttentionOp>(module).setScaleAttr(
      Builder(module).getF64FloatAttr(0.2));
}

void lastTokenPooled(ModuleOp module) {
  firstOf<ir::SegmentReduceOp>(module).setKind("last");
}

void firstNormEps(ModuleOp module) {
  firstOf<ir::LayerNormOp>(module).setEpsAttr(
      Builder(module).getF64FloatAttr(0.1));
}

void firstGelu(ModuleOp module) {
  auto gelu = firstOf<ir::GeluOp>(module);
  gelu.setTanh(!gelu.getTanh());
}

/// The ranks' parts of one sum stay parts.
void forgetReduction(ModuleOp module) {
  auto first = firstOf<ir::AllReduceOp>(module);
  first.getResult().replaceAllUsesWith(first.getInput());
}

bool shiftFirstSlice(plan::Recipe &recipe) {
  if (recipe.op == plan::Recipe::Op::Slice && recipe.start > 0) {
    --recipe.start;
    return true;
  }
  return std::any_of(recipe.of.begin(), recipe.of.end(), shiftFirstSlice);
}

void shiftSlice(plan::Plan &plan) {
  for (plan::Weight &weight : plan.weights)
    if (shiftFirstSlice(weight.recipe))
      return;
  FAIL() << "no weight is a slice";
}

const Fault kFaults[] = {
    {"ImportedEps", "ft-verify-import", "llama-gqa", true, wrongEps, "l1.h1"},
    {"ImportedEpsUnfused", "ft-verify-import", "llama-gqa", false, wrongEps,
     "l1.h1"},
    {"RaisedToOtherGelu", "ft-verify-raise", "gpt2-plain", true, otherGelu,
     "l0.act"},
    {"RaisedToOtherRope", "ft-verify-raise", "llama-mha", true, otherRope,
     "l1.qr"},
    // Of a graph in primitives few values are stored as they are: the next one
    // that is.
    {"RaisedMask", "ft-raise-primitives", "bert-primitives.json", true,
     makeCausal, "v42"},
    {"RaisedRopeTable", "ft-raise-primitives", "llama-primitives.json", true,
     otherTheta, "v61"},
    {"RaisedScale", "ft-raise-primitives", "gpt2-primitives.json", true,
     otherScale, "v41"},
    {"RaisedPooling", "ft-raise-primitives", "bert-primitives.json", true,
     lastTokenPooled, "v73"},
    {"RaisedNorm", "ft-raise-rows", "gpt2-primitives.json", true, firstNormEps,
     "l0.h1"},
    {"RaisedGelu", "ft-raise-rows", "bert-primitives.json", false, firstGelu,
     "l0.x2"},
    {"SumsOfRanksForgotten", "ft-partition", "llama-mha", true, forgetReduction,
     "logits", 0, nullptr, 1, 2},
    {"CanonicalizeDropsResidual", "canonicalize", "llama-gqa", true,
     dropResidual, "l0.h2"},
    {"CseUnifiesTooMuch", "cse", "llama-gqa", true, unifyValueWithKey, "l1.v"},
    {"CacheTooNarrow", "ft-verify-precision", "llama-gqa", true, narrowCache,
     "l0.a", 0, nullptr, 2},
    {"WeightTooNarrow", "ft-verify-precision", "gpt2-plain", true, narrowWeight,
     "x", 0, nullptr, 2},
    {"ViewRowOffByOne", "ft-merge-linears", "bert-pooler", true, shiftView,
     "l0.k"},
    {"ConcatInOtherOrder", "ft-merge-linears", "llama-mha", true,
     concatInOtherOrder, "l0.k"},
    {"OneCloneLosesItsMask", "ft-clone-step-kinds", "llama-gqa", true,
     loseCausalInOneClone, "l0.a", 9},
    {"CloneUnfused", "ft-clone-step-kinds", "llama-gqa", false, swapAppended,
     "l0.a"},
    {"RowsOfOtherTokens", "ft-gather-early", "bert-sequence", true,
     lastTokenPooled, "l1.a"},
    {"StepInputsSwapped", "ft-group-ops", "llama-gqa", true, swapInputs,
     "l0.a"},
    {"JoinedInAnotherOrder", "ft-join-steps", "bert-pooler", true,
     swapKeysAndValues, "l0.a"},
    {"WindowOffByOne", "ft-verify-fuse", "mistral-window", true, windowOffByOne,
     "l1.a"},
    {"AppendAfterAttention", "ft-split-ops", "llama-gqa", false,
     appendAfterAttention, "l0.a"},
    {"WrongWeightKept", "ft-drop-unused-symbols", "llama-gqa", true,
     wrongWeightKept, "l1.x1"},
    {"OverlappingSlots", "ft-verify-schedule", "llama-gqa", true, overlapSlots,
     "l0.x1"},
    {"OverlappingSlotsUnfused", "ft-verify-schedule", "bert-pooler", false,
     overlapSlots, "l0.x1"},
    {"KernelsChangeMeaning", "ft-select-kernels", "gpt2-plain", true, otherGelu,
     "l0.act"},
    {"ScaleNotEmitted", "", "llama-mqa", true, nullptr, "l0.a", 0, forgetScale},
    {"RecipeOffByOne", "", "gpt2-plain", true, nullptr, "l0.k", 0, shiftSlice},
};

class PlantedFaults : public testing::TestWithParam<Fault> {};

TEST_P(PlantedFaults, IsNamed) {
  const Fault &fault = GetParam();
  StatusOr<Outcome> outcome = verifyWith(fault);
  ASSERT_TRUE(outcome.ok()) << outcome.status().message();
  ASSERT_TRUE(outcome->difference) << "nothing was found";
  const Difference &found = *outcome->difference;
  EXPECT_EQ(found.value, fault.value) << found.text();
  EXPECT_GT(found.error, found.tolerance);
  EXPECT_NE(found.expected, found.found);
  if (fault.minTokens) {
    EXPECT_EQ(found.minTokens, fault.minTokens) << found.text();
  }
}

INSTANTIATE_TEST_SUITE_P(EveryPass, PlantedFaults, testing::ValuesIn(kFaults),
                         [](const auto &info) { return info.param.name; });

/// No pass is without a fault. Where the verifier of a phase would refuse a
/// mistake of the pass before it, the fault stands behind the verifier.
TEST(PlantedFaultsList, HasEveryPassOfThePipeline) {
  const std::map<std::string, std::string> behind = {
      {"ft-set-precision", "ft-verify-precision"},
      {"ft-plan-memory", "ft-verify-schedule"}};
  std::set<std::string> faulty;
  for (const Fault &fault : kFaults)
    faulty.insert(fault.after);
  MLIRContext context(MLIRContext::Threading::DISABLED);
  for (bool optimize : {false, true}) {
    passes::PipelineOptions options;
    options.optimize = optimize;
    options.addKernels = [&](OpPassManager &manager) {
      manager.addPass(codegen::createSelectKernelsPass(options.archs));
    };
    PassManager manager(&context);
    passes::buildPipeline(manager, options, passes::Phase::Kernels);
    for (const Pass &pass : manager.getPasses()) {
      std::string name = pass.getArgument().str();
      auto verifier = behind.find(name);
      bool planted = faulty.count(name) || (verifier != behind.end() &&
                                            faulty.count(verifier->second));
      EXPECT_TRUE(planted || StringRef(name).starts_with("ft-verify-")) << name;
    }
  }
}

/// Without a fault the same models verify: what is found above is the fault.
TEST(VerifyControl, NothingIsFoundWithoutFault) {
  for (const char *model : {"llama-gqa", "llama-mha", "llama-mqa", "gpt2-plain",
                            "bert-pooler", "mistral-window"})
    for (bool optimize : {false, true}) {
      StatusOr<Outcome> outcome =
          verifyWith({"", "", model, optimize, nullptr, ""});
      ASSERT_TRUE(outcome.ok()) << outcome.status().message();
      EXPECT_FALSE(outcome->difference)
          << model << ": " << outcome->difference->text();
      for (const verify::EntryOutcome &entry : outcome->entries) {
        EXPECT_EQ(entry.programsRun, entry.programs) << model;
        EXPECT_GT(entry.values, optimize ? 15 : 20) << model;
      }
    }
}

} // namespace
