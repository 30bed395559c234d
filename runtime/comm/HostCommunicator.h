//===- HostCommunicator.h - ranks that share the host's memory --*- C++ -*-===//
#ifndef FT_RUNTIME_COMM_HOSTCOMMUNICATOR_H
#define FT_RUNTIME_COMM_HOSTCOMMUNICATOR_H

#include "runtime/comm/Communicator.h"

#include <vector>

namespace ft {

/// What the host communicators of a group share: the call that each rank is in,
/// read by all between two meetings.
struct HostExchange {
  struct Call {
    Collective collective;
    int64_t rows = 0;
  };
  std::vector<Call> calls; // by rank
};

/// Exchanges through host memory, on the ranks' own threads: done on return,
/// every rank with the same bits.
class HostCommunicator final : public Communicator {
public:
  /// Joins the ranks of `board`, which call this at the same time.
  static StatusOr<std::unique_ptr<Communicator>>
  connect(std::shared_ptr<RankBoard> board, int rank);

  int rank() const override { return rank_; }
  int size() const override { return board_->size(); }
  Status run(const Collective &collective, int64_t rows) override;
  void abort(const Status &reason) override { board_->fail(rank_, reason); }

private:
  HostCommunicator(std::shared_ptr<RankBoard> board, int rank,
                   std::shared_ptr<HostExchange> exchange)
      : board_(std::move(board)), rank_(rank), exchange_(std::move(exchange)) {}
  Status checkCalls(const Collective &collective, int64_t rows);
  void computeRow(const Collective &collective, int64_t row, std::byte *to);
  void addRows(const Collective &collective, int64_t row, int64_t column,
               std::byte *to);
  void gatherRow(const Collective &collective, int64_t row, std::byte *to);
  const std::byte *rowOf(size_t rank, int64_t row) const;

  std::shared_ptr<RankBoard> board_;
  int rank_;
  std::shared_ptr<HostExchange> exchange_;
  std::vector<std::byte> result_; // rows of outWidth, before they are stored
  std::vector<float> sum_;
};

} // namespace ft

#endif // FT_RUNTIME_COMM_HOSTCOMMUNICATOR_H
