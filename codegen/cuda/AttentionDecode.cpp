//===- AttentionDecode.cpp - append and attention in one kernel -----------===//
//
// Instances of attention_decode.cuh and, for sm_90a, of
// sm90/attention_ring.cuh.
//
//===----------------------------------------------------------------------===//
#include "codegen/cuda/AttentionDecodeForm.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

namespace {

/// The operations of a fused attention with a prologue; passes/AttentionParts.h
/// says what they may be.
struct Prologue {
  ir::CacheAppendOp append;
  ir::RopeOp rope; // of q; that of k has the same table
  ir::RmsNormOp queryNorm, keyNorm;
  Value query, key, value; // as they enter the step
};

} // namespace

static ir::AttentionOp attentionOf(ir::FusedOp fused) {
  return *fused.getBody().front().getOps<ir::AttentionOp>().begin();
}

bool codegen::attentionAppends(ir::FusedOp fused) {
  return fused.getPattern() == ir::Pattern::Attention &&
         !fused.getBody().front().getOps<ir::CacheAppendOp>().empty();
}

static Prologue prologueOf(ir::FusedOp fused) {
  Prologue p;
  p.append = *fused.getBody().front().getOps<ir::CacheAppendOp>().begin();
  p.query = attentionOf(fused).getQuery();
  p.key = p.append.getKey();
  p.value = p.append.getValue();
  if (auto rope = p.query.getDefiningOp<ir::RopeOp>()) {
    p.rope = rope;
    p.query = rope.getInput();
    p.key = p.key.getDefiningOp<ir::RopeOp>().getInput();
  }
  if (auto norm = p.query.getDefiningOp<ir::RmsNormOp>()) {
    p.queryNorm = norm;
    p.keyNorm = p.key.getDefiningOp<ir::RmsNormOp>();
    p.query = norm.getInput();
    p.key = p.keyNorm.getInput();
  }
  return p;
}

/// Defines `Entry`, and `fresh` member by member, in the order of declaration.
static void printFresh(ir::FusedOp fused, const Prologue &p,
                       const std::string &type, KernelParams &params,
                       CudaPrinter &out) {
  std::string list;
  auto give = [&](const std::string &text) {
    list += (list.empty() ? "" : ", ") + text;
  };
  auto row = [&](const char *name, Value value) {
    unsigned number = cast<BlockArgument>(value).getArgNumber();
    give(params.add("const " + type + " *", name, params.in(number)));
    int64_t stride = placementOf(fused.getInputs()[number]).rowStride;
    give(params.add("i64", std::string(name) + "Stride", params.i64(stride)));
  };
  row("newK", p.key);
  row("newV", p.value);
  ir::CacheAppendOp append = p.append;
  for (int plane : {0, 1})
    give(params.add(
        type + " *", plane == 0 ? "kPlane" : "vPlane",
        params.cache(append.getCacheAttr(), append.getLayer(), plane)));
  auto weight = [&](const char *name, FlatSymbolRefAttr symbol) {
    give(params.add("const float *", name, params.weight(symbol)));
  };
  int64_t half = 0;
  bool interleaved = false;
  if (ir::RopeOp rope = p.rope) {
    weight("ropeTable", rope.getTableAttr());
    ir::ParamOp table = ir::lookupParam(fused, rope.getTableAttr());
    half = table.getTensorType().getDimSize(1) / 2;
    interleaved = rope.getInterleaved();
  } else {
    give("nullptr");
  }
  for (ir::RmsNormOp norm : {p.queryNorm, p.keyNorm}) {
    if (!norm) {
      give("nullptr");
      give("0.0f");
      continue;
    }
    weight(norm == p.queryNorm ? "qNorm" : "kNorm", norm.getWeightAttr());
    give(floatLiteral(norm.getEps().convertToDouble()));
  }
  auto flag = [](bool value) { return value ? ", true" : ", false"; };
  out.line("using Entry = attention::Entry<" + std::to_string(half) +
           flag(interleaved) + flag(bool(p.queryNorm)) + ">;");
  out.line("const attention::Fresh<" + type + "> fresh{" + list + "};");
}

bool codegen::attentionRingTakes(ir::FusedOp fused) {
  ir::AttentionOp op = attentionOf(fused);
  FailureOr<AttentionShape> shape = attentionShape(fused, op);
  int64_t page = ir::lookupCache(fused, op.getCacheAttr()).getPageSize();
  return succeeded(shape) && page % 16 == 0 && shape->d % 8 == 0 &&
         shape->dv % 8 == 0;
}

