//===- NcclCommunicator.cpp - ranks on the GPUs of one machine ------------===//
#include "runtime/device/cuda/NcclCommunicator.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

namespace ft {

namespace {

using Clock = std::chrono::steady_clock;

// NCCL finds its links and makes all connections in this time.
constexpr std::chrono::seconds kConnectDeadline{60};
// A step of decoding is shorter than this: the wait for it burns a core.
constexpr std::chrono::milliseconds kSpinTime{50};
constexpr std::chrono::microseconds kPollInterval{50};
// Freeing a communicator waits for no other rank; what hangs is left behind.
constexpr std::chrono::seconds kEndDeadline{5};

} // namespace

/// ncclCommInitRank waits for all ranks without a deadline, so it runs on a
/// thread that can be left behind.
static StatusOr<NcclComm *> initRank(CudaContext &context, const Nccl &nccl,
                                     int size, NcclUniqueId id, int rank) {
  struct Result {
    NcclResult code = 0;
    NcclComm *comm = nullptr;
  };
  auto promise = std::make_shared<std::promise<Result>>();
  std::future<Result> future = promise->get_future();
  std::thread([promise, &cu = context.cu, current = context.context, &nccl,
               size, id, rank] {
    Result result;
    cu.cuCtxSetCurrent(current);
    result.code = nccl.ncclCommInitRank(&result.comm, size, id, rank);
    promise->set_value(result);
  }).detach();
  if (future.wait_for(kConnectDeadline) != std::future_status::ready)
    return deadlineExceeded("ncclCommInitRank for rank " +
                            std::to_string(rank) + " did not return within " +
                            std::to_string(kConnectDeadline.count()) +
                            " s; NCCL_DEBUG=INFO tells what it waits for");
  Result result = future.get();
  FT_RETURN_IF_ERROR(ncclStatus(nccl, result.code, "ncclCommInitRank",
                                "rank " + std::to_string(rank)));
  return result.comm;
}

StatusOr<std::unique_ptr<NcclCommunicator>>
NcclCommunicator::connect(CudaContext &context,
                          std::shared_ptr<RankBoard> board, int rank) {
  FT_ASSIGN_OR_RETURN(const Nccl *nccl, openNccl());
  std::shared_ptr<NcclUniqueId> made;
  if (rank == 0) {
    // All connections are made now: one made inside a collective would wait
    // for the other ranks on the host, where nobody watches.
    setenv("NCCL_RUNTIME_CONNECT", "0", /*overwrite=*/0);
    made = std::make_shared<NcclUniqueId>();
    FT_NCCL(*nccl, ncclGetUniqueId, "the group of ranks", made.get());
  }
  FT_ASSIGN_OR_RETURN(auto id, board->share(rank, "the start of NCCL", made));
  std::unique_ptr<NcclCommunicator> communicator(
      new NcclCommunicator(context, *nccl, std::move(board), rank));
  FT_ASSIGN_OR_RETURN(
      communicator->comm_,
      initRank(context, *nccl, communicator->size(), *id, rank));
  context.communicator = communicator.get();
  communicator->board_->watch(rank, [&context]() -> Status {
    CUresult code = context.cu.cuStreamQuery(context.stream);
    if (code == CUDA_ERROR_NOT_READY)
      return Status::success();
    return cudaStatus(context.cu, code, "the look at", context.name);
  });
  return communicator;
}

NcclCommunicator::~NcclCommunicator() {
  context_.communicator = nullptr;
  board_->watch(rank_, nullptr);
  endKernels();
  if (ended_.valid())
    ended_.wait_for(kEndDeadline);
}

Status NcclCommunicator::copyColumns(std::byte *to, int64_t toStride,
                                     const std::byte *from, int64_t fromStride,
                                     int64_t bytes, int64_t rows,
                                     const std::string &what) {
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = reinterpret_cast<CUdeviceptr>(from);
  copy.srcPitch = size_t(fromStride);
  copy.dstDevice = reinterpret_cast<CUdeviceptr>(to);
  copy.dstPitch = size_t(toStride);
  copy.WidthInBytes = size_t(bytes);
  copy.Height = size_t(rows);
  FT_CUDA(context_.cu, cuMemcpy2DAsync, what, &copy, context_.stream);
  return Status::success();
}

Status NcclCommunicator::allGather(const Collective &c, int64_t rows) {
  size_t count = size_t(rows * c.inWidth);
  bool inPlace = rows == 1 && c.outWidth == c.inWidth * size();
  std::byte *to = inPlace ? c.out : c.scratch;
  FT_NCCL(nccl_, ncclAllGather, c.place, c.in, to, count, ncclType(c.dtype),
          comm_, context_.stream);
  if (inPlace)
    return Status::success();
  // The ranks' rows lie after each other; each becomes a range of columns.
  int64_t element = dtypeSize(c.dtype), width = c.inWidth * element;
  for (int64_t rank = 0; rank < size(); ++rank) {
    int64_t column = rank * c.inWidth;
    int64_t columns = std::min(c.inWidth, c.outWidth - column);
    if (columns > 0)
      FT_RETURN_IF_ERROR(copyColumns(
          c.out + column * element, c.outStride * element,
          to + rank * rows * width, width, columns * element, rows, c.place));
  }
  return Status::success();
}

Status NcclCommunicator::reduceScatter(const Collective &c, int64_t rows) {
  const std::byte *from = c.in;
  int64_t element = dtypeSize(c.dtype), width = c.outWidth * element;
  if (rows > 1) {
    for (int64_t rank = 0; rank < size(); ++rank)
      FT_RETURN_IF_ERROR(copyColumns(c.scratch + rank * rows * width, width,
                                     c.in + rank * width, c.inStride * element,
                                     width, rows, c.place));
    from = c.scratch;
  }
  FT_NCCL(nccl_, ncclReduceScatter, c.place, from, c.out,
          size_t(rows * c.outWidth), ncclType(c.dtype), kNcclSum, comm_,
          context_.stream);
  return Status::success();
}

Status NcclCommunicator::run(const Collective &c, int64_t rows) {
  if (!comm_)
    return board_->failureAt(c.place);
  if (rows == 0)
    return Status::success();
  size_t count = size_t(rows * c.inWidth);
  switch (c.op) {
  case CollectiveOp::AllReduce:
    FT_NCCL(nccl_, ncclAllReduce, c.place, c.in, c.out, count,
            ncclType(c.dtype), kNcclSum, comm_, context_.stream);
    break;
  case CollectiveOp::Broadcast:
    FT_NCCL(nccl_, ncclBroadcast, c.place, c.in, c.out, count,
            ncclType(c.dtype), c.root, comm_, context_.stream);
    break;
  case CollectiveOp::AllGather:
    return allGather(c, rows);
  case CollectiveOp::ReduceScatter:
    return reduceScatter(c, rows);
  }
  return Status::success();
}

Status NcclCommunicator::enter(const std::string &place, bool launchesGraph) {
  ++programs_;
  place_ = place;
  if (!launchesGraph)
    return board_->meet(rank_, place);
  board_->pass(rank_, place);
  return board_->failureAt(place);
}

bool NcclCommunicator::waitedTooLong(Clock::duration time) const {
  return time > board_->deadline() * std::max<int64_t>(programs_, 1);
}

/// Ends the kernels that wait for other ranks. Unlike ncclCommDestroy, the call
/// waits for no other rank, but it returns only when captured graphs are gone:
/// a thread is left with it.
void NcclCommunicator::endKernels() {
  if (!comm_)
    return;
  std::promise<void> promise;
  ended_ = promise.get_future();
  std::thread([end = nccl_.ncclCommAbort, comm = comm_,
               done = std::move(promise)]() mutable {
    end(comm);
    done.set_value();
  }).detach();
  comm_ = nullptr;
}

Status NcclCommunicator::synchronize() {
  Status waited =
      wait([this] { return context_.cu.cuStreamQuery(context_.stream); },
           "the work enqueued on " + context_.name);
  programs_ = 0;
  return waited;
}

Status NcclCommunicator::wait(const std::function<CUresult()> &query,
                              const std::string &what) {
  Clock::time_point start = Clock::now(), looked = start;
  Status failure;
  while (true) {
    CUresult code = query();
    if (code != CUDA_ERROR_NOT_READY) {
      Status own = cudaStatus(context_.cu, code, "the wait", what);
      return failure.ok() ? own : failure;
    }
    Clock::time_point now = Clock::now();
    if (now - start < kSpinTime && now - looked < std::chrono::milliseconds(1))
      continue;
    looked = now;
    if (failure.ok()) {
      if (waitedTooLong(now - start)) {
        board_->askOthers(rank_); // the first failure stays
        board_->fail(rank_, deadlineExceeded(place_ +
                                             " and what follows did "
                                             "not end on " +
                                             context_.name));
      }
      failure = board_->check(rank_);
      if (!failure.ok()) {
        endKernels();
        start = now;
      }
    } else if (now - start > board_->deadline()) {
      return failure;
    }
    if (now - start >= kSpinTime)
      std::this_thread::sleep_for(kPollInterval);
  }
}

} // namespace ft
