//===- Libraries.cpp - the CUDA driver and cuBLASLt, by dlopen ------------===//
#include "runtime/device/cuda/Libraries.h"

#include <cstdlib>
#include <dlfcn.h>

namespace ft {

void *openLibrary(const std::vector<std::string> &names) {
  std::vector<std::string> homes{"/usr/local/cuda", FT_CUDA_BUILD_HOME};
  if (const char *home = std::getenv("CUDA_HOME"))
    homes.insert(homes.begin(), home);
  std::vector<std::string> folders{""};
  for (const std::string &home : homes)
    for (const char *lib : {"/lib64/", "/lib/"}) // PyPI's have no lib64
      folders.push_back(home + lib);
  for (const std::string &folder : folders)
    for (const std::string &name : names)
      if (void *library =
              dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL))
        return library;
  return nullptr;
}

static Status missingSymbol(const char *library, const char *symbol) {
  return unsupported(std::string("device 'cuda': ") + library + " has no '" +
                     symbol + "'; it is too old, install a newer one");
}

#define FT_NAME_INNER(name) #name
#define FT_NAME(name) FT_NAME_INNER(name)
#define FT_LOOK_UP(name)                                                       \
  table.name =                                                                 \
      reinterpret_cast<decltype(table.name)>(dlsym(library, FT_NAME(name)));   \
  if (!table.name)                                                             \
    return missingSymbol(file, FT_NAME(name));

static StatusOr<CudaDriver> loadDriver() {
  const char *file = "the CUDA driver (libcuda.so.1)";
  void *library = openLibrary({"libcuda.so.1"});
  if (!library)
    return notFound("device 'cuda': no CUDA driver (libcuda.so.1) on this "
                    "machine; install the NVIDIA driver, or use --device cpu");
  CudaDriver table;
  FT_CUDA_SYMBOLS(FT_LOOK_UP)
  return table;
}

static StatusOr<CublasLt> loadCublasLt() {
  const char *file = "cuBLASLt";
  void *library = openLibrary({"libcublasLt.so.13", "libcublasLt.so.12"});
  if (!library)
    return notFound("device 'cuda': cuBLASLt (libcublasLt.so.13 or .12) not "
                    "found; install it, or set CUDA_HOME or LD_LIBRARY_PATH "
                    "to where it is");
  CublasLt table;
  FT_CUBLASLT_SYMBOLS(FT_LOOK_UP)
  return table;
}

StatusOr<const CudaDriver *> openCudaDriver() {
  static const StatusOr<CudaDriver> driver = loadDriver();
  if (!driver.ok())
    return driver.status();
  return &*driver;
}

StatusOr<const CublasLt *> openCublasLt() {
  static const StatusOr<CublasLt> library = loadCublasLt();
  if (!library.ok())
    return library.status();
  return &*library;
}

static Status vendorError(const std::string &call, const std::string &what,
                          const char *name, int code, bool memory) {
  return {memory ? StatusCode::ResourceExhausted : StatusCode::Internal,
          call + " for " + what +
              " failed: " + (name ? name : "unknown error") + " (" +
              std::to_string(code) + ")"};
}

Status cudaStatus(const CudaDriver &cu, CUresult code, const char *call,
                  const std::string &what) {
  if (code == CUDA_SUCCESS)
    return Status::success();
  const char *name = nullptr;
  cu.cuGetErrorName(code, &name);
  return vendorError(call, what, name, int(code),
                     code == CUDA_ERROR_OUT_OF_MEMORY);
}

Status cublasStatus(const CublasLt &lt, cublasStatus_t code, const char *call,
                    const std::string &what) {
  if (code == CUBLAS_STATUS_SUCCESS)
    return Status::success();
  return vendorError(call, what, lt.cublasLtGetStatusName(code), int(code),
                     code == CUBLAS_STATUS_ALLOC_FAILED);
}

} // namespace ft
