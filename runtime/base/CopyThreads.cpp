//===- CopyThreads.cpp - memcpy by several threads ------------------------===//
#include "runtime/base/CopyThreads.h"

#include <algorithm>
#include <cstring>

namespace ft {

/// So small that threads end a block together, so large that taking one costs
/// nothing.
static constexpr int64_t kPieceBytes = int64_t(1) << 20;

CopyThreads::CopyThreads(int count) {
  for (int i = 0; i < count; ++i)
    threads_.emplace_back([this] { work(); });
}

CopyThreads::~CopyThreads() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  more_.notify_all();
  for (std::thread &thread : threads_)
    thread.join();
}

int64_t CopyThreads::piecesOf(int64_t block) const {
  int64_t bytes = std::min(blockBytes_, bytes_ - block * blockBytes_);
  return (bytes + kPieceBytes - 1) / kPieceBytes;
}

void CopyThreads::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    more_.wait(lock,
               [this] { return ended_ || block_ < int64_t(blocks_.size()); });
    if (ended_)
      return;
    int64_t block = block_, within = piece_ * kPieceBytes;
    if (++piece_ == piecesOf(block))
      ++block_, piece_ = 0;
    ++copying_;
    int64_t at = block * blockBytes_ + within;
    int64_t bytes = std::min({kPieceBytes, blockBytes_ - within, bytes_ - at});
    std::byte *to = blocks_[size_t(block)].to + within;
    const std::byte *from = from_ + at;
    lock.unlock();
    std::memcpy(to, from, size_t(bytes));
    lock.lock();
    --copying_;
    if (--blocks_[size_t(block)].left == 0 || copying_ == 0)
      done_.notify_all();
  }
}

CopyThreads::Job::Job(CopyThreads &threads, const std::byte *from,
                      int64_t bytes, int64_t blockBytes)
    : threads_(threads) {
  std::lock_guard lock(threads_.mutex_);
  threads_.from_ = from;
  threads_.bytes_ = bytes;
  threads_.blockBytes_ = blockBytes;
  threads_.block_ = threads_.piece_ = 0;
}

CopyThreads::Job::~Job() {
  std::unique_lock lock(threads_.mutex_);
  threads_.block_ = int64_t(threads_.blocks_.size()); // nobody takes another
  threads_.done_.wait(lock, [this] { return threads_.copying_ == 0; });
  threads_.blocks_.clear();
  threads_.block_ = threads_.piece_ = 0;
}

void CopyThreads::Job::admit(std::byte *to) {
  {
    std::lock_guard lock(threads_.mutex_);
    int64_t block = int64_t(threads_.blocks_.size());
    threads_.blocks_.push_back({to, threads_.piecesOf(block)});
  }
  threads_.more_.notify_all();
}

void CopyThreads::Job::await(int64_t block) {
  std::unique_lock lock(threads_.mutex_);
  threads_.done_.wait(
      lock, [&] { return threads_.blocks_[size_t(block)].left == 0; });
}

} // namespace ft
