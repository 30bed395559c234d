//===- WarpOps.cpp - what lanes of a warp do together ---------------------===//
//
// An instruction waits until all lanes of its mask that have not ended are at
// it.
//
//===----------------------------------------------------------------------===//
#include "Lanes.h"

#include <algorithm>

using namespace ft;
using namespace ft::emulator;

/// The lanes of `mask` that name the same lanes as its first one.
static uint32_t sameSet(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *names = w.lanes<uint32_t>(i.c);
  uint32_t named = names[std::countr_zero(mask)], set = 0;
  for (uint32_t m = mask; m; m &= m - 1)
    if (names[std::countr_zero(m)] == named)
      set |= m & -m;
  return set;
}

/// `f` for each set of lanes that name each other (the register or constant
/// `i.c`), once all of them are here: a warp may hold several sets.
template <auto f> static Flow bySets(Warp &w, const Inst &i, uint32_t mask) {
  for (uint32_t rest = mask; rest;) {
    uint32_t set = sameSet(w, i, rest);
    uint32_t named = w.lanes<uint32_t>(i.c)[std::countr_zero(set)];
    if (uint32_t others = set & ~named)
      return w.fail(i, uint32_t(std::countr_zero(others)),
                    "its mask leaves the lane out");
    if (uint32_t others = named & mask & ~set)
      return w.fail(i, uint32_t(std::countr_zero(others)),
                    "its mask differs from that of a lane that names it");
    if (named & w.live & ~set)
      return Flow::Retry;
    rest &= ~set;
  }
  for (uint32_t rest = mask; rest;) {
    uint32_t set = sameSet(w, i, rest);
    if (Flow flow = f(w, i, set); flow != Flow::Next)
      return flow;
    rest &= ~set;
  }
  return Flow::Next;
}

enum class Shuffle { Up, Down, Xor, Index };

/// Inst::lists: the clamp and, if wanted, the predicate.
template <Shuffle kind>
static Flow shuffle(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *extra = &w.function->lists[i.list];
  const uint32_t *a = w.lanes<uint32_t>(i.a), *b = w.lanes<uint32_t>(i.b),
                 *clamps = w.lanes<uint32_t>(extra[0]);
  uint32_t *d = w.lanes<uint32_t>(i.d);
  uint32_t values[32], inside = 0;
  for (uint32_t m = mask; m; m &= m - 1) {
    int lane = std::countr_zero(m);
    int offset = int(b[lane] & 31);
    int clamp = int(clamps[lane] & 31), segment = int(clamps[lane] >> 8 & 31);
    int least = lane & segment, top = least | (clamp & ~segment), from = lane;
    bool good = true;
    switch (kind) {
    case Shuffle::Up: // the clamp is the segment's beginning
      from = lane - offset;
      good = from >= top;
      break;
    case Shuffle::Down:
      from = lane + offset;
      good = from <= top;
      break;
    case Shuffle::Xor:
      from = lane ^ offset;
      good = from <= top;
      break;
    case Shuffle::Index:
      from = least | (offset & ~segment);
      good = from <= top;
      break;
    }
    if (!good)
      from = lane;
    if (!(mask >> from & 1))
      return w.fail(i, uint32_t(lane),
                    "reads lane " + std::to_string(from) +
                        ", which does not take part");
    values[lane] = a[from];
    inside |= uint32_t(good) << lane;
  }
  for (uint32_t m = mask; m; m &= m - 1)
    d[std::countr_zero(m)] = values[std::countr_zero(m)];
  if (i.count > 1) {
    uint32_t &p = w.predicate(extra[1]);
    p = (p & ~mask) | (inside & mask);
  }
  return Flow::Next;
}

static Status decodeShuffle(Decoder &d) {
  if (!d.take("sync") || !d.take("b32"))
    return d.unknown();
  std::string_view kind = d.takeOneOf({"up", "down", "bfly", "idx"});
  std::vector<uint32_t> extra;
  d.inst.a = d.source(1, 4, true);
  d.inst.b = d.source(2, 4);
  extra.push_back(d.source(3, 4));
  d.inst.c = d.source(4, 4);
  const Operand &to = d.operand(0);
  if (to.kind == Operand::Pair) {
    extra.push_back(d.destination(to.parts[1], 0));
    d.inst.d = d.destination(to.parts[0], 4);
  } else {
    d.inst.d = d.destination(to, 4);
  }
  d.list(extra);
  return d.emit(kind == "up"     ? bySets<shuffle<Shuffle::Up>>
                : kind == "down" ? bySets<shuffle<Shuffle::Down>>
                : kind == "bfly" ? bySets<shuffle<Shuffle::Xor>>
                : kind == "idx"  ? bySets<shuffle<Shuffle::Index>>
                                 : nullptr);
}

enum class Vote { All, Any, Uniform, Ballot };

