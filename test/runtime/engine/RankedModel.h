//===- RankedModel.h - a small model split over ranks -----------*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_ENGINE_RANKEDMODEL_H
#define FT_TEST_RUNTIME_ENGINE_RANKEDMODEL_H

#include "runtime/engine/Model.h"

namespace ft::test {

/// smallPlan() with an MLP of 24 columns, split over `ranks` together with the
/// vocabulary of 32, which 3 ranks pad. Each op is a step of its own:
/// all_reduce 'mlp.sum' and all_gather 'logits.gather' exchange rows.
plan::Plan rankedPlan(int64_t ranks);

/// The plan on as many CPU devices of one thread.
StatusOr<std::unique_ptr<Model>> loadRanked(int64_t ranks,
                                            const ModelOptions &options);

} // namespace ft::test

#endif // FT_TEST_RUNTIME_ENGINE_RANKEDMODEL_H
