//===- AttentionDecode.cpp - append and attention in one kernel -----------===//
//
// Instances of attention_decode.cuh and, for sm_90a, of
// sm90/attention_ring.cuh.
//
//===----------------------------------------------------------------------===//
#include "codegen/cuda/AttentionText.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

/// attention_decode.cuh: warps of a CTA, keys of a block.
static constexpr int64_t kWarps = 4, kBlock = 16;
/// attention_ring.cuh: warps that copy, and rows of a pass over parts.
static constexpr int64_t kLoaders = 2, kPassRows = 4;
/// Shared memory of a multiprocessor's CTAs, of which one or two take all that
/// they can have.
static constexpr int64_t kShared = 226 * 1024;
/// Blocks under way in a CTA's ring.
static constexpr int64_t kRingBytes = 64 * 1024;
/// CTAs that start together where there are clusters (cluster.cuh).
static constexpr int64_t kCluster = 8;

namespace {

/// How the kernel of a program is cut. A few sequences take little time beside
/// what starts, waits and merges: clusters, which leave some multiprocessors
/// empty. More CTAs than one a multiprocessor cost more to start and to merge
/// than they gain until there are tiles for all of them (H200, 8B, 512 keys,
/// one and two of them, rings of 96 KB: 8 tokens 9.5 us and 14.5, 32 tokens
/// 23.4 and 24.6, 64 tokens 42.3 and 40.4).
struct Form {
  bool ring, few;
  int64_t pack, rows; // heads, rows of a tile
  int64_t each = 2;   // CTAs that a multiprocessor has room for
  int64_t stages = 0, sharedBytes = 0;
  int64_t ctas;     // at most
  int64_t half = 0; // tokens up to which there are half of them

