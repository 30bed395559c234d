//===- RankBoard.h - where the ranks of a process meet ----------*- C++ -*-===//
//
// Ranks are threads of one process that make the same calls in the same order.
// The board counts the places each has come to and knows whether the group
// still lives: a rank that fails, or that the others wait for too long, ends it
// for all, and every later call of any rank says why.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_COMM_RANKBOARD_H
#define FT_RUNTIME_COMM_RANKBOARD_H

#include "runtime/base/Status.h"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ft {

/// How long ranks wait for one that is late, unless a caller chooses: it leaves
/// a second of ten for every rank to end.
inline constexpr std::chrono::milliseconds kDefaultRankDeadline{9000};

class RankBoard {
public:
  explicit RankBoard(int size,
                     std::chrono::milliseconds deadline = kDefaultRankDeadline);

  int size() const { return int(members_.size()); }
  std::chrono::milliseconds deadline() const { return deadline_; }

  /// Comes to `place` ("all_reduce 'layers.0.out'") and waits there for all
  /// ranks. The error names the place, and the rank that failed or is late.
  Status meet(int rank, const std::string &place);

  /// Meets at `place` and returns what rank 0 brought there; the others bring
  /// nothing.
  template <typename T>
  StatusOr<std::shared_ptr<T>> share(int rank, const std::string &place,
                                     std::shared_ptr<T> brought) {
    if (rank == 0)
      offer(std::move(brought));
    FT_RETURN_IF_ERROR(meet(rank, place));
    return std::static_pointer_cast<T>(offered(rank));
  }

  /// Comes to `place` without waiting: its work is only enqueued.
  void pass(int rank, const std::string &place);

  /// For a rank that waits for enqueued work: the group's failure, also when
  /// another rank did not come to this one's place within the deadline.
  Status check(int rank);

  /// `health` tells how `rank` fares on its device, from any thread, until null
  /// takes its place: a device's fault shows only to who asks.
  void watch(int rank, std::function<Status()> health);
  /// For a rank whose enqueued work does not end: asks the others; one that is
  /// not well ends the group.
  void askOthers(int rank);

  /// Ends the group because of `error` on `rank`; the first one stays.
  void fail(int rank, const Status &error);

  /// Why the group ended; success while it lives.
  Status failure() const;
  /// The same, told to a rank that would come to `place`.
  Status failureAt(const std::string &place) const;

private:
  using Clock = std::chrono::steady_clock;
  struct Member {
    int64_t places = 0; // come to so far
    std::string place;  // the last of them
    Clock::time_point since;
  };
  void offer(std::shared_ptr<void> object);
  std::shared_ptr<void> offered(int rank);
  void comeTo(int rank, const std::string &place);
  bool allAt(int64_t places) const;
  void failDivided(int rank);
  void failLate(int rank);
  Status told(const std::string &place) const;

  const std::chrono::milliseconds deadline_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Member> members_;
  std::mutex healthMutex_; // held while asking: who leaves waits
  std::vector<std::function<Status()>> health_; // by rank; null: not watched
  std::shared_ptr<void> offered_;               // by rank 0
  Status failure_;
  std::string failedPlace_; // where the ranks waited in vain, or empty
};

} // namespace ft

#endif // FT_RUNTIME_COMM_RANKBOARD_H
