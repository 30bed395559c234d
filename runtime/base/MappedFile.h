//===- MappedFile.h - a file mapped for reading -----------------*- C++ -*-===//
#ifndef FT_RUNTIME_BASE_MAPPEDFILE_H
#define FT_RUNTIME_BASE_MAPPEDFILE_H

#include "runtime/base/Status.h"

#include <cstddef>
#include <string_view>

namespace ft {

/// A regular file's bytes, mapped read-only while this object lives. Pages
/// come in as they are touched, so opening costs nothing.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept { *this = std::move(other); }
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  /// A missing, unreadable or empty file or a directory is an error that names
  /// `path`.
  static StatusOr<MappedFile> open(const std::string &path);

  const std::byte *data() const { return data_; }
  size_t size() const { return size_; }
  std::string_view text() const {
    return {reinterpret_cast<const char *>(data_), size_};
  }

private:
  std::byte *data_ = nullptr;
  size_t size_ = 0;
};

} // namespace ft

#endif // FT_RUNTIME_BASE_MAPPEDFILE_H
