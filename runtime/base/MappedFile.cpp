//===- MappedFile.cpp - a file mapped for reading -------------------------===//
#include "runtime/base/MappedFile.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ft {

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_)
    ::munmap(data_, size_);
}

static Status systemError(const std::string &what) {
  int error = errno;
  std::string message = what + ": " + std::strerror(error);
  return error == ENOENT || error == ENOTDIR ? notFound(message)
                                             : internalError(message);
}

/// The size of the open file, or why its bytes cannot be mapped.
static StatusOr<size_t> mappableSize(int descriptor, const std::string &path) {
  struct stat info;
  if (::fstat(descriptor, &info) != 0)
    return systemError("cannot read '" + path + "'");
  if (S_ISDIR(info.st_mode))
    return invalidArgument("cannot read '" + path +
                           "': it is a directory, expected a file");
  if (!S_ISREG(info.st_mode))
    return invalidArgument("cannot read '" + path +
                           "': it is not a regular file");
  if (info.st_size == 0)
    return corrupt("'" + path + "' is empty");
  return size_t(info.st_size);
}

StatusOr<MappedFile> MappedFile::open(const std::string &path) {
  // Non-blocking: opening a pipe by mistake must not wait for a writer.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return systemError("cannot open '" + path + "'");
  StatusOr<size_t> size = mappableSize(descriptor, path);
  void *data = MAP_FAILED;
  if (size.ok())
    data = ::mmap(nullptr, *size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  Status mapped = data == MAP_FAILED ? systemError("cannot map '" + path + "'")
                                     : Status::success();
  ::close(descriptor);
  if (!size.ok())
    return size.status();
  FT_RETURN_IF_ERROR(mapped);
  MappedFile file;
  file.data_ = static_cast<std::byte *>(data);
  file.size_ = *size;
  return file;
}

} // namespace ft
