//===- SmallKernels.cpp - argmax, sample, segment_reduce, patches ---------===//
#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"
#include "runtime/plan/Sampling.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

static constexpr int64_t kSampleCtas = 8; // of a row: cluster.cuh

int32_t codegen::axisNumber(Operation *from, StringAttr axis) {
  auto module = from->getParentOfType<ModuleOp>();
  auto axes = module->getAttrOfType<ArrayAttr>(ir::kAxesAttr);
  return axes ? int32_t(llvm::find(axes, axis) - axes.begin()) : 0;
}

void codegen::openKernel(CudaPrinter &out, StringRef comment,
                         ArrayRef<StringRef> includes) {
  out.comment(comment);
  for (StringRef include : includes)
    out.line("#include \"" + include + "\"");
  out.line("#include \"math.cuh\"");
  out.line("");
  out.line("using namespace ft;");
  out.line("");
}

/// The kernel function around one call, and what all templates share.
static TemplateKernel finish(CudaPrinter &out, KernelParams &params,
                             std::string function, StringRef bounds,
                             const std::string &call,
                             const std::string &attributes = "") {
  out.line("extern \"C\" __global__ void " + attributes + "__launch_bounds__(" +
           bounds + ")");
  out.open(function + "(" + params.declaration() + ")");
  out.line(call);
  out.close();
  TemplateKernel kernel;
  kernel.text.function = std::move(function);
  kernel.text.source = out.take();
  kernel.text.args.assign(params.args().begin(), params.args().end());
  return kernel;
}

/// CTAs for one row of `columns`. Unbounded ranges have rows enough to fill the
/// device, or few of many.
static int64_t rowChunks(int64_t columns, const LaunchContext &context) {
  if (context.maxTokens <= 0)
    return 1;
  return std::clamp<int64_t>(context.multiprocessors / context.maxTokens, 1,
                             std::max<int64_t>(1, columns / 1024));
}

/// The best of every rank's best.
static TemplateKernel emitMergeArgmax(ir::FusedOp fused, ir::MergeArgmaxOp op) {
  auto type = op.getInput().getType();
  KernelParams params(fused.getContext());
  params.add("const float *", "pairs", params.in(0));
  params.add("i64", "stride",
             params.i64(placementOf(fused.getInputs()[0]).rowStride));
  params.add("int", "count", params.i32(type.getRowElements() / 2));
  params.add("int *", "out", params.out(0));
  params.add("const int *", "counts", params.batch("counts"));
  CudaPrinter out;
  openKernel(out, "The best of the ranks' (value, index) pairs of each row.",
             {"argmax.cuh"});
  TemplateKernel kernel =
      finish(out, params, "merge_argmax", "128",
             "argmax::merge(pairs, stride, count, out, counts, " +
                 std::to_string(axisNumber(fused, type.getAxis())) + ");");
  kernel.text.grid = {gridOver(params.builder(), type.getAxis(), 128)};
  kernel.text.block = {128, 1, 1};
  return kernel;
}

/// argmax and local_argmax, which stores a pair and skips padding.
FailureOr<TemplateKernel> codegen::emitArgmax(ir::FusedOp fused,
                                              const LaunchContext &context) {
  Operation &op = fused.getBody().front().front();
  if (auto merge = dyn_cast<ir::MergeArgmaxOp>(op))
    return emitMergeArgmax(fused, merge);
  auto local = dyn_cast<ir::LocalArgmaxOp>(op);
  auto type = cast<ir::PackedType>(op.getOperand(0).getType());
  int64_t columns = type.getLastDim();
  int64_t parts = type.getRowElements() / columns;
  KernelParams params(fused.getContext());
  Value outer = fused.getInputs()[0];
  params.add(("const " + typeText(type.getElementType()) + " *").str(), "x",
             params.in(0));
  params.add("i64", "stride", params.i64(placementOf(outer).rowStride));
  params.add("int", "columns", params.i32(columns));
  std::string store = "argmax::Index{out}";
  if (local) {
    params.add("float *", "out", params.out(0));
    params.add("i64", "outStride",
               params.i64(placementOf(fused.getResult(0)).rowStride));
    params.add("const float *", "first", params.weight(local.getFirstAttr()));
    params.add("int", "limit", params.i32(int64_t(local.getLimit())));
    store = "argmax::Pair{out, outStride, int(*first), limit}";
  } else {
    params.add("int *", "out", params.out(0));
  }
  params.add("const int *", "counts", params.batch("counts"));
  int64_t chunks = parts > 1 ? 1 : rowChunks(columns, context);
  std::string scratch = "nullptr, nullptr";
  if (chunks > 1) {
    params.add("u32 *", "counters", params.workspace(0));
    params.add("float *", "partials", params.workspace(kCounterBytes));
    scratch = "counters, partials";
  }
  CudaPrinter out;
  openKernel(out,
             local ? "The largest of this rank's columns, and its index."
                   : "Index of the largest element along the last extent.",
             {"argmax.cuh"});
  TemplateKernel kernel =
      finish(out, params, local ? "local_argmax" : "argmax", "256",
             "argmax::run(x, stride, columns, " + store + ", counts, " +
                 std::to_string(axisNumber(fused, type.getAxis())) + ", " +
                 scratch + ");");
  Builder &builder = params.builder();
  kernel.text.grid = {gridOver(builder, type.getAxis(), 1),
                      builder.getI64IntegerAttr(chunks)};
  if (parts > 1)
    kernel.text.grid.push_back(builder.getI64IntegerAttr(parts));
  kernel.text.block = {256, 1, 1};
  if (chunks > 1)
    kernel.workspaceBytes = kCounterBytes + 8 * context.maxTokens * chunks;
  return kernel;
}

