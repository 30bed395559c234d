//===- Raiser.h - one padded entry to a packed one --------------*- C++ -*-===//
//
// Walks the primitives of an entry in order and keeps a Form for each value.
// Nothing is made of a value until something needs it as rows: a product with a
// weight, a reduction, an attention, a second reader, a result. Then its
// formula becomes row-wise operations.
//
//===----------------------------------------------------------------------===//
#ifndef FT_PASSES_RAISE_RAISER_H
#define FT_PASSES_RAISE_RAISER_H

#include "passes/raise/Form.h"
#include "passes/raise/Weights.h"

#include <map>
#include <set>

namespace ft::passes::raise {

/// The most parts that a row is put together of, each made by itself.
inline constexpr int64_t kMaxParts = 64;

/// What the formulas of one entry live in, and what it is made into.
struct Context {
  Context(mlir::ModuleOp module, ir::EntryOp entry, Weights &weights,
          Symbols symbols)
      : module(module), entry(entry), weights(weights), layout(exprs, symbols),
        builder(entry.getContext()) {}

  mlir::ModuleOp module;
  ir::EntryOp entry; // the padded one
  Weights &weights;
  Exprs exprs;
  Layout layout;
  mlir::OpBuilder builder; // in the packed entry
  mlir::Value sequences;   // its argument
  const Array *mask = nullptr, *maskCount = nullptr, *length = nullptr;
  bool hasMask = false;
  /// The value whose form a formula is: locations of what is made of it.
  llvm::DenseMap<const Node *, mlir::Location> names;
  /// Why the last attempt that returned null failed: a property, as a clause.
  std::string why;
  llvm::DenseMap<mlir::StringAttr, Array *> params; // by symbol
  /// What came of rotations by positions, while rows are made of one formula.
  struct Rotations {
    int depth = 0;      // of formulas within it
    unsigned found = 0; // that are rotary embeddings
    std::string why;    // of one that is none
    std::set<std::pair<const void *, std::string>> said; // by location
  } rotations;
  /// Rotary embeddings without the scale of what they rotate.
  llvm::DenseMap<mlir::Operation *, mlir::Value> unscaled;
  /// Operations made anew in other shapes (withExtents).
  std::map<std::pair<mlir::Operation *, std::vector<int64_t>>, mlir::Value>
      reshaped;
  /// Linears in the row shapes that readers want.
  std::map<
      std::tuple<mlir::Operation *, std::vector<int64_t>, std::vector<int64_t>>,
      mlir::Value>
      views;

  std::nullptr_t because(const llvm::Twine &reason) {
    why = reason.str();
    return nullptr;
  }
  int64_t maxPositions() const;
};

/// A packed value and the formula that reads it.
struct Emitted {
  mlir::Value value;
  const Node *read = nullptr;
};

/// Row-wise operations for `expr`, one row for each index along `sequence`
/// (null: one for each of the batch) of elements along `rows`.
Emitted emitRows(Context &ctx, const Node *expr, const Dim *batch,
                 const Dim *sequence, llvm::ArrayRef<const Dim *> rows,
                 mlir::Location loc);

/// Element [i, j, ...] of the result's row is element offset + i * strides[0] +
/// ... of the value's.
mlir::Value rearranged(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value value, int64_t offset,
                       llvm::ArrayRef<int64_t> shape,
                       llvm::ArrayRef<int64_t> strides);
/// The same elements, in order.
mlir::Value reshaped(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value value, llvm::ArrayRef<int64_t> shape);
/// What was emitted for `rows`, repeated along those it does not depend on, as
/// rows of `shape`.
mlir::Value fullRows(Context &ctx, const Emitted &emitted,
                     llvm::ArrayRef<const Dim *> rows,
                     llvm::ArrayRef<int64_t> shape, mlir::Location loc);

/// Whether a row program can repeat what is of `own` extents over `whole` ones:
/// along all extents before the last one, or along none of them.
bool repeatsByLines(llvm::ArrayRef<int64_t> own, llvm::ArrayRef<int64_t> whole);

/// `value` as rows of `shape`, which differs in extents of 1; null where what
/// makes it cannot be made so.
mlir::Value withExtents(Context &ctx, mlir::Value value,
                        llvm::ArrayRef<int64_t> shape);

/// Ids, one for each index along `sequence`: an input's or positions.
mlir::Value emitIdRows(Context &ctx, const Node *expr, const Dim *batch,
                       const Dim *sequence, mlir::Location loc);

/// A rotary embedding, where that is what `expr` says; else null, and
/// ctx.rotations.why says what keeps a rotation from being one.
const Node *emitRope(Context &ctx, const Node *expr, const Dim *batch,
                     const Dim *sequence, llvm::ArrayRef<const Dim *> rows,
                     mlir::Location loc);

/// Whether `node` reads packed values.
bool readsData(const Node *node);
/// Whether `node` holds an attention's scores or weights.
bool hasScores(const Node *node);
/// `node` for a real token at `sequence`: its mask is 1.
const Node *forRealToken(Context &ctx, const Node *node, const Dim *sequence);
/// Whether `node` is 0 where the token at `sequence` is padding.
bool isZeroWherePadded(Context &ctx, const Node *node, const Dim *sequence);

/// softmax(scores) * value, proven to be attention within a sequence.
struct AttentionParts {
  const Node *weights; // of heads, query, key
  const Node *value;   // of heads, key, rows
  const Dim *batch, *query, *key;
  llvm::ArrayRef<const Dim *> heads, row;
};
const Node *emitAttention(Context &ctx, const AttentionParts &parts,
                          mlir::Location loc);

mlir::LogicalResult addCaches(ir::EntryOp entry, mlir::ModuleOp module);
void preferWholes(Context &ctx, mlir::Block &block);
void shareLinears(mlir::Block &block);
void sortOps(mlir::Block &block);

class Raiser {
public:
  Raiser(Context &ctx) : ctx_(ctx), exprs_(ctx.exprs) {}

