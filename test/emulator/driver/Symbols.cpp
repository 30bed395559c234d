//===- Symbols.cpp - the list that the runtime opens, whole ---------------===//
#include "runtime/device/cuda/Libraries.h"

// What is missing does not link.
#define FT_TAKE(name) reinterpret_cast<void (*)()>(&name),
extern "C" [[gnu::used]] void (*const ftEmulatedSymbols[])() = {
#ifdef FT_EMULATED_CUBLASLT
    FT_CUBLASLT_SYMBOLS(FT_TAKE)
#else
    FT_CUDA_SYMBOLS(FT_TAKE)
#endif
};
