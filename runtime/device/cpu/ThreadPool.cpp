//===- ThreadPool.cpp - the CPU device's threads --------------------------===//
#include "runtime/device/cpu/ThreadPool.h"

#include <algorithm>
#include <cassert>

namespace ft {

ThreadPool::ThreadPool(int threads) {
  if (threads <= 0)
    threads = std::max(1u, std::thread::hardware_concurrency());
  for (int i = 1; i < threads; ++i)
    workers_.emplace_back([this] { work(); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  started_.notify_all();
  for (std::thread &worker : workers_)
    worker.join();
}

void ThreadPool::takeChunks(std::unique_lock<std::mutex> &lock) {
  while (next_ < count_) {
    int64_t begin = next_;
    int64_t end = std::min(begin + grain_, count_);
    next_ = end;
    ++running_;
    lock.unlock();
    (*body_)(begin, end);
    lock.lock();
    --running_;
  }
  if (running_ == 0)
    finished_.notify_one();
}

void ThreadPool::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    started_.wait(lock, [this] { return stopping_ || next_ < count_; });
    if (stopping_)
      return;
    takeChunks(lock);
  }
}

void ThreadPool::forEach(int64_t count, int64_t grain, const Body &body) {
  grain = std::max<int64_t>(grain, 1);
  if (count <= grain || workers_.empty()) {
    for (int64_t begin = 0; begin < count; begin += grain)
      body(begin, std::min(begin + grain, count));
    return;
  }
  std::unique_lock lock(mutex_);
  assert(running_ == 0 && "a loop inside a loop");
  body_ = &body;
  count_ = count;
  grain_ = grain;
  next_ = 0;
  started_.notify_all();
  takeChunks(lock);
  finished_.wait(lock, [this] { return next_ >= count_ && running_ == 0; });
  body_ = nullptr;
}

} // namespace ft
