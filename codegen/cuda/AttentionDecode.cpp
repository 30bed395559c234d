//===- AttentionDecode.cpp - instances of attention_decode.cuh ------------===//
#include "codegen/cuda/AttentionText.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

/// attention_decode.cuh: threads and blocks of keys that a CTA keeps.
static constexpr int64_t kThreads = 128, kStages = 2;
/// CTAs that start together where there are clusters (cluster.cuh).
static constexpr int64_t kCluster = 8;

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

/// The formula of the template's head comment.
static int64_t sharedBytesOf(const AttentionShape &shape) {
  auto roundUp = [](int64_t x, int64_t to) {
    return int64_t(llvm::alignTo(uint64_t(x), uint64_t(to)));
  };
  int64_t pitchQK = roundUp(shape.d, 32) + 8,
          pitchV = roundUp(shape.dv, 16) + 8;
  return 64 * kStages * (pitchQK + pitchV) + 32 * pitchQK + 1280 + 512;
}

int64_t codegen::attentionDecodeShared(ir::FusedOp fused) {
  if (!attentionAppends(fused))
    return 0;
  FailureOr<AttentionShape> shape = attentionShape(fused, attentionOf(fused));
  return failed(shape) ? 0 : sharedBytesOf(*shape);
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

FailureOr<TemplateKernel>
codegen::emitAttentionDecode(ir::FusedOp fused, const LaunchContext &context) {
  ir::AttentionOp op = attentionOf(fused);
  FailureOr<AttentionShape> shape = attentionShape(fused, op);
  if (failed(shape))
    return failure();
  Prologue prologue = prologueOf(fused);
  KernelParams params(fused.getContext());
  CudaPrinter out, body;
  openKernel(out, "Append and attention of few tokens.",
             {"attention_decode.cuh"});
  FailureOr<std::string> score = printScore(op, params, out);
  if (failed(score))
    return failure();
  int64_t group = shape->heads / shape->kvHeads;
  int64_t pack = std::min<int64_t>(group, 16);
  printAttentionArgs(fused, op, *shape,
                     {.pack = pack,
                      .query = prologue.query,
                      .counters = true,
                      .partials = true},
                     params, body);
  std::string type = typeText(shape->element).str();
  printFresh(fused, prologue, type, params, body);
  body.line("attention::runDecode<Shape, Entry>(args, fresh, " + *score + ");");

  TemplateKernel kernel;
  KernelText &text = kernel.text;
  text.function = "attention_decode_" + type;
  out.line("extern \"C\" __global__ void FT_CLUSTER_ALONG_X");
  out.line("__launch_bounds__(" + std::to_string(kThreads) + ", 4)");
  out.open(text.function + "(" + params.declaration() + ")");
  out.splice(body);
  out.close();
  text.source = out.take();
  int64_t ctas = context.multiprocessors / kCluster * kCluster;
  text.grid = {params.builder().getI64IntegerAttr(ctas)};
  text.block = {kThreads, 1, 1};
  text.sharedBytes = sharedBytesOf(*shape);
  text.prefersShared = true;
  text.args.assign(params.args().begin(), params.args().end());
  kernel.workspaceBytes = kCounterBytes + ctas * 128 * (shape->dv + 4);
  return kernel;
}
