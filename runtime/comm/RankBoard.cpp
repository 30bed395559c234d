//===- RankBoard.cpp - where the ranks of a process meet ------------------===//
#include "runtime/comm/RankBoard.h"

#include <algorithm>
#include <cassert>
#include <cstdio>

namespace ft {

RankBoard::RankBoard(int size, std::chrono::milliseconds deadline)
    : deadline_(deadline), members_(size_t(size)), health_(size_t(size)) {
  assert(size > 0 && "a group has a rank");
}

void RankBoard::comeTo(int rank, const std::string &place) {
  Member &member = members_[size_t(rank)];
  ++member.places;
  member.place = place;
  member.since = Clock::now();
}

bool RankBoard::allAt(int64_t places) const {
  return std::all_of(
      members_.begin(), members_.end(),
      [&](const Member &member) { return member.places >= places; });
}

/// What a rank at `place` hears of the failure. REQUIRES: the lock.
Status RankBoard::told(const std::string &place) const {
  return place == failedPlace_ ? failure_ : failure_.withContext(place);
}

/// Ranks at equally many places stand at the same one, or their programs
/// differ: then this one has not come to where the others are.
void RankBoard::failDivided(int rank) {
  Member &own = members_[size_t(rank)];
  for (size_t i = 0; i < members_.size() && failure_.ok(); ++i)
    if (members_[i].places == own.places && members_[i].place != own.place) {
      failure_ = internalError("rank " + std::to_string(i) + " came to " +
                               members_[i].place + " where rank " +
                               std::to_string(rank) + " came to " + own.place);
      --own.places;
    }
}

void RankBoard::failLate(int rank) {
  const Member &own = members_[size_t(rank)];
  std::string late;
  for (size_t i = 0; i < members_.size(); ++i)
    if (members_[i].places < own.places)
      late += (late.empty() ? "" : ", ") + std::to_string(i);
  char seconds[32];
  std::snprintf(seconds, sizeof(seconds), "%.4g s",
                double(deadline_.count()) / 1e3);
  failedPlace_ = own.place;
  failure_ =
      deadlineExceeded(own.place + ": rank " + late + " has not come within " +
                       seconds + " of rank " + std::to_string(rank));
  changed_.notify_all();
}

Status RankBoard::meet(int rank, const std::string &place) {
  std::unique_lock lock(mutex_);
  comeTo(rank, place);
  failDivided(rank);
  if (!failure_.ok()) {
    changed_.notify_all();
    return told(place);
  }
  int64_t places = members_[size_t(rank)].places;
  if (allAt(places)) {
    changed_.notify_all();
    return Status::success();
  }
  bool woken =
      changed_.wait_until(lock, members_[size_t(rank)].since + deadline_,
                          [&] { return !failure_.ok() || allAt(places); });
  // A rank that failed after all had met is the next place's business.
  if (allAt(places))
    return Status::success();
  if (!woken)
    failLate(rank);
  return told(place);
}

void RankBoard::offer(std::shared_ptr<void> object) {
  std::lock_guard lock(mutex_);
  offered_ = std::move(object);
}

std::shared_ptr<void> RankBoard::offered(int rank) {
  std::lock_guard lock(mutex_);
  // Where ranks only came together tells nothing about a later error.
  members_[size_t(rank)].place.clear();
  return offered_;
}

void RankBoard::pass(int rank, const std::string &place) {
  std::lock_guard lock(mutex_);
  comeTo(rank, place);
  if (allAt(members_[size_t(rank)].places))
    changed_.notify_all();
}

Status RankBoard::check(int rank) {
  std::lock_guard lock(mutex_);
  const Member &own = members_[size_t(rank)];
  if (failure_.ok() && !allAt(own.places) &&
      Clock::now() - own.since > deadline_)
    failLate(rank);
  return failure_.ok() ? failure_ : told(own.place);
}

void RankBoard::watch(int rank, std::function<Status()> health) {
  std::lock_guard lock(healthMutex_);
  health_[size_t(rank)] = std::move(health);
}

void RankBoard::askOthers(int rank) {
  std::lock_guard lock(healthMutex_);
  for (size_t i = 0; i < health_.size(); ++i)
    if (int(i) != rank && health_[i])
      if (Status status = health_[i](); !status.ok())
        fail(int(i), status);
}

void RankBoard::fail(int rank, const Status &error) {
  std::lock_guard lock(mutex_);
  if (failure_.ok()) {
    const std::string &last = members_[size_t(rank)].place;
    failure_ = error.withContext("rank " + std::to_string(rank) +
                                 (last.empty() ? "" : ", after " + last));
  }
  changed_.notify_all();
}

Status RankBoard::failure() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

Status RankBoard::failureAt(const std::string &place) const {
  std::lock_guard lock(mutex_);
  return failure_.ok() ? failure_ : told(place);
}

} // namespace ft
