//===- PagePool.h - reference-counted cache pages ---------------*- C++ -*-===//
//
// A cache is a pool of pages of `pageSize` tokens; one page number is valid in
// every layer and plane. Sequences hold lists of pages; a page that two
// sequences share is freed when the last lets go of it.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_KV_PAGEPOOL_H
#define FT_RUNTIME_KV_PAGEPOOL_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <vector>

namespace ft::kv {

class PagePool {
public:
  PagePool(int64_t pages, int64_t pageSize);

  int64_t pageSize() const { return pageSize_; }
  int64_t totalPages() const { return int64_t(references_.size()); }
  int64_t freePages() const { return int64_t(free_.size()); }

  /// Pages that hold `tokens` tokens.
  int64_t pagesFor(int64_t tokens) const {
    return (tokens + pageSize_ - 1) / pageSize_;
  }

  /// A page with one reference; ResourceExhausted when none is free.
  StatusOr<int32_t> allocate();
  /// One more holder of `page`. REQUIRES: the page is held.
  void retain(int32_t page);
  /// One holder less; the last frees the page. REQUIRES: the page is held.
  void release(int32_t page);

private:
  int64_t pageSize_;
  std::vector<int32_t> references_;
  std::vector<int32_t> free_; // a stack; lowest page on top at the start
};

/// The pages of one sequence, grown as its tokens are appended. Movable; its
/// pages go back to the pool with it.
class PageList {
public:
  explicit PageList(PagePool &pool) : pool_(&pool) {}
  PageList(PageList &&other) noexcept;
  PageList &operator=(PageList &&other) noexcept;
  PageList(const PageList &) = delete;
  PageList &operator=(const PageList &) = delete;
  ~PageList() { clear(); }

  /// Room for `tokens` tokens in all, or ResourceExhausted with the numbers
  /// and the list unchanged.
  Status reserve(int64_t tokens);
  void clear();

  const std::vector<int32_t> &pages() const { return pages_; }

private:
  PagePool *pool_;
  std::vector<int32_t> pages_;
};

} // namespace ft::kv

#endif // FT_RUNTIME_KV_PAGEPOOL_H
