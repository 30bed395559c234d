//===- GemvRing.cpp - instances of gemv_ring.cuh --------------------------===//
#include "codegen/cuda/GemvText.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

static constexpr int64_t kThreads = 384;
/// Rows of x, and values in all, up to which x is better off in shared memory
/// (H200: two rows of 768 equal, of 2048 equal, of 4096 106.6 us a layer of 8B
/// held, so 111.1).
static constexpr int64_t kFewRows = 2, kFewValues = 4096;
/// gemv_stages.cuh: values of k and bytes of a stage, and how many there are.
static constexpr int64_t kChunk = 1024, kStageBytes = 16 * (kChunk * 2 + 64);
static constexpr int64_t kFewStages = 2, kMaxStages = 8;
/// All that a multiprocessor has beside the template's own, alone and in pairs.
static constexpr int64_t kRingShared = (227 - 11) * 1024;
static constexpr int64_t kPairShared = (227 - 14) * 1024;
/// gemv_held.cuh: chunks of k whose values a CTA's registers hold, alone and
/// beside another.
static constexpr int64_t kHeldChunks = 8, kSmallChunks = 3;
/// Values of k above which two CTAs share them (H200, 4 rows: 14336 29.0 us of
/// 32.2, 4096 9.6 of 9.1).
static constexpr int64_t kAloneK = 4096;

namespace {

/// How one kernel is cut.
struct RingForm {
  bool held = false; // x in registers
  int64_t rows = 0;  // of x at most
  int64_t cluster = 1;
  int64_t chunks = 0; // of k, of a CTA
  int64_t beside = 0; // bytes of a norm's weights
  int64_t room() const { return cluster > 1 ? kPairShared : kRingShared; }
};

} // namespace

/// Null where registers do not hold x. CTAs that share k read half of it each.
static std::optional<RingForm> heldForm(ir::FusedOp fused,
                                        const GemmMatch &match,
                                        const LaunchContext &context) {
  if (match.norm && !gemvNormIsWide(fused, match))
    return std::nullopt;
  RingForm form{true, context.maxTokens};
  if (match.k > kAloneK)
    form.cluster = 2;
  int64_t part = llvm::divideCeil(match.k, 64 * form.cluster) * 64;
  form.chunks = llvm::divideCeil(part, kChunk);
  if (form.chunks > kHeldChunks)
    return std::nullopt;
  if (match.norm) {
    bool layer = isa<ir::LayerNormOp>(match.norm);
    form.beside = (1 + layer) * form.chunks * kChunk * sizeof(float);
  }
  return form;
}

/// Bytes of the stages that the largest share of a CTA fills: no ring needs
/// more.
static int64_t ringBytes(const GemmMatch &match, const LaunchContext &context,
                         const RingForm &form) {
  uint64_t outputs = match.gated ? match.n / 2 : match.n;
  uint64_t share =
      llvm::divideCeil(outputs, context.multiprocessors / form.cluster);
  int64_t groups = llvm::divideCeil(share, match.gated ? 8 : 16);
  int64_t most = kMaxStages;
  if (form.held)
    most = std::min(most, (form.room() - form.beside) / kStageBytes);
  return std::clamp(groups * form.chunks, kFewStages, most) * kStageBytes;
}

bool codegen::gemvRingTakes(ir::FusedOp fused, const GemmMatch &match,
                            const LaunchContext &context) {
  Placement x = placementOf(fused.getInputs()[match.input.getArgNumber()]);
  return gemvTakes(match, context) && !gemvElement(match).isF32() &&
         match.k % 8 == 0 && x.rowStride % 8 == 0 && x.alignment >= 16 &&
         alignmentOf(ir::lookupParam(fused, match.weight)) >= 16 &&
         gemvNormedBytes(match, context) + kFewStages * kStageBytes <=
             kRingShared;
}

static FailureOr<GemmCandidate> printRing(ir::FusedOp fused,
                                          const GemmMatch &match,
                                          const LaunchContext &context,
                                          const RingForm &form) {
  int64_t ring = ringBytes(match, context, form) + form.beside;
  int64_t row = form.held ? 0 : gemvRowBytes(match);
  bool all = ring + form.rows * row > form.room();
  bool fits = kFewStages * kStageBytes + form.rows * row <= kRingShared;
  // So small that the kernels in front and behind, which are of its kind, find
  // room beside it; where largest outputs are kept, registers are too few then.
  bool small = !all && !context.likeliest && 2 * (ring + row) <= kRingShared &&
               (!form.held || form.chunks <= kSmallChunks);
  std::string run = std::string("runRing<gemv::XIn::") +
                    (form.held ? "Registers"
                     : fits    ? "Shared"
                               : "SharedIfRoom") +
                    (small ? ", 2" : ", 1");
  if (form.held)
    run += ", " + std::to_string(form.chunks);
  if (form.cluster > 1)
    run += ", " + std::to_string(form.cluster);
  FailureOr<TemplateKernel> kernel =
      printGemv(fused, match,
                {.header = "sm90/gemv_ring.cuh",
                 .function = form.held ? "gemv_held" : "gemv_ring",
                 .run = run + ">",
                 .threads = kThreads,
                 .ctas = small ? 2 : 1,
                 .cluster = form.cluster,
                 .mostRows = context.likeliest ? kGemvRows : 0});
  if (failed(kernel))
    return failure();
  KernelText &text = kernel->text;
  text.sharedBytes = all ? kRingShared : ring;
  if (!all && row > 0) {
    text.sharedBytesPerRow = row;
    text.sharedRows = form.rows;
  }
  text.grid = {
      Builder(fused.getContext()).getI64IntegerAttr(context.multiprocessors)};
  GemmCandidate candidate;
  candidate.name = form.held ? "gemv_held" : "gemv";
  candidate.kernel = std::move(*kernel);
  candidate.cluster = form.cluster;
  return candidate;
}

FailureOr<std::vector<GemmCandidate>>
codegen::emitGemvRing(ir::FusedOp fused, const GemmMatch &match,
                      const LaunchContext &context) {
  std::optional<RingForm> held = heldForm(fused, match, context);
  int64_t few = context.maxTokens;
  if (held)
    few = std::min({few, kFewRows, kFewValues / match.k});
  std::vector<RingForm> forms;
  if (few > 0)
    forms.push_back({false, few, 1, llvm::divideCeil(match.k, kChunk)});
  if (few < context.maxTokens)
    forms.push_back(*held);
  std::vector<GemmCandidate> made;
  for (const RingForm &form : forms) {
    FailureOr<GemmCandidate> candidate = printRing(fused, match, context, form);
    if (failed(candidate))
      return failure();
    if (forms.size() > 1)
      candidate->rows = form.held ? std::vector<int64_t>{few + 1, kGemvRows}
                                  : std::vector<int64_t>{1, few};
    made.push_back(std::move(*candidate));
  }
  return made;
}
