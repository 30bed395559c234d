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

/// attention_decode.cuh: threads of a CTA, keys of a block.
static constexpr int64_t kThreads = 128, kBlock = 16;
/// CTAs that start together where there are clusters (cluster.cuh).
static constexpr int64_t kCluster = 8;

namespace {

/// How the kernel of a program is cut. A few sequences take little time beside
/// what starts, waits and merges: clusters, no more than one CTA a
/// multiprocessor for 4 tokens (H200, 8B, 512 keys: 6.7 us, with two 10.1; 8
/// tokens 14.9 and 12.8), and one block of a warp under way, mostly all it has.
/// Many sequences' keys take time to read: deeper rings, and no clusters, which
/// leave some multiprocessors empty.
struct Form {
  bool few;
  int64_t stages, ctas; // at most
  explicit Form(const LaunchContext &context)
      : few(context.maxTokens > 0 && context.maxTokens <= 8),
        stages(few ? 1 : 2),
        ctas(2 * (few ? ofClusters(context) : context.multiprocessors)) {}
  static int64_t ofClusters(const LaunchContext &context) {
    return context.multiprocessors / kCluster * kCluster;
  }
};

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
static int64_t sharedBytesOf(const AttentionShape &shape, const Form &form) {
  auto up = [](int64_t x, uint64_t to) {
    return int64_t(llvm::alignTo(uint64_t(x), to));
  };
  auto pitch = [&](int64_t x) { return up(x, 16) + 8; };
  int64_t slot = kBlock * 2 * (pitch(shape.d) + pitch(shape.dv));
  int64_t part = 64 * (shape.dv + 4);
  int64_t own =
      4 * std::max(form.stages * slot, part) + kBlock * 2 * pitch(shape.d);
  return up(own, 16) + (form.few ? 32 * up(4 * shape.dv, kCluster) : 0);
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
                      .partials = true,
                      .literals = true},
                     params, body);
  std::string type = typeText(shape->element).str();
  printFresh(fused, prologue, type, params, body);
  Form form(context);
  body.line("attention::runDecode<Shape, Entry, " +
            std::to_string(form.stages) + (form.few ? "" : ", 1") +
            ">(args, fresh, " + *score + ");");

  TemplateKernel kernel;
  KernelText &text = kernel.text;
  text.function = "attention_decode_" + type;
  out.line(std::string("extern \"C\" __global__ void") +
           (form.few ? " FT_CLUSTER_ALONG_X" : ""));
  out.line("__launch_bounds__(" + std::to_string(kThreads) +
           (form.few && shape->dv <= 128 ? ", 3)" : ", 2)"));
  out.open(text.function + "(" + params.declaration() + ")");
  out.splice(body);
  out.close();
  text.source = out.take();
  Builder &builder = params.builder();
  StringAttr tokens = op.getQuery().getType().getAxis();
  text.grid = {form.few ? gridOver(builder, tokens, 4, form.ctas / 2)
                        : builder.getI64IntegerAttr(form.ctas)};
  text.block = {kThreads, 1, 1};
  text.sharedBytes = sharedBytesOf(*shape, form);
  text.prefersShared = true;
  text.args.assign(params.args().begin(), params.args().end());
  kernel.workspaceBytes = kCounterBytes + form.ctas * 128 * (shape->dv + 4);
  return kernel;
}
