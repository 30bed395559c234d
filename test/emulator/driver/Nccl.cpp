//===- Nccl.cpp - a stand-in NCCL for ranks of one process ----------------===//
//
// Exchanges are operations of the stand-in driver's streams: a rank's is done
// when all have come to theirs. The symbols are those that the runtime opens.
//
//===----------------------------------------------------------------------===//
#include "runtime/device/cuda/Nccl.h"

#include "test/emulator/driver/Enqueue.h"
#include "test/emulator/driver/NcclGroup.h"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>

using namespace ft::emulator;
using namespace ft::emulator::driver;

// ncclResult_t.
static constexpr int kSuccess = 0, kCudaError = 1, kInvalidArgument = 4,
                     kInvalidUsage = 5;

struct ft::NcclComm {
  std::shared_ptr<Group> group;
  int rank = 0;
  std::shared_ptr<std::atomic<bool>> aborted =
      std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<uint64_t> meetings = std::make_shared<uint64_t>(0);
};
using ft::NcclComm;

static int refuseNccl(const char *call, int code, const std::string &why) {
  std::fprintf(stderr, "emulated GPU: %s: %s\n", call, why.c_str());
  return code;
}

extern "C" int ncclGetVersion(int *version) {
  *version = 22000;
  return kSuccess;
}

extern "C" const char *ncclGetErrorString(int result) {
  switch (result) {
  case kSuccess:
    return "no error";
  case kCudaError:
    return "unhandled cuda error";
  case kInvalidArgument:
    return "invalid argument";
  default:
    return "invalid usage";
  }
}

/// Groups by the number in their id.
static std::mutex groupsMutex;
static std::map<uint64_t, std::weak_ptr<Group>> &groups() {
  static auto &all = *new std::map<uint64_t, std::weak_ptr<Group>>;
  return all;
}

extern "C" int ncclGetUniqueId(ft::NcclUniqueId *id) {
  static std::atomic<uint64_t> last{0};
  uint64_t number = ++last;
  std::memset(id, 0, sizeof(*id));
  std::memcpy(id->internal, &number, sizeof(number));
  return kSuccess;
}

extern "C" int ncclCommInitRank(NcclComm **comm, int ranks, ft::NcclUniqueId id,
                                int rank) {
  uint64_t number = 0;
  std::memcpy(&number, id.internal, sizeof(number));
  if (rank < 0 || rank >= ranks)
    return refuseNccl("ncclCommInitRank", kInvalidArgument, "no such rank");
  std::shared_ptr<Group> group;
  {
    std::lock_guard<std::mutex> lock(groupsMutex);
    group = groups()[number].lock();
    if (!group)
      groups()[number] = group = std::make_shared<Group>(ranks);
  }
  if (group->size != ranks)
    return refuseNccl("ncclCommInitRank", kInvalidUsage,
                      "ranks differ in the size of the group");
  std::unique_lock<std::mutex> lock(group->mutex);
  ++group->members;
  group->joined.notify_all();
  group->joined.wait(lock, [&] { return group->members >= ranks; });
  *comm = new NcclComm{group, rank};
  return kSuccess;
}

extern "C" int ncclCommAbort(NcclComm *comm) {
  *comm->aborted = true; // its operations end, done or not
  delete comm;
  return kSuccess;
}

//===----------------------------------------------------------------------===//
// Exchanges
//===----------------------------------------------------------------------===//

namespace {

/// A rank's part of one exchange; a graph does it again and again.
struct Part {
  std::shared_ptr<Group> group;
  int rank;
  std::shared_ptr<std::atomic<bool>> aborted;
  std::shared_ptr<uint64_t> meetings; // that the rank has been to
  ExchangeKind kind;
  const std::byte *in;
  std::byte *out;
  std::string what;
  bool there = false; // has come, and waits for the others

  CUresult run(CUctx_st &context);
  void arrive();
  CUresult leave(Meeting &meeting);
};

} // namespace

void Part::arrive() {
  Meeting &meeting = group->meetings[*meetings];
  if (meeting.arrived++ == 0) {
    meeting.kind = kind;
    meeting.sent.resize(size_t(group->size));
  }
  meeting.differs |= !(meeting.kind == kind);
  size_t bytes = sentCount(kind, group->size) * ncclElementBytes(kind.type);
  meeting.sent[size_t(rank)].assign(in, in + bytes);
  there = true;
}

CUresult Part::leave(Meeting &meeting) {
  CUresult code = CUDA_SUCCESS;
  if (meeting.differs) {
    refuseNccl(what.c_str(), kInvalidUsage, "the ranks ask for other things");
    code = CUDA_ERROR_LAUNCH_FAILED;
  } else {
    std::vector<std::byte> got = received(meeting, rank);
    std::memcpy(out, got.data(), got.size());
  }
  if (++meeting.left == group->size)
    group->meetings.erase(*meetings);
  ++*meetings;
  there = false;
  return code;
}

CUresult Part::run(CUctx_st &context) {
  if (*aborted)
    return CUDA_SUCCESS;
  size_t element = ncclElementBytes(kind.type);
  for (Touched part :
       {Touched{in, sentCount(kind, group->size) * element, "what is sent"},
        Touched{out, receivedCount(kind, group->size) * element,
                "what is received"}})
    if (CUresult code = ftEmulatedCheck(context, part, what))
      return code;
  std::lock_guard<std::mutex> lock(group->mutex);
  if (!there)
    arrive();
  Meeting &meeting = group->meetings[*meetings];
  return meeting.arrived < group->size ? CUDA_ERROR_NOT_READY : leave(meeting);
}

static int exchange(const char *call, ExchangeKind kind, const void *in,
                    void *out, int op, NcclComm *comm, CUstream stream) {
  if (!comm || ncclElementBytes(kind.type) == 0 || op != ft::kNcclSum)
    return refuseNccl(call, kInvalidArgument, "an unknown type or operation");
  auto part = std::make_shared<Part>(Part{
      comm->group, comm->rank, comm->aborted, comm->meetings, kind,
      static_cast<const std::byte *>(in), static_cast<std::byte *>(out), call});
  Operation operation{
      CU_GRAPH_NODE_TYPE_KERNEL, call,
      [part](CUctx_st &context, const Before &) { return part->run(context); }};
  operation.waits = true;
  return ftEmulatedEnqueue(stream, std::move(operation)) == CUDA_SUCCESS
             ? kSuccess
             : kCudaError;
}

extern "C" int ncclAllReduce(const void *in, void *out, size_t count, int type,
                             int op, NcclComm *comm, CUstream stream) {
  return exchange("ncclAllReduce", {Exchange::AllReduce, count, type}, in, out,
                  op, comm, stream);
}

extern "C" int ncclAllGather(const void *in, void *out, size_t count, int type,
                             NcclComm *comm, CUstream stream) {
  return exchange("ncclAllGather", {Exchange::AllGather, count, type}, in, out,
                  ft::kNcclSum, comm, stream);
}

extern "C" int ncclReduceScatter(const void *in, void *out, size_t count,
                                 int type, int op, NcclComm *comm,
                                 CUstream stream) {
  return exchange("ncclReduceScatter", {Exchange::ReduceScatter, count, type},
                  in, out, op, comm, stream);
}

extern "C" int ncclBroadcast(const void *in, void *out, size_t count, int type,
                             int root, NcclComm *comm, CUstream stream) {
  return exchange("ncclBroadcast", {Exchange::Broadcast, count, type, root}, in,
                  out, ft::kNcclSum, comm, stream);
}
