//===- Races.h - accesses of shared memory that nothing orders --*- C++ -*-===//
//
// Vector clocks, as in FastTrack (Flanagan and Freund, PLDI 2009), over what
// touches a cluster's shared memory: its threads and the work that completes
// later (cp.async, wgmma, bulk copies, st.async), which is a participant of its
// own from its issue until something waits for it. Two accesses of a byte, one
// of them a write, must be ordered by what PTX says orders them: barriers of a
// CTA, of a warp and of a cluster, mbarriers, and waits of groups. shfl and
// vote order nothing. So a race is found however the warps took their turns,
// if only both accesses were made.
//
// What ordinary stores wrote the async proxy (wgmma, bulk copies) sees behind a
// fence.proxy.async only: whoever fences knows of the store, and what comes
// behind knows of the fence.
//
// A relaxed arrival, and an st.async to those who wait for it, say what was
// read and which copies have ended, and no thread's writes: behind loads of
// shared memory the hardware keeps that order, though PTX does not promise it,
// and kernels rely on it (async.cuh). With fence.mbarrier_init an arrival also
// tells of initialised mbarriers. A bulk copy says nothing of who issued it.
//
// Participants are rows of 32, what the lanes of each warp write, what they
// read, and their cp.async, and rows of one: a wgmma and an mbarrier.init of
// each warp, and kCopies for bulk copies, which these take by turns: a race
// with one that is still under way when kCopies others have ended may be
// missed. Lanes of a warp have one time.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_RACES_H
#define FT_TEST_EMULATOR_RACES_H

#include "Clock.h"

#include <bit>
#include <string>

namespace ft::emulator {

/// A time of one or more participants of a row; mask 0 is none.
struct Epoch {
  uint32_t mask = 0, time = 0, line = 0; // line of the PTX
  uint16_t row = 0;
  bool atomic = false;   // or otherwise strong; races with none of its kind
  bool same = false;     // wrote what another had written, in no order
  bool async = false;    // by the async proxy
  bool unfenced = false; // of a conflict: it is ordered, but for a proxy fence
};

/// Who accesses, and what happened before.
struct Accessor {
  const Clock *known = nullptr;
  Epoch self; // its access
  /// The thread that issued it (its row of writes): all that it did up to
  /// `time` came before.
  Epoch issuer;
  uint32_t reads = 0; // from a row of writes to that of reads

  /// Those of `e` whose access did not come before, as a mask.
  uint32_t beside(const Epoch &e) const {
    uint32_t m = e.mask;
    if ((e.row == issuer.row || e.row == issuer.row + reads) &&
        e.time <= issuer.time)
      m &= ~issuer.mask;
    return known->missing(e.row, m, e.time);
  }
  bool after(const Epoch &e) const { return beside(e) == 0; }
  /// Whether a proxy fence came between.
  bool fenced(const Epoch &e) const {
    return !e.mask || e.async ||
           (known->fenced() &&
            !known->fenced()->missing(e.row, e.mask, e.time));
  }
};

/// The last accesses of the bytes of a CTA's shared memory.
class Shadow {
public:
  Shadow();
  ~Shadow();
  Shadow(const Shadow &) = delete;
  void reset(uint32_t bytes);
  /// The access that races with this one of `bytes` from `place` on (from 0),
  /// or nothing. It is kept for those that follow.
  const Epoch *read(uint32_t place, uint32_t bytes, const Accessor &who) {
    return each(place, bytes, [&](Cell &cell) { return readCell(cell, who); });
  }
  const Epoch *write(uint32_t place, uint32_t bytes, const Accessor &who) {
    return each(place, bytes, [&](Cell &cell) { return writeCell(cell, who); });
  }
  /// Of what is there already: no race with those who wrote or read the same.
  void writeSame(uint32_t place, uint32_t bytes, const Accessor &who) {
    each(place, bytes, [&](Cell &cell) {
      writeSameCell(cell, who);
      return static_cast<const Epoch *>(nullptr);
    });
  }
  /// An access of an object that orders threads itself, once it was made.
  const Epoch *use(uint32_t place, uint32_t bytes, const Accessor &who) {
    return each(place, bytes, [&](Cell &cell) -> const Epoch * {
      return raced(who, cell.write);
    });
  }

private:
  static constexpr uint32_t kPiece = 16; // bytes that are mostly used together
  /// Reads behind the last write; `more`: further ones, an index from 1 on.
  struct Cell {
    Epoch write, read;
    uint32_t more = 0;
    bool atomics = false; // among them
  };
  struct Piece {
    Cell whole;
    uint32_t bytes = 0; // a cell for each: an index from 1 on
    uint64_t of = 0;    // of an earlier CTA where it is not generation_
  };

  /// `e` if it is beside `who`: the participants of it that are.
  const Epoch *raced(const Accessor &who, const Epoch &e) {
    uint32_t mask = who.beside(e);
    if (!mask)
      return nullptr;
    raced_ = e;
    raced_.mask = mask;
    return &raced_;
  }
  template <typename F>
  const Epoch *racedRead(const Cell &cell, const Accessor &who, const F &may);
  const Epoch *readCell(Cell &cell, const Accessor &who);
  const Epoch *writeCell(Cell &cell, const Accessor &who);
  void writeSameCell(Cell &cell, const Accessor &who);
  bool sees(const Cell &cell, const Accessor &who);
  /// A write that an access by the async proxy sees without a fence.
  const Epoch *unfenced(const Cell &cell, const Accessor &who);
  void addRead(Cell &cell, const Accessor &who);
  void dropReads(Cell &cell);
  void divide(Piece &piece);