/// GPT-2 124M, 3.1 MB a layer at 1,024 tokens.
static bool isShort(ir::FusedOp fused, const AttentionShape &shape) {
  constexpr int64_t kFewBytes = 4 << 20;
  int64_t longest = longestSequence(fused);
  return longest > 0 &&
         longest * shape.kvHeads * (shape.d + shape.dv) * 2 <= kFewBytes;
}

/// The call of the template.
static void printRun(ir::AttentionOp op, const AttentionShape &shape,
                     const DecodeForm &form, const std::string &score,
                     KernelParams &params, CudaPrinter &out) {
  auto number = [](int64_t value) { return ", " + std::to_string(value); };
  if (!form.ring)
    return out.line("attention::runDecode<Shape, Entry" + number(form.stages) +
                    number(form.rows) + (form.cluster > 1 ? "" : ", 1") +
                    ">(args, fresh, " + score + ");");
  for (int plane : {0, 1})
    params.add(
        "const __grid_constant__ TensorMap", plane == 0 ? "keys" : "values",
        params.tensorMap(params.cache(op.getCacheAttr(), op.getLayer(), plane),
                         plane == 0 ? shape.d : shape.dv, shape.kvHeads, 1,
                         form.keys));
  out.line("using Form = attention::RingForm<" + std::to_string(form.warps) +
           number(form.loaders) + number(form.stages) + number(form.cluster) +
           number(form.rows) + number(form.keys) + ">;");
  out.line(
      "attention::runRing<Shape, Entry, Form>(args, fresh, keys, values, " +
      score + ");");
}

/// One form of it.
static FailureOr<TemplateKernel> emitForm(ir::FusedOp fused,
                                          const AttentionShape &shape,
                                          const DecodeForm &form) {
  ir::AttentionOp op = attentionOf(fused);
  Prologue prologue = prologueOf(fused);
  KernelParams params(fused.getContext());
  CudaPrinter out, body;
  openKernel(out, "Append and attention of few tokens.",
             {form.ring ? "sm90/attention_ring.cuh" : "attention_decode.cuh"});
  FailureOr<std::string> score = printScore(op, params, out);
  if (failed(score))
    return failure();
  printAttentionArgs(fused, op, shape,
                     {.pack = form.pack,
                      .query = prologue.query,
                      .counters = true,
                      .partials = true,
                      .literals = true},
                     params, body);
  std::string type = typeText(shape.element).str();
  printFresh(fused, prologue, type, params, body);
  printRun(op, shape, form, *score, params, body);

  TemplateKernel kernel;
  KernelText &text = kernel.text;
  text.function = (form.ring ? "attention_ring_" : "attention_decode_") + type;
  out.line(std::string("extern \"C\" __global__ void") +
           (form.cluster > 1 ? " FT_CLUSTER_ALONG_X" : ""));
  out.line("__launch_bounds__(" + std::to_string(form.threads()) + ", " +
           std::to_string(form.each) + ")");
  out.open(text.function + "(" + params.declaration() + ")");
  out.splice(body);
  out.close();
  text.source = out.take();
  Builder &builder = params.builder();
  StringAttr tokens = op.getQuery().getType().getAxis();
  text.grid = {form.perTokens > 0
                   ? gridOver(builder, tokens, form.perTokens, form.ctas)
                   : builder.getI64IntegerAttr(form.ctas)};
  text.block = {form.threads(), 1, 1};
  text.sharedBytes = form.sharedBytes;
  text.prefersShared = true;
  text.args.assign(params.args().begin(), params.args().end());
  kernel.workspaceBytes = kCounterBytes + form.mostCtas * 128 * (shape.dv + 4);
  return kernel;
}

FailureOr<TemplateKernel>
codegen::emitAttentionDecode(ir::FusedOp fused, const LaunchContext &context) {
  FailureOr<AttentionShape> shape = attentionShape(fused, attentionOf(fused));
  if (failed(shape))
    return failure();
  return emitForm(fused, *shape, portableForm(*shape, context));
}

FailureOr<std::vector<AttentionCandidate>>
codegen::emitAttentionRing(ir::FusedOp fused, const LaunchContext &context) {
  ir::AttentionOp op = attentionOf(fused);
  FailureOr<AttentionShape> shape = attentionShape(fused, op);
  if (failed(shape))
    return failure();
  int64_t page = ir::lookupCache(fused, op.getCacheAttr()).getPageSize();
  std::vector<AttentionCandidate> made;
  for (const DecodeForm &form :
       hopperForms(*shape, context, {page, isShort(fused, *shape)})) {
    FailureOr<TemplateKernel> kernel = emitForm(fused, *shape, form);
    if (failed(kernel))
      return failure();
    made.push_back({form.name, std::move(*kernel), form.atRows});
  }
  return made;
}
