//===- Races.cpp - accesses of shared memory that nothing orders ----------===//
#include "Races.h"

#include <algorithm>
#include <atomic>
#include <bit>

using namespace ft;
using namespace ft::emulator;

//===----------------------------------------------------------------------===//
// Shadow
//===----------------------------------------------------------------------===//

thread_local std::vector<std::vector<Shadow::Piece>> Shadow::spare_;

Shadow::Shadow() {
  if (spare_.empty())
    return;
  pieces_ = std::move(spare_.back());
  spare_.pop_back();
}
Shadow::~Shadow() { spare_.push_back(std::move(pieces_)); }

void Shadow::reset(uint32_t bytes) {
  static std::atomic<uint64_t> generations{0};
  if (size_t count = (bytes + kPiece - 1) / kPiece; pieces_.size() < count)
    pieces_.resize(count);
  generation_ = ++generations;
  bytes_.clear();
  reads_.clear();
  freeReads_.clear();
}

void Shadow::dropReads(Cell &cell) {
  if (cell.more) {
    reads_[cell.more - 1].clear();
    freeReads_.push_back(cell.more);
  }
  cell.more = 0;
  cell.read = {};
  cell.atomics = false;
}

/// Lanes of one warp at one time are one entry; what came before the new read
/// is not needed: a write behind the new one is behind that, too.
void Shadow::addRead(Cell &cell, const Accessor &who) {
  auto joins = [&](Epoch &e) {
    bool same = e.row == who.self.row && e.time == who.self.time &&
                e.atomic == who.self.atomic && e.same == who.self.same;
    if (same)
      e.mask |= who.self.mask;
    return same;
  };
  auto replaces = [&](Epoch &e) {
    bool may = !e.mask || (!e.same && who.after(e));
    if (may)
      e = who.self;
    return may;
  };
  std::vector<Epoch> *more = cell.more ? &reads_[cell.more - 1] : nullptr;
  if (joins(cell.read) || // mostly, and the last one first
      (more && std::any_of(more->rbegin(), more->rend(), joins)) ||
      replaces(cell.read) ||
      (more && std::any_of(more->begin(), more->end(), replaces)))
    return;
  if (!more) {
    if (freeReads_.empty()) {
      reads_.emplace_back();
      freeReads_.push_back(uint32_t(reads_.size()));
    }
    cell.more = freeReads_.back();
    freeReads_.pop_back();
    more = &reads_[cell.more - 1];
  }
  more->push_back(who.self);
}

/// The first of the reads for which `may` says so that is beside `who`.
template <typename F>
const Epoch *Shadow::racedRead(const Cell &cell, const Accessor &who,
                               const F &may) {
  if (cell.read.mask && may(cell.read))
    if (const Epoch *other = raced(who, cell.read))
      return other;
  if (cell.more)
    for (const Epoch &e : reads_[cell.more - 1])
      if (may(e))
        if (const Epoch *other = raced(who, e))
          return other;
  return nullptr;
}

/// Whether a write of the value that is there came before.
bool Shadow::sees(const Cell &cell, const Accessor &who) {
  auto seen = [&](const Epoch &e) { // of one of its lanes
    return e.same && who.beside(e) != e.mask;
  };
  if (who.after(cell.write) || seen(cell.read))
    return true;
  if (cell.more)
    for (const Epoch &e : reads_[cell.more - 1])
      if (seen(e))
        return true;
  return false;
}

void Shadow::writeSameCell(Cell &cell, const Accessor &who) {
  Accessor writer = who;
  writer.self.same = !sees(cell, who);
  addRead(cell, writer);
}

const Epoch *Shadow::unfenced(const Cell &cell, const Accessor &who) {
  if (!who.self.async || who.fenced(cell.write))
    return nullptr;
  auto seen = [&](const Epoch &e) {
    return e.same && who.beside(e) != e.mask && who.fenced(e);
  };
  bool found = seen(cell.read);
  if (cell.more)
    for (const Epoch &e : reads_[cell.more - 1])
      found |= seen(e);
  if (found)
    return nullptr;
  raced_ = cell.write;
  raced_.unfenced = true;
  return &raced_;
}

/// Atomic accesses are kept among the reads: each of them must come before a
/// write.
const Epoch *Shadow::readCell(Cell &cell, const Accessor &who) {
  const Epoch *other = sees(cell, who) ? nullptr : raced(who, cell.write);
  if (!other && cell.atomics && !who.self.atomic)
    other = racedRead(cell, who, [](const Epoch &e) { return e.atomic; });
  if (!other)
    other = unfenced(cell, who);
  if (!other)
    addRead(cell, who);
  return other;
}

const Epoch *Shadow::writeCell(Cell &cell, const Accessor &who) {
  const Epoch *other = raced(who, cell.write);
  if (!other)
    other = racedRead(cell, who, [&](const Epoch &e) {
      return !(e.atomic && who.self.atomic);
    });
  if (!other)
    other = unfenced(cell, who);
  if (other)
    return other;
  if (who.self.atomic) {
    cell.atomics = true;
    addRead(cell, who);
    return nullptr;
  }
  dropReads(cell);
  cell.write = who.self;
  return nullptr;
}