/// Elements of shared memory for a CTA's part of a sampled row's keys; 0 where
/// they are too many.
static int64_t sampleRoom(int64_t columns) {
  constexpr int64_t most = 160 * 1024 / 4; // what sm_80 has, too
  int64_t size = llvm::alignTo(llvm::divideCeil(columns, kSampleCtas), 8);
  return size <= most ? size : 0;
}

FailureOr<TemplateKernel> codegen::emitSample(ir::FusedOp fused,
                                              const LaunchContext &context) {
  auto op = *fused.getBody().front().getOps<ir::SampleOp>().begin();
  auto type = op.getInput().getType();
  int64_t columns = type.getRowElements();
  auto number = [](Value value) {
    return cast<BlockArgument>(value).getArgNumber();
  };
  int64_t room = sampleRoom(columns);
  // Where there are no clusters, a row's CTAs meet through the workspace.
  bool meets = context.maxTokens > 0;
  KernelParams params(fused.getContext());
  params.add(("const " + typeText(type.getElementType()) + " *").str(), "x",
             params.in(number(op.getInput())));
  params.add(
      "i64", "stride",
      params.i64(
          placementOf(fused.getInputs()[number(op.getInput())]).rowStride));
  params.add("int", "columns", params.i32(columns));
  params.add("int *", "out", params.out(0));
  params.add("const int *", "counts", params.batch("counts"));
  params.add("const int *", "rows", params.batch("rows"));
  params.add("const int *", "positions",
             params.batch("positions", int(number(op.getSequences()))));
  params.add("const unsigned char *", "records", params.batch("sampling"));
  params.add("unsigned char *", "slots", params.batch("sampling_state"));
  params.add("i64", "slotBytes",
             params.i64(plan::sampling::stateBytes(columns)));
  params.add("int", "room", params.i32(room));
  params.add("u32 *", "counters", meets ? params.workspace(0) : params.i64(0));
  params.add("float *", "partials",
             meets ? params.workspace(kCounterBytes) : params.i64(0));
  CudaPrinter out;
  openKernel(out, "The next token of each row, by its record.", {"sample.cuh"});
  TemplateKernel kernel = finish(
      out, params, "sample", "512, 2",
      "sample::run(x, stride, columns, out, counts, " +
          std::to_string(axisNumber(fused, type.getAxis())) +
          ", rows, positions, records, slots, slotBytes, room, counters, "
          "partials);",
      "FT_CLUSTER_OF_ROWS ");
  Builder &builder = params.builder();
  kernel.text.grid = {gridOver(builder, type.getAxis(), 1),
                      builder.getI64IntegerAttr(kSampleCtas)};
  kernel.text.block = {512, 1, 1};
  kernel.text.sharedBytes = 4 * room;
  if (meets)
    kernel.workspaceBytes = kCounterBytes + 8 * context.maxTokens * kSampleCtas;
  return kernel;
}

