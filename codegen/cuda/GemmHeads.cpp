//===- GemmHeads.cpp - rope and append behind q-k-v -----------------------===//
#include "codegen/cuda/GemmHeads.h"

#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

std::string codegen::headColumns(const HeadRuns &runs) {
  return "gemm::HeadColumns<" + std::to_string(runs.size) + ", " +
         std::to_string(runs.run) + (runs.interleaved ? ", true>" : ", false>");
}

namespace {

/// The members of the functor: pointers to what the batch, the caches and the
/// weights hold, and constants.
class HeadsPrinter {
public:
  HeadsPrinter(ir::FusedOp fused, const GemmMatch &match, KernelParams &params,
               CudaPrinter &out)
      : fused_(fused), match_(match), params_(params), out_(out) {}

  std::string run();

private:
  void constants(StringRef type, StringRef biasType);
  void member(const std::string &type, StringRef name, DictionaryAttr arg) {
    params_.add(type, name, arg);
    out_.line(type + (type.back() == '*' ? "" : " ") + name + ";");
    made_ += (made_.empty() ? "" : ", ") + name.str();
  }
  void ofBatch(StringRef name, StringRef field) {
    ir::CacheAppendOp append = match_.append;
    int operand =
        int(cast<BlockArgument>(append.getSequences()).getArgNumber());
    member("const int *", name, params_.batch(field, operand));
  }

  ir::FusedOp fused_;
  const GemmMatch &match_;
  KernelParams &params_;
  CudaPrinter &out_;
  std::string made_;
};

} // namespace

void HeadsPrinter::constants(StringRef type, StringRef biasType) {
  ir::CacheAppendOp append = match_.append;
  auto columns = [](ir::LinearOp linear) {
    return std::to_string(linear.getType().getRowElements());
  };
  ir::CacheOp cache = ir::lookupCache(fused_, append.getCacheAttr());
  out_.line("using Out = " + type + ";");
  out_.line("using Bias = " + biasType + ";");
  out_.line(
      "static constexpr bool kGated = false, kResidual = false, kBias = " +
      llvm::Twine(match_.bias ? "true" : "false") + ";");
  out_.line("static constexpr gemm::Norm kNorm = gemm::Norm::None;");
  out_.line("static constexpr int kQueries = " + columns(match_.linears[0]) +
            ", kKeys = " + columns(match_.linears[1]) +
            ", kPageSize = " + std::to_string(cache.getPageSize()) + ";");
  out_.line("static constexpr i64 outStride = " +
            std::to_string(placementOf(fused_.getResult(0)).rowStride) + ";");
}

std::string HeadsPrinter::run() {
  ir::CacheAppendOp append = match_.append;
  ir::RopeOp rope = match_.rope;
  std::string type = typeText(rope.getType().getElementType()).str();
  std::string biasType = type;
  if (match_.bias)
    biasType = typeText(ir::lookupParam(fused_, match_.bias)
                            .getTensorType()
                            .getElementType())
                   .str();
  out_.open("struct Epilogue");
  constants(type, biasType);
  member("const " + biasType + " *", "bias",
         match_.bias ? params_.weight(match_.bias) : params_.i64(0));
  member(type + " *", "out", params_.out(0));
  for (int plane : {0, 1})
    member(type + " *", plane == 0 ? "keys" : "values",
           params_.cache(append.getCacheAttr(), append.getLayer(), plane));
  member("const float *", "table", params_.weight(rope.getTableAttr()));
  ofBatch("positions", "positions");
  ofBatch("sequences", "sequence_ids");
  ofBatch("pageTable", "page_table");
  member("int", "pageColumns", params_.pageCount());
  out_.close(";");
  return "Epilogue{" + made_ + "}";
}

std::string codegen::printHeadsEpilogue(ir::FusedOp fused,
                                        const GemmMatch &match,
                                        KernelParams &params,
                                        CudaPrinter &out) {
  return HeadsPrinter(fused, match, params, out).run();
}
