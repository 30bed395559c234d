//===- AtomicFile.cpp - files that are whole or absent --------------------===//
#include "runtime/base/AtomicFile.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ft {

static Status writeError(const std::string &path, int error) {
  std::string message = "cannot write '" + path + "': " + std::strerror(error);
  switch (error) {
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    return resourceExhausted(message +
                             "; free some space or choose another place");
  case ENOENT:
  case ENOTDIR:
    return notFound(message);
  default:
    return internalError(message);
  }
}

/// 0, or the errno of the write that failed.
static int writeAll(int descriptor, std::span<const std::string_view> pieces) {
  for (std::string_view piece : pieces)
    while (!piece.empty()) {
      ssize_t written = ::write(descriptor, piece.data(), piece.size());
      if (written < 0 && errno == EINTR)
        continue;
      if (written < 0)
        return errno;
      piece.remove_prefix(size_t(written));
    }
  return 0;
}

/// The error of the first that failed: writing, syncing or closing.
static int finish(int descriptor, std::span<const std::string_view> pieces,
                  bool sync) {
  int error = writeAll(descriptor, pieces);
  if (!error && sync && ::fsync(descriptor) != 0)
    error = errno;
  if (::close(descriptor) != 0 && !error)
    error = errno;
  return error;
}

/// `path` with symbolic links followed, so that a rename keeps the link.
static std::string followLinks(const std::string &path) {
  char *real = ::realpath(path.c_str(), nullptr);
  std::string result = real ? real : path;
  std::free(real);
  return result;
}

static Status writeDirectly(const std::string &path,
                            std::span<const std::string_view> pieces) {
  int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  int error = descriptor < 0 ? errno : finish(descriptor, pieces, false);
  return error ? writeError(path, error) : Status::success();
}

Status writeFileAtomically(const std::string &path,
                           std::span<const std::string_view> pieces) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return writeDirectly(path, pieces);
  std::string target = followLinks(path);
  std::string temporary;
  int descriptor = -1;
  for (int attempt = 0; descriptor < 0; ++attempt) {
    temporary = target + ".tmp" + std::to_string(::getpid()) + "-" +
                std::to_string(attempt);
    descriptor = ::open(temporary.c_str(),
                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno != EEXIST)
      return writeError(path, errno);
  }
  int error = finish(descriptor, pieces, true);
  if (!error && ::rename(temporary.c_str(), target.c_str()) != 0)
    error = errno;
  if (error) {
    ::unlink(temporary.c_str());
    return writeError(path, error);
  }
  return Status::success();
}

Status writeFileAtomically(const std::string &path, std::string_view contents) {
  return writeFileAtomically(path, std::span(&contents, 1));
}

} // namespace ft
