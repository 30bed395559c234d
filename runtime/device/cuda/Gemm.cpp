//===- Gemm.cpp - GEMM calls through cuBLASLt -----------------------------===//
//
// cuBLASLt is column-major: out^T [n, m] = weight (stored k x n, transposed) *
// a^T (stored k x m), so rows of ours are columns of theirs.
//
//===----------------------------------------------------------------------===//
#include "runtime/device/cuda/Gemm.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

namespace ft {

struct GemmLibrary::Plan {
  explicit Plan(const CublasLt &lt) : lt(lt) {}
  Plan(const Plan &) = delete;
  ~Plan() {
    for (cublasLtMatrixLayout_t layout : {weight, a, residual, out})
      if (layout)
        lt.cublasLtMatrixLayoutDestroy(layout);
    if (operation)
      lt.cublasLtMatmulDescDestroy(operation);
  }

  const CublasLt &lt;
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t weight = nullptr, a = nullptr, residual = nullptr,
                         out = nullptr;
  cublasLtMatmulAlgo_t algorithm{};
};

static cudaDataType_t cudaType(DType type) {
  switch (type) {
  case DType::F16:
    return CUDA_R_16F;
  case DType::BF16:
    return CUDA_R_16BF;
  default:
    return CUDA_R_32F;
  }
}

static std::string shapeOf(const GemmProblem &p) {
  return "GEMM [" + std::to_string(p.m) + ", " + std::to_string(p.k) + "] x [" +
         std::to_string(p.n) + ", " + std::to_string(p.k) + "]^T " +
         std::string(dtypeName(p.type)) + " to " +
         std::string(dtypeName(p.outType));
}

/// The largest power of two, at most 256, that divides every address.
static unsigned commonAlignment(const GemmProblem &p) {
  uintptr_t bits = 256;
  for (const std::byte *address :
       {p.a, p.weight, p.residual, static_cast<const std::byte *>(p.out)})
    bits |= reinterpret_cast<uintptr_t>(address);
  return 1u << std::countr_zero(bits);
}

GemmLibrary::GemmLibrary(const CublasLt &lt, std::byte *workspace, size_t bytes)
    : lt_(lt), workspace_(workspace), workspaceBytes_(bytes) {}

StatusOr<std::unique_ptr<GemmLibrary>> GemmLibrary::open(std::byte *workspace,
                                                         size_t bytes) {
  FT_ASSIGN_OR_RETURN(const CublasLt *lt, openCublasLt());
  std::unique_ptr<GemmLibrary> library(new GemmLibrary(*lt, workspace, bytes));
  FT_CUBLAS(*lt, cublasLtCreate, "the GEMM library", &library->handle_);
  return library;
}

GemmLibrary::~GemmLibrary() {
  plans_.clear();
  if (handle_)
    lt_.cublasLtDestroy(handle_);
}

GemmLibrary::Key GemmLibrary::keyOf(const GemmProblem &p,
                                    const std::string &algorithm) {
  return {p.type,
          p.outType,
          p.m,
          p.n,
          p.k,
          p.aStride,
          p.outStride,
          p.residual ? p.residualStride : 0,
          p.epilogue,
          p.tf32,
          p.bias != nullptr,
          p.residual != nullptr,
          commonAlignment(p),
          algorithm};
}

//===----------------------------------------------------------------------===//
// Algorithms as text
//===----------------------------------------------------------------------===//

static std::string toHex(const cublasLtMatmulAlgo_t &algorithm) {
  static constexpr char kDigits[] = "0123456789abcdef";
  unsigned char bytes[sizeof(algorithm)];
  std::memcpy(bytes, &algorithm, sizeof(algorithm));
  std::string text;
  for (unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

static bool fromHex(const std::string &text, cublasLtMatmulAlgo_t &algorithm) {
  unsigned char bytes[sizeof(algorithm)];
  if (text.size() != 2 * sizeof(bytes))
    return false;
  for (size_t i = 0; i < sizeof(bytes); ++i) {
    const char *at = text.data() + 2 * i;
    auto [end, error] = std::from_chars(at, at + 2, bytes[i], 16);
    if (error != std::errc() || end != at + 2)
      return false;
  }
  std::memcpy(&algorithm, bytes, sizeof(bytes));
  return true;
}

/// The epilogue's name in cuBLASLt.
static cublasLtEpilogue_t epilogueOf(const GemmProblem &p) {
  switch (p.epilogue) {
  case GemmEpilogue::Relu:
    return p.bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
  case GemmEpilogue::GeluTanh:
    return p.bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
  case GemmEpilogue::None:
    break;
  }
  return p.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

Status GemmLibrary::describe(Plan &plan, const GemmProblem &p,
                             const std::string &what) {
  bool tf32 = p.tf32 && p.type == DType::F32;
  FT_CUBLAS(lt_, cublasLtMatmulDescCreate, what, &plan.operation,
            tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F,
            CUDA_R_32F);
  auto set = [&](cublasLtMatmulDescAttributes_t name, const auto &value) {
    return cublasStatus(lt_,
                        lt_.cublasLtMatmulDescSetAttribute(
                            plan.operation, name, &value, sizeof(value)),
                        "cublasLtMatmulDescSetAttribute", what);
  };
  FT_RETURN_IF_ERROR(set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T));
  FT_RETURN_IF_ERROR(set(CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N));
  FT_RETURN_IF_ERROR(set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogueOf(p)));
  if (p.bias)
    FT_RETURN_IF_ERROR(
        set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, cudaType(p.outType)));
  auto layout = [&](cublasLtMatrixLayout_t &made, DType type, int64_t rows,
                    int64_t columns, int64_t stride) {
    return cublasStatus(lt_,
                        lt_.cublasLtMatrixLayoutCreate(&made, cudaType(type),
                                                       rows, columns, stride),
                        "cublasLtMatrixLayoutCreate", what);
  };
  FT_RETURN_IF_ERROR(layout(plan.weight, p.type, p.k, p.n, p.k));
  FT_RETURN_IF_ERROR(layout(plan.a, p.type, p.k, p.m, p.aStride));
  FT_RETURN_IF_ERROR(layout(plan.residual, p.outType, p.n, p.m,
                            p.residual ? p.residualStride : p.outStride));
  return layout(plan.out, p.outType, p.n, p.m, p.outStride);
}

StatusOr<std::vector<cublasLtMatmulAlgo_t>>
GemmLibrary::heuristics(Plan &plan, unsigned alignment,
                        const std::string &what) {
  cublasLtMatmulPreference_t preference = nullptr;
  FT_CUBLAS(lt_, cublasLtMatmulPreferenceCreate, what, &preference);
  std::unique_ptr<cublasLtMatmulPreferenceOpaque_t,
                  decltype(lt_.cublasLtMatmulPreferenceDestroy)>
      owner(preference, lt_.cublasLtMatmulPreferenceDestroy);
  auto set = [&](cublasLtMatmulPreferenceAttributes_t name, const auto &value) {
    return cublasStatus(lt_,
                        lt_.cublasLtMatmulPreferenceSetAttribute(
                            preference, name, &value, sizeof(value)),
                        "cublasLtMatmulPreferenceSetAttribute", what);
  };
  uint64_t workspace = workspaceBytes_;
  // Partial sums stay in fp32.
  uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
  FT_RETURN_IF_ERROR(set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace));
  FT_RETURN_IF_ERROR(
      set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reductions));
  for (auto name : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
                    CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    FT_RETURN_IF_ERROR(set(name, uint32_t(alignment)));
  constexpr int kAsked = 8;
  cublasLtMatmulHeuristicResult_t results[kAsked];
  int found = 0;
  FT_CUBLAS(lt_, cublasLtMatmulAlgoGetHeuristic, what, handle_, plan.operation,
            plan.weight, plan.a, plan.residual, plan.out, preference, kAsked,
            results, &found);
  std::vector<cublasLtMatmulAlgo_t> algorithms;
  for (int i = 0; i < found; ++i)
    if (results[i].state == CUBLAS_STATUS_SUCCESS)
      algorithms.push_back(results[i].algo);
  if (!algorithms.empty())
    return algorithms;
  return unsupported("cuBLASLt has no algorithm for " + what +
                     "; compile the plan with -O0 or in another dtype");
}

