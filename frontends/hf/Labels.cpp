//===- Labels.cpp - the classes of a classifier ---------------------------===//
#include "frontends/hf/Labels.h"

using namespace ft;
using namespace ft::hf;
using json::JsonView;

/// {"0": "cat", "1": "dog"}, in any order; a label may be a number.
static std::vector<std::string> readNames(Config &config,
                                          const JsonView &object) {
  size_t count = object.value().size();
  std::vector<std::string> names(count);
  for (size_t i = 0; i < count; ++i) {
    std::string key = std::to_string(i);
    if (!object.has(key)) {
      config.fail("id2label", "expected a label for each of 0 to " +
                                  std::to_string(count - 1) +
                                  ", found none for " + key);
      return names;
    }
    const json::Json &label = object.member(key).value();
    if (!label.is_string() && !label.is_number())
      config.fail(object.member(key).mismatch("a label"));
    else
      names[i] = label.is_string() ? label.get<std::string>() : label.dump();
  }
  return names;
}

/// The function that a cross-encoder of sentence-transformers puts on logits,
/// as a name of a class of torch; empty where none is said.
static std::string crossEncoder(Config &config) {
  std::string name = config.text("sbert_ce_default_activation_function", "");
  std::optional<JsonView> settings = config.object("sentence_transformers");
  if (settings && settings->has("activation_fn")) {
    StatusOr<std::string> said = settings->member("activation_fn").string();
    said.ok() ? void(name = *said) : config.fail(said.status());
  }
  return name.substr(name.rfind('.') + 1);
}

plan::Labels ft::hf::readLabels(Config &config) {
  plan::Labels labels;
  int64_t count = config.size("num_labels", 2);
  std::optional<JsonView> object = config.object("id2label");
  if (object && object->value().empty())
    config.fail("id2label", "expected at least one label, found none");
  else if (object)
    labels.names = readNames(config, *object);
  else
    for (int64_t i = 0; i < count; ++i)
      labels.names.push_back("LABEL_" + std::to_string(i));
  std::string problem = config.text("problem_type", "");
  std::string function = crossEncoder(config);
  if (problem == "regression" || function == "Identity")
    labels.scores = "none";
  else if (problem == "multi_label_classification" || labels.names.size() == 1)
    labels.scores = "sigmoid";
  return labels;
}
