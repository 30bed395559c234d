//===- AttentionDecodeForm.cpp - attention of few tokens, cut -------------===//
#include "codegen/cuda/AttentionDecodeForm.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace ft;
using namespace ft::codegen;

/// attention_decode.cuh: keys of a block. attention_ring.cuh: rows of a pass
/// over parts.
static constexpr int64_t kBlock = 16, kPassRows = 4;
/// Shared memory of a multiprocessor's CTAs, of which one to three take all
/// that they can have.
static constexpr int64_t kShared = 226 * 1024;
/// Blocks under way in a CTA's ring: more only makes reading slower, but for
/// sequences of which it holds a large part.
static constexpr int64_t kRingBytes = 64 * 1024;
static constexpr int64_t kShortRingBytes = 128 * 1024;
/// CTAs that start together where there are clusters (cluster.cuh).
static constexpr int64_t kCluster = 8;

static int64_t up(int64_t x, int64_t to) {
  return int64_t(llvm::alignTo(uint64_t(x), uint64_t(to)));
}

/// Columns of tensor copies.
static int64_t columns(int64_t width) {
  return int64_t(llvm::divideCeil(uint64_t(width), 64));
}

/// What a cluster sends.
static int64_t inboxBytes(const DecodeForm &form, const AttentionShape &shape) {
  return form.cluster > 1 ? 24 * up(form.rows * shape.dv / 4, kCluster) : 0;
}

static DecodeForm tilesOf(const AttentionShape &shape) {
  DecodeForm form;
  form.pack = std::min<int64_t>(shape.heads / shape.kvHeads, 16);
  form.rows = form.pack <= 8 ? 8 : 16;
  return form;
}

/// Tiles of a token.
static int64_t tilesOfToken(const DecodeForm &form,
                            const AttentionShape &shape) {
  int64_t group = shape.heads / shape.kvHeads;
  return shape.kvHeads *
         int64_t(llvm::divideCeil(uint64_t(group), uint64_t(form.pack)));
}

/// One block of a warp under way is mostly all that few sequences have.
DecodeForm codegen::portableForm(const AttentionShape &shape,
                                 const LaunchContext &context) {
  DecodeForm form = tilesOf(shape);
  bool few = context.maxTokens > 0 && context.maxTokens <= 8;
  form.cluster = few ? kCluster : 1;
  auto pitch = [&](int64_t x) { return up(x, 16) + 8; };
  form.stages = few ? 1 : 2;
  int64_t slot = kBlock * 2 * (pitch(shape.d) + pitch(shape.dv));
  int64_t part = form.rows * 4 * (shape.dv + 4);
  int64_t own = form.warps * std::max(form.stages * slot, part) +
                form.rows * 2 * pitch(shape.d);
  form.sharedBytes = up(own, 16) + inboxBytes(form, shape);
  if (few && shape.dv <= 128 && form.rows == 8)
    form.each = 3; // by registers
  form.ctas = context.multiprocessors / form.cluster * form.cluster;
  form.mostCtas = 2 * form.ctas;
  if (few)
    form.perTokens = 4;
  else
    form.ctas = form.mostCtas;
  return form;
}

/// The ring of a form that is else complete, and its shared memory: of
/// `ringBytes`, or of two blocks a warp where these are more.
static void divideRing(DecodeForm &form, const AttentionShape &shape,
                       int64_t ringBytes) {
  int64_t slot = 128 * form.keys * (columns(shape.d) + columns(shape.dv));
  int64_t q = 2 * form.rows * (up(shape.d, 16) + 8);
  int64_t parts = form.warps * kPassRows * 4 * (shape.dv + 4);
  int64_t own = 1024 + (shape.d <= 128 ? std::max(q, parts) : q + parts) +
                inboxBytes(form, shape);
  int64_t room = kShared / form.each - 1024 - own; // 1 KB a CTA is the system's
  int64_t stages =
      std::min(room, std::max(ringBytes, 2 * form.warps * slot)) / slot;
  form.stages = stages / form.warps * form.warps;
  form.sharedBytes = own + form.stages * slot;
}

