//===- Checkpoint.cpp - the files of a Hugging Face directory -------------===//
#include "frontends/hf/Checkpoint.h"

#include <filesystem>

using namespace ft;
using namespace ft::hf;
namespace fs = std::filesystem;

bool Checkpoint::hasFile(const std::string &name) const {
  std::error_code error;
  return fs::is_regular_file(path(name), error);
}

std::string Checkpoint::path(const std::string &name) const {
  return (fs::path(directory) / name).string();
}

/// An error if the directory has weights, but none that are read.
static Status refuseForeignWeights(const Checkpoint &checkpoint) {
  std::error_code error;
  for (const fs::directory_entry &entry :
       fs::directory_iterator(checkpoint.directory, error)) {
    std::string name = entry.path().filename().string();
    std::string found = checkpoint.directory + ": has weights as " + name;
    if (name.ends_with(".gguf"))
      return unsupported(found + ", which is not read; take the model's "
                                 "original directory of safetensors");
    if ((name.starts_with("pytorch_model") && name.ends_with(".bin")) ||
        name.ends_with(".pth"))
      return unsupported(found + ", which is not read; convert them once with "
                                 "transformers: AutoModel.from_pretrained(DIR)."
                                 "save_pretrained(NEW_DIR)");
    if (name.ends_with(".safetensors"))
      return unsupported(found + "; expected model.safetensors or "
                                 "model.safetensors.index.json");
  }
  return {};
}

static Status openWeights(Checkpoint &checkpoint) {
  if (!checkpoint.hasFile("model.safetensors") &&
      !checkpoint.hasFile("model.safetensors.index.json"))
    return refuseForeignWeights(checkpoint);
  FT_ASSIGN_OR_RETURN(checkpoint.weights,
                      SafetensorsDirectory::open(checkpoint.directory));
  return {};
}

StatusOr<Checkpoint> ft::hf::openCheckpoint(const std::string &directory) {
  Checkpoint checkpoint;
  std::error_code error;
  checkpoint.directory = fs::canonical(directory, error).string();
  if (error)
    return notFound(directory + ": " + error.message());
  FT_RETURN_IF_ERROR(openWeights(checkpoint));
  if (!checkpoint.hasFile("config.json"))
    return notFound(directory + ": expected a Hugging Face model directory, "
                                "found no config.json");
  FT_ASSIGN_OR_RETURN(checkpoint.config,
                      json::readJsonFile(checkpoint.path("config.json")));
  if (checkpoint.hasFile("generation_config.json")) {
    FT_ASSIGN_OR_RETURN(
        checkpoint.generation,
        json::readJsonFile(checkpoint.path("generation_config.json")));
  }
  return checkpoint;
}
