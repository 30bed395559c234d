//===- RankThreads.h - a thread for each rank -------------------*- C++ -*-===//
#ifndef FT_RUNTIME_COMM_RANKTHREADS_H
#define FT_RUNTIME_COMM_RANKTHREADS_H

#include "runtime/comm/RankBoard.h"

#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace ft {

/// Threads of the ranks above 0; rank 0 works on the caller's thread, so that
/// a group of one has no threads and no hand-over.
class RankThreads {
public:
  /// Does a rank's part. A thread that does not come back keeps its copy: a
  /// job owns, or shares, what it touches.
  using Job = std::function<Status(int rank)>;

  explicit RankThreads(std::shared_ptr<RankBoard> board);
  /// Ends the threads; one that is stuck in a job is left behind.
  ~RankThreads();
  RankThreads(const RankThreads &) = delete;

  /// Runs `job` on every rank. When a rank fails the group ends, and ranks that
  /// do not return soon are no longer waited for. Returns the group's first
  /// failure; a group that has failed runs nothing more.
  Status run(const Job &job);

private:
  struct Shared;
  static void work(std::shared_ptr<Shared> shared, int rank);

  std::shared_ptr<Shared> shared_;
  std::vector<std::thread> threads_; // of rank i + 1
};

} // namespace ft

#endif // FT_RUNTIME_COMM_RANKTHREADS_H
