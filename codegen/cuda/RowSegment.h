//===- RowSegment.h - CUDA text of one segment of a row op ------*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_ROWSEGMENT_H
#define FT_CODEGEN_CUDA_ROWSEGMENT_H

#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/KernelText.h"
#include "codegen/cuda/RowPlan.h"

#include <map>

namespace ft::codegen {

/// A weight of a line that the CTA brings to shared memory as `name`.
struct StagedWeight {
  std::string name, parameter, type;
};

/// Prints what one team does with its line: loads, ops, stores. The
/// surrounding text defines `row`, `group` and `line`, and what is added to
/// `staged`, where that is not null. What no kernel in front writes, other
/// weights and fields of the batch, is loaded by the text of `ahead`, which may
/// run before they have ended.
class RowSegmentPrinter {
public:
  RowSegmentPrinter(ir::FusedOp fused, const RowSegment &segment,
                    KernelParams &params, CudaPrinter &ahead, CudaPrinter &out,
                    std::vector<StagedWeight> *staged = nullptr)
      : fused_(fused), segment_(segment), params_(params), ahead_(ahead),
        out_(out), staged_(staged) {}

  mlir::LogicalResult run();

private:
  /// How a value is held: an array of the thread's elements, one number of the
  /// line, or one index of the row.
  enum class Kind { Elements, Number, Index };
  struct Held {
    std::string name;
    Kind kind = Kind::Elements;
    /// In an expression inside a loop over elements.
    std::string element() const {
      return kind == Kind::Elements ? name + "[e]" : name;
    }
  };
  /// The elements a thread computes for itself, or their rope partners.
  enum class View { Own, Partner };
  using Key = std::pair<void *, View>;

  mlir::FailureOr<Held> value(mlir::Value value, View view);
  mlir::FailureOr<Held> operation(mlir::Operation *op, View view);
  mlir::FailureOr<Held> argument(mlir::BlockArgument argument, View view);
  mlir::FailureOr<Held> weight(ir::BroadcastOp op, View view);
  mlir::FailureOr<Held> embedding(ir::EmbeddingOp op, View view);
  mlir::FailureOr<Held> gather(ir::RowsOp op, View view);
  mlir::FailureOr<Held> oneOfSequence(ir::SegmentReduceOp op, View view);
  mlir::FailureOr<Held> gather(mlir::Operation *op, const std::string &row,
                               View view);
  Held keepIf(const std::string &condition, Held held);
  mlir::FailureOr<Held> rope(ir::RopeOp op, View view);
  mlir::FailureOr<Held> cumsum(ir::CumsumOp op, View view);
  mlir::FailureOr<Held> elementwise(mlir::Operation *op, View view);
  mlir::FailureOr<Held> lineWise(mlir::Operation *op, View view);
  mlir::FailureOr<Held> index(mlir::Value value);
  mlir::FailureOr<Held> toFloat(ir::ToFloatOp op, View view);
  mlir::FailureOr<Held> toFloats(ir::ToFloatOp op, View view);
  mlir::FailureOr<Held> move(mlir::Operation *op);
  std::string placeOf(ir::RearrangeOp op);
  std::string elementOf(ir::ConcatOp op);
  std::string inputPointer(mlir::BlockArgument argument); // "in0[row * ... + "
  Held load(ir::PackedType type, const std::string &pointer, View view) {
    return load(type, pointer, view, out_);
  }
  Held load(ir::PackedType type, const std::string &pointer, View view,
            CudaPrinter &out);
  Held vectorWeight(mlir::FlatSymbolRefAttr symbol, View view);
  std::string position(mlir::Value sequences);
  mlir::LogicalResult store(const RowSink &sink);
  std::string cacheRow(const RowSink &sink);

  std::string fresh(View view);
  std::string lineName(View view) {
    return view == View::Own ? "line" : "pair";
  }
  /// Where a weight is loaded: its partner view needs what is made later.
  CudaPrinter &weightText(View view) {
    return view == View::Own ? ahead_ : out_;
  }
  std::string weightParam(mlir::FlatSymbolRefAttr symbol);
  unsigned inputOf(mlir::Value value) {
    return mlir::cast<mlir::BlockArgument>(value).getArgNumber();
  }
  std::string groupOffset(ir::PackedType type);
  Held declare(mlir::Operation *op, View view, const std::string &element);

  ir::FusedOp fused_;
  const RowSegment &segment_;
  KernelParams &params_;
  CudaPrinter &ahead_, &out_;
  std::map<Key, Held> held_;
  std::map<void *, std::string> numbers_; // prefix of an op's line numbers
  std::map<std::string, std::string> positions_;
  std::map<std::string, std::string>
      gathered_;          // the row's number, by what it is
  std::string pairShape_; // of the rope whose partners `pair` names
  std::vector<StagedWeight> *staged_;
  int count_ = 0;
};

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_ROWSEGMENT_H
