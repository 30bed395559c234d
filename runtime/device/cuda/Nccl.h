//===- Nccl.h - NCCL, by dlopen ---------------------------------*- C++ -*-===//
//
// The little of nccl.h that is used here: its headers need not be installed.
// Values and layouts are those of NCCL 2, whose interface is stable.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_DEVICE_CUDA_NCCL_H
#define FT_RUNTIME_DEVICE_CUDA_NCCL_H

#include "runtime/base/DType.h"
#include "runtime/base/Status.h"

#include <cuda.h>

#include <cstddef>

namespace ft {

struct NcclComm; // opaque
struct NcclUniqueId {
  char internal[128];
};
using NcclResult = int; // 0 is success
inline constexpr int kNcclSum = 0;

struct Nccl {
  NcclResult (*ncclGetVersion)(int *version);
  NcclResult (*ncclGetUniqueId)(NcclUniqueId *id);
  NcclResult (*ncclCommInitRank)(NcclComm **comm, int ranks, NcclUniqueId id,
                                 int rank);
  NcclResult (*ncclCommAbort)(NcclComm *comm);
  const char *(*ncclGetErrorString)(NcclResult result);
  NcclResult (*ncclAllReduce)(const void *in, void *out, size_t count, int type,
                              int op, NcclComm *comm, CUstream stream);
  NcclResult (*ncclAllGather)(const void *in, void *out, size_t count, int type,
                              NcclComm *comm, CUstream stream);
  NcclResult (*ncclReduceScatter)(const void *in, void *out, size_t count,
                                  int type, int op, NcclComm *comm,
                                  CUstream stream);
  NcclResult (*ncclBroadcast)(const void *in, void *out, size_t count, int type,
                              int root, NcclComm *comm, CUstream stream);
};

/// Opened once; the error says what is missing and the remedy.
StatusOr<const Nccl *> openNccl();

/// The ncclDataType_t of `type`.
int ncclType(DType type);

/// "ncclAllReduce for all_reduce 'x' failed: unhandled cuda error (1)".
Status ncclStatus(const Nccl &nccl, NcclResult result, const char *call,
                  const std::string &what);

} // namespace ft

/// Call a function of the table `nccl`; return its error from here.
#define FT_NCCL(nccl, call, what, ...)                                         \
  FT_RETURN_IF_ERROR(                                                          \
      ::ft::ncclStatus((nccl), (nccl).call(__VA_ARGS__), #call, what))

#endif // FT_RUNTIME_DEVICE_CUDA_NCCL_H
