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

/// Calls make(name) with names beside `target` until one is free; 0 or errno.
template <typename Make>
static int makeBeside(const std::string &target, std::string &name,
                      const Make &make) {
  for (int attempt = 0;; ++attempt) {
    name = target + ".tmp" + std::to_string(::getpid()) + "-" +
           std::to_string(attempt);
    if (make(name.c_str()))
      return 0;
    if (errno != EEXIST) {
      int error = errno;
      name.clear();
      return error;
    }
  }
}

/// A file of `pieces` in the folder of `target`; 0 or errno. `name` is its
/// name, empty where there is none to remove. Where the file system can, the
/// file has no name until it is whole: a killed process leaves nothing.
static int writeBeside(const std::string &target,
                       std::span<const std::string_view> pieces,
                       std::string &name) {
  size_t slash = target.rfind('/');
  std::string folder =
      slash == std::string::npos ? "." : target.substr(0, slash + 1);
  int descriptor = -1;
  if (::access("/proc/self/fd", X_OK) == 0) // by which it gets its name
    descriptor = ::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    int error = makeBeside(target, name, [&](const char *path) {
      descriptor = ::open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      return descriptor >= 0;
    });
    return error ? error : finish(descriptor, pieces, true);
  }
  int error = writeAll(descriptor, pieces);
  if (!error && ::fsync(descriptor) != 0)
    error = errno;
  if (!error) {
    std::string self = "/proc/self/fd/" + std::to_string(descriptor);
    error = makeBeside(target, name, [&](const char *path) {
      return ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, path,
                      AT_SYMLINK_FOLLOW) == 0;
    });
  }
  if (::close(descriptor) != 0 && !error)
    error = errno;
  return error;
}

Status writeFileAtomically(const std::string &path,
                           std::span<const std::string_view> pieces) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    return writeDirectly(path, pieces);
  std::string target = followLinks(path), temporary;
  int error = writeBeside(target, pieces, temporary);
  if (!error && ::rename(temporary.c_str(), target.c_str()) != 0)
    error = errno;
  if (!error)
    return Status::success();
  if (!temporary.empty())
    ::unlink(temporary.c_str());
  return writeError(path, error);
}

Status writeFileAtomically(const std::string &path, std::string_view contents) {
  return writeFileAtomically(path, std::span(&contents, 1));
}

} // namespace ft
