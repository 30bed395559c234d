//===- CheckpointSource.cpp - tensors of safetensors files ----------------===//
#include "runtime/base/MappedFile.h"
#include "runtime/base/Safetensors.h"
#include "runtime/weights/TensorSource.h"

#include <filesystem>
#include <unordered_map>

namespace ft {

namespace {

// Copies go in parts so that the mapping's pages come and go.
constexpr int64_t kTransferBytes = int64_t(64) << 20;

struct OpenFile {
  std::string path;
  MappedFile bytes;
  SafetensorsHeader header;
};

class CheckpointSource : public TensorSource {
public:
  CheckpointSource(const plan::Plan &plan, std::string directory,
                   bool explicitly)
      : plan_(plan), directory_(std::move(directory)), explicitly_(explicitly) {
  }

  Status prepare(const plan::Recipe &leaf) override;
  void read(const plan::Recipe &leaf, int64_t first, int64_t count,
            float *out) const override {
    widenToF32(address(leaf, first), leaf.stored, count, out);
  }
  StatusOr<bool> transfer(const plan::Recipe &leaf, int64_t first,
                          int64_t count, DType dtype, Device &device,
                          std::byte *to) const override;

private:
  const std::byte *address(const plan::Recipe &leaf, int64_t first) const {
    return data_.at(&leaf) + first * dtypeSize(leaf.stored);
  }
  Status checkDirectory() const;
  StatusOr<OpenFile *> openFile(const std::string &name);
  StatusOr<OpenFile *> fileOf(const plan::Recipe &leaf);
  Status checkHash(const plan::File &file, const OpenFile &open) const;

  const plan::Plan &plan_;
  std::string directory_;
  bool explicitly_;
  std::map<std::string, OpenFile> files_;     // by name; addresses are stable
  std::optional<SafetensorsDirectory> index_; // read when a file is missing
  std::unordered_map<const plan::Recipe *, const std::byte *> data_;
};

Status CheckpointSource::checkDirectory() const {
  std::error_code ignored;
  if (std::filesystem::is_directory(directory_, ignored))
    return Status::success();
  if (directory_.empty())
    return notFound("the plan remembers no weights directory; name one with "
                    "--weights DIR or use --weights random");
  if (explicitly_)
    return notFound("the weights directory '" + directory_ +
                    "' does not exist or is no directory");
  return notFound("the weights directory '" + directory_ +
                  "' that the plan was compiled from is gone; name another "
                  "with --weights DIR or use --weights random");
}

StatusOr<OpenFile *> CheckpointSource::openFile(const std::string &name) {
  auto [found, isNew] = files_.try_emplace(name);
  OpenFile &file = found->second;
  if (!isNew)
    return &file;
  file.path = directory_ + "/" + name;
  FT_ASSIGN_OR_RETURN(file.bytes, MappedFile::open(file.path));
  FT_ASSIGN_OR_RETURN(file.header,
                      SafetensorsHeader::parse(file.bytes.text(), file.path));
  return &file;
}

Status CheckpointSource::checkHash(const plan::File &file,
                                   const OpenFile &open) const {
  // A hash of 0 stands for a file that the compiler did not see.
  if (explicitly_ || file.headerHash == 0 ||
      open.header.hash() == file.headerHash)
    return Status::success();
  return invalidArgument(
      "'" + open.path +
      "' is not the file the plan was compiled from (its header changed); "
      "compile again, or name its directory with --weights to use it as it is");
}

/// The file that holds a leaf: the plan's, or in a directory that the user
/// named, the one its index gives.
StatusOr<OpenFile *> CheckpointSource::fileOf(const plan::Recipe &leaf) {
  const plan::File &file = plan_.files[size_t(leaf.file)];
  std::error_code ignored;
  bool mayMove = explicitly_ || file.headerHash == 0;
  if (!mayMove ||
      std::filesystem::exists(directory_ + "/" + file.name, ignored)) {
    FT_ASSIGN_OR_RETURN(OpenFile * open, openFile(file.name));
    FT_RETURN_IF_ERROR(checkHash(file, *open));
    return open;
  }
  if (!index_) {
    FT_ASSIGN_OR_RETURN(index_, SafetensorsDirectory::open(directory_));
  }
  const SafetensorsDirectory::Place *place = index_->find(leaf.text);
  if (!place)
    return notFound("no file of '" + directory_ + "' has a tensor '" +
                    leaf.text + "'");
  return openFile(index_->files()[size_t(place->file)].name);
}

Status CheckpointSource::prepare(const plan::Recipe &leaf) {
  if (data_.empty())
    FT_RETURN_IF_ERROR(checkDirectory());
  FT_ASSIGN_OR_RETURN(OpenFile * open, fileOf(leaf));
  const SafetensorsTensor *tensor = open->header.find(leaf.text);
  std::string place = "'" + open->path + "': tensor '" + leaf.text + "'";
  if (!tensor)
    return notFound(place + " does not exist");
  if (tensor->shape != leaf.shape)
    return invalidArgument(place + ": expected shape " + shapeText(leaf.shape) +
                           ", found " + shapeText(tensor->shape) +
                           "; compile the plan from these weights");
  if (tensor->dtype != leaf.stored)
    return invalidArgument(place + ": expected dtype " +
                           std::string(dtypeName(leaf.stored)) + ", found " +
                           tensor->storedAs +
                           "; compile the plan from these weights");
  data_[&leaf] = open->bytes.data() + tensor->begin;
  return Status::success();
}

StatusOr<bool> CheckpointSource::transfer(const plan::Recipe &leaf,
                                          int64_t first, int64_t count,
                                          DType dtype, Device &device,
                                          std::byte *to) const {
  if (dtype != leaf.stored)
    return false;
  int64_t bytes = count * dtypeSize(dtype);
  const std::byte *from = address(leaf, first);
  for (int64_t at = 0; at < bytes; at += kTransferBytes)
    FT_RETURN_IF_ERROR(device.copyIn(to + at, from + at,
                                     std::min(kTransferBytes, bytes - at)));
  return true;
}

} // namespace

std::unique_ptr<TensorSource> makeCheckpointSource(const plan::Plan &plan,
                                                   std::string directory,
                                                   bool explicitly) {
  return std::make_unique<CheckpointSource>(plan, std::move(directory),
                                            explicitly);
}

} // namespace ft
