//===- Labels.cpp - the best classes of a row of logits -------------------===//
#include "tools/ft-run/Labels.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace ft::run {

static std::vector<double> scoresOf(const std::string &kind,
                                    std::span<const float> logits) {
  std::vector<double> scores(logits.begin(), logits.end());
  if (kind == "sigmoid")
    for (double &score : scores)
      score = 1 / (1 + std::exp(-score));
  if (kind != "softmax" || scores.empty())
    return scores;
  double most = *std::max_element(scores.begin(), scores.end()), sum = 0;
  for (double &score : scores)
    sum += score = std::exp(score - most);
  for (double &score : scores)
    score /= sum;
  return scores;
}

std::vector<Choice> topLabels(const plan::Labels &labels,
                              std::span<const float> logits, int64_t top) {
  std::vector<double> scores = scoresOf(labels.scores, logits);
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t(0));
  size_t count = std::min(order.size(), size_t(top));
  auto better = [&](size_t a, size_t b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + int64_t(count), order.end(),
                    better);
  std::vector<Choice> choices;
  for (size_t i = 0; i < count; ++i) {
    size_t index = order[i];
    choices.push_back({index < labels.names.size() ? labels.names[index]
                                                   : std::to_string(index),
                       int64_t(index), scores[index]});
  }
  return choices;
}

std::string labelsText(const std::vector<Choice> &choices) {
  std::string text;
  for (const Choice &choice : choices) {
    char score[32];
    std::snprintf(score, sizeof(score), "%8.4f  ", choice.score);
    text += score + choice.label + "\n";
  }
  return text;
}

nlohmann::ordered_json labelsJson(const std::vector<Choice> &choices) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Choice &choice : choices)
    list.push_back({{"label", choice.label},
                    {"index", choice.index},
                    {"score", choice.score}});
  return list;
}

} // namespace ft::run
