//===- Rope.h - rotary embeddings -------------------------------*- C++ -*-===//
#ifndef FT_PASSES_RAISE_ROPE_H
#define FT_PASSES_RAISE_ROPE_H

#include "passes/raise/Raiser.h"

#include <map>

namespace ft::passes::raise {

/// Rows of more elements are no heads.
constexpr int64_t kMaxHead = 1024;

/// What one element of a head is: factor * read, by the read's index.
struct Lane {
  std::map<int64_t, const Node *> factors;
  const Array *array = nullptr;
  const Node *head = nullptr; // the index without the part within the head
};

class RopeMatcher {
public:
  RopeMatcher(Context &ctx, const Dim *sequence,
              llvm::ArrayRef<const Dim *> heads,
              llvm::ArrayRef<const Dim *> dims)
      : heads(heads), ctx_(ctx), exprs_(ctx.exprs), sequence_(sequence),
        dims_(dims) {}

  bool match(const Node *expr);
  mlir::FlatSymbolRefAttr table();

  llvm::ArrayRef<const Dim *> heads;
  int64_t size = 1;    // of a head
  int64_t rotated = 0; // elements that are rotated, the first ones
  bool interleaved = false;
  const Array *array = nullptr;
  const Node *head = nullptr;
  int64_t first = 0; // of a head in its row
  double passed = 1; // factor of what is not rotated
  double factor = 1; // of the result, beside the table
  std::string why;   // of the last refusal

private:
  bool because(const llvm::Twine &reason) {
    why = reason.str();
    return false;
  }
  bool splitLanes(const Node *expr);
  bool addTerm(Lane &lane, const Node *term, double factor);
  bool takePassed(double by);
  bool pairUp(bool inPairs);
  bool isSame(const Node *a, const Node *b);
  mlir::FlatSymbolRefAttr fromFrequencies();
  mlir::FlatSymbolRefAttr geometric(llvm::ArrayRef<double> frequencies,
                                    int64_t positions);
  mlir::FlatSymbolRefAttr fromTables();
  mlir::FlatSymbolRefAttr tabulated(int64_t positions);

  Context &ctx_;
  Exprs &exprs_;
  const Dim *sequence_;
  llvm::ArrayRef<const Dim *> dims_;
  llvm::SmallVector<Lane> lanes_;
  llvm::SmallVector<const Node *> cos_, sin_;
};

} // namespace ft::passes::raise

#endif // FT_PASSES_RAISE_ROPE_H