  template <typename F>
  const Epoch *each(uint32_t place, uint32_t bytes, const F &f) {
    for (uint32_t end = place + bytes; place < end;) {
      uint32_t from = place % kPiece, piece = place / kPiece;
      uint32_t to = std::min(kPiece, from + end - place);
      place += to - from;
      Piece &p = pieces_[piece];
      if (p.of != generation_)
        p = {{}, 0, generation_};
      bool whole = from == 0 && to == kPiece;
      if (whole && !p.bytes) {
        if (const Epoch *other = f(p.whole))
          return other;
        continue;
      }
      if (!p.bytes)
        divide(p);
      for (uint32_t i = from; i < to; ++i)
        if (const Epoch *other = f(bytes_[p.bytes - 1][i]))
          return other;
    }
    return nullptr;
  }

  std::vector<Piece> pieces_; // one that others have used: see Piece::of
  uint64_t generation_ = 0;
  static thread_local std::vector<std::vector<Piece>> spare_;
  std::vector<std::array<Cell, kPiece>> bytes_;
  std::vector<std::vector<Epoch>> reads_;
  std::vector<uint32_t> freeReads_;
  Epoch raced_;
};

/// The participants of a cluster.
struct Participants {
  static constexpr uint32_t kCopies = 256;
  uint32_t warps = 0; // of a CTA
  uint32_t ctas = 0;
  uint32_t copies = 0; // issued so far

  uint32_t threadRows() const { return warps * ctas; } // first those of writes
  uint32_t readRow() const { return threadRows(); }
  uint32_t asyncRow() const { return 2 * threadRows(); }
  uint32_t wgmmaRow() const { return 3 * threadRows(); }
  uint32_t initRow() const { return 4 * threadRows(); }
  uint32_t copyRow() const { return 5 * threadRows(); }
  uint32_t count() const { return copyRow() + kCopies; }

  /// The next bulk copy.
  Epoch copy(uint32_t line) {
    uint32_t which = copies % kCopies;
    return {1, 1 + copies++ / kCopies, line, uint16_t(copyRow() + which)};
  }
  /// What a relaxed arrival says of `from`.
  void joinReads(Clock &to, const Clock &from) const {
    to.join(from, readRow(), asyncRow());
    to.join(from, wgmmaRow(), initRow());
    to.join(from, copyRow(), count());
  }
  /// "thread 3 of CTA 0 of the cluster", "a copy" ...
  std::string name(const Epoch &e) const;
};

/// What the threads of a warp know.
class WarpClocks {
public:
  /// `lanes`: those that there are.
  void reset(const ClockPtr &nothing, const Participants &all, uint32_t row,
             uint32_t lanes) {
    known_.fill(nothing);
    all_ = &all;
    row_ = row;
    lanes_ = lanes;
    time_ = 1;
    fencedInits_ = 0;
  }
  Accessor read(uint32_t lane, uint32_t line, bool atomic) const {
    return access(lane, line, row_ + all_->readRow(), atomic);
  }
  Accessor write(uint32_t lane, uint32_t line, bool atomic) const {
    return access(lane, line, row_, atomic);
  }
  /// Of an mbarrier that is initialised.
  Accessor init(uint32_t lane, uint32_t line);
  /// fence.mbarrier_init.
  void fenceInits(uint32_t mask);
  /// fence.proxy.async.
  void fenceProxy(uint32_t mask);
  /// What lanes know and have done, to `to`; what they do behind comes later.
  void release(uint32_t mask, Clock &to);
  /// A relaxed arrival.
  void releaseReads(uint32_t mask, Clock &to);
  /// Lanes know what `from` says, too.
  void acquire(uint32_t mask, const Clock &from);
  void acquire(uint32_t mask, uint32_t row, uint32_t bit, uint32_t time);
  /// What all lanes together know.
  ClockPtr together() const;
  const ClockPtr &known(uint32_t lane) const { return known_[lane]; }
  /// The accesses so far of `mask`; those behind have another time.
  Epoch issue(uint32_t mask) { return {mask, time_++, 0, uint16_t(row_)}; }
  uint32_t row() const { return row_; }

private:
  Accessor access(uint32_t lane, uint32_t line, uint32_t row,
                  bool atomic) const {
    Epoch self{1u << lane, time_, line, uint16_t(row), atomic};
    Epoch issuer{1u << lane, time_, line, uint16_t(row_)};
    return {known_[lane].get(), self, issuer, all_->readRow()};
  }
  void done(uint32_t mask, uint32_t row, Clock &to) const {
    mask == lanes_ ? to.raise(row, time_) : to.raise(row, mask, time_);
  }

  std::array<ClockPtr, 32> known_;
  const Participants *all_ = nullptr;
  uint32_t row_ = 0, lanes_ = 0, time_ = 1, fencedInits_ = 0;
};

/// What arrivals at a barrier know, and what those who wait learn.
struct BarrierClocks {
  Clock pending, done;
  void complete() {
    done.grow(pending.rows());
    done.join(pending);
    pending.clear();
  }
};

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_RACES_H