  /// The forms of the arguments are given through set().
  mlir::LogicalResult raise(mlir::Operation *op);
  void set(mlir::Value value, Form form) { forms_[value] = std::move(form); }
  const Form &form(mlir::Value value) { return forms_[value]; }
  /// The packed value of an entry's result.
  mlir::Value result(mlir::OpOperand &operand);

private:
  using MaybeForm = std::optional<Form>;

  MaybeForm formOf(mlir::Operation *op);
  MaybeForm constant(ir::PrimConstantOp op);
  MaybeForm param(ir::PrimParamOp op);
  MaybeForm iota(ir::PrimIotaOp op);
  MaybeForm elementwise(mlir::Operation *op);
  MaybeForm apply(ir::PrimApplyOp op);
  MaybeForm lookedUp(ir::PrimApplyOp op);
  MaybeForm applyToParts(ir::PrimApplyOp op, ir::LinearOp linear);
  MaybeForm transpose(ir::PrimTransposeOp op);
  MaybeForm expand(mlir::Operation *op);
  MaybeForm slice(ir::PrimSliceOp op);
  MaybeForm concat(ir::PrimConcatOp op);
  MaybeForm gather(ir::PrimGatherOp op);
  MaybeForm cumsum(ir::PrimCumsumOp op);
  MaybeForm cumsumOfRow(ir::PrimCumsumOp op, Form form, const Dim *dim);
  MaybeForm softmax(ir::PrimSoftmaxOp op);
  MaybeForm argmax(ir::PrimArgmaxOp op);
  MaybeForm reduce(mlir::Operation *op);
  MaybeForm reduceRows(mlir::Operation *op, Form form, llvm::StringRef kind,
                       llvm::ArrayRef<int64_t> axes);
  MaybeForm reduceKnown(Form form, llvm::StringRef kind, const Dim *dim);
  MaybeForm reduceSequence(mlir::Operation *op, Form form, llvm::StringRef kind,
                           int64_t axis);
  MaybeForm pool(mlir::Location loc, Form form, size_t axis,
                 llvm::StringRef kind);
  MaybeForm matmul(ir::PrimMatmulOp op);
  MaybeForm linear(mlir::Location loc, const Form &x, const Form &weight,
                   const Axis &inner, const Axis &outer, Form result);
  MaybeForm productOfRows(ir::PrimMatmulOp op, const Form &a, const Form &b,
                          const Axis &inner, Form result);
  MaybeForm context(ir::PrimMatmulOp op, const Form &weights, const Form &value,
                    const Dim *key, Form result);

  /// Which rows a form has an element of each of, for what is read of them.
  struct Place {
    const Dim *batch = nullptr, *sequence = nullptr; // null: of sequences
    llvm::SmallVector<const Node *> at;              // but for the row
    bool ofPositions = false;
  };
  std::optional<Place> placeOf(const Form &form);
  /// An array of `value`, whose rows are at `place`.
  Array *arrayOf(mlir::Value value, const Place &place);
  /// A sum over `inner` of a row's elements times a weight's, for each index
  /// along `outer`, which only the weight has.
  struct RowProduct {
    const Dim *batch, *sequence; // sequence: null for a value of sequences
    llvm::ArrayRef<const Dim *> inner, outer;
  };
  mlir::Value linearOfRow(const RowProduct &product, const Node *x,
                          const Node *weight, mlir::Location loc);
  mlir::Value linearOfParts(const RowProduct &product,
                            llvm::ArrayRef<const Dim *> parts, const Node *x,
                            const Node *weight, mlir::Location loc);

  Array *weightArray(mlir::FlatSymbolRefAttr symbol);
  const Node *elementOf(mlir::Operation *op, llvm::ArrayRef<const Node *> args);
  bool broadcast(llvm::MutableArrayRef<Form> forms, size_t rank);
  void takeMean(Form &form, mlir::Location loc);
  void takeBias(mlir::Operation *op, Form &form);
  ir::LinearOp soleLinear(mlir::Value value, const Node *read);
  /// Makes rows of a form, which then reads them.
  mlir::Value materialize(Form &form, mlir::Location loc);
  void materializeIfShared(mlir::Operation *op, Form &form);
  bool addsVector(mlir::Operation *op);
  /// Whole rows of a form, elements along `last` side by side; `form.expr` then
  /// reads what `make` makes of them, whose last extent is as long, 1 or left
  /// out.
  bool alongRow(Form &form, const Dim *last, mlir::Location loc,
                llvm::function_ref<mlir::Value(mlir::Value)> make);
  std::nullopt_t because(const llvm::Twine &reason) {
    ctx_.because(reason);
    return std::nullopt;
  }

  Context &ctx_;
  Exprs &exprs_;
  llvm::DenseMap<mlir::Value, Form> forms_;
};

} // namespace ft::passes::raise

#endif // FT_PASSES_RAISE_RAISER_H
