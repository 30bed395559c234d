//===- ThreadPool.h - the CPU device's threads ------------------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CPU_THREADPOOL_H
#define FT_RUNTIME_DEVICE_CPU_THREADPOOL_H

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ft {

/// A fixed set of threads that share the chunks of one loop at a time. Chunk
/// boundaries depend on the loop alone, never on the number of threads, and a
/// chunk runs on one thread: what a loop computes is the same on any machine.
class ThreadPool {
public:
  /// Called with [begin, end) of a chunk.
  using Body = std::function<void(int64_t, int64_t)>;

  /// 0 threads: one for each core this process may use.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int threads() const { return int(workers_.size()) + 1; }

  /// Runs `body` over 0 .. count-1 in chunks of `grain`, the caller's thread
  /// included, and returns when all are done. Not reentrant.
  void forEach(int64_t count, int64_t grain, const Body &body);

private:
  void work();
  void takeChunks(std::unique_lock<std::mutex> &lock);

  std::mutex mutex_;
  std::condition_variable started_, finished_;
  const Body *body_ = nullptr;
  int64_t count_ = 0, grain_ = 1, next_ = 0, running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CPU_THREADPOOL_H
