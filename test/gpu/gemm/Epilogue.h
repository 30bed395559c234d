//===- Epilogue.h - what follows a product ----------------------*- C++ -*-===//
#ifndef FT_TEST_GPU_GEMM_EPILOGUE_H
#define FT_TEST_GPU_GEMM_EPILOGUE_H

namespace gemmtest {

enum class Epilogue { Bias, None, Residual, GeluErf, GeluTanh, Gated, F32 };

} // namespace gemmtest

#endif // FT_TEST_GPU_GEMM_EPILOGUE_H
