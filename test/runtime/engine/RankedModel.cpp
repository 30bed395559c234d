//===- RankedModel.cpp - a small model split over ranks -------------------===//
#include "test/runtime/engine/RankedModel.h"

#include "runtime/device/Addressing.h"
#include "runtime/device/cpu/CpuDevice.h"
#include "test/runtime/device/TestProgram.h"
#include "test/runtime/engine/SmallModel.h"

namespace ft::test {

namespace {

constexpr int64_t kWidth = 8, kInner = 24;

/// A literal [rows, columns], padded to a multiple of the ranks along `axis`,
/// of which each rank holds its part.
plan::Ref split(TestProgram &program, int64_t rows, int64_t columns, int axis,
                int64_t ranks, uint64_t key) {
  plan::Recipe literal;
  literal.op = plan::Recipe::Op::Literal;
  literal.shape = {rows, columns};
  for (double value : randomValues(rows * columns, DType::F32, key))
    literal.data.push_back(float(value));
  plan::Recipe padded;
  padded.op = plan::Recipe::Op::Pad;
  padded.shape = literal.shape;
  padded.axis = axis;
  padded.of = {literal};
  int64_t part = (padded.shape[size_t(axis)] + ranks - 1) / ranks;
  padded.shape[size_t(axis)] = part * ranks;
  plan::Recipe slice;
  slice.op = plan::Recipe::Op::Slice;
  slice.shape = padded.shape;
  slice.shape[size_t(axis)] = part;
  slice.axis = axis;
  slice.of = {padded};
  for (int64_t rank = 0; rank < ranks; ++rank)
    slice.starts.push_back(rank * part);
  plan::Ref ref = program.weight(DType::F32, slice.shape, {});
  program.plan.weights.back().recipe = slice;
  return ref;
}

/// A step for each op, named after it or by `names`.
void separateSteps(plan::Program &program,
                   const std::map<std::string, std::string> &names) {
  std::vector<plan::MeaningOp> ops = program.steps[0].meaning;
  program.steps.clear();
  for (const plan::MeaningOp &op : ops) {
    plan::Step step;
    auto name = names.find(op.op);
    step.name = name == names.end() ? op.op : name->second;
    step.pattern = name == names.end() ? "row" : "collective";
    step.meaning = {op};
    for (plan::Ref ref : op.out)
      if (ref.kind == plan::RefKind::Buffer)
        step.writes.push_back(ref.index);
    program.steps.push_back(step);
  }
}

} // namespace

plan::Plan rankedPlan(int64_t ranks) {
  TestProgram p;
  plan::Ref ids = p.input(DType::I32, kTokens, {});
  plan::Ref x = p.buffer(DType::F32, kTokens, {1, kWidth});
  plan::Ref hidden = p.buffer(DType::F32, kTokens, {1, kWidth});
  plan::Ref inner = p.buffer(DType::F32, kTokens, {kInner / ranks});
  plan::Ref part = p.buffer(DType::F32, kTokens, {1, kWidth});
  plan::Ref last = p.buffer(DType::F32, kRows, {1, kWidth});
  int64_t columns = (kVocabulary + ranks - 1) / ranks;
  plan::Ref own = p.buffer(DType::F32, kRows, {columns});
  plan::Ref logits = p.buffer(DType::F32, kRows, {kVocabulary});
  plan::Ref next = p.buffer(DType::I32, kRows, {});
  plan::Ref table = split(p, kVocabulary, kWidth, 0, 1, 1);
  p.plan.weights.back().recipe.starts.assign(size_t(ranks), 0);
  plan::Ref up = split(p, kInner, kWidth, 0, ranks, 2);
  plan::Ref down = split(p, kWidth, kInner, 1, ranks, 3);
  plan::Ref head = split(p, kVocabulary, kWidth, 0, ranks, 4);
  plan::Ref s = p.sequences();
  plan::Ref cache =
      p.cache(1, kPageSize,
              {{"k", DType::F32, {1, kWidth}}, {"v", DType::F32, {1, kWidth}}});
  p.op("embedding", {ids, table}, {x});
  p.op("cache_append", {x, x, s, cache}, {}, {{"layer", int64_t(0)}});
  p.op("attention", {x, s, cache}, {hidden},
       {{"scale", 1.0}, {"causal", true}, {"layer", int64_t(0)}});
  p.op("linear", {hidden, up}, {inner});
  p.op("relu", {inner}, {inner});
  p.op("linear", {inner, down}, {part});
  if (ranks > 1)
    p.op("all_reduce", {part}, {part}, {{"mesh", std::string("tp")}});
  p.op("add", {hidden, part}, {hidden});
  p.op("rows", {hidden, p.rows()}, {last});
  p.op("linear", {last, head}, {ranks > 1 ? own : logits});
  if (ranks > 1)
    p.op("all_gather", {own}, {logits}, {{"mesh", std::string("tp")}});
  p.op("argmax", {logits}, {next});
  separateSteps(p.program(),
                {{"all_reduce", "mlp.sum"}, {"all_gather", "logits.gather"}});

  p.plan.name = "ranked";
  if (ranks > 1)
    p.plan.mesh = {{"tp", ranks}};
  p.plan.vocabulary = kVocabulary;
  p.plan.maxPositions = kPositions;
  plan::Entry &entry = p.plan.entries[0];
  entry.name = "step";
  entry.causal = true;
  entry.inputs[0].name = "input_ids";
  entry.inputs[0].role = plan::InputRole::Tokens;
  entry.inputs[0].limit = kVocabulary;
  entry.outputs = {{"logits", DType::F32, kRows, {kVocabulary}},
                   {"next_token", DType::I32, kRows, {}}};
  entry.programs[0].outputs = {logits.index, next.index};
  return p.plan;
}

StatusOr<std::unique_ptr<Model>> loadRanked(int64_t ranks,
                                            const ModelOptions &options) {
  std::vector<std::unique_ptr<Device>> devices;
  for (int64_t rank = 0; rank < ranks; ++rank)
    devices.push_back(*openCpuDevice({.threads = 1, .library = false}));
  return Model::load(plan::PlanFile::fromPlan(rankedPlan(ranks)),
                     std::move(devices), options);
}

} // namespace ft::test
