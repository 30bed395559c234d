//===- Batch.h - the batch descriptor's layout ------------------*- C++ -*-===//
//
// What an entry point gets beside its weights and caches: one block of int32
// fields (and caller-given rows), built by the engine on the host, copied to
// the device once a step, read by kernels under the names below.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_PLAN_BATCH_H
#define FT_RUNTIME_PLAN_BATCH_H

#include <cstdint>

namespace ft::plan {

/// Fields of a batch; kernels name them in Arg::field. T, S, R are the true
/// counts of tokens, sequences and rows; arrays have room for the bounds.
namespace batch {
/// Bytes on a multiple of which every field begins, a caller's rows included.
inline constexpr int kFieldAlignment = 128;
/// i32[axes]: the true count of every axis, in the order of Plan::axes.
inline constexpr const char *kCounts = "counts";
/// i32[T]: position of each token in its sequence, counted from the cache's 0.
inline constexpr const char *kPositions = "positions";
/// i32[T]: index of the sequence each token belongs to.
inline constexpr const char *kSequenceIds = "sequence_ids";
/// i32[S + 1]: first packed token of each sequence, then T.
inline constexpr const char *kCuTokens = "cu_tokens";
/// i32[S]: keys of each sequence, this batch's tokens included.
inline constexpr const char *kKvLengths = "kv_lengths";
/// i32[S, PageCount]: cache pages of each sequence.
inline constexpr const char *kPageTable = "page_table";
/// i32[S + 2]: the number P of tiles of whole sequences, in order, each of at
/// most kPackTokens tokens; the first sequence of each tile; then S. P is 0
/// where a sequence has more tokens. Only in entries with implementations for
/// such batches.
inline constexpr const char *kPacks = "packs";
inline constexpr int64_t kPackTokens = 128;
/// i32[R]: packed token index of each wanted row.
inline constexpr const char *kRows = "rows";
/// SamplingRecord[R]: how the token of each wanted row is chosen
/// (runtime/plan/Sampling.h). Only in entries that sample.
inline constexpr const char *kSampling = "sampling";
/// State slots of sampled sequences, one for each of the bound of sequences.
/// Not part of the block: a slot lives as long as its sequence.
inline constexpr const char *kSamplingState = "sampling_state";

/// Tiles of whole sequences are worth their launch up to so many times as many
/// rows as tokens, as a ratio: emptier ones lose what one launch gains (H200,
/// 32 sequences of 2 to 128 tokens in 22 tiles, 1.36 times: a layer of
/// BERT-base 76.6 us, by two launches 85.0).
inline constexpr int64_t kPackedRows = 3, kPackedTokens = 2;
/// And where the CTAs that the device takes by turns are so full, in percent:
/// of one turn, of several (docs/rationale/encoders.md; 12 heads on 132
/// multiprocessors: 48 CTAs the same, 72 4 % a layer less, 144 3 % more, 192 7
/// % less).
inline constexpr int64_t kFullTurn = 45, kFullTurns = 62;

/// Whether a launch of `ctas` CTAs a tile is ahead of others; `ctas` 0: any
/// number.
constexpr bool isPackedWell(int64_t tiles, int64_t tokens, int64_t ctas,
                            int64_t multiprocessors) {
  if (tiles <= 0 || tiles * kPackTokens * kPackedTokens > tokens * kPackedRows)
    return false;
  int64_t all = tiles * ctas;
  int64_t turns = (all + multiprocessors - 1) / multiprocessors;
  return all * 100 >=
         turns * multiprocessors * (turns > 1 ? kFullTurns : kFullTurn);
}
} // namespace batch

} // namespace ft::plan

#endif // FT_RUNTIME_PLAN_BATCH_H