void Shadow::divide(Piece &piece) {
  bytes_.emplace_back();
  piece.bytes = uint32_t(bytes_.size());
  for (Cell &cell : bytes_.back()) {
    cell.write = piece.whole.write;
    cell.read = piece.whole.read;
    cell.atomics = piece.whole.atomics;
    if (!piece.whole.more)
      continue;
    reads_.push_back(reads_[piece.whole.more - 1]);
    cell.more = uint32_t(reads_.size());
  }
}

//===----------------------------------------------------------------------===//
// Participants
//===----------------------------------------------------------------------===//

std::string Participants::name(const Epoch &e) const {
  uint32_t row = e.row, bit = uint32_t(std::countr_zero(e.mask));
  std::string kind;
  if (row >= copyRow())
    return "a copy";
  if (row >= wgmmaRow()) {
    kind = row >= initRow() ? "warp " : "a wgmma of warp ";
    row %= threadRows();
    kind += std::to_string(row % warps);
  } else {
    kind = row >= asyncRow() ? "a cp.async of thread " : "thread ";
    row %= threadRows();
    kind += std::to_string(row % warps * 32 + bit);
  }
  return ctas == 1
             ? kind
             : kind + " of the cluster's CTA " + std::to_string(row / warps);
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

Accessor WarpClocks::init(uint32_t lane, uint32_t line) {
  Accessor who = write(lane, line, false);
  who.self.row = uint16_t(all_->initRow() + row_);
  who.self.mask = 1;
  acquire(1u << lane, who.self.row, 0, time_);
  who.known = known_[lane].get();
  return who;
}
void WarpClocks::fenceInits(uint32_t mask) {
  for (uint32_t m = mask; m; m &= m - 1)
    fencedInits_ = std::max(
        fencedInits_,
        known_[uint32_t(std::countr_zero(m))]->at(all_->initRow() + row_, 0));
}

void WarpClocks::fenceProxy(uint32_t mask) {
  auto known = std::make_shared<Clock>(all_->count());
  release(mask, *known);
  known->forgetFences(); // those are known beside it
  ClockPtr before, after;
  for (uint32_t m = mask; m; m &= m - 1) {
    ClockPtr &own = known_[uint32_t(std::countr_zero(m))];
    if (own != before) {
      before = own;
      auto more = std::make_shared<Clock>(*own);
      more->fence(known);
      after = std::move(more);
    }
    own = after;
  }
}

/// `f(clock)` for what the lanes of `mask` know, each once.
template <typename F>
static void eachKnown(const std::array<ClockPtr, 32> &known, uint32_t mask,
                      const F &f) {
  const Clock *last = nullptr;
  for (uint32_t m = mask; m; m &= m - 1) {
    const Clock *clock = known[uint32_t(std::countr_zero(m))].get();
    if (clock != last)
      f(*clock);
    last = clock;
  }
}

void WarpClocks::release(uint32_t mask, Clock &to) {
  to.grow(all_->count());
  eachKnown(known_, mask, [&](const Clock &known) { to.join(known); });
  done(mask, row_, to);
  done(mask, row_ + all_->readRow(), to);
  ++time_;
}

void WarpClocks::releaseReads(uint32_t mask, Clock &to) {
  to.grow(all_->count());
  eachKnown(known_, mask,
            [&](const Clock &known) { all_->joinReads(to, known); });
  done(mask, row_ + all_->readRow(), to);
  to.raise(all_->initRow() + row_, fencedInits_);
  ++time_;
}

void WarpClocks::acquire(uint32_t mask, const Clock &from) {
  ClockPtr before, after;
  for (uint32_t m = mask; m; m &= m - 1) {
    ClockPtr &known = known_[uint32_t(std::countr_zero(m))];
    if (known != before) {
      before = after = known;
      if (!known->covers(from)) {
        auto joined = std::make_shared<Clock>(*known);
        joined->join(from);
        after = std::move(joined);
      }
    }
    known = after;
  }
}

void WarpClocks::acquire(uint32_t mask, uint32_t row, uint32_t bit,
                         uint32_t time) {
  ClockPtr before, after;
  for (uint32_t m = mask; m; m &= m - 1) {
    ClockPtr &known = known_[uint32_t(std::countr_zero(m))];
    if (known->at(row, bit) >= time)
      continue;
    if (known != before) {
      before = known;
      auto more = std::make_shared<Clock>(*known);
      more->raise(row, 1u << bit, time);
      after = std::move(more);
    }
    known = after;
  }
}

ClockPtr WarpClocks::together() const {
  bool same = true;
  for (const ClockPtr &known : known_)
    same &= known == known_[0];
  if (same)
    return known_[0];
  auto all = std::make_shared<Clock>(*known_[0]);
  for (const ClockPtr &known : known_)
    all->join(*known);
  return all;
}
