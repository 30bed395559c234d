//===- SmallModel.cpp - a one-layer causal model made by tests ------------===//
#include "test/runtime/engine/SmallModel.h"

#include "runtime/device/cpu/CpuDevice.h"
#include "test/runtime/device/TestProgram.h"

#include <gtest/gtest.h>

namespace ft::test {

static plan::Ref literal(TestProgram &program, Shape shape, uint64_t key) {
  Values values = randomValues(elementCount(shape), DType::F32, key);
  plan::Ref ref = program.weight(DType::F32, shape, values);
  plan::Recipe &recipe = program.plan.weights.back().recipe;
  recipe.op = plan::Recipe::Op::Literal;
  recipe.shape = shape;
  recipe.data.assign(values.begin(), values.end());
  return ref;
}

plan::Plan smallPlan() {
  constexpr int64_t width = 8;
  TestProgram p;
  plan::Ref ids = p.input(DType::I32, kTokens, {});
  plan::Ref x = p.buffer(DType::F32, kTokens, {1, width});
  plan::Ref hidden = p.buffer(DType::F32, kTokens, {1, width});
  plan::Ref last = p.buffer(DType::F32, kRows, {1, width});
  plan::Ref logits = p.buffer(DType::F32, kRows, {kVocabulary});
  plan::Ref next = p.buffer(DType::I32, kRows, {});
  plan::Ref table = literal(p, {kVocabulary, width}, 1);
  plan::Ref head = literal(p, {kVocabulary, width}, 2);
  plan::Ref s = p.sequences();
  plan::Ref cache =
      p.cache(1, kPageSize,
              {{"k", DType::F32, {1, width}}, {"v", DType::F32, {1, width}}});
  p.op("embedding", {ids, table}, {x});
  p.op("cache_append", {x, x, s, cache}, {}, {{"layer", int64_t(0)}});
  p.op("attention", {x, s, cache}, {hidden},
       {{"scale", 1.0}, {"causal", true}, {"layer", int64_t(0)}});
  p.op("rows", {hidden, p.rows()}, {last});
  p.op("linear", {last, head}, {logits});
  p.op("sample", {logits, s, p.rows()}, {next});

  p.plan.name = "small";
  p.plan.vocabulary = kVocabulary;
  p.plan.maxPositions = kPositions;
  p.plan.text.endTokens = {kVocabulary - 1};
  plan::Entry &entry = p.plan.entries[0];
  entry.name = "step";
  entry.causal = true;
  plan::Input mask;
  mask.name = "attention_mask";
  mask.role = plan::InputRole::Mask;
  entry.inputs.push_back(mask);
  entry.inputs[0].name = "input_ids";
  entry.inputs[0].role = plan::InputRole::Tokens;
  entry.inputs[0].limit = kVocabulary;
  entry.outputs = {{"hidden", DType::F32, kTokens, {1, width}},
                   {"logits", DType::F32, kRows, {kVocabulary}},
                   {"next_token", DType::I32, kRows, {}}};
  entry.programs[0].outputs = {hidden.index, logits.index, next.index};
  return p.plan;
}

std::unique_ptr<Model> loadSmall(const ModelOptions &options, plan::Plan plan) {
  auto device = openCpuDevice({.threads = 1, .library = false});
  auto model = Model::load(plan::PlanFile::fromPlan(std::move(plan)),
                           std::move(*device), options);
  EXPECT_TRUE(model.ok()) << model.status().message();
  return model.ok() ? std::move(*model) : nullptr;
}

} // namespace ft::test
