//===- GemmResident.cpp - instances of sm90/gemm_resident.cuh -------------===//
#include "codegen/cuda/EpilogueFunctor.h"
#include "codegen/cuda/GemvText.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"

#include "llvm/Support/MathExtras.h"

#include <optional>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

/// Elements of a weight up to which its linear waits for launches and latencies
/// rather than for bytes.
static constexpr int64_t kMaxWeight = 1 << 22;
/// Values of k of a box, and boxes of a CTA that leave room for another CTA.
static constexpr int64_t kBox = 64, kMaxBoxes = 16;
static constexpr int64_t kHalfShared = 113 * 1024;

namespace {

/// resident::Resident, without the type.
struct Form {
  int64_t rows, groups, warps, boxes, splits;

  int64_t columns() const { return 8 * groups; }
  int64_t depth() const { return splits * warps * boxes * kBox; }
  int64_t grid(int64_t n) const {
    return int64_t(llvm::divideCeil(n, columns())) * splits;
  }
  int64_t sharedBytes(bool norm) const {
    int64_t inbox = splits > 1 ? rows * columns() * 4 : 0;
    int64_t numbers = norm ? 8 * (warps + 1) * (rows + columns()) : 0;
    return 1024 + warps * boxes * (rows + columns()) * 128 + inbox +
           16 * warps + 16 + numbers;
  }
};

} // namespace

/// Null where there is none. Up to 16 rows one CTA a multiprocessor does, with
/// up to three groups of columns; 32 rows are as long on their way as two CTAs
/// a multiprocessor with two groups (H200, GPT-2's layers: 8 rows 8.7 us, 16
/// rows 10.0, with two groups 10.4, 32 rows 13.3, with three 14.2).
static std::optional<Form> formOf(const GemmMatch &match, int64_t rows,
                                  const LaunchContext &context) {
  Form form{rows, 2, 0, 1, match.k > kMaxBoxes * kBox ? 4 : 1};
  int64_t boxes = llvm::divideCeil(match.k, kBox * form.splits);
  if (boxes > kMaxBoxes)
    return std::nullopt;
  if (boxes >= 8)
    form.boxes = match.norm && boxes % 2 ? boxes % 3 ? 1 : 3 : 2;
  form.warps = llvm::divideCeil(boxes, form.boxes);
  if (rows <= 16 && form.splits > 1)
    form.groups = 4;
  else if (rows <= 16 && form.grid(match.n) > context.multiprocessors)
    form.groups = 3;
  bool norm = match.norm != nullptr;
  if (form.sharedBytes(norm) > kHalfShared)
    form.groups = 2;
  if (form.sharedBytes(norm) > kHalfShared ||
      (norm && (form.splits > 1 || form.depth() != match.k)))
    return std::nullopt;
  return form;
}

bool codegen::gemmResidentTakes(ir::FusedOp fused, const GemmMatch &match,
                                const LaunchContext &context) {
  Placement x = placementOf(fused.getInputs()[match.input.getArgNumber()]);
  ir::ParamOp weight = ir::lookupParam(fused, match.weight);
  Type element = gemvElement(match);
  return (element.isBF16() || element.isF16()) && !match.gated &&
         !match.outNorm && match.n * match.k <= kMaxWeight &&
         match.k % 8 == 0 && x.rowStride % 8 == 0 && x.alignment >= 16 &&
         alignmentOf(weight) >= 16 &&
         weight.getTensorType().getNumElements() == match.n * match.k &&
         (!match.norm || gemvNormIsWide(fused, match)) &&
         formOf(match, 32, context);
}

static FailureOr<GemmCandidate>
emitForm(ir::FusedOp fused, const GemmMatch &match, const Form &form) {
  KernelParams params(fused.getContext());
  CudaPrinter out;
  openKernel(out, "Linear layers of small weights.",
             {"sm90/gemm_resident.cuh"});
  FailureOr<std::string> epilogue =
      printEpilogue(fused, match, params, out, {.exact = true});
  if (failed(epilogue))
    return failure();
  const char *map = "const __grid_constant__ TensorMap";
  unsigned input = match.input.getArgNumber();
  auto type = cast<ir::PackedType>(match.input.getType());
  params.add(map, "x",
             params.tensorMap(params.in(input), match.k, 0, 1, form.rows));
  params.add(map, "w",
             params.tensorMap(params.weight(match.weight), match.k, 0, 1,
                              form.columns()));
  params.add("int", "columns", params.i32(match.n));
  params.add("int", "inner", params.i32(match.k));
  params.add("const int *", "counts", params.batch("counts"));
  params.add("int", "axis", params.i32(axisNumber(fused, type.getAxis())));
  std::string norm = gemvNormText(match, params);

  GemmCandidate made;
  made.name = "resident_" + std::to_string(form.rows) + "x" +
              std::to_string(form.columns());
  if (form.splits > 1)
    made.name += "_k" + std::to_string(form.splits);
  made.cluster = form.splits;
  made.rows = {form.rows};
  KernelText &text = made.kernel.text;
  text.function = "gemm_" + made.name;
  if (match.norm)
    text.function +=
        isa<ir::RmsNormOp>(match.norm) ? "_rms_norm" : "_layer_norm";
  std::string numbers;
  for (int64_t number :
       {form.rows, form.groups, form.warps, form.boxes, form.splits})
    numbers += ", " + std::to_string(number);
  out.line("using Form = resident::Resident<" +
           typeText(type.getElementType()) + numbers + ">;");
  out.line("");
  out.line("extern \"C\" __global__ void __cluster_dims__(Form::kSplits)");
  out.line("__launch_bounds__(Form::kThreads, 2)");
  out.open(text.function + "(" + params.declaration() + ")");
  bool normed = match.norm != nullptr;
  out.line("static_assert(Form::sharedBytes(" +
           llvm::Twine(normed ? "true" : "false") +
           ") == " + std::to_string(form.sharedBytes(normed)) + ");");
  out.line("resident::run<Form>(x, w, columns, inner, counts, axis, " + norm +
           ",");
  out.line("                    " + *epilogue + ");");
  out.close();
  text.source = out.take();
  text.grid = {params.builder().getI64IntegerAttr(form.grid(match.n))};
  text.block = {32 * form.warps, 1, 1};
  text.sharedBytes = form.sharedBytes(normed);
  text.prefersShared = true;
  text.args.assign(params.args().begin(), params.args().end());
  return made;
}

FailureOr<std::vector<GemmCandidate>>
codegen::emitGemmResident(ir::FusedOp fused, const GemmMatch &match,
                          const LaunchContext &context) {
  bool few = context.maxTokens > 0 && context.maxTokens <= kGemvRows;
  std::vector<GemmCandidate> candidates;
  for (int64_t rows :
       few ? std::vector<int64_t>{8} : std::vector<int64_t>{16, 32}) {
    FailureOr<GemmCandidate> made =
        emitForm(fused, match, *formOf(match, rows, context));
    if (failed(made))
      return failure();
    if (few) // no other is there
      made->rows.clear();
    candidates.push_back(std::move(*made));
  }
  return candidates;
}
