//===- AttentionDecodeForm.h - attention of few tokens, cut -----*- C++ -*-===//
//
// How instances of attention_decode.cuh and, for sm_90a, of
// sm90/attention_ring.cuh are cut, and for which batches.
//
//===----------------------------------------------------------------------===//
#ifndef FT_CODEGEN_CUDA_ATTENTIONDECODEFORM_H
#define FT_CODEGEN_CUDA_ATTENTIONDECODEFORM_H

#include "codegen/cuda/AttentionText.h"
#include "codegen/cuda/Templates.h"

namespace ft::codegen {

struct DecodeForm {
  bool ring = false;
  int64_t pack = 1, rows = 8;     // heads, rows of a tile
  int64_t warps = 4, loaders = 0; // that multiply, that copy
  int64_t keys = 16, stages = 0;  // of a block; blocks of a ring
  int64_t each = 2;               // CTAs of a multiprocessor
  int64_t cluster = 1;            // CTAs that start together
  int64_t ctas = 0;               // or, where `perTokens` is not 0:
  int64_t perTokens = 0;          // so many tokens have `ctas`
  int64_t mostCtas = 0;           // of any batch
  int64_t sharedBytes = 0;
  std::string name = {};            // plan::Implementation::name
  std::vector<int64_t> atRows = {}; // plan::Implementation::rows

  int64_t threads() const { return 32 * (warps + loaders); }
};

/// What DecodeForm depends on beside the heads.
struct DecodeUse {
  int64_t pageSize = 0;
  bool isShort = false; // a sequence's keys and values are few at its longest
};

/// For every architecture.
DecodeForm portableForm(const AttentionShape &shape,
                        const LaunchContext &context);
/// For sm_90a, those for few tokens first. REQUIRES: context.maxTokens > 0.
std::vector<DecodeForm> hopperForms(const AttentionShape &shape,
                                    const LaunchContext &context,
                                    const DecodeUse &use);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_ATTENTIONDECODEFORM_H
