//===- CopyThreads.h - memcpy by several threads ----------------*- C++ -*-===//
#ifndef FT_RUNTIME_BASE_COPYTHREADS_H
#define FT_RUNTIME_BASE_COPYTHREADS_H

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace ft {

/// Threads that copy one source at a time, block by block, to places that are
/// given one after the other. One thread reads a mapped file at 4 to 6 GB/s, a
/// GPU takes ten times that.
class CopyThreads {
public:
  explicit CopyThreads(int count);
  CopyThreads(const CopyThreads &) = delete;
  CopyThreads &operator=(const CopyThreads &) = delete;
  ~CopyThreads();

  /// One source; ends, waiting for what is being copied, with this object.
  class Job {
  public:
    /// `bytes` from `from`, in blocks of `blockBytes`; the last may be shorter.
    Job(CopyThreads &threads, const std::byte *from, int64_t bytes,
        int64_t blockBytes);
    Job(const Job &) = delete;
    Job &operator=(const Job &) = delete;
    ~Job();
    /// The next block, from the first on, may be written to `to`.
    void admit(std::byte *to);
    /// Until block `block`, which has been admitted, is at its place.
    void await(int64_t block);

  private:
    CopyThreads &threads_;
  };

private:
  struct Block {
    std::byte *to;
    int64_t left; // pieces that are not there yet
  };

  void work();
  int64_t piecesOf(int64_t block) const;

  std::mutex mutex_;
  std::condition_variable more_, done_; // pieces to copy, and copied
  const std::byte *from_ = nullptr;
  int64_t bytes_ = 0, blockBytes_ = 1;
  std::vector<Block> blocks_;     // admitted
  int64_t block_ = 0, piece_ = 0; // the next to be copied
  int64_t copying_ = 0;           // pieces
  bool ended_ = false;
  std::vector<std::thread> threads_;
};

} // namespace ft

#endif // FT_RUNTIME_BASE_COPYTHREADS_H
