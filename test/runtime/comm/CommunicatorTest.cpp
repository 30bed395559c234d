//===- CommunicatorTest.cpp - the host's collectives ----------------------===//
//
// Every collective against its formula, on 1 to 8 ranks, every type and odd
// sizes, with gaps between rows and in place. Sums are compared bit by bit:
// fp32 in the order of the ranks, rounded once.
//
//===----------------------------------------------------------------------===//
#include "runtime/comm/HostCommunicator.h"

#include "test/runtime/comm/Exchanges.h"
#include "test/runtime/comm/Ranks.h"

#include <gtest/gtest.h>

namespace ft::test {

namespace {

constexpr int kSizes[] = {1, 2, 3, 4, 8};
constexpr DType kFloats[] = {DType::F32, DType::F16, DType::BF16};

Status runRank(std::shared_ptr<RankBoard> board, int rank,
               Collective collective, int64_t rows, const Bytes &in,
               Bytes &out) {
  FT_ASSIGN_OR_RETURN(auto communicator,
                      HostCommunicator::connect(std::move(board), rank));
  collective.in = in.data();
  collective.out = out.data();
  FT_RETURN_IF_ERROR(checkCollective(collective, communicator->size()));
  return communicator->run(collective, rows);
}

void check(Exchange c) {
  int size = int(c.in.size());
  std::vector<Bytes> wanted;
  for (int rank = 0; rank < size; ++rank)
    wanted.push_back(expectedResult(c, rank));
  auto board = std::make_shared<RankBoard>(size);
  auto results = onRanks(size, [&](int rank) {
    return runRank(board, rank, c.collective, c.rows, c.in[size_t(rank)],
                   c.out[size_t(rank)]);
  });
  for (int rank = 0; rank < size; ++rank) {
    EXPECT_TRUE(results[size_t(rank)].ok()) << results[size_t(rank)].message();
    EXPECT_EQ(c.out[size_t(rank)], wanted[size_t(rank)])
        << c.collective.place << ", rank " << rank << " of " << size << ", "
        << dtypeName(c.collective.dtype) << " [" << c.rows << ", "
        << c.collective.inWidth << "]";
  }
}

} // namespace

TEST(CommunicatorTest, SumsRowsInTheOrderOfTheRanks) {
  for (int size : kSizes)
    for (DType type : kFloats)
      for (int64_t rows : {0, 1, 5})
        for (int64_t width : {1, 7, 130}) {
          check(makeExchange(CollectiveOp::AllReduce, size, type, rows, width,
                             width, width == 7 ? 3 : 0));
          check(makeExchange(CollectiveOp::ReduceScatter, size, type, rows,
                             width * size, width, width == 7 ? 3 : 0));
        }
}

TEST(CommunicatorTest, GathersAndBroadcastsEveryType) {
  for (int size : kSizes)
    for (DType type : {DType::F32, DType::F16, DType::BF16, DType::I32})
      for (int64_t rows : {0, 1, 5})
        for (int64_t width : {1, 7, 130}) {
          int64_t gap = width == 7 ? 3 : 0;
          check(makeExchange(CollectiveOp::AllGather, size, type, rows, width,
                             width * size, gap));
          check(makeExchange(CollectiveOp::Broadcast, size, type, rows, width,
                             width, gap));
        }
}

TEST(CommunicatorTest, AGatherDropsThePadding) {
  check(makeExchange(CollectiveOp::AllGather, 4, DType::F32, 3, 7, 26, 0));
  // The last rank holds nothing but padding.
  check(makeExchange(CollectiveOp::AllGather, 4, DType::I32, 3, 2, 5, 1));
}

TEST(CommunicatorTest, SumsInPlace) {
  for (int size : kSizes) {
    Exchange c =
        makeExchange(CollectiveOp::AllReduce, size, DType::BF16, 5, 33, 33, 0);
    Bytes wanted = expectedResult(c, 0);
    auto board = std::make_shared<RankBoard>(size);
    for (const Status &result : onRanks(size, [&](int rank) {
           return runRank(board, rank, c.collective, c.rows, c.in[size_t(rank)],
                          c.in[size_t(rank)]);
         }))
      EXPECT_TRUE(result.ok()) << result.message();
    for (const Bytes &found : c.in)
      EXPECT_EQ(found, wanted) << size;
  }
}

TEST(CommunicatorTest, ManyCallsInARow) {
  constexpr int kRanks = 3, kCalls = 200;
  auto board = std::make_shared<RankBoard>(kRanks);
  for (const Status &result : onRanks(kRanks, [&](int rank) {
         FT_ASSIGN_OR_RETURN(auto communicator,
                             HostCommunicator::connect(board, rank));
         std::vector<float> values(10, float(rank));
         Collective c;
         c.place = "all_reduce 'again'";
         c.inWidth = c.outWidth = c.inStride = c.outStride = 5;
         c.in = c.out = reinterpret_cast<std::byte *>(values.data());
         for (int i = 0; i < kCalls; ++i) {
           FT_RETURN_IF_ERROR(communicator->run(c, 2));
           if (values != std::vector<float>(10, 3.0f))
             return internalError("call " + std::to_string(i) + ": wrong sum");
           values.assign(10, float(rank));
         }
         return Status::success();
       }))
    EXPECT_TRUE(result.ok()) << result.message();
}

TEST(CommunicatorTest, DifferentExchangesAtOnePlaceAreAnError) {
  using Change = void (*)(Exchange &);
  const Change changes[] = {
      [](Exchange &e) { e.rows = 3; },
      [](Exchange &e) { e.collective.dtype = DType::F16; },
      [](Exchange &e) { e.collective.root = 0; },
      [](Exchange &e) { e.collective.op = CollectiveOp::Broadcast; },
      [](Exchange &e) { e.collective.inWidth = e.collective.outWidth = 7; }};
  for (Change change : changes) {
    auto board = std::make_shared<RankBoard>(2);
    Exchange one =
        makeExchange(CollectiveOp::AllReduce, 2, DType::F32, 4, 8, 8);
    Exchange other = one;
    change(other);
    for (const Status &result : onRanks(2, [&](int rank) {
           Exchange &own = rank ? other : one;
           return runRank(board, rank, own.collective, own.rows,
                          own.in[size_t(rank)], own.out[size_t(rank)]);
         }))
      EXPECT_EQ(result.code(), StatusCode::Internal) << result.message();
  }
}

TEST(CommunicatorTest, AbortEndsEveryRank) {
  auto board = std::make_shared<RankBoard>(3);
  Exchange c = makeExchange(CollectiveOp::AllReduce, 3, DType::F32, 4, 8, 8, 0);
  auto results = onRanks(3, [&](int rank) -> Status {
    FT_ASSIGN_OR_RETURN(auto communicator,
                        HostCommunicator::connect(board, rank));
    if (rank == 2) {
      communicator->abort(cancelled("no more"));
      return Status::success();
    }
    Collective own = c.collective;
    own.in = c.in[size_t(rank)].data();
    own.out = c.out[size_t(rank)].data();
    return communicator->run(own, 4);
  });
  for (int rank : {0, 1})
    EXPECT_EQ(results[size_t(rank)].message(),
              "all_reduce 'test': rank 2: no more");
}

TEST(CommunicatorTest, CountsTheScratchOfInterleavedRows) {
  auto bytes = [](CollectiveOp op, int64_t rows) {
    Collective c;
    c.op = op;
    c.dtype = DType::BF16;
    c.inWidth = 6;
    return scratchBytes(c, 3, rows);
  };
  EXPECT_EQ(bytes(CollectiveOp::AllReduce, 5), 0);
  EXPECT_EQ(bytes(CollectiveOp::Broadcast, 5), 0);
  // 5 rows of 3 ranks' 6 columns of 2 bytes; 5 rows of 6 columns.
  EXPECT_EQ(bytes(CollectiveOp::AllGather, 5), 180);
  EXPECT_EQ(bytes(CollectiveOp::ReduceScatter, 5), 60);
  EXPECT_EQ(bytes(CollectiveOp::AllGather, INT64_MAX / 8), INT64_MAX);
}

TEST(CommunicatorTest, ChecksItsOperands) {
  auto error = [](auto change) {
    Collective c;
    c.place = "all_gather 'l'";
    c.op = CollectiveOp::AllGather;
    c.inWidth = c.inStride = 8;
    c.outWidth = c.outStride = 16;
    change(c);
    return checkCollective(c, 2).message();
  };
  EXPECT_EQ(error([](Collective &) {}), "");
  EXPECT_EQ(error([](Collective &c) { c.outWidth = 17; }),
            "all_gather 'l': expected widths that fit, found rows of 8 to "
            "rows of 17 f32 on 2 ranks; compile the plan again");
  EXPECT_NE(error([](Collective &c) { c.outWidth = 0; }), "");
  EXPECT_NE(error([](Collective &c) { c.op = CollectiveOp::AllReduce; }), "");
  EXPECT_NE(error([](Collective &c) { c.op = CollectiveOp::ReduceScatter; }),
            "");
  EXPECT_NE(error([](Collective &c) { c.inStride = 7; }), "");
  EXPECT_NE(error([](Collective &c) { c.root = 2; }), "");
  EXPECT_NE(error([](Collective &c) {
              c.op = CollectiveOp::AllReduce;
              c.outWidth = 8;
              c.dtype = DType::I32;
            }),
            "");
}

} // namespace ft::test