  Form(const AttentionShape &shape, const LaunchContext &context, bool ring);
  /// Of all warps.
  int64_t threads() const { return 32 * (kWarps + ring * kLoaders); }

private:
  static int64_t up(int64_t x, uint64_t to) {
    return int64_t(llvm::alignTo(uint64_t(x), to));
  }
  void divideRing(const AttentionShape &shape);
  void dividePortable(const AttentionShape &shape);
  /// What a cluster sends.
  int64_t inboxBytes(const AttentionShape &shape) const {
    return few ? 24 * up(rows * shape.dv / 4, kCluster) : 0;
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

Form::Form(const AttentionShape &shape, const LaunchContext &context, bool ring)
    : ring(ring), few(context.maxTokens > 0 && context.maxTokens <= 8),
      pack(std::min<int64_t>(shape.heads / shape.kvHeads, 16)),
      rows(pack <= 8 ? 8 : 16) {
  if (ring)
    divideRing(shape);
  else
    dividePortable(shape);
  int64_t processors = context.multiprocessors;
  ctas = few ? processors / kCluster * kCluster : processors;
  if (ring && few)
    return;
  ctas *= each;
  int64_t tokens = few ? 4 : ring ? 32 : 0;
  if (each == 2 && context.maxTokens > 0 && context.maxTokens <= 2 * tokens)
    half = tokens;
}

/// What is under way beyond kRingBytes only makes reading slower. Two CTAs of
/// 16 rows have too few registers, of wide heads too few blocks each; with one
/// a multiprocessor, the last clusters would wait for others' end.
void Form::divideRing(const AttentionShape &shape) {
  auto columns = [](int64_t x) { return (x + 63) / 64; };
  int64_t slot = 128 * kBlock * (columns(shape.d) + columns(shape.dv));
  each = rows == 8 && slot <= 128 * kBlock * 4 ? 2 : 1;
  few &= each == 2;
  int64_t q = 2 * rows * (up(shape.d, 16) + 8);
  int64_t parts = kWarps * kPassRows * 4 * (shape.dv + 4);
  int64_t own = 1024 + (shape.d <= 128 ? std::max(q, parts) : q + parts) +
                inboxBytes(shape);
  int64_t room = kShared / each - 1024 - own; // 1 KB a CTA is the system's
  stages = std::min(room, std::max(kRingBytes, 2 * kWarps * slot)) / slot;
  stages = stages / kWarps * kWarps;
  sharedBytes = own + stages * slot;
}

/// One block of a warp under way is mostly all that few sequences have.
void Form::dividePortable(const AttentionShape &shape) {
  auto pitch = [&](int64_t x) { return up(x, 16) + 8; };
  stages = few ? 1 : 2;
  int64_t slot = kBlock * 2 * (pitch(shape.d) + pitch(shape.dv));
  int64_t part = rows * 4 * (shape.dv + 4);
  int64_t own =
      kWarps * std::max(stages * slot, part) + rows * 2 * pitch(shape.d);
  sharedBytes = up(own, 16) + inboxBytes(shape);
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
  return succeeded(shape) && page % kBlock == 0 && shape->d % 8 == 0 &&
         shape->dv % 8 == 0;
}

/// H200, GPT-2 124M (3.1 MB a layer at 1,024 tokens), one token at 512: 13.9 us
/// a layer, with the ring 15.8; 1B 37.5 and 36.4 the other way round.
bool codegen::attentionIsShort(ir::FusedOp fused) {
  constexpr int64_t kFewBytes = 4 << 20;
  FailureOr<AttentionShape> shape = attentionShape(fused, attentionOf(fused));
  int64_t longest = longestSequence(fused);
  return succeeded(shape) && longest > 0 &&
         longest * shape->kvHeads * (shape->d + shape->dv) * 2 <= kFewBytes;
}

/// The call of the template.
static void printRun(ir::AttentionOp op, const AttentionShape &shape,
                     const Form &form, const std::string &score,
                     KernelParams &params, CudaPrinter &out) {
  auto number = [](int64_t value) { return ", " + std::to_string(value); };
  int64_t cluster = form.few ? kCluster : 1;
  if (!form.ring)
    return out.line("attention::runDecode<Shape, Entry" + number(form.stages) +
                    number(form.rows) + (form.few ? "" : ", 1") +
                    ">(args, fresh, " + score + ");");
  for (int plane : {0, 1})
    params.add(
        "const __grid_constant__ TensorMap", plane == 0 ? "keys" : "values",
        params.tensorMap(params.cache(op.getCacheAttr(), op.getLayer(), plane),
                         plane == 0 ? shape.d : shape.dv, shape.kvHeads, 1,
                         kBlock));
  out.line("using Form = attention::RingForm<" + std::to_string(kWarps) +
           number(kLoaders) + number(form.stages) + number(cluster) +
           number(form.rows) + ">;");
  out.line(
      "attention::runRing<Shape, Entry, Form>(args, fresh, keys, values, " +
      score + ");");
}

FailureOr<TemplateKernel>
codegen::emitAttentionDecode(ir::FusedOp fused, const LaunchContext &context,
                             bool ring) {
  ir::AttentionOp op = attentionOf(fused);
  FailureOr<AttentionShape> shape = attentionShape(fused, op);
  if (failed(shape))
    return failure();
  Prologue prologue = prologueOf(fused);
  KernelParams params(fused.getContext());
  CudaPrinter out, body;
  openKernel(out, "Append and attention of few tokens.",
             {ring ? "sm90/attention_ring.cuh" : "attention_decode.cuh"});
  FailureOr<std::string> score = printScore(op, params, out);
  if (failed(score))
    return failure();
  Form form(*shape, context, ring);
  printAttentionArgs(fused, op, *shape,
                     {.pack = form.pack,
                      .query = prologue.query,
                      .counters = true,
                      .partials = true,
                      .literals = true},
                     params, body);
  std::string type = typeText(shape->element).str();
  printFresh(fused, prologue, type, params, body);
  printRun(op, *shape, form, *score, params, body);

  TemplateKernel kernel;
  KernelText &text = kernel.text;
  text.function = (ring ? "attention_ring_" : "attention_decode_") + type;
  out.line(std::string("extern \"C\" __global__ void") +
           (form.few ? " FT_CLUSTER_ALONG_X" : ""));
  bool three = !ring && form.few && shape->dv <= 128 && form.rows == 8;
  out.line("__launch_bounds__(" + std::to_string(form.threads()) + ", " +
           std::to_string(three ? 3 : form.each) + ")");
  out.open(text.function + "(" + params.declaration() + ")");
  out.splice(body);
  out.close();
  text.source = out.take();
  Builder &builder = params.builder();
  StringAttr tokens = op.getQuery().getType().getAxis();
  text.grid = {form.half > 0
                   ? gridOver(builder, tokens, form.half, form.ctas / 2)
                   : builder.getI64IntegerAttr(form.ctas)};
  text.block = {form.threads(), 1, 1};
  text.sharedBytes = form.sharedBytes;
  text.prefersShared = true;
  text.args.assign(params.args().begin(), params.args().end());
  kernel.workspaceBytes = kCounterBytes + form.ctas * 128 * (shape->dv + 4);
  return kernel;
}
