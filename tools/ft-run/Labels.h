//===- Labels.h - the best classes of a row of logits -----------*- C++ -*-===//
#ifndef FT_TOOLS_FT_RUN_LABELS_H
#define FT_TOOLS_FT_RUN_LABELS_H

#include "runtime/plan/Plan.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace ft::run {

/// A class and its score: a probability, or the logit where a model's logits
/// are its result (`Labels::scores` is "none").
struct Choice {
  std::string label; // its number where classes have no names
  int64_t index = 0;
  double score = 0;
};

/// The `top` best of a row of logits, best first; of equal ones the first.
std::vector<Choice> topLabels(const plan::Labels &labels,
                              std::span<const float> logits, int64_t top);

/// "  0.9731  LABEL" and a newline for each.
std::string labelsText(const std::vector<Choice> &choices);
/// [{"label": "LABEL", "index": 3, "score": 0.9731}, ...]
nlohmann::ordered_json labelsJson(const std::vector<Choice> &choices);

} // namespace ft::run

#endif // FT_TOOLS_FT_RUN_LABELS_H
