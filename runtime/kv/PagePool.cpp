//===- PagePool.cpp - reference-counted cache pages -----------------------===//
#include "runtime/kv/PagePool.h"

#include <cassert>

namespace ft::kv {

PagePool::PagePool(int64_t pages, int64_t pageSize)
    : pageSize_(pageSize), references_(size_t(pages), 0) {
  assert(pages >= 0 && pageSize > 0);
  free_.reserve(size_t(pages));
  for (int64_t page = pages - 1; page >= 0; --page)
    free_.push_back(int32_t(page));
}

StatusOr<int32_t> PagePool::allocate() {
  if (free_.empty())
    return resourceExhausted("the cache is full: all " +
                             std::to_string(totalPages()) + " pages of " +
                             std::to_string(pageSize_) + " tokens are in use");
  int32_t page = free_.back();
  free_.pop_back();
  references_[size_t(page)] = 1;
  return page;
}

void PagePool::retain(int32_t page) {
  assert(references_[size_t(page)] > 0 && "retain of a free page");
  ++references_[size_t(page)];
}

void PagePool::release(int32_t page) {
  assert(references_[size_t(page)] > 0 && "release of a free page");
  if (--references_[size_t(page)] == 0)
    free_.push_back(page);
}

PageList::PageList(PageList &&other) noexcept
    : pool_(other.pool_), pages_(std::move(other.pages_)) {
  other.pages_.clear();
}

PageList &PageList::operator=(PageList &&other) noexcept {
  if (this != &other) {
    clear();
    pool_ = other.pool_;
    pages_ = std::move(other.pages_);
    other.pages_.clear();
  }
  return *this;
}

Status PageList::reserve(int64_t tokens) {
  int64_t wanted = pool_->pagesFor(tokens) - int64_t(pages_.size());
  if (wanted > pool_->freePages())
    return resourceExhausted(
        "the cache is full: " + std::to_string(wanted) + " more pages of " +
        std::to_string(pool_->pageSize()) + " tokens are wanted, " +
        std::to_string(pool_->freePages()) + " of " +
        std::to_string(pool_->totalPages()) + " are free");
  for (int64_t i = 0; i < wanted; ++i)
    pages_.push_back(*pool_->allocate());
  return Status::success();
}

void PageList::clear() {
  for (int32_t page : pages_)
    pool_->release(page);
  pages_.clear();
}

} // namespace ft::kv