FailureOr<TemplateKernel> codegen::emitSegmentReduce(ir::FusedOp fused) {
  auto op = *fused.getBody().front().getOps<ir::SegmentReduceOp>().begin();
  auto input = op.getInput().getType();
  auto result = cast<ir::PackedType>(fused.getResult(0).getType());
  int64_t width = input.getRowElements();
  unsigned x = cast<BlockArgument>(op.getInput()).getArgNumber();
  unsigned s = cast<BlockArgument>(op.getSequences()).getArgNumber();
  StringRef kind = llvm::StringSwitch<StringRef>(op.getKind())
                       .Case("mean", "Mean")
                       .Case("sum", "Sum")
                       .Case("max", "Max")
                       .Default("");
  if (kind.empty())
    return op.emitError("segment_reduce: no kernel for '")
           << op.getKind() << "'";
  KernelParams params(fused.getContext());
  params.add(("const " + typeText(input.getElementType()) + " *").str(), "x",
             params.in(x));
  params.add("i64", "xStride",
             params.i64(placementOf(fused.getInputs()[x]).rowStride));
  params.add((typeText(result.getElementType()) + " *").str(), "out",
             params.out(0));
  params.add("i64", "outStride",
             params.i64(placementOf(fused.getResult(0)).rowStride));
  params.add("int", "width", params.i32(width));
  params.add("const int *", "cuTokens", params.batch("cu_tokens", int(s)));
  params.add("const int *", "counts", params.batch("counts"));
  CudaPrinter out;
  openKernel(out, "One row a sequence.", {"segment_reduce.cuh"});
  TemplateKernel kernel =
      finish(out, params, ("segment_reduce_" + op.getKind()).str(), "256",
             ("segment_reduce::run<segment_reduce::Kind::" + kind +
              ">(x, xStride, out, outStride, width, cuTokens, counts, " +
              llvm::Twine(axisNumber(fused, result.getAxis())) + ");")
                 .str());
  Builder &builder = params.builder();
  kernel.text.grid = {builder.getI64IntegerAttr((width + 31) / 32),
                      gridOver(builder, result.getAxis(), 1)};
  kernel.text.block = {32, 8, 1};
  return kernel;
}

/// Elements that a thread moves in one go: aligned in the image and in the row.
static int64_t patchVector(ir::PatchesOp op, const Placement &place) {
  auto image = op.getImage().getType();
  int64_t columns = op.getPatch()[1], width = image.getShape()[2];
  int64_t size = op.getType().getElementType().getIntOrFloatBitWidth() / 8;
  for (int64_t vector : {4, 2})
    if (columns % vector == 0 && width % vector == 0 &&
        place.rowStride % vector == 0 && place.alignment % (vector * size) == 0)
      return vector;
  return 1;
}

FailureOr<TemplateKernel> codegen::emitPatches(ir::FusedOp fused) {
  auto op = *fused.getBody().front().getOps<ir::PatchesOp>().begin();
  auto image = op.getImage().getType();
  auto result = cast<ir::PackedType>(fused.getResult(0).getType());
  unsigned x = cast<BlockArgument>(op.getImage()).getArgNumber();
  int s = int(cast<BlockArgument>(op.getSequences()).getArgNumber());
  Placement place = placementOf(fused.getResult(0));
  KernelParams params(fused.getContext());
  params.add(("const " + typeText(image.getElementType()) + " *").str(),
             "image", params.in(x));
  static constexpr const char *names[] = {"channels", "height", "width"};
  for (auto [name, extent] : llvm::zip(names, image.getShape()))
    params.add("int", name, params.i32(extent));
  params.add((typeText(result.getElementType()) + " *").str(), "out",
             params.out(0));
  params.add("i64", "outStride", params.i64(place.rowStride));
  params.add("int", "prefix", params.i32(int64_t(op.getPrefix())));
  params.add("const int *", "positions", params.batch("positions", s));
  params.add("const int *", "sequenceIds", params.batch("sequence_ids", s));
  params.add("const int *", "counts", params.batch("counts"));
  CudaPrinter out;
  openKernel(out, "Every token's patch of its sequence's image.",
             {"patches.cuh"});
  std::string shape = std::to_string(op.getPatch()[0]) + ", " +
                      std::to_string(op.getPatch()[1]) + ", " +
                      std::to_string(patchVector(op, place));
  TemplateKernel kernel =
      finish(out, params, "patches", "128",
             "patches::run<" + shape +
                 ">(image, {channels, height, width}, out, outStride, prefix, "
                 "positions, sequenceIds, counts, " +
                 std::to_string(axisNumber(fused, result.getAxis())) + ");");
  kernel.text.grid = {gridOver(params.builder(), result.getAxis(), 1)};
  kernel.text.block = {128, 1, 1};
  return kernel;
}
