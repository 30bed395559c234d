//===- RankThreadsTest.cpp - jobs on every rank ---------------------------===//
#include "runtime/comm/RankThreads.h"

#include <gtest/gtest.h>

#include <atomic>

namespace ft::test {

using namespace std::chrono_literals;

TEST(RankThreadsTest, EveryRankRunsEveryJobOnItsOwnThread) {
  auto board = std::make_shared<RankBoard>(3);
  RankThreads threads(board);
  std::thread::id ids[3];
  int runs[3] = {};
  for (int i = 0; i < 20; ++i)
    EXPECT_TRUE(threads
                    .run([&](int rank) {
                      if (i == 0)
                        ids[rank] = std::this_thread::get_id();
                      runs[rank] += ids[rank] == std::this_thread::get_id();
                      return Status::success();
                    })
                    .ok());
  for (int rank = 0; rank < 3; ++rank)
    EXPECT_EQ(runs[rank], 20) << rank;
  EXPECT_EQ(ids[0], std::this_thread::get_id());
  EXPECT_NE(ids[1], ids[2]);
}

TEST(RankThreadsTest, AGroupOfOneKeepsItsErrorAndGoesOn) {
  RankThreads threads(std::make_shared<RankBoard>(1));
  Status failed =
      threads.run([](int) { return outOfRange("a batch too large"); });
  EXPECT_EQ(failed.message(), "a batch too large");
  EXPECT_TRUE(threads.run([](int) { return Status::success(); }).ok());
}

TEST(RankThreadsTest, AFailureEndsTheGroup) {
  auto board = std::make_shared<RankBoard>(3);
  RankThreads threads(board);
  Status failed = threads.run([&](int rank) {
    return rank == 2 ? internalError("it broke") : board->meet(rank, "here");
  });
  EXPECT_EQ(failed.message(), "rank 2: it broke");
  std::atomic<int> runs{0};
  Status later = threads.run([&](int) {
    ++runs;
    return Status::success();
  });
  EXPECT_EQ(later.message(), failed.message());
  EXPECT_EQ(runs, 0);
}

TEST(RankThreadsTest, AStuckRankIsLeftBehind) {
  auto board = std::make_shared<RankBoard>(2, 30ms);
  auto leave = std::make_shared<std::atomic<bool>>(false);
  auto left = std::make_shared<std::atomic<bool>>(false);
  {
    RankThreads threads(board);
    Status late = threads.run([board, leave, left](int rank) {
      while (rank == 1 && !*leave)
        std::this_thread::sleep_for(1ms);
      Status result = board->meet(rank, "all_reduce 'a'");
      if (rank == 1)
        *left = true;
      return result;
    });
    EXPECT_NE(late.message().find("all_reduce 'a': rank 1 has not come"),
              std::string::npos)
        << late.message();
  }
  EXPECT_FALSE(*left);
  *leave = true;
  while (!*left)
    std::this_thread::sleep_for(1ms);
}

} // namespace ft::test
