//===- Checkpoint.h - the files of a Hugging Face directory -----*- C++ -*-===//
#ifndef FT_FRONTENDS_HF_CHECKPOINT_H
#define FT_FRONTENDS_HF_CHECKPOINT_H

#include "frontends/graph/WeightFiles.h"
#include "frontends/json/JsonView.h"

#include <string>

namespace ft::hf {

/// config.json and what the headers of the weights say.
struct Checkpoint {
  std::string directory; // absolute
  json::Json config;
  /// An empty object where there is no generation_config.json.
  json::Json generation;
  graph::WeightHeaders headers;

  /// False for a directory without weights, which compiles all the same.
  bool hasWeights() const { return !headers.files.empty(); }
  bool hasTensor(const std::string &name) const {
    return headers.tensors.count(name) != 0;
  }
  bool hasFile(const std::string &name) const;
};

/// Opens `directory`: its safetensors files by their index, or all there are.
StatusOr<Checkpoint> openCheckpoint(const std::string &directory);

} // namespace ft::hf

#endif // FT_FRONTENDS_HF_CHECKPOINT_H
