//===- RowProgram.cpp - CUDA text of a fused row op -----------------------===//
#include "codegen/cuda/RowProgram.h"

#include "codegen/cuda/RowSegment.h"
#include "codegen/cuda/Templates.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

/// Of a CTA, and of one that has a quarter of a multiprocessor's registers, 64
/// a thread.
static constexpr int64_t kThreads = 128, kThreadsBeside = 256;

/// The distinct ops of the region in order: "rope_cache_append".
static SmallVector<StringRef> opNames(ir::FusedOp fused) {
  llvm::SetVector<StringRef> names;
  for (Operation &op : fused.getBody().front().without_terminator())
    if (!isa<ir::BroadcastOp, ir::PositionsOp>(op))
      names.insert(op.getName().stripDialect());
  if (names.empty())
    names.insert("copy");
  return SmallVector<StringRef>(names.begin(), names.end());
}

/// Where this thread's team stands, and the segment's own text inside.
static LogicalResult printSegment(ir::FusedOp fused, const RowPlan &plan,
                                  const RowSegment &segment,
                                  KernelParams &params, CudaPrinter &out,
                                  std::vector<StagedWeight> *staged) {
  auto text = [](int64_t value) { return std::to_string(value); };
  std::string perRow = text(segment.linesPerRow);
  out.comment("Lines of " + text(segment.last) + ", " + text(segment.team) +
              " threads each, " + perRow + " of a row at a time.");
  out.line("using L = row::Line<" + text(segment.last) + ", " +
           text(segment.vector) + ", " + text(segment.team) + ", " +
           text(segment.chunks) + ">;");
  out.line("constexpr int lines = " + text(segment.groups * segment.pieces) +
           ", blocks = " + text(segment.blocksPerRow()) + ";");
  out.open("if (block < blocks)");
  out.line("const int team = threadIdx.x / " + text(segment.team) + ";");
  out.line("const int row = int(blockIdx.x) * " + text(plan.rowsPerBlock) +
           " + team / " + perRow + ";");
  out.line("const int number = block * " + perRow + " + team % " + perRow +
           ";");
  out.open("if (team >= " + text(plan.rowsPerBlock * segment.linesPerRow) +
           " || row >= count || number >= lines)");
  out.line("dependencyWait(); // whoever waits for this kernel relies on it");
  out.line("return;");
  out.close();
  out.line("const i64 group = number / " + text(segment.pieces) + ";");
  out.line("const L line{(number % " + text(segment.pieces) + " * " +
           text(segment.team) + " + int(threadIdx.x) % " + text(segment.team) +
           ") * " + text(segment.vector) + "};");
  CudaPrinter ahead, body;
  if (failed(
          RowSegmentPrinter(fused, segment, params, ahead, body, staged).run()))
    return failure();
  out.splice(ahead);
  out.line("dependencyWait();");
  out.splice(body);
  out.line("return;");
  out.close();
  out.line("block -= blocks;");
  return success();
}

/// Longer lines would need more registers, or a whole CTA.
static bool fitsBeside(const RowPlan &plan) {
  const RowSegment &segment = plan.segments[0];
  return plan.segments.size() == 1 && plan.threads == kThreadsBeside &&
         segment.team <= 32 && segment.chunks * segment.vector <= 24;
}

/// Weights to shared memory, in vectors of `vector`.
static void printStaging(ArrayRef<StagedWeight> staged, int64_t last,
                         int64_t vector, CudaPrinter &out) {
  for (const StagedWeight &weight : staged) {
    out.line("__shared__ row::Staged<" + weight.type + ", " +
             std::to_string(last) + "> " + weight.name + ";");
    out.line(weight.name + ".fill<" + std::to_string(vector) + ">(" +
             weight.parameter + ");");
  }
  out.line("__syncthreads();");
}

FailureOr<KernelText> codegen::emitRowProgram(ir::FusedOp fused,
                                              bool besideTiles) {
  FailureOr<RowPlan> plan =
      planRow(fused, besideTiles ? kThreadsBeside : kThreads);
  if (failed(plan))
    return failure();
  if (besideTiles && !fitsBeside(*plan))
    return emitRowProgram(fused);
  std::vector<StagedWeight> staged;
  KernelParams params(fused.getContext());
  params.add("const int *", "counts", params.batch("counts"));
  CudaPrinter body;
  int64_t blocks = 0;
  for (const RowSegment &segment : plan->segments) {
    body.open("");
    if (failed(printSegment(fused, *plan, segment, params, body,
                            besideTiles ? &staged : nullptr)))
      return failure();
    body.close();
    blocks += segment.blocksPerRow();
  }

  KernelText kernel;
  SmallVector<StringRef> names = opNames(fused);
  kernel.function = "row_" + llvm::join(ArrayRef(names).take_front(4), "_");
  CudaPrinter text;
  text.comment("Row program: " + llvm::join(names, ", ") + ".");
  bool sums = !fused.getBody().getOps<ir::CumsumOp>().empty();
  text.line(sums ? "#include \"row_cumsum.cuh\"" : "#include \"row.cuh\"");
  text.line("");
  text.line("using namespace ft;");
  text.line("");
  text.line("extern \"C\" __global__ void __launch_bounds__(" +
            std::to_string(plan->threads) + (besideTiles ? ", 4)" : ")"));
  text.open(kernel.function + "(" + params.declaration() + ")");
  text.line("launchDependents();");
  if (!staged.empty())
    printStaging(staged, plan->segments[0].last, plan->segments[0].vector,
                 text);
  text.line("const int count = counts[" +
            std::to_string(axisNumber(fused, plan->axis)) + "];");
  text.line("int block = blockIdx.y;");
  text.splice(body);
  text.close();
  kernel.source = text.take();

  Builder &builder = params.builder();
  kernel.grid = {gridOver(builder, plan->axis, plan->rowsPerBlock),
                 builder.getI64IntegerAttr(blocks)};
  kernel.block = {plan->threads, 1, 1};
  kernel.args.assign(params.args().begin(), params.args().end());
  return kernel;
}
