//===- AttentionParts.cpp - attention with its prologue -------------------===//
#include "passes/AttentionParts.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {

/// The type that q, k, v, the planes and the result have in common; null where
/// they differ.
static Type commonElement(const AttentionParts &parts) {
  CacheAppendOp append = parts.append;
  AttentionOp attention = parts.attention;
  Type element = attention.getType().getElementType();
  SmallVector<Type> others{attention.getQuery().getType().getElementType(),
                           append.getKey().getType().getElementType(),
                           append.getValue().getType().getElementType()};
  CacheOp cache = lookupCache(attention, attention.getCacheAttr());
  for (auto plane : cache.getPlanes().getAsRange<PlaneAttr>())
    others.push_back(plane.getElementType());
  bool same = llvm::all_of(others, [&](Type type) { return type == element; });
  return same ? element : Type();
}

AttentionForm AttentionParts::form() const {
  AttentionForm form;
  form.append = static_cast<bool>(append);
  form.rope = static_cast<bool>(queryRope);
  form.norm = static_cast<bool>(queryNorm);
  if (!form.append)
    return form;
  CacheAppendOp stored = append;
  form.headSize = stored.getKey().getType().getLastDim();
  form.valueSize = stored.getValue().getType().getLastDim();
  form.element = commonElement(*this);
  return form;
}

SmallVector<Operation *> AttentionParts::ops() const {
  SmallVector<Operation *> ops{attention};
  for (Operation *op :
       {static_cast<Operation *>(append), static_cast<Operation *>(queryRope),
        static_cast<Operation *>(keyRope), static_cast<Operation *>(queryNorm),
        static_cast<Operation *>(keyNorm)})
    if (op)
      ops.push_back(op);
  llvm::sort(ops,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ops;
}

//===----------------------------------------------------------------------===//
// Growth
//===----------------------------------------------------------------------===//

using Fits = llvm::function_ref<bool(const AttentionForm &)>;

/// The only append to the attention's layer, if no other operation on that
/// layer stands between the two: then it may be done where the attention is.
static CacheAppendOp ownAppend(AttentionOp attention) {
  CacheAppendOp found;
  if (!attention.getCacheAttr())
    return found;
  for (Operation &op : *attention->getBlock()) {
    if (auto append = dyn_cast<CacheAppendOp>(op)) {
      if (append.getCacheAttr() != attention.getCacheAttr() ||
          append.getLayer() != attention.getLayer())
        continue;
      if (found || !append->isBeforeInBlock(attention))
        return {};
      found = append;
    }
    auto reader = dyn_cast<AttentionOp>(op);
    if (reader && reader != attention && found &&
        reader.getCacheAttr() == attention.getCacheAttr() &&
        reader.getLayer() == attention.getLayer() &&
        reader->isBeforeInBlock(attention))
      return {};
  }
  if (found && found.getSequences() != attention.getSequences())
    return {};
  return found;
}

/// What makes `value`, where it is an Op that nobody else reads.
template <typename Op> static Op soleSource(Value value, Block *block) {
  auto op = value.getDefiningOp<Op>();
  return op && op->getBlock() == block && value.hasOneUse() ? op : Op();
}

static void growRope(AttentionParts &parts, Fits fits) {
  Block *block = parts.attention->getBlock();
  auto query = soleSource<RopeOp>(parts.attention.getQuery(), block);
  auto key = soleSource<RopeOp>(parts.append.getKey(), block);
  if (!query || !key || query.getTableAttr() != key.getTableAttr() ||
      query.getInterleaved() != key.getInterleaved() ||
      query.getSequences() != parts.attention.getSequences() ||
      key.getSequences() != parts.attention.getSequences())
    return;
  parts.queryRope = query;
  parts.keyRope = key;
  if (!fits(parts.form()))
    parts.queryRope = parts.keyRope = {};
}

static void growNorm(AttentionParts &parts, Fits fits) {
  Block *block = parts.attention->getBlock();
  Value query = parts.attention.getQuery(), key = parts.append.getKey();
  if (parts.queryRope) {
    query = parts.queryRope.getInput();
    key = parts.keyRope.getInput();
  }
  parts.queryNorm = soleSource<RmsNormOp>(query, block);
  parts.keyNorm = soleSource<RmsNormOp>(key, block);
  if (!parts.queryNorm || !parts.keyNorm || !fits(parts.form()))
    parts.queryNorm = parts.keyNorm = {};
}

static AttentionParts grow(AttentionOp attention, Fits fits) {
  AttentionParts parts;
  parts.attention = attention;
  parts.append = ownAppend(attention);
  if (parts.append && !fits(parts.form()))
    parts.append = {};
  if (!parts.append)
    return parts;
  growRope(parts, fits);
  growNorm(parts, fits);
  return parts;
}

AttentionParts growAttention(AttentionOp attention, const KernelContext &ctx) {
  return grow(attention, [&](const AttentionForm &form) {
    return findAttention(form, ctx) != nullptr;
  });
}

FailureOr<AttentionParts> analyzeAttention(FusedOp fused) {
  Block &block = fused.getBody().front();
  auto attentions = block.getOps<AttentionOp>();
  if (attentions.empty())
    return failure();
  // Without limits, growth finds whatever form the region has.
  AttentionParts parts =
      grow(*attentions.begin(), [](const AttentionForm &) { return true; });
  if (parts.ops().size() + 1 != block.getOperations().size())
    return failure();
  return parts;
}

} // namespace ft::passes