/// A text comes from a file: the library says whether it fits the problem.
bool GemmLibrary::take(Plan &plan, const std::string &algorithm) {
  cublasLtMatmulHeuristicResult_t result;
  return fromHex(algorithm, plan.algorithm) &&
         lt_.cublasLtMatmulAlgoCheck(
             handle_, plan.operation, plan.weight, plan.a, plan.residual,
             plan.out, &plan.algorithm, &result) == CUBLAS_STATUS_SUCCESS &&
         result.workspaceSize <= workspaceBytes_;
}

StatusOr<std::vector<std::string>>
GemmLibrary::algorithms(const GemmProblem &problem, const std::string &step) {
  std::string what = step + ", " + shapeOf(problem);
  Plan plan(lt_);
  FT_RETURN_IF_ERROR(prepare(plan, problem, what));
  FT_ASSIGN_OR_RETURN(auto found,
                      heuristics(plan, commonAlignment(problem), what));
  std::vector<std::string> texts;
  for (const cublasLtMatmulAlgo_t &algorithm : found)
    texts.push_back(toHex(algorithm));
  return texts;
}

Status GemmLibrary::prepare(Plan &plan, const GemmProblem &problem,
                            const std::string &what) {
  FT_RETURN_IF_ERROR(describe(plan, problem, what));
  // Heuristics look at whether there is a bias pointer.
  if (problem.bias)
    FT_CUBLAS(lt_, cublasLtMatmulDescSetAttribute, what, plan.operation,
              CUBLASLT_MATMUL_DESC_BIAS_POINTER, &problem.bias,
              sizeof(problem.bias));
  return Status::success();
}

Status GemmLibrary::run(const GemmProblem &problem, CUstream stream,
                        const std::string &step, const std::string &algorithm) {
  std::string what = step + ", " + shapeOf(problem);
  std::unique_ptr<Plan> &plan = plans_[keyOf(problem, algorithm)];
  if (!plan) {
    auto made = std::make_unique<Plan>(lt_);
    FT_RETURN_IF_ERROR(prepare(*made, problem, what));
    if (!take(*made, algorithm)) {
      FT_ASSIGN_OR_RETURN(auto found,
                          heuristics(*made, commonAlignment(problem), what));
      made->algorithm = found.front();
    }
    plan = std::move(made);
  }
  if (problem.bias)
    FT_CUBLAS(lt_, cublasLtMatmulDescSetAttribute, what, plan->operation,
              CUBLASLT_MATMUL_DESC_BIAS_POINTER, &problem.bias,
              sizeof(problem.bias));
  float alpha = 1, beta = problem.residual ? 1 : 0;
  const std::byte *c = problem.residual ? problem.residual : problem.out;
  FT_CUBLAS(lt_, cublasLtMatmul, what, handle_, plan->operation, &alpha,
            problem.weight, plan->weight, problem.a, plan->a, &beta, c,
            plan->residual, problem.out, plan->out, &plan->algorithm,
            workspace_, workspaceBytes_, stream);
  return Status::success();
}

} // namespace ft
