//===- Mask.cpp - which keys a query attends to ---------------------------===//
//
// A mask is whatever makes a score very negative. Its conditions compare
// positions, so they change their truth at a few distances of key and query.
// Between those every condition is a constant: the formula is simplified for
// each such range, for real and for padded keys, and looked at.
//
//===----------------------------------------------------------------------===//
#include "passes/raise/Attention.h"

#include "llvm/ADT/SetVector.h"

#include <cmath>
#include <set>

using namespace mlir;

namespace ft::passes::raise {

/// Scores this low have no weight beside any other in fp32.
static constexpr double kMasked = -9999;

namespace {

class Prover {
public:
  Prover(Context &ctx, const Node *scores, const Dim *query, const Dim *key)
      : ctx_(ctx), exprs_(ctx.exprs), scores_(scores), query_(query),
        key_(key) {}

  std::optional<MaskProof> prove();

private:
  struct Range {
    double low, high; // of key position - query position
    bool masked = false;
  };

  std::nullopt_t because(const Twine &reason) {
    ctx_.because(reason);
    return std::nullopt;
  }
  const Node *withKey(const Node *node, bool real);
  bool collectConditions();
  void makeRanges();
  std::optional<double> truth(const Node *condition, double distance);
  const Node *simplified(const Node *node, double distance);
  bool isMasked(const Node *node);
  bool paddingIsMasked();
  std::optional<MaskProof> shape();
  const Node *remaining();
  bool isResolved(const Node *score);

