//===- DecideSplits.cpp - which groups of values to split -----------------===//
//
// Query heads first, with the kv heads they read; then, in program order, the
// features between two linears, at most one side of a linear; then vocabularies
// of linears that end in entry results, argmax and the like.
// docs/rationale/partition.md says why.
//
//===----------------------------------------------------------------------===//
#include "passes/partition/PaddingProof.h"
#include "passes/partition/SplitGroups.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <numeric>

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {

/// Indices travel as fp32 from local_argmax to merge_argmax.
static constexpr int64_t kMaxArgmax = int64_t(1) << 24;

/// "2, 3, 4, 6 or 12": the numbers of ranks that divide every attention's
/// heads and `extent`.
std::string SplitGroups::divisors(int64_t extent) const {
  for (AttentionOp attention : attentions_)
    extent = std::gcd(extent, firstExtent(attention.getQuery()));
  SmallVector<std::string> list;
  for (int64_t ranks = 1; ranks <= extent; ++ranks)
    if (extent % ranks == 0)
      list.push_back(std::to_string(ranks));
  std::string last = list.pop_back_val();
  return list.empty() ? last : llvm::join(list, ", ") + " or " + last;
}

/// No linear has both its input and its result split.
bool SplitGroups::linearsAllow(const Group &group) const {
  return llvm::none_of(
             group.makers,
             [&](LinearOp linear) { return isSplit(linear.getInput()); }) &&
         llvm::none_of(group.readers, [&](LinearOp linear) {
           return isSplit(linear.getResult());
         });
}

/// Queries whose keys are needed whole are not split, and the other way round,
/// through all layers of a cache.
void SplitGroups::keepUndivided() {
  for (bool changed = true; changed;) {
    changed = false;
    for (AttentionOp attention : attentions_) {
      Group *query = groupOf(attention.getQuery());
      Group *keys = groupOf(keysOf_.lookup(attention));
      bool whole = !isDivisible(*query) || !isDivisible(*keys);
      changed |= whole && !(query->whole && keys->whole);
      query->whole |= whole;
      keys->whole |= whole;
    }
  }
}

LogicalResult SplitGroups::splitHeads(AttentionOp attention) {
  Group *query = groupOf(attention.getQuery());
  Group *keys = groupOf(keysOf_.lookup(attention));
  if (!isDivisible(*query))
    return success();
  if (query->extent % ranks_ != 0)
    return attention.emitError()
           << "its axis of query heads, " << query->extent
           << ", does not divide over tp " << ranks_ << "; tp "
           << divisors(query->extent) << " would do";
  query->shard = Shard::even(query->extent, ranks_);
  keys->shard = Shard::keyHeads(keys->extent, ranks_);
  if (linearsAllow(*query) && linearsAllow(*keys))
    return success();
  return attention.emitError()
         << "its axis of query heads, " << query->extent
         << ", is made from another split axis by one linear; tp 1 would do";
}

LogicalResult SplitGroups::splitFeatures(Group &group) {
  if (group.shard || !isDivisible(group) || group.makers.empty() ||
      group.readers.empty() || !linearsAllow(group))
    return success();
  Shard shard = Shard::even(group.extent, ranks_);
  if (shard.padded > shard.whole && !zerosStayFinite(group.values))
    return group.makers.front().emitError()
           << "its axis of features, " << group.extent
           << ", does not divide over tp " << ranks_
           << ", and zeros after it would not stay finite; tp "
           << divisors(group.extent) << " would do";
  group.shard = shard;
  return success();
}

void SplitGroups::splitVocabulary(Group &group) {
  bool head = group.argmax || (group.whole && group.vocabulary);
  if (!head || group.fixed || group.shard || group.makers.empty() ||
      !group.readers.empty() || !linearsAllow(group) ||
      (group.argmax && group.extent > kMaxArgmax))
    return;
  group.shard = Shard::even(group.extent, ranks_);
}

LogicalResult SplitGroups::decide() {
  keepUndivided();
  for (AttentionOp attention : attentions_)
    if (failed(splitHeads(attention)))
      return failure();
  for (auto &[root, group] : groups_)
    if (failed(splitFeatures(group)))
      return failure();
  for (auto &[root, group] : groups_)
    splitVocabulary(group);
  bool any = llvm::any_of(groups_, [](const auto &entry) {
    return entry.second.shard.has_value();
  });
  if (any)
    return success();
  return module_.emitError() << "no axis of this program can be split over tp "
                             << ranks_ << "; tp 1 would do";
}

} // namespace ft::passes
