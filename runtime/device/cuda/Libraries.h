//===- Libraries.h - the CUDA driver and cuBLASLt, by dlopen ----*- C++ -*-===//
//
// Nothing links against a vendor library: the two are opened when the device
// is asked for. One list of symbols each; tables live as long as the process.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_DEVICE_CUDA_LIBRARIES_H
#define FT_RUNTIME_DEVICE_CUDA_LIBRARIES_H

#include "runtime/base/Status.h"

#include <cublasLt.h>
#include <cuda.h>

#include <string>
#include <vector>

namespace ft {

// clang-format off
#define FT_CUDA_SYMBOLS(X)                                                     \
  X(cuInit) X(cuDriverGetVersion) X(cuDeviceGet) X(cuDeviceGetCount)           \
  X(cuDeviceGetName) X(cuDeviceGetAttribute) X(cuDevicePrimaryCtxRetain)       \
  X(cuDevicePrimaryCtxRelease) X(cuCtxSetCurrent) X(cuMemGetInfo)              \
  X(cuMemAlloc) X(cuMemFree) X(cuMemAllocHost) X(cuMemFreeHost)                \
  X(cuMemcpyHtoDAsync) X(cuMemcpyDtoHAsync) X(cuMemsetD8Async)                 \
  X(cuStreamCreate) X(cuStreamDestroy) X(cuStreamSynchronize)                  \
  X(cuStreamQuery) X(cuEventQuery) X(cuMemcpy2DAsync)                          \
  X(cuStreamBeginCapture) X(cuStreamEndCapture) X(cuEventCreate)               \
  X(cuEventDestroy) X(cuEventRecord) X(cuEventSynchronize)                     \
  X(cuEventElapsedTime) X(cuLibraryLoadData) X(cuLibraryUnload)                \
  X(cuLibraryGetKernel) X(cuKernelGetFunction) X(cuFuncSetAttribute)           \
  X(cuLaunchKernelEx) X(cuGraphInstantiate) X(cuGraphLaunch)                   \
  X(cuGraphDestroy) X(cuGraphExecDestroy) X(cuGraphGetNodes)                   \
  X(cuGraphNodeGetType) X(cuGetErrorName)                                     \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor) X(cuTensorMapEncodeTiled)     \
  X(cuOccupancyMaxActiveClusters)

#define FT_CUBLASLT_SYMBOLS(X)                                                 \
  X(cublasLtCreate) X(cublasLtDestroy) X(cublasLtGetVersion)                   \
  X(cublasLtGetStatusName) X(cublasLtMatmul) X(cublasLtMatmulDescCreate)       \
  X(cublasLtMatmulDescDestroy) X(cublasLtMatmulDescSetAttribute)               \
  X(cublasLtMatrixLayoutCreate) X(cublasLtMatrixLayoutDestroy)                 \
  X(cublasLtMatmulPreferenceCreate) X(cublasLtMatmulPreferenceDestroy)         \
  X(cublasLtMatmulPreferenceSetAttribute) X(cublasLtMatmulAlgoGetHeuristic)    \
  X(cublasLtMatmulAlgoCheck)
// clang-format on

// cuda.h renames functions by macros (cuMemAlloc is cuMemAlloc_v2): members
// and looked-up symbols carry the name after that.
#define FT_DECLARE_SYMBOL(name) decltype(&::name) name = nullptr;

struct CudaDriver {
  FT_CUDA_SYMBOLS(FT_DECLARE_SYMBOL)
};
struct CublasLt {
  FT_CUBLASLT_SYMBOLS(FT_DECLARE_SYMBOL)
};
#undef FT_DECLARE_SYMBOL

/// The first of `names` that opens, on the linker's path or in CUDA_HOME's or
/// the usual folder; null where none does. It stays open.
void *openLibrary(const std::vector<std::string> &names);

/// Opened once; the error says which library or symbol is missing.
StatusOr<const CudaDriver *> openCudaDriver();
StatusOr<const CublasLt *> openCublasLt();

/// "cuMemAlloc for the arena failed: CUDA_ERROR_OUT_OF_MEMORY (2)".
Status cudaStatus(const CudaDriver &cu, CUresult code, const char *call,
                  const std::string &what);
Status cublasStatus(const CublasLt &lt, cublasStatus_t code, const char *call,
                    const std::string &what);

} // namespace ft

/// Call a driver function of the CudaDriver `cu`; return its error from here.
#define FT_CUDA(cu, call, what, ...)                                           \
  FT_RETURN_IF_ERROR(                                                          \
      ::ft::cudaStatus((cu), (cu).call(__VA_ARGS__), #call, what))
#define FT_CUBLAS(lt, call, what, ...)                                         \
  FT_RETURN_IF_ERROR(                                                          \
      ::ft::cublasStatus((lt), (lt).call(__VA_ARGS__), #call, what))

#endif // FT_RUNTIME_DEVICE_CUDA_LIBRARIES_H
