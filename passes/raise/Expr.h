//===- Expr.h - what an element of a padded value is ------------*- C++ -*-===//
//
// Raising describes every padded value by a formula for one of its elements:
// over the indices along its dimensions, reads of arrays (weights, packed
// values, the mask) and scalar functions. Reshapes, transposes, slices and
// repetitions only change indices, so spellings of one thing become one
// formula. Nodes are hash-consed: equal formulas are equal pointers.
//
//===----------------------------------------------------------------------===//
#ifndef FT_PASSES_RAISE_EXPR_H
#define FT_PASSES_RAISE_EXPR_H

#include "ir/Ft.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/FoldingSet.h"
#include "llvm/Support/Allocator.h"

#include <deque>
#include <functional>
#include <optional>

namespace ft::passes::raise {

/// A dimension that an index runs along. Two dimensions are the same only if
/// they are one object.
struct Dim {
  enum Kind { Batch, Sequence, Literal };
  Kind kind = Literal;
  int64_t size = 0; // Literal; at least 2
  unsigned id = 0;
};

/// Something that elements are read of.
struct Array {
  enum Kind {
    Param,     // a weight; an index an axis
    Numbers,   // known numbers; an index an axis
    Tokens,    // a packed value of tokens: batch, sequence, index in the row
    Sequences, // a packed value of sequences: batch, index in the row
    Mask,      // the padding mask: batch, sequence
    MaskCount, // real tokens up to and with this one: batch, sequence
    Length,    // real tokens of a sequence: batch
  };
  Kind kind = Numbers;
  mlir::StringAttr symbol;          // Param, and Numbers that are one
  llvm::SmallVector<int64_t> shape; // Param, Numbers
  llvm::SmallVector<double> data;   // Numbers
  mlir::Value value;                // Tokens, Sequences
  bool zeroWherePadded = false;     // Tokens: the source value is 0 there
  bool ofPositions = false; // Tokens: the same for all sequences; read at 0
  unsigned id = 0;          // from 1, in the order of creation
};

/// A node of a formula.
struct Node : llvm::FoldingSetNode {
  enum Kind {
    Const,   // value
    Index,   // along dim
    Affine,  // value + sum coefs[i] * args[i]
    Read,    // array at args
    Fn,      // fn of args
    Dot,     // sum over bound of args[0] * args[1]
    Reduce,  // fn (sum, max, min) of args[0] over bound[0], a sequence
    Softmax, // softmax of args[0] over bound[0], at args[1]
  };
  Kind kind;
  double value = 0;
  const Dim *dim = nullptr;
  const Array *array = nullptr;
  llvm::StringRef fn;
  llvm::ArrayRef<const Node *> args;
  llvm::ArrayRef<double> coefs;
  llvm::ArrayRef<const Dim *> bound;
  /// Dimensions whose index the value depends on.
  llvm::ArrayRef<const Dim *> free;
  unsigned order = 0; // of creation
  /// The last of the arrays that are read: terms and factors stand in the order
  /// in which the program makes them, however it spells their sum.
  unsigned rank = 0;
  bool integer = false;

  explicit Node(Kind kind) : kind(kind) {}
  void Profile(llvm::FoldingSetNodeID &id) const;
  bool before(const Node *other) const {
    return std::pair(rank, order) < std::pair(other->rank, other->order);
  }
  bool isConst() const { return kind == Const; }
  bool isConst(double wanted) const { return kind == Const && value == wanted; }
  bool isFn(llvm::StringRef name) const { return kind == Fn && fn == name; }
  bool dependsOn(const Dim *d) const { return llvm::is_contained(free, d); }
  bool dependsOn(llvm::ArrayRef<const Dim *> dims) const {
    return llvm::any_of(dims, [&](const Dim *d) { return dependsOn(d); });
  }
};

using NodeMap = llvm::DenseMap<const Node *, const Node *>;
using DimMap = llvm::DenseMap<const Dim *, const Node *>;

/// Owns nodes, dimensions and arrays; its constructors simplify.
class Exprs {
public:
  const Dim *dim(Dim::Kind kind, int64_t size = 0);
  const Dim *like(const Dim *old) { return dim(old->kind, old->size); }
  Array *array(Array::Kind kind);

