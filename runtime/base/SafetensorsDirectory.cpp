//===- SafetensorsDirectory.cpp - the files of a model directory ----------===//
#include "runtime/base/Json.h"
#include "runtime/base/MappedFile.h"
#include "runtime/base/Safetensors.h"

#include <filesystem>

namespace ft {

static constexpr const char *kSingle = "model.safetensors";
static constexpr const char *kIndex = "model.safetensors.index.json";

bool isPlainFileName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

Status SafetensorsDirectory::addFile(const std::string &directory,
                                     const std::string &name) {
  std::string path = directory + "/" + name;
  FT_ASSIGN_OR_RETURN(SafetensorsHeader header, SafetensorsHeader::read(path));
  files_.push_back({name, path, std::move(header)});
  return Status::success();
}

Status SafetensorsDirectory::readIndex(const std::string &directory,
                                       const std::string &path) {
  FT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  auto json = parseJson(file.text());
  if (!json.ok())
    return json.status().withContext("'" + path + "'");
  if (!json->is_object() || !json->contains("weight_map") ||
      !(*json)["weight_map"].is_object())
    return corrupt("'" + path +
                   "': expected an object \"weight_map\" from tensor names to "
                   "file names");
  std::map<std::string, int32_t> indexOf;
  std::map<std::string, int32_t> fileOf;
  for (const auto &[tensor, value] : (*json)["weight_map"].items()) {
    if (!value.is_string() ||
        !isPlainFileName(value.get_ref<const std::string &>()))
      return corrupt(
          "'" + path + "': weight_map entry '" + tensor +
          "': expected the name of a file in the same directory, "
          "found " +
          value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    std::string name = value.get<std::string>();
    auto [known, isNew] = indexOf.try_emplace(name, int32_t(files_.size()));
    if (isNew)
      FT_RETURN_IF_ERROR(addFile(directory, name)
                             .withContext("'" + path + "': weight_map entry '" +
                                          tensor + "'"));
    fileOf[tensor] = known->second;
  }
  for (const auto &[tensor, index] : fileOf) {
    const File &holder = files_[size_t(index)];
    if (!holder.header.find(tensor))
      return corrupt("'" + path + "' places tensor '" + tensor + "' in '" +
                     holder.name + "', which has no such tensor");
    tensors_[tensor] = {index, nullptr};
  }
  return Status::success();
}

StatusOr<SafetensorsDirectory>
SafetensorsDirectory::open(const std::string &directory) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored))
    return notFound("'" + directory + "' is not a directory");
  SafetensorsDirectory result;
  std::string index = directory + "/" + kIndex;
  if (std::filesystem::exists(directory + "/" + kSingle, ignored)) {
    FT_RETURN_IF_ERROR(result.addFile(directory, kSingle));
    for (const auto &[name, tensor] : result.files_[0].header.tensors())
      result.tensors_[name] = {0, nullptr};
  } else if (std::filesystem::exists(index, ignored)) {
    FT_RETURN_IF_ERROR(result.readIndex(directory, index));
  } else {
    return notFound("'" + directory + "' has neither " + kSingle + " nor " +
                    kIndex);
  }
  // Only now do the headers have their final addresses.
  for (auto &[name, place] : result.tensors_)
    place.tensor = result.files_[size_t(place.file)].header.find(name);
  return result;
}

const SafetensorsDirectory::Place *
SafetensorsDirectory::find(const std::string &name) const {
  auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

} // namespace ft
