//===- Clock.cpp - vector clocks ------------------------------------------===//
#include "Clock.h"

#include <bit>

using namespace ft;
using namespace ft::emulator;

uint32_t Clock::missingOf(uint32_t row, uint32_t mask, uint32_t time) const {
  const Row *r = find(row);
  if (!r)
    return mask;
  uint32_t result = 0;
  for (uint32_t m = mask; m; m &= m - 1)
    if (r->times[uint32_t(std::countr_zero(m))] < time)
      result |= m & -m;
  return result;
}

void Clock::raise(uint32_t row, uint32_t mask, uint32_t time) {
  auto at =
      std::lower_bound(rows_.begin(), rows_.end(), row,
                       [](const Row &r, uint32_t x) { return r.row < x; });
  if (at == rows_.end() || at->row != row)
    at = rows_.insert(at, {row, {}});
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t &t = at->times[uint32_t(std::countr_zero(m))];
    t = std::max(t, time);
  }
}

/// Whether a row says more than its least time, which goes to all_.
bool Clock::says(const Row &r) {
  uint32_t least = ~0u, most = 0;
  for (uint32_t t : r.times)
    least = std::min(least, t), most = std::max(most, t);
  all_[r.row] = std::max(all_[r.row], least);
  return most > all_[r.row];
}

void Clock::joinRows(const Clock &from, uint32_t begin, uint32_t end) {
  std::vector<Row> both;
  both.reserve(rows_.size() + from.rows_.size());
  size_t own = 0;
  auto keep = [&](const Row &r) {
    if (says(r))
      both.push_back(r);
  };
  for (const Row &r : from.rows_) {
    if (r.row < begin || r.row >= end)
      continue;
    for (; own < rows_.size() && rows_[own].row < r.row; ++own)
      keep(rows_[own]);
    if (own == rows_.size() || rows_[own].row != r.row) {
      keep(r);
      continue;
    }
    Row &to = rows_[own++];
    for (uint32_t i = 0; i < 32; ++i)
      to.times[i] = std::max(to.times[i], r.times[i]);
    keep(to);
  }
  for (; own < rows_.size(); ++own)
    keep(rows_[own]);
  rows_ = std::move(both);
}

void Clock::join(const Clock &from, uint32_t begin, uint32_t end) {
  for (uint32_t i = begin; i < end; ++i)
    all_[i] = std::max(all_[i], from.all_[i]);
  if (!from.rows_.empty())
    joinRows(from, begin, end);
  else if (!rows_.empty())
    std::erase_if(rows_, [&](const Row &r) { return !says(r); });
}

ClockPtr Clock::joined(const ClockPtr &a, const ClockPtr &b) {
  if (!b || a == b || (a && a->covers(*b)))
    return a;
  if (!a || b->covers(*a))
    return b;
  auto both = std::make_shared<Clock>(*a);
  both->join(*b);
  return both;
}

bool Clock::covers(const Clock &from) const {
  bool all = !from.fenced_ || fenced_ == from.fenced_ ||
             (fenced_ && fenced_->covers(*from.fenced_));
  for (size_t i = 0; i < from.all_.size(); ++i)
    all &= all_[i] >= from.all_[i];
  for (const Row &r : from.rows_)
    for (uint32_t i = 0; i < 32 && all; ++i)
      all = at(r.row, i) >= r.times[i];
  return all;
}
