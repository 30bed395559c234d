//===- PagePoolTest.cpp ---------------------------------------------------===//
#include "runtime/kv/PagePool.h"

#include <gtest/gtest.h>

using namespace ft::kv;

TEST(PagePool, GivesEveryPageOnceThenRefuses) {
  PagePool pool(3, 16);
  std::vector<bool> seen(3);
  for (int i = 0; i < 3; ++i) {
    auto page = pool.allocate();
    ASSERT_TRUE(page.ok());
    EXPECT_FALSE(seen[size_t(*page)]);
    seen[size_t(*page)] = true;
  }
  auto none = pool.allocate();
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.status().code(), ft::StatusCode::ResourceExhausted);
}

TEST(PagePool, SharedPageIsFreedByTheLastHolder) {
  PagePool pool(1, 16);
  int32_t page = *pool.allocate();
  pool.retain(page);
  pool.release(page);
  EXPECT_EQ(pool.freePages(), 0);
  pool.release(page);
  EXPECT_EQ(pool.freePages(), 1);
}

TEST(PageList, GrowsByWholePages) {
  PagePool pool(4, 16);
  PageList list(pool);
  ASSERT_TRUE(list.reserve(1).ok());
  EXPECT_EQ(list.pages().size(), 1u);
  ASSERT_TRUE(list.reserve(16).ok());
  EXPECT_EQ(list.pages().size(), 1u);
  ASSERT_TRUE(list.reserve(17).ok());
  EXPECT_EQ(list.pages().size(), 2u);
}

TEST(PageList, FailedReserveChangesNothing) {
  PagePool pool(2, 16);
  PageList list(pool);
  ASSERT_TRUE(list.reserve(16).ok());
  EXPECT_FALSE(list.reserve(49).ok());
  EXPECT_EQ(list.pages().size(), 1u);
  EXPECT_EQ(pool.freePages(), 1);
}

TEST(PageList, MoveKeepsAndDestructionReturnsPages) {
  PagePool pool(2, 16);
  {
    PageList list(pool);
    ASSERT_TRUE(list.reserve(32).ok());
    PageList other(std::move(list));
    EXPECT_EQ(pool.freePages(), 0);
  }
  EXPECT_EQ(pool.freePages(), 2);
}
