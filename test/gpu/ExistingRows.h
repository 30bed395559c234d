//===- ExistingRows.h - rows of an operand ----------------------*- C++ -*-===//
#ifndef FT_TEST_GPU_EXISTINGROWS_H
#define FT_TEST_GPU_EXISTINGROWS_H

namespace check {

/// Of `tokens` rows, those that exist: as in plans, operands of more than 64
/// end with a whole tile, as what a tensor copy fetches from behind an operand
/// is slow (docs/rationale/decode.md).
inline int existingRows(int tokens) {
  return tokens > 64 ? (tokens + 127) / 128 * 128 : tokens;
}

} // namespace check

#endif // FT_TEST_GPU_EXISTINGROWS_H
