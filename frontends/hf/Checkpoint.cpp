//===- Checkpoint.cpp - the files of a Hugging Face directory -------------===//
#include "frontends/hf/Checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <set>

using namespace ft;
using namespace ft::hf;
using json::Json;
using json::JsonView;
namespace fs = std::filesystem;

bool Checkpoint::hasFile(const std::string &name) const {
  std::error_code error;
  return fs::is_regular_file(fs::path(directory) / name, error);
}

/// The files that an index names, each once, in the index's order.
static StatusOr<std::vector<std::string>> indexedFiles(const Json &index) {
  FT_ASSIGN_OR_RETURN(JsonView map, JsonView(index).at("weight_map"));
  FT_RETURN_IF_ERROR(map.expectObject());
  std::set<std::string> files;
  for (auto &[tensor, file] : map.value().items()) {
    FT_ASSIGN_OR_RETURN(std::string name, map.member(tensor).string());
    files.insert(name);
  }
  return std::vector<std::string>(files.begin(), files.end());
}

/// Safetensors files of the directory, sorted; and, for the sentence about
/// them, the first file of a format that is not read.
static std::vector<std::string> listFiles(const std::string &directory,
                                          std::string &foreign) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry &entry :
       fs::directory_iterator(directory, error)) {
    std::string name = entry.path().filename().string();
    if (name.ends_with(".safetensors"))
      names.push_back(name);
    bool torch = name.starts_with("pytorch_model") && name.ends_with(".bin");
    if (torch || name.ends_with(".gguf") || name.ends_with(".pth"))
      foreign = std::max(foreign, name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

static StatusOr<std::vector<std::string>>
weightFiles(const Checkpoint &checkpoint) {
  const std::string index = "model.safetensors.index.json";
  if (checkpoint.hasFile(index)) {
    std::string path = (fs::path(checkpoint.directory) / index).string();
    FT_ASSIGN_OR_RETURN(Json parsed, json::readJsonFile(path));
    auto files = indexedFiles(parsed);
    return files.ok() ? files : files.status().withContext(path);
  }
  if (checkpoint.hasFile("model.safetensors"))
    return std::vector<std::string>{"model.safetensors"};
  std::string foreign;
  std::vector<std::string> names = listFiles(checkpoint.directory, foreign);
  if (names.empty() && !foreign.empty())
    return unsupported(
        checkpoint.directory + ": has weights as " + foreign +
        (foreign.ends_with(".gguf")
             ? ", which is not read; take the model's original safetensors "
               "directory"
             : ", which is not read; convert them once with transformers: "
               "AutoModel.from_pretrained(DIR).save_pretrained(NEW)"));
  return names;
}

StatusOr<Checkpoint> ft::hf::openCheckpoint(const std::string &directory) {
  Checkpoint checkpoint;
  std::error_code error;
  checkpoint.directory = fs::canonical(directory, error).string();
  if (error)
    return notFound(directory + ": " + error.message());
  auto path = [&](const char *name) {
    return (fs::path(checkpoint.directory) / name).string();
  };
  FT_ASSIGN_OR_RETURN(std::vector<std::string> names, weightFiles(checkpoint));
  if (!checkpoint.hasFile("config.json"))
    return notFound(directory + ": expected a Hugging Face model directory, "
                                "found no config.json");
  FT_ASSIGN_OR_RETURN(checkpoint.config,
                      json::readJsonFile(path("config.json")));
  checkpoint.generation = Json::object();
  if (checkpoint.hasFile("generation_config.json")) {
    FT_ASSIGN_OR_RETURN(checkpoint.generation,
                        json::readJsonFile(path("generation_config.json")));
  }
  FT_ASSIGN_OR_RETURN(checkpoint.headers,
                      graph::readHeaders(checkpoint.directory, names));
  return checkpoint;
}