namespace {

/// A form and up to how many tokens it is the fastest one.
struct Reach {
  DecodeForm form;
  int64_t tokens;
};

} // namespace

/// Those of `all` that some batch of the program uses, named by it.
static std::vector<DecodeForm> reached(std::vector<Reach> all,
                                       const LaunchContext &context) {
  std::vector<DecodeForm> forms;
  int64_t from = context.maxTokens > 8 ? 9 : 1;
  for (Reach &reach : all) {
    int64_t to = std::min(reach.tokens, context.maxTokens);
    if (to < from)
      continue;
    reach.form.atRows = {from};
    if (to > from)
      reach.form.atRows.push_back(to);
    forms.push_back(std::move(reach.form));
    from = to + 1;
  }
  if (forms.size() == 1)
    forms[0].name.clear(), forms[0].atRows.clear();
  return forms;
}

/// As measured on an H200 (docs/rationale/decode.md). One token of a short
/// sequence goes without the ring (GPT-2: 2.2 us in a chain, with it 3.1). Few
/// tiles take little time beside what starts, waits and merges: teams in
/// clusters, which leave some multiprocessors empty, and of which one must have
/// room for two CTAs: else the last clusters would wait for others' end. Then a
/// CTA a multiprocessor. More tiles than those are CTAs of their own if three
/// of them share a multiprocessor: while one begins or ends, the others read.
/// Wide heads leave no room for that (8B, 64 sequences: 35.8 us with two that
/// stay, three for a tile each 38.0).
std::vector<DecodeForm> codegen::hopperForms(const AttentionShape &shape,
                                             const LaunchContext &context,
                                             const DecodeUse &use) {
  constexpr int64_t any = int64_t(1) << 30;
  DecodeForm base = tilesOf(shape);
  int64_t processors = context.multiprocessors;
  int64_t wide = columns(shape.d) + columns(shape.dv);
  bool narrow = base.rows == 8 && wide == 2;
  base.ring = true;
  base.keys = narrow && use.pageSize % 32 == 0 ? 32 : kBlock;
  base.loaders = base.keys == 32 ? 1 : 2;
  // Two CTAs of 16 rows have too few registers, of wide heads too few blocks.
  base.each = base.rows == 8 && wide <= 4 ? 2 : 1;
  int64_t tiles = tilesOfToken(base, shape);

  DecodeForm teams = base;
  teams.name = "teams";
  teams.cluster = kCluster;
  teams.mostCtas = teams.ctas = processors / kCluster * kCluster;
  divideRing(teams, shape, kRingBytes);

  DecodeForm several = base;
  several.name = "several";
  several.mostCtas = several.ctas = base.each * processors;
  if (narrow) {
    several.each = 3;
    several.loaders = 1;
    several.ctas = tiles, several.perTokens = 1;
    several.mostCtas = tiles * context.maxTokens;
  }
  divideRing(several, shape, kRingBytes);

  // The same kernel, or one that holds a large part of a tile's keys.
  bool holds = use.isShort && base.keys == 32;
  DecodeForm alone = several;
  alone.name = "alone";
  alone.mostCtas = alone.ctas = processors;
  alone.perTokens = 0;
  if (holds) {
    alone.warps = 8, alone.each = 1;
    divideRing(alone, shape, kShortRingBytes);
  }

  std::vector<Reach> all;
  bool few = context.maxTokens <= 8;
  int64_t single = processors / tiles; // tokens with a CTA a tile
  if (few && use.isShort) {
    all.push_back({portableForm(shape, context), 1});
    all[0].form.name = "one";
  }
  if (few && base.each == 2)
    all.push_back({teams, holds ? teams.ctas / 2 / tiles : single});
  if (base.each == 1 || !few || holds)
    all.push_back({alone, base.each == 1 ? any : single});
  all.push_back({several, any});
  return reached(std::move(all), context);
}
