//===- RankBoardTest.cpp - meeting, failing, being late -------------------===//
#include "runtime/comm/RankBoard.h"

#include "test/runtime/comm/Ranks.h"

#include <gtest/gtest.h>

#include <atomic>

namespace ft::test {

using namespace std::chrono_literals;

static bool contains(const Status &status, const std::string &part) {
  return status.message().find(part) != std::string::npos;
}

TEST(RankBoardTest, NobodyPassesAMeetingBeforeAllHaveCome) {
  RankBoard board(4);
  std::atomic<int> come[50] = {};
  auto results = onRanks(4, [&](int rank) {
    for (int i = 0; i < 50; ++i) {
      ++come[i];
      FT_RETURN_IF_ERROR(board.meet(rank, "place " + std::to_string(i)));
      if (come[i] != 4)
        return internalError("rank went on alone");
    }
    return Status::success();
  });
  for (const Status &result : results)
    EXPECT_TRUE(result.ok()) << result.message();
}

TEST(RankBoardTest, AGroupOfOneWaitsForNobody) {
  RankBoard board(1, 0ms);
  EXPECT_TRUE(board.meet(0, "a").ok());
  board.pass(0, "b");
  EXPECT_TRUE(board.check(0).ok());
}

TEST(RankBoardTest, TheOthersNameTheFailedRankAndTheirPlace) {
  RankBoard board(3);
  auto results = onRanks(3, [&](int rank) {
    FT_RETURN_IF_ERROR(board.meet(rank, "all_reduce 'a'"));
    if (rank == 1) {
      board.fail(1, internalError("it broke"));
      return Status::success();
    }
    return board.meet(rank, "all_gather 'b'");
  });
  EXPECT_TRUE(results[1].ok());
  for (int rank : {0, 2})
    EXPECT_EQ(results[size_t(rank)].message(),
              "all_gather 'b': rank 1, after all_reduce 'a': it broke");
  EXPECT_EQ(board.failure().message(),
            "rank 1, after all_reduce 'a': it broke");
}

TEST(RankBoardTest, ALateRankIsNamedAndHearsOfItWhenItComes) {
  RankBoard board(3, 50ms);
  std::atomic<int> ended{0};
  auto results = onRanks(3, [&](int rank) {
    // Rank 2 comes only after the others have given up.
    while (rank == 2 && ended != 2)
      std::this_thread::yield();
    Status result = board.meet(rank, "all_reduce 'a'");
    ++ended;
    return result;
  });
  for (const Status &result : results) {
    EXPECT_EQ(result.code(), StatusCode::DeadlineExceeded);
    EXPECT_TRUE(contains(result, "all_reduce 'a': rank 2 has not come within "
                                 "0.05 s of rank "))
        << result.message();
  }
}

TEST(RankBoardTest, SeveralLateRanksAreAllNamed) {
  RankBoard board(4, 20ms);
  Status result = board.meet(1, "a");
  EXPECT_TRUE(contains(result, "rank 0, 2, 3 has not come"))
      << result.message();
}

TEST(RankBoardTest, RanksAtDifferentPlacesAreAnError) {
  RankBoard board(2);
  auto results = onRanks(2, [&](int rank) {
    return board.meet(rank, rank ? "all_gather 'b'" : "all_reduce 'a'");
  });
  for (const Status &result : results) {
    EXPECT_EQ(result.code(), StatusCode::Internal);
    EXPECT_TRUE(contains(result, "all_reduce 'a'") &&
                contains(result, "all_gather 'b'"))
        << result.message();
  }
}

TEST(RankBoardTest, CheckFindsTheRankThatEnqueuedNothing) {
  RankBoard board(2, 20ms);
  board.pass(0, "run 1");
  EXPECT_TRUE(board.check(0).ok());
  EXPECT_TRUE(board.check(1).ok()) << "the late one waits for nobody";
  std::this_thread::sleep_for(40ms);
  Status late = board.check(0);
  EXPECT_TRUE(contains(late, "run 1: rank 1 has not come")) << late.message();
}

TEST(RankBoardTest, CheckIsQuietWhileAllHavePassed) {
  RankBoard board(2, 20ms);
  board.pass(0, "run 1");
  board.pass(1, "run 1");
  std::this_thread::sleep_for(40ms);
  EXPECT_TRUE(board.check(0).ok());
}

TEST(RankBoardTest, ARankWhoseDeviceFailedIsNamedByTheOneThatAsks) {
  RankBoard board(3);
  int asked = 0;
  board.watch(0, [&] { return ++asked, internalError("not asked"); });
  board.watch(1, [&] { return ++asked, Status::success(); });
  board.askOthers(0);
  EXPECT_TRUE(board.failure().ok()) << board.failure().message();
  board.pass(2, "all_reduce 'o'");
  board.watch(2, [] { return internalError("its device faulted"); });
  board.askOthers(0);
  EXPECT_EQ(board.failure().message(),
            "rank 2, after all_reduce 'o': its device faulted");
  EXPECT_EQ(asked, 2);
  board.watch(1, nullptr);
  board.askOthers(0);
  EXPECT_EQ(asked, 2) << "who left is not asked";
}

TEST(RankBoardTest, TheFirstFailureStays) {
  RankBoard board(2);
  board.fail(1, internalError("first"));
  board.fail(0, internalError("second"));
  EXPECT_EQ(board.failure().message(), "rank 1: first");
}

} // namespace ft::test
