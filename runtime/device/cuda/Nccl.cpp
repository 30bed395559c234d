//===- Nccl.cpp - NCCL, by dlopen -----------------------------------------===//
#include "runtime/device/cuda/Nccl.h"

#include "runtime/device/cuda/Libraries.h"

#include <dlfcn.h>

namespace ft {

// 2.10: the first with bf16.
static constexpr int kOldestVersion = 21000;

// clang-format off
#define FT_NCCL_SYMBOLS(X)                                                     \
  X(ncclGetVersion) X(ncclGetErrorString) X(ncclGetUniqueId)                   \
  X(ncclCommInitRank) X(ncclCommAbort) X(ncclAllReduce) X(ncclAllGather)       \
  X(ncclReduceScatter) X(ncclBroadcast)
// clang-format on

static StatusOr<Nccl> loadNccl() {
  void *library = openLibrary({"libnccl.so.2"});
  if (!library)
    return notFound("several GPUs need NCCL (libnccl.so.2), which was not "
                    "found; install it, or set CUDA_HOME or LD_LIBRARY_PATH "
                    "to where it is");
  Nccl table{};
#define FT_LOOK_UP(name)                                                       \
  table.name = reinterpret_cast<decltype(table.name)>(dlsym(library, #name));  \
  if (!table.name)                                                             \
    return unsupported("libnccl.so.2 has no '" #name                           \
                       "'; it is too old, install a newer one");
  FT_NCCL_SYMBOLS(FT_LOOK_UP)
#undef FT_LOOK_UP
  int version = 0;
  FT_NCCL(table, ncclGetVersion, "libnccl.so.2", &version);
  if (version < kOldestVersion)
    return unsupported("libnccl.so.2 is version " + std::to_string(version) +
                       ", expected at least " + std::to_string(kOldestVersion) +
                       "; install a newer one");
  return table;
}

StatusOr<const Nccl *> openNccl() {
  static const StatusOr<Nccl> library = loadNccl();
  if (!library.ok())
    return library.status();
  return &*library;
}

int ncclType(DType type) {
  switch (type) {
  case DType::I8:
    return 0;
  case DType::U8:
  case DType::Bool:
    return 1;
  case DType::I32:
    return 2;
  case DType::I64:
    return 4;
  case DType::F16:
    return 6;
  case DType::F32:
    return 7;
  case DType::F64:
    return 8;
  case DType::BF16:
    return 9;
  }
  return 1;
}

Status ncclStatus(const Nccl &nccl, NcclResult result, const char *call,
                  const std::string &what) {
  if (result == 0)
    return Status::success();
  return internalError(std::string(call) + " for " + what +
                       " failed: " + nccl.ncclGetErrorString(result) + " (" +
                       std::to_string(result) +
                       "); NCCL_DEBUG=WARN tells more");
}

} // namespace ft