  Context &ctx_;
  Exprs &exprs_;
  const Node *scores_; // of real keys
  const Dim *query_, *key_;
  llvm::SmallSetVector<const Node *, 8> conditions_;
  SmallVector<Range> ranges_;
};

} // namespace

/// The formula where the query is a real token, and the key is or is not.
const Node *Prover::withKey(const Node *node, bool real) {
  node = forRealToken(ctx_, node, query_);
  if (real)
    return forRealToken(ctx_, node, key_);
  return exprs_.rewrite(node, [&](const Node *n) -> const Node * {
    bool mask = n->kind == Node::Read && n->array->kind == Array::Mask &&
                n->args[1] == exprs_.index(key_);
    return mask ? exprs_.constant(0) : nullptr;
  });
}

static bool isComparison(const Node *node) {
  return node->isFn("lt") || node->isFn("le") || node->isFn("eq");
}

/// The truth of a comparison of positions, as a function of their distance.
std::optional<double> Prover::truth(const Node *condition, double distance) {
  const Node *key = exprs_.plus(exprs_.index(query_), distance);
  const Node *value = exprs_.substitute(condition, key_, key);
  if (!value->isConst())
    return std::nullopt;
  return value->value;
}

/// Comparisons between positions. They must be linear in the distance, but for
/// |distance|, so that their truth changes at the distances that makeRanges
/// looks at.
bool Prover::collectConditions() {
  bool fine = true;
  forEachNode(scores_, [&](const Node *node) {
    bool both = node->dependsOn(query_) && node->dependsOn(key_);
    if (!isComparison(node) || !both || !fine)
      return;
    // What compares the results of comparisons is known when they are.
    bool nested = false;
    forEachNode(node, [&](const Node *part) {
      nested |= part != node && isComparison(part);
    });
    if (nested)
      return;
    forEachNode(node, [&](const Node *part) {
      bool sum =
          part->kind == Node::Affine &&
          llvm::all_of(part->coefs, [](double c) { return std::fabs(c) == 1; });
      fine &= part == node || part->isConst() || part->kind == Node::Index ||
              sum || part->isFn("abs");
    });
    unsigned numbers = 0;
    forEachNode(node, [&](const Node *part) { numbers += part->value != 0; });
    if (fine && numbers <= 4 && truth(node, 0))
      conditions_.insert(node);
    else
      fine = false;
  });
  if (!fine)
    ctx_.because("the mask depends on positions by more than their distance");
  return fine;
}

void Prover::makeRanges() {
  std::set<double> starts{-INFINITY, 0, 1};
  for (const Node *condition : conditions_) {
    // A truth changes where the distance is a signed sum of the constants.
    std::set<double> sums{0};
    forEachNode(condition, [&](const Node *part) {
      if (part->value == 0)
        return;
      for (double sum : std::set<double>(sums))
        sums.insert({sum + part->value, sum - part->value});
    });
    for (double sum : sums)
      for (double step : {-1, 0, 1, 2})
        starts.insert(std::floor(sum) + step);
  }
  for (auto it = starts.begin(); it != starts.end(); ++it) {
    auto next = std::next(it);
    double high = next == starts.end() ? INFINITY : *next - 1;
    ranges_.push_back({*it, high});
  }
}

const Node *Prover::simplified(const Node *node, double distance) {
  return exprs_.rewrite(node, [&](const Node *n) -> const Node * {
    if (!conditions_.contains(n))
      return nullptr;
    return exprs_.constant(*truth(n, distance));
  });
}

/// Whether a score is very negative whatever else it says.
bool Prover::isMasked(const Node *node) {
  if (node->isConst())
    return node->value <= kMasked;
  if (node->isFn("max"))
    return isMasked(node->args[0]) && isMasked(node->args[1]);
  if (node->isFn("min"))
    return isMasked(node->args[0]) || isMasked(node->args[1]);
  if (node->isFn("select"))
    return isMasked(node->args[1]) && isMasked(node->args[2]);
  return node->kind == Node::Affine && node->value <= kMasked;
}

/// A distance within the range: where its ends are infinite, one far out.
static double sampleOf(double low, double high) {
  return std::isfinite(low) ? low : std::isfinite(high) ? high : 0;
}

/// Padding follows the real tokens, so only later keys can be padding.
bool Prover::paddingIsMasked() {
  for (const Range &range : ranges_)
    if (range.high >= 1 &&
        !isMasked(simplified(scores_, sampleOf(range.low, range.high))))
      return false;
  return true;
}

std::optional<MaskProof> Prover::shape() {
  std::optional<std::pair<double, double>> seen;
  for (const Range &range : ranges_) {
    if (range.masked)
      continue;
    if (seen && seen->second + 1 != range.low)
      return because("the mask lets a query see keys at separate distances");
    seen = {seen ? seen->first : range.low, range.high};
  }
  if (!seen)
    return because("the mask leaves no key to any query");
  MaskProof proof;
  auto [low, high] = *seen;
  proof.causal = high == 0;
  bool narrow = std::isfinite(low);
  if (narrow)
    proof.window = int64_t(1 - low);
  if (proof.causal || (!narrow && high == INFINITY) ||
      (narrow && low == -high && low < 0))
    return proof;
  return because("the mask lets a query see keys at distances from " +
                 Twine(narrow ? std::to_string(int64_t(low)) : "any") + " to " +
                 (std::isfinite(high) ? std::to_string(int64_t(high)) : "any") +
                 "; attention has causal, windows and both");
}

/// The formula with the conditions that are the same for all keys attended to.
const Node *Prover::remaining() {
  return exprs_.rewrite(scores_, [&](const Node *n) -> const Node * {
    if (!conditions_.contains(n))
      return nullptr;
    std::optional<double> common;
    for (const Range &range : ranges_) {
      if (range.masked)
        continue;
      double value = *truth(n, sampleOf(range.low, range.high));
      if (common && *common != value)
        return n;
      common = value;
    }
    return exprs_.constant(*common);
  });
}

/// A score that is attended to has no number of a mask left in it.
bool Prover::isResolved(const Node *score) {
  bool low = false, ofTokens = false;
  SmallVector<const Node *> left{score};
  llvm::DenseSet<const Node *> seen;
  while (!left.empty()) {
    const Node *node = left.pop_back_val();
    if (node->kind == Node::Dot || !seen.insert(node).second)
      continue;
    low |= (node->isConst() || node->kind == Node::Affine) &&
           (node->value <= kMasked || !std::isfinite(node->value));
    for (double coef : node->coefs)
      low |= std::fabs(coef) >= -kMasked;
    ofTokens |=
        node->kind == Node::Read && (node->array->kind == Array::Tokens ||
                                     node->array->kind == Array::Sequences);
    left.append(node->args.begin(), node->args.end());
  }
  if (ofTokens)
    ctx_.because("the mask depends on values of tokens");
  else if (low)
    ctx_.because("the mask depends on positions by more than their distance");
  return !low && !ofTokens;
}

std::optional<MaskProof> Prover::prove() {
  const Node *all = scores_;
  scores_ = withKey(all, true);
  scores_ = resolveTables(exprs_, scores_, query_, key_);
  if (!collectConditions())
    return std::nullopt;
  makeRanges();
  for (Range &range : ranges_)
    range.masked =
        isMasked(simplified(scores_, sampleOf(range.low, range.high)));
  std::optional<MaskProof> proof = shape();
  if (!proof)
    return std::nullopt;
  proof->score = remaining();
  if (!isResolved(proof->score))
    return std::nullopt;
  if (!ctx_.hasMask)
    return proof;
  Prover padding(ctx_, resolveTables(exprs_, withKey(all, false), query_, key_),
                 query_, key_);
  if (!padding.collectConditions())
    return std::nullopt;
  padding.makeRanges();
  if (!padding.paddingIsMasked())
    return because("padded keys are not masked, so padding would change the "
                   "result of real tokens");
  return proof;
}

std::optional<MaskProof> proveMask(Context &ctx, const Node *scores,
                                   const Dim *query, const Dim *key) {
  return Prover(ctx, scores, query, key).prove();
}

} // namespace ft::passes::raise
