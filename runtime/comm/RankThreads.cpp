//===- RankThreads.cpp - a thread for each rank ---------------------------===//
#include "runtime/comm/RankThreads.h"

#include <algorithm>

namespace ft {

// For ranks that are no longer waiting for another: with the deadline of a wait
// it stays below ten seconds.
static constexpr std::chrono::milliseconds kTimeToReturn{700};

struct RankThreads::Shared {
  explicit Shared(std::shared_ptr<RankBoard> ranks)
      : board(std::move(ranks)), busy(size_t(board->size())) {}

  std::shared_ptr<RankBoard> board;
  std::mutex mutex;
  std::condition_variable started, finished;
  Job job;
  uint64_t round = 0;     // jobs given so far
  std::vector<char> busy; // by rank: its thread is in a job
  bool stopping = false;

  bool idle() const {
    return std::none_of(busy.begin(), busy.end(), [](char b) { return b; });
  }
};

RankThreads::RankThreads(std::shared_ptr<RankBoard> board)
    : shared_(std::make_shared<Shared>(std::move(board))) {
  for (int rank = 1; rank < shared_->board->size(); ++rank)
    threads_.emplace_back(work, shared_, rank);
}

RankThreads::~RankThreads() {
  std::vector<char> stuck;
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stopping = true;
    stuck = shared_->busy;
  }
  shared_->started.notify_all();
  for (size_t i = 0; i < threads_.size(); ++i)
    stuck[i + 1] ? threads_[i].detach() : threads_[i].join();
}

void RankThreads::work(std::shared_ptr<Shared> shared, int rank) {
  uint64_t done = 0;
  std::unique_lock lock(shared->mutex);
  while (true) {
    shared->started.wait(
        lock, [&] { return shared->stopping || shared->round != done; });
    if (shared->stopping)
      return;
    done = shared->round;
    Job job = shared->job;
    lock.unlock();
    Status status = job(rank);
    // What the job holds is released before the rank counts as idle.
    job = nullptr;
    if (!status.ok())
      shared->board->fail(rank, status);
    lock.lock();
    shared->busy[size_t(rank)] = false;
    shared->finished.notify_one();
  }
}

Status RankThreads::run(const Job &job) {
  Shared &shared = *shared_;
  FT_RETURN_IF_ERROR(shared.board->failure());
  if (threads_.empty())
    return job(0);
  {
    std::lock_guard lock(shared.mutex);
    shared.job = job;
    ++shared.round;
    std::fill(shared.busy.begin() + 1, shared.busy.end(), true);
  }
  shared.started.notify_all();
  Status own = job(0);
  if (!own.ok())
    shared.board->fail(0, own);
  std::unique_lock lock(shared.mutex);
  // Healthy ranks take as long as they take; after a failure they come back
  // as soon as they look at the board.
  while (!shared.idle() && shared.board->failure().ok())
    shared.finished.wait_for(lock, std::chrono::milliseconds(100));
  if (!shared.idle())
    shared.finished.wait_for(lock, kTimeToReturn,
                             [&] { return shared.idle(); });
  shared.job = nullptr;
  return shared.board->failure();
}

} // namespace ft
