//===- NcclCommunicator.h - ranks on the GPUs of one machine ----*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CUDA_NCCLCOMMUNICATOR_H
#define FT_RUNTIME_DEVICE_CUDA_NCCLCOMMUNICATOR_H

#include "runtime/comm/Communicator.h"
#include "runtime/device/cuda/CudaContext.h"
#include "runtime/device/cuda/Nccl.h"

#include <algorithm>
#include <functional>
#include <future>

namespace ft {

/// Exchanges through NCCL, enqueued on the context's stream, in captured graphs
/// too. Also watches over its rank's waits: a rank that never enqueued its part
/// would leave the others' kernels waiting on the device for ever.
class NcclCommunicator final : public Communicator {
public:
  /// Joins the ranks of `board`, which call this at the same time. The context
  /// outlives the communicator, and waits through it from now on.
  static StatusOr<std::unique_ptr<NcclCommunicator>>
  connect(CudaContext &context, std::shared_ptr<RankBoard> board, int rank);
  ~NcclCommunicator() override;

  int rank() const override { return rank_; }
  int size() const override { return board_->size(); }
  Status run(const Collective &collective, int64_t rows) override;
  void abort(const Status &reason) override { board_->fail(rank_, reason); }

  /// Before a program is enqueued whose first collective is `place`. Ranks
  /// meet where NCCL may make connections, and pass where a graph is launched.
  Status enter(const std::string &place, bool launchesGraph);

  /// Waits for all that was enqueued.
  Status synchronize();
  /// No more than the last `programs` still run.
  void passed(int64_t programs) { programs_ = std::min(programs_, programs); }

  /// Polls `query` until the device has come there, or the group has failed:
  /// then its kernels are told to end.
  Status wait(const std::function<CUresult()> &query, const std::string &what);

private:
  NcclCommunicator(CudaContext &context, const Nccl &nccl,
                   std::shared_ptr<RankBoard> board, int rank)
      : context_(context), nccl_(nccl), board_(std::move(board)), rank_(rank) {}
  Status allGather(const Collective &c, int64_t rows);
  Status reduceScatter(const Collective &c, int64_t rows);
  Status copyColumns(std::byte *to, int64_t toStride, const std::byte *from,
                     int64_t fromStride, int64_t bytes, int64_t rows,
                     const std::string &what);
  void endKernels();
  bool waitedTooLong(std::chrono::steady_clock::duration time) const;

  CudaContext &context_;
  const Nccl &nccl_;
  std::shared_ptr<RankBoard> board_;
  int rank_;
  NcclComm *comm_ = nullptr;
  std::future<void> ended_; // comm_ is, after endKernels()
  int64_t programs_ = 0;    // enqueued and not known to have ended
  std::string place_;       // of the last of them
};

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CUDA_NCCLCOMMUNICATOR_H
