//===- Clock.h - vector clocks ----------------------------------*- C++ -*-===//
//
// Rows of participants: Races.h says which.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_CLOCK_H
#define FT_TEST_EMULATOR_CLOCK_H

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace ft::emulator {

class Clock;
/// Shared among threads that know the same, so never changed after.
using ClockPtr = std::shared_ptr<const Clock>;

/// What is known of each participant: up to which of its times its accesses are
/// done. A row's participants are mostly known up to one time.
class Clock {
public:
  Clock() = default;
  explicit Clock(uint32_t rows) : all_(rows) {}

  uint32_t at(uint32_t row, uint32_t bit) const {
    const Row *r = find(row);
    return r ? std::max(all_[row], r->times[bit]) : all_[row];
  }
  /// Those of `mask` that are not known up to `time`.
  uint32_t missing(uint32_t row, uint32_t mask, uint32_t time) const {
    return all_[row] >= time ? 0 : missingOf(row, mask, time);
  }
  void raise(uint32_t row, uint32_t time) {
    all_[row] = std::max(all_[row], time);
  }
  void raise(uint32_t row, uint32_t mask, uint32_t time);
  void join(const Clock &from) {
    join(from, 0, uint32_t(from.all_.size()));
    fenced_ = joined(fenced_, from.fenced_);
  }
  /// Of rows begin to end alone.
  void join(const Clock &from, uint32_t begin, uint32_t end);
  /// Whether `from` says nothing new.
  bool covers(const Clock &from) const;
  /// What was known at proxy fences that came before; null: nothing.
  const ClockPtr &fenced() const { return fenced_; }
  void fence(const ClockPtr &known) { fenced_ = joined(fenced_, known); }
  void forgetFences() { fenced_.reset(); }
  uint32_t rows() const { return uint32_t(all_.size()); }
  void grow(uint32_t rows) {
    if (all_.size() < rows)
      all_.resize(rows);
  }
  void clear() {
    all_.clear();
    rows_.clear();
    fenced_.reset();
  }

private:
  struct Row {
    uint32_t row;
    std::array<uint32_t, 32> times;
  };
  static ClockPtr joined(const ClockPtr &a, const ClockPtr &b);
  const Row *find(uint32_t row) const {
    auto at = std::lower_bound(
        rows_.begin(), rows_.end(), row,
        [](const Row &r, uint32_t other) { return r.row < other; });
    return at != rows_.end() && at->row == row ? &*at : nullptr;
  }
  void joinRows(const Clock &from, uint32_t begin, uint32_t end);
  bool says(const Row &row);
  uint32_t missingOf(uint32_t row, uint32_t mask, uint32_t time) const;

  std::vector<uint32_t> all_; // of a row: each of it at least
  std::vector<Row> rows_;     // where some are known further, in order
  ClockPtr fenced_;
};

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_CLOCK_H