  const Node *constant(double value);
  const Node *index(const Dim *dim);
  const Node *affine(double constant,
                     llvm::ArrayRef<std::pair<const Node *, double>> terms);
  const Node *read(const Array *array, llvm::ArrayRef<const Node *> args);
  const Node *fn(llvm::StringRef name, llvm::ArrayRef<const Node *> args);
  const Node *dot(const Node *a, const Node *b,
                  llvm::ArrayRef<const Dim *> bound);
  const Node *reduce(llvm::StringRef name, const Node *arg, const Dim *bound);
  const Node *softmax(const Node *arg, const Dim *bound, const Node *at);

  const Node *add(const Node *a, const Node *b) {
    return affine(0, {{a, 1}, {b, 1}});
  }
  const Node *sub(const Node *a, const Node *b) {
    return affine(0, {{a, 1}, {b, -1}});
  }
  const Node *scaled(const Node *a, double by) { return affine(0, {{a, by}}); }
  const Node *plus(const Node *a, double by) { return affine(by, {{a, 1}}); }
  const Node *mul(const Node *a, const Node *b);
  const Node *div(const Node *a, const Node *b);
  const Node *select(const Node *c, const Node *a, const Node *b);
  const Node *floorDiv(const Node *a, int64_t by);
  const Node *mod(const Node *a, int64_t by);

  /// `node` with indices replaced.
  const Node *substitute(const Node *node, const DimMap &dims);
  const Node *substitute(const Node *node, const Dim *dim, const Node *by) {
    DimMap map;
    map[dim] = by;
    return substitute(node, map);
  }
  /// `node` with every node that `replace` has another one for replaced;
  /// null keeps a node and goes on below it.
  const Node *rewrite(const Node *node,
                      llvm::function_ref<const Node *(const Node *)> replace);

  /// The same arguments with another operation, simplified.
  const Node *rebuild(const Node *node, llvm::ArrayRef<const Node *> args);

private:
  const Node *intern(Node &node);
  const Node *rewriteImpl(const Node *node,
                          llvm::function_ref<const Node *(const Node *)> f,
                          NodeMap &done);
  const Node *substituteImpl(const Node *node, const DimMap &dims,
                             NodeMap &done);

  llvm::BumpPtrAllocator allocator_;
  llvm::FoldingSet<Node> nodes_;
  std::deque<Dim> dims_;
  std::deque<Array> arrays_;
  unsigned order_ = 0;
};

/// Takes a factor out that all terms of `node` have: of both halves of a
/// rotation, say.
double takeCommonFactor(Exprs &exprs, const Node *&node);

/// The values an integer node can have: [low, high], infinite where unknown.
std::pair<double, double> rangeOf(const Node *node);

/// The number a function gives for numbers.
double evaluateFn(llvm::StringRef fn, llvm::ArrayRef<double> args);

/// constant + sum coefs[d] * index d, the form of an index that a view has;
/// none where `node` is anything else.
struct AffineIndex {
  double constant = 0;
  llvm::SmallVector<std::pair<const Dim *, double>> terms;
  double coefficient(const Dim *dim) const;
};
std::optional<AffineIndex> affineIndex(const Node *node);

/// Nodes that are alike but for numbers that grow evenly, as one formula over
/// the index along `dim`: nodes[i] with i for it. Null where they are not.
const Node *antiUnify(Exprs &exprs, llvm::ArrayRef<const Node *> nodes,
                      const Dim *dim);

/// Calls `visit` for every node below and with `node`, once each.
void forEachNode(const Node *node,
                 llvm::function_ref<void(const Node *)> visit);

} // namespace ft::passes::raise

#endif // FT_PASSES_RAISE_EXPR_H
