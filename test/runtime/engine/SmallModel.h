//===- SmallModel.h - a one-layer causal model made by tests ----*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_ENGINE_SMALLMODEL_H
#define FT_TEST_RUNTIME_ENGINE_SMALLMODEL_H

#include "runtime/engine/Model.h"

namespace ft::test {

inline constexpr int64_t kVocabulary = 32, kPageSize = 4, kPositions = 64;

/// Embedding, attention through a cache, logits, sampled tokens. Entry "step"
/// has the outputs "hidden" (tokens), "logits" and "next_token" (rows); token
/// 31 ends a sequence.
plan::Plan smallPlan();

/// The plan on a CPU device.
std::unique_ptr<Model> loadSmall(const ModelOptions &options,
                                 plan::Plan plan = smallPlan());

} // namespace ft::test

#endif // FT_TEST_RUNTIME_ENGINE_SMALLMODEL_H
