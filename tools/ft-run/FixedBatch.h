//===- FixedBatch.h - a batch of random tokens to time ----------*- C++ -*-===//
#ifndef FT_TOOLS_FT_RUN_FIXEDBATCH_H
#define FT_TOOLS_FT_RUN_FIXEDBATCH_H

#include "runtime/kv/PagePool.h"
#include "tools/ft-run/Floor.h"
#include "tools/ft-run/RunOptions.h"

#include <random>

namespace ft::run {

/// Random tokens of the plan's vocabulary, the same each time.
std::vector<int32_t> randomTokens(const plan::Plan &plan, int64_t count,
                                  std::mt19937 &random);

/// New tokens of a sequence, after cached ones.
struct Length {
  int64_t tokens, cached;
};

/// The prompts of --bench: --batch of them, their lengths spread evenly from
/// --in-least to --in.
std::vector<Length> promptLengths(const RunOptions &options);
/// A step in the middle of what is generated behind these prompts.
std::vector<Length> decodeLengths(const RunOptions &options);

/// Sequences of random tokens, and of random rows where an entry takes rows, in
/// one batch; cached keys are whatever the cache holds.
class FixedBatch {
public:
  static StatusOr<std::unique_ptr<FixedBatch>>
  make(Model &model, int entry, const std::vector<Length> &lengths);

  const std::vector<SequenceSlice> &slices() const { return slices_; }
  const BatchShape &shape() const { return shape_; }
  const plan::Program &program() const { return *program_; }
  /// What is read of a run; all, unless said.
  Results results() const { return results_; }
  void setResults(Results results) { results_ = results; }
  /// Whether the next run may use the images and rows that the last one sent.
  void keepInputs(bool kept);

private:
  explicit FixedBatch(Model &model)
      : pool_(model.cachePages(), std::max<int64_t>(1, model.pageSize())) {}

  void makeImages(const plan::Entry &entry, int64_t count,
                  std::mt19937 &random);

  kv::PagePool pool_;
  std::vector<kv::PageList> pages_;
  std::vector<std::vector<int32_t>> tokens_;
  std::vector<std::vector<float>> data_; // by input, of one sequence
  std::vector<SequenceSlice> slices_;
  Results results_ = Results::All;
  BatchShape shape_;
  const plan::Program *program_ = nullptr;
  std::vector<std::vector<std::byte>> images_; // by input, random
};

/// What sequences of these lengths take.
BatchShape batchShape(const plan::Plan &plan, const plan::Entry &entry,
                      const std::vector<Length> &lengths);

} // namespace ft::run

#endif // FT_TOOLS_FT_RUN_FIXEDBATCH_H
