//===- HostCommunicator.cpp - ranks that share the host's memory ----------===//
#include "runtime/comm/HostCommunicator.h"

#include <algorithm>
#include <cstring>

namespace ft {

/// Adds `count` elements to `sum`.
static void accumulate(float *sum, const std::byte *from, DType type,
                       int64_t count) {
  if (type == DType::F32) {
    const float *values = reinterpret_cast<const float *>(from);
    for (int64_t i = 0; i < count; ++i)
      sum[i] += values[i];
    return;
  }
  const uint16_t *halves = reinterpret_cast<const uint16_t *>(from);
  for (int64_t i = 0; i < count; ++i)
    sum[i] += type == DType::BF16 ? bf16ToF32(halves[i]) : f16ToF32(halves[i]);
}

static void store(std::byte *to, const float *sum, DType type, int64_t count) {
  if (type == DType::F32) {
    std::memcpy(to, sum, size_t(count) * sizeof(float));
    return;
  }
  uint16_t *halves = reinterpret_cast<uint16_t *>(to);
  for (int64_t i = 0; i < count; ++i)
    halves[i] = type == DType::BF16 ? f32ToBf16(sum[i]) : f32ToF16(sum[i]);
}

const std::byte *HostCommunicator::rowOf(size_t rank, int64_t row) const {
  const Collective &call = exchange_->calls[rank].collective;
  return call.in + row * call.inStride * dtypeSize(call.dtype);
}

void HostCommunicator::addRows(const Collective &c, int64_t row, int64_t column,
                               std::byte *to) {
  // Minus zero is what adding nothing keeps.
  sum_.assign(size_t(c.outWidth), -0.0f);
  for (size_t rank = 0; rank < exchange_->calls.size(); ++rank)
    accumulate(sum_.data(), rowOf(rank, row) + column * dtypeSize(c.dtype),
               c.dtype, c.outWidth);
  store(to, sum_.data(), c.dtype, c.outWidth);
}

void HostCommunicator::gatherRow(const Collective &c, int64_t row,
                                 std::byte *to) {
  int64_t size = dtypeSize(c.dtype);
  for (size_t rank = 0; rank < exchange_->calls.size(); ++rank) {
    int64_t column = int64_t(rank) * c.inWidth;
    int64_t count = std::clamp<int64_t>(c.outWidth - column, 0, c.inWidth);
    if (count > 0)
      std::memcpy(to + column * size, rowOf(rank, row), size_t(count * size));
  }
}

void HostCommunicator::computeRow(const Collective &c, int64_t row,
                                  std::byte *to) {
  switch (c.op) {
  case CollectiveOp::AllReduce:
    return addRows(c, row, 0, to);
  case CollectiveOp::ReduceScatter:
    return addRows(c, row, rank_ * c.outWidth, to);
  case CollectiveOp::AllGather:
    return gatherRow(c, row, to);
  case CollectiveOp::Broadcast:
    std::memcpy(to, rowOf(size_t(c.root), row),
                size_t(c.outWidth * dtypeSize(c.dtype)));
    return;
  }
}

/// Our own bug, or a plan that is not the same on every rank.
Status HostCommunicator::checkCalls(const Collective &c, int64_t rows) {
  for (const HostExchange::Call &call : exchange_->calls) {
    const Collective &other = call.collective;
    if (other.op != c.op || other.dtype != c.dtype || call.rows != rows ||
        other.inWidth != c.inWidth || other.outWidth != c.outWidth ||
        other.root != c.root)
      return internalError(c.place + ": ranks " + std::to_string(rank_) +
                           " and " +
                           std::to_string(&call - exchange_->calls.data()) +
                           " exchange rows of different shapes");
  }
  return Status::success();
}

StatusOr<std::unique_ptr<Communicator>>
HostCommunicator::connect(std::shared_ptr<RankBoard> board, int rank) {
  std::shared_ptr<HostExchange> made;
  if (rank == 0) {
    made = std::make_shared<HostExchange>();
    made->calls.resize(size_t(board->size()));
  }
  FT_ASSIGN_OR_RETURN(auto exchange,
                      board->share(rank, "the start of the ranks", made));
  return std::unique_ptr<Communicator>(
      new HostCommunicator(std::move(board), rank, std::move(exchange)));
}

Status HostCommunicator::run(const Collective &c, int64_t rows) {
  // In a group that has failed, a straggler may still read our last call.
  FT_RETURN_IF_ERROR(board_->failureAt(c.place));
  exchange_->calls[size_t(rank_)] = {c, rows};
  FT_RETURN_IF_ERROR(board_->meet(rank_, c.place));
  Status same = checkCalls(c, rows);
  if (!same.ok()) {
    abort(same);
    return same;
  }
  int64_t size = dtypeSize(c.dtype), width = c.outWidth * size;
  result_.resize(size_t(rows * width));
  for (int64_t row = 0; row < rows; ++row)
    computeRow(c, row, result_.data() + row * width);
  // No rank may change its operand before all have read it.
  FT_RETURN_IF_ERROR(board_->meet(rank_, c.place));
  for (int64_t row = 0; row < rows; ++row)
    std::memcpy(c.out + row * c.outStride * size, result_.data() + row * width,
                size_t(width));
  return Status::success();
}

} // namespace ft
