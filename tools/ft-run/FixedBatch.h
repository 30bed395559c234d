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

/// Sequences of random tokens, and of random rows where an entry takes rows, in
/// one batch: `each` tokens of every one of `count` sequences, after `cached`
/// ones, whose keys are whatever the cache holds.
class FixedBatch {
public:
  static StatusOr<std::unique_ptr<FixedBatch>>
  make(Model &model, int entry, int64_t count, int64_t each, int64_t cached);

  const std::vector<SequenceSlice> &slices() const { return slices_; }
  const BatchShape &shape() const { return shape_; }
  const plan::Program &program() const { return *program_; }
  /// Whether the next run may use the images that the last one sent.
  void keepImages(bool kept);

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
  BatchShape shape_;
  const plan::Program *program_ = nullptr;
  std::vector<std::vector<std::byte>> images_; // by input, random
};

/// What `count` sequences take that have `each` new tokens after `cached`.
BatchShape batchShape(const plan::Plan &plan, const plan::Entry &entry,
                      int64_t count, int64_t each, int64_t cached);

} // namespace ft::run

#endif // FT_TOOLS_FT_RUN_FIXEDBATCH_H
