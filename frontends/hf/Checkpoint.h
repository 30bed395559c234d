//===- Checkpoint.h - the files of a Hugging Face directory -----*- C++ -*-===//
#ifndef FT_FRONTENDS_HF_CHECKPOINT_H
#define FT_FRONTENDS_HF_CHECKPOINT_H

#include "frontends/json/JsonView.h"
#include "runtime/base/Safetensors.h"

#include <optional>
#include <string>

namespace ft::hf {

/// Configurations and what the headers of the weights say.
struct Checkpoint {
  std::string directory; // absolute
  json::Json config;
  /// An empty object where there is no generation_config.json.
  json::Json generation = json::Json::object();
  /// Nothing for a directory without weights, which compiles all the same.
  std::optional<SafetensorsDirectory> weights;

  bool hasTensor(const std::string &name) const {
    return weights && weights->find(name);
  }
  bool hasFile(const std::string &name) const;
  std::string path(const std::string &name) const;
};

StatusOr<Checkpoint> openCheckpoint(const std::string &directory);

} // namespace ft::hf

#endif // FT_FRONTENDS_HF_CHECKPOINT_H
