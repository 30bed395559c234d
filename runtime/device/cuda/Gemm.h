//===- Gemm.h - GEMM calls through cuBLASLt ---------------------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CUDA_GEMM_H
#define FT_RUNTIME_DEVICE_CUDA_GEMM_H

#include "runtime/base/DType.h"
#include "runtime/device/cuda/Libraries.h"

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

namespace ft {

enum class GemmEpilogue { None, Relu, GeluTanh };

/// out[m, n] = epilogue(a[m, k] * weight[n, k]^T + bias[n] + residual[m, n]),
/// row-major with row strides in elements; fp32 accumulation.
struct GemmProblem {
  DType type = DType::F32;    // of a and weight
  DType outType = DType::F32; // of out, bias and residual
  int64_t m = 0, n = 0, k = 0;
  int64_t aStride = 0, outStride = 0, residualStride = 0;
  GemmEpilogue epilogue = GemmEpilogue::None;
  bool tf32 = false; // fp32 operands may be rounded to TF32
  const std::byte *a = nullptr, *weight = nullptr;
  const std::byte *bias = nullptr;     // or null
  const std::byte *residual = nullptr; // or null
  std::byte *out = nullptr;
};

/// A cuBLASLt handle with the algorithms chosen so far, keyed by everything
/// they depend on. One stream uses it at a time.
class GemmLibrary {
public:
  /// The workspace is `bytes` of device memory that outlives this object.
  static StatusOr<std::unique_ptr<GemmLibrary>> open(std::byte *workspace,
                                                     size_t bytes);
  ~GemmLibrary();

  /// Enqueue on `stream`; `what` names the step in errors. `algorithm` is one
  /// of algorithms() or empty; the library's first choice runs where it is
  /// empty or does not fit.
  Status run(const GemmProblem &problem, CUstream stream,
             const std::string &what, const std::string &algorithm = {});

  /// The library's choices for a problem, best first by its own estimate, as
  /// hexadecimal digits.
  StatusOr<std::vector<std::string>> algorithms(const GemmProblem &problem,
                                                const std::string &what);

  static constexpr size_t kWorkspaceBytes = size_t(32) << 20;

private:
  struct Plan;
  using Key = std::tuple<DType, DType, int64_t, int64_t, int64_t, int64_t,
                         int64_t, int64_t, GemmEpilogue, bool, bool, bool,
                         unsigned, std::string>;
  GemmLibrary(const CublasLt &lt, std::byte *workspace, size_t bytes);

  static Key keyOf(const GemmProblem &problem, const std::string &algorithm);
  Status prepare(Plan &plan, const GemmProblem &problem,
                 const std::string &what);
  Status describe(Plan &plan, const GemmProblem &problem,
                  const std::string &what);
  StatusOr<std::vector<cublasLtMatmulAlgo_t>>
  heuristics(Plan &plan, unsigned alignment, const std::string &what);
  bool take(Plan &plan, const std::string &algorithm);

  const CublasLt &lt_;
  cublasLtHandle_t handle_ = nullptr;
  std::byte *workspace_;
  size_t workspaceBytes_;
  std::map<Key, std::unique_ptr<Plan>> plans_;
};

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CUDA_GEMM_H
