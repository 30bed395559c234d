//===- Safetensors.h - reading safetensors headers --------------*- C++ -*-===//
//
// The format (https://huggingface.co/docs/safetensors): an 8-byte little-endian
// header length, a JSON header {"name": {"dtype", "shape", "data_offsets"}},
// then the tensors' bytes, row-major and little-endian, without holes. Every
// rule is checked here, once; users of a header need no checks of their own.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_BASE_SAFETENSORS_H
#define FT_RUNTIME_BASE_SAFETENSORS_H

#include "runtime/base/DType.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ft {

/// Where a tensor's bytes lie and what they are.
struct SafetensorsTensor {
  /// Nothing for a type that the format knows and ft does not ("I16").
  std::optional<DType> dtype;
  std::string storedAs; // the file's spelling: "F32", "BF16"
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0; // bytes from the start of the file
};

/// The checked header of one file.
class SafetensorsHeader {
public:
  /// `file` is the whole file (mapped: only the header's pages are touched);
  /// `path` is for errors.
  static StatusOr<SafetensorsHeader> parse(std::string_view file,
                                           const std::string &path);
  /// As parse, for the file at `path`.
  static StatusOr<SafetensorsHeader> read(const std::string &path);

  const std::map<std::string, SafetensorsTensor> &tensors() const {
    return tensors_;
  }
  /// Null where there is no tensor of this name.
  const SafetensorsTensor *find(const std::string &name) const;
  const std::map<std::string, std::string> &metadata() const {
    return metadata_;
  }
  /// XXH64 of the 8-byte length and the JSON header: plan::File::headerHash.
  uint64_t hash() const { return hash_; }

private:
  std::map<std::string, SafetensorsTensor> tensors_;
  std::map<std::string, std::string> metadata_;
  uint64_t hash_ = 0;
};

/// The safetensors files of a Hugging Face model directory: model.safetensors
/// alone, or those that model.safetensors.index.json names.
class SafetensorsDirectory {
public:
  struct File {
    std::string name; // relative to the directory
    std::string path;
    SafetensorsHeader header;
  };
  struct Place {
    int32_t file = -1; // index in files()
    const SafetensorsTensor *tensor = nullptr;
  };

  /// StatusCode::NotFound where the directory holds neither file.
  static StatusOr<SafetensorsDirectory> open(const std::string &directory);

  const std::vector<File> &files() const { return files_; }
  /// Tensors by name; only those that the index lists, where there is one.
  const std::map<std::string, Place> &tensors() const { return tensors_; }
  /// Null where there is no tensor of this name.
  const Place *find(const std::string &name) const;

private:
  Status addFile(const std::string &directory, const std::string &name);
  Status readIndex(const std::string &directory, const std::string &path);

  std::vector<File> files_;
  std::map<std::string, Place> tensors_;
};

/// True for a name that stays inside its directory: not empty, no '/' or '\',
/// no NUL, neither "." nor "..".
bool isPlainFileName(std::string_view name);

} // namespace ft

#endif // FT_RUNTIME_BASE_SAFETENSORS_H