template <Vote vote> static Flow voteOf(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t yes = w.predicate(i.a) & mask;
  if constexpr (vote == Vote::Ballot) {
    uint32_t *d = w.lanes<uint32_t>(i.d);
    eachLane(mask, [=](uint32_t lane) { d[lane] = yes; });
  } else {
    bool result = vote == Vote::All   ? yes == mask
                  : vote == Vote::Any ? yes != 0
                                      : yes == 0 || yes == mask;
    uint32_t &d = w.predicate(i.d);
    d = result ? d | mask : d & ~mask;
  }
  return Flow::Next;
}
static Status decodeVote(Decoder &d) {
  if (!d.take("sync"))
    return d.unknown();
  std::string_view kind = d.takeOneOf({"all", "any", "uni", "ballot"});
  std::string_view type = d.takeType();
  d.inst.a = d.source(1, 0);
  d.inst.c = d.source(2, 4);
  d.inst.d = d.destination(0, type == "pred" ? 0 : 4);
  return d.emit(kind == "all"      ? bySets<voteOf<Vote::All>>
                : kind == "any"    ? bySets<voteOf<Vote::Any>>
                : kind == "uni"    ? bySets<voteOf<Vote::Uniform>>
                : kind == "ballot" ? bySets<voteOf<Vote::Ballot>>
                                   : nullptr);
}

template <typename T, bool all>
static Flow match(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.lanes<T>(i.a);
  uint32_t result[32], whole = 0;
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m)), same = 0;
    for (uint32_t n = mask; n; n &= n - 1)
      if (a[std::countr_zero(n)] == a[lane])
        same |= n & -n;
    whole |= uint32_t(same == mask) << lane;
    result[lane] = all && same != mask ? 0 : same;
  }
  for (uint32_t m = mask; m; m &= m - 1)
    w.lanes<uint32_t>(i.d)[std::countr_zero(m)] = result[std::countr_zero(m)];
  if (i.count) {
    uint32_t &p = w.predicate(w.function->lists[i.list]);
    p = (p & ~mask) | whole;
  }
  return Flow::Next;
}
static Status decodeMatch(Decoder &d) {
  if (!d.take("sync"))
    return d.unknown();
  bool all = d.takeOneOf({"any", "all"}) == "all";
  uint32_t bytes = typeBytes(d.takeType());
  d.inst.a = d.source(1, bytes);
  d.inst.c = d.source(2, 4);
  const Operand &to = d.operand(0);
  if (to.kind == Operand::Pair) {
    uint32_t second[] = {d.destination(to.parts[1], 0)};
    d.list(second);
  }
  d.inst.d = d.destination(to.kind == Operand::Pair ? to.parts[0] : to, 4);
  return d.emit(bytes == 8 ? (all ? bySets<match<uint64_t, true>>
                                  : bySets<match<uint64_t, false>>)
                           : (all ? bySets<match<uint32_t, true>>
                                  : bySets<match<uint32_t, false>>));
}

template <typename T, auto f>
static Flow reduce(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.lanes<T>(i.a);
  T *d = w.lanes<T>(i.d), y = a[std::countr_zero(mask)];
  for (uint32_t m = mask & (mask - 1); m; m &= m - 1)
    y = f(y, a[std::countr_zero(m)]);
  eachLane(mask, [=](uint32_t lane) { d[lane] = y; });
  return Flow::Next;
}
template <typename T> static Handler reduction(std::string_view kind) {
  using U = uint32_t;
  return kind == "add"
             ? bySets<reduce<T, [](T a, T b) { return T(U(a) + U(b)); }>>
         : kind == "min"
             ? bySets<reduce<T, [](T a, T b) { return std::min(a, b); }>>
         : kind == "max"
             ? bySets<reduce<T, [](T a, T b) { return std::max(a, b); }>>
         : kind == "and" ? bySets<reduce<T, [](T a, T b) { return T(a & b); }>>
         : kind == "or"  ? bySets<reduce<T, [](T a, T b) { return T(a | b); }>>
         : kind == "xor" ? bySets<reduce<T, [](T a, T b) { return T(a ^ b); }>>
                         : nullptr;
}
static Status decodeReduce(Decoder &d) {
  if (!d.take("sync"))
    return d.unknown();
  std::string_view kind =
      d.takeOneOf({"add", "min", "max", "and", "or", "xor"});
  std::string_view type = d.takeType();
  d.inst.a = d.source(1, 4);
  d.inst.c = d.source(2, 4);
  d.inst.d = d.destination(0, 4);
  return d.emit(type == "s32" ? reduction<int32_t>(kind)
                              : reduction<uint32_t>(kind));
}

/// The first lane; which one is not promised.
static Flow elect(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t first = uint32_t(std::countr_zero(mask));
  uint32_t *d = w.lanes<uint32_t>(i.d);
  eachLane(mask, [=](uint32_t lane) { d[lane] = first; });
  uint32_t &p = w.predicate(w.function->lists[i.list]);
  p = (p & ~mask) | 1u << first;
  return Flow::Next;
}
static Status decodeElect(Decoder &d) {
  const Operand &to = d.operand(0);
  if (!d.take("sync") || to.kind != Operand::Pair)
    return d.unknown();
  d.inst.c = d.source(1, 4);
  uint32_t second[] = {d.destination(to.parts[1], 0)};
  d.list(second);
  d.inst.d = d.destination(to.parts[0], 4);
  return d.emit(bySets<elect>);
}

std::span<const Opcode> emulator::warpOpcodes() {
  static const Opcode table[] = {
      {"shfl", decodeShuffle}, {"vote", decodeVote},   {"match", decodeMatch},
      {"redux", decodeReduce}, {"elect", decodeElect},
  };
  return table;
}
