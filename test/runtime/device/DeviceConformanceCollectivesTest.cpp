//===- DeviceConformanceCollectivesTest.cpp - ranks on every device -------===//
//
// Every collective over the memory of two and more devices of a kind. CUDA
// needs as many GPUs, and NCCL.
//
//===----------------------------------------------------------------------===//
#include "test/runtime/comm/Exchanges.h"
#include "test/runtime/comm/Ranks.h"
#include "test/runtime/device/Conformance.h"

#include <cmath>

namespace ft::test {

namespace {

struct RankedDevices {
  const char *kind;
  int ranks;
};

std::string nameOf(const testing::TestParamInfo<RankedDevices> &info) {
  return std::string(info.param.kind) + std::to_string(info.param.ranks);
}

class CollectivesTest : public testing::TestWithParam<RankedDevices> {
protected:
  void SetUp() override {
    auto opened = openDevices(GetParam().kind, GetParam().ranks);
    if (!opened.ok())
      GTEST_SKIP() << opened.status().message();
    devices = std::move(*opened);
  }

  /// Runs the exchanges one after the other on every rank, in one group.
  void run(std::vector<Exchange> &exchanges) {
    auto board = std::make_shared<RankBoard>(int(devices.size()));
    auto results = onRanks(int(devices.size()), [&](int rank) -> Status {
      Status status = runRank(board, rank, exchanges);
      if (!status.ok())
        board->fail(rank, status);
      return status;
    });
    for (const Status &result : results)
      ASSERT_TRUE(result.ok()) << result.message();
  }

  std::vector<std::unique_ptr<Device>> devices;

private:
  Status runRank(std::shared_ptr<RankBoard> board, int rank,
                 std::vector<Exchange> &exchanges) {
    Device &device = *devices[size_t(rank)];
    FT_ASSIGN_OR_RETURN(auto communicator,
                        device.connect(std::move(board), rank));
    for (Exchange &exchange : exchanges)
      FT_RETURN_IF_ERROR(runOne(device, *communicator, exchange, rank));
    return Status::success();
  }

  Status runOne(Device &device, Communicator &communicator, Exchange &exchange,
                int rank) {
    Collective c = exchange.collective;
    Bytes &in = exchange.in[size_t(rank)], &out = exchange.out[size_t(rank)];
    int64_t bytes[] = {int64_t(in.size()), int64_t(out.size()),
                       scratchBytes(c, communicator.size(), exchange.rows)};
    std::byte *memory[3];
    for (int i = 0; i < 3; ++i) {
      FT_ASSIGN_OR_RETURN(memory[i], device.allocate(bytes[i], "an operand"));
    }
    c.in = memory[0];
    c.out = memory[1];
    c.scratch = memory[2];
    FT_RETURN_IF_ERROR(device.copyIn(memory[0], in.data(), bytes[0]));
    FT_RETURN_IF_ERROR(device.copyIn(memory[1], out.data(), bytes[1]));
    FT_RETURN_IF_ERROR(checkCollective(c, communicator.size()));
    FT_RETURN_IF_ERROR(communicator.run(c, exchange.rows));
    FT_RETURN_IF_ERROR(device.copyOut(out.data(), memory[1], bytes[1]));
    for (std::byte *address : memory)
      device.release(address);
    return Status::success();
  }
};

INSTANTIATE_TEST_SUITE_P(Devices, CollectivesTest,
                         testing::Values(RankedDevices{"cpu", 2},
                                         RankedDevices{"cpu", 3},
                                         RankedDevices{"cuda", 2},
                                         RankedDevices{"cuda", 4}),
                         nameOf);

/// NCCL may add in any order, and round each sum to the type: with n ranks n-1
/// roundings of at most the sum of the magnitudes, which are below 2 each.
double sumError(DType type, int ranks) {
  double rounding = type == DType::F32   ? 0x1p-24
                    : type == DType::F16 ? 0x1p-11
                                         : 0x1p-8;
  return (ranks - 1) * rounding * 2 * ranks;
}

} // namespace

TEST_P(CollectivesTest, Sums) {
  int size = GetParam().ranks;
  std::vector<Exchange> exchanges;
  for (DType type : kFloats)
    for (int64_t rows : {1, 5, 300})
      for (int64_t width : {1, 7, 4096}) {
        exchanges.push_back(makeExchange(CollectiveOp::AllReduce, size, type,
                                         rows, width, width));
        exchanges.push_back(makeExchange(CollectiveOp::ReduceScatter, size,
                                         type, rows, width * size, width));
      }
  run(exchanges);
  for (const Exchange &exchange : exchanges) {
    DType type = exchange.collective.dtype;
    for (int rank = 0; rank < size; ++rank) {
      Bytes wanted = expectedResult(exchange, rank);
      for (int64_t i = 0; i < exchange.rows * exchange.collective.outWidth; ++i)
        ASSERT_NEAR(toFloat(exchange.out[size_t(rank)], i, type),
                    toFloat(wanted, i, type), sumError(type, size))
            << exchange.collective.place << ", rank " << rank << ", "
            << dtypeName(type) << " [" << exchange.rows << ", "
            << exchange.collective.inWidth << "], element " << i;
    }
  }
}

TEST_P(CollectivesTest, RanksHaveTheSameSums) {
  int size = GetParam().ranks;
  std::vector<Exchange> exchanges;
  for (DType type : kFloats)
    exchanges.push_back(
        makeExchange(CollectiveOp::AllReduce, size, type, 17, 1000, 1000));
  run(exchanges);
  for (const Exchange &exchange : exchanges)
    for (const Bytes &out : exchange.out)
      EXPECT_EQ(out, exchange.out[0]);
}

TEST_P(CollectivesTest, GathersAndBroadcasts) {
  int size = GetParam().ranks;
  std::vector<Exchange> exchanges;
  for (DType type : {DType::F32, DType::BF16, DType::I32})
    for (int64_t rows : {1, 5, 300}) {
      exchanges.push_back(
          makeExchange(CollectiveOp::AllGather, size, type, rows, 7, 7 * size));
      // The last rank's last columns are padding.
      exchanges.push_back(makeExchange(CollectiveOp::AllGather, size, type,
                                       rows, 129, 129 * size - 3));
      exchanges.push_back(
          makeExchange(CollectiveOp::Broadcast, size, type, rows, 65, 65));
    }
  run(exchanges);
  for (const Exchange &exchange : exchanges)
    for (int rank = 0; rank < size; ++rank)
      EXPECT_EQ(exchange.out[size_t(rank)], expectedResult(exchange, rank))
          << exchange.collective.place << ", rank " << rank;
}

// A rank that ends before it exchanges anything ends the others, whose work is
// enqueued already on devices that work asynchronously.
TEST_P(CollectivesTest, AFailedRankEndsTheOthers) {
  int size = GetParam().ranks;
  Exchange exchange =
      makeExchange(CollectiveOp::AllReduce, size, DType::F32, 4, 64, 64);
  auto board = std::make_shared<RankBoard>(size);
  auto results = onRanks(size, [&](int rank) -> Status {
    Device &device = *devices[size_t(rank)];
    FT_ASSIGN_OR_RETURN(auto communicator, device.connect(board, rank));
    if (rank == size - 1) {
      communicator->abort(internalError("it died"));
      return Status::success();
    }
    Collective c = exchange.collective;
    FT_ASSIGN_OR_RETURN(std::byte * memory,
                        device.allocate(4 * 64 * 4, "rows"));
    c.in = c.out = memory;
    Status ran = communicator->run(c, exchange.rows);
    Status waited = device.synchronize();
    device.release(memory);
    return ran.ok() ? waited : ran;
  });
  for (int rank = 0; rank + 1 < size; ++rank)
    EXPECT_NE(results[size_t(rank)].message().find(
                  "rank " + std::to_string(size - 1) + ": it died"),
              std::string::npos)
        << results[size_t(rank)].message();
}

TEST(OpenDevicesTest, TooFewGpusAreAnErrorThatCountsThem) {
  auto devices = openDevices("cuda", 1000);
  ASSERT_FALSE(devices.ok());
  auto one = openDevice("cuda");
  if (!one.ok())
    GTEST_SKIP() << one.status().message();
  EXPECT_NE(devices.status().message().find(
                "the plan runs on 1000 GPUs, this machine has "),
            std::string::npos)
      << devices.status().message();
}

} // namespace ft::test
