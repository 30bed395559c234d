//===- KernelCache.cpp - compiled kernels on disk -------------------------===//
#include "codegen/cuda/KernelCache.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

#include <cstdlib>

using namespace ft;
using namespace ft::codegen;

/// First line of an entry, before the resources; a new form gets a new word.
static constexpr const char *kMagic = "ftkernel2";

std::string KernelCache::defaultDirectory() {
  if (const char *base = std::getenv("XDG_CACHE_HOME"); base && *base)
    return std::string(base) + "/ftc";
  if (const char *home = std::getenv("HOME"); home && *home)
    return std::string(home) + "/.cache/ftc";
  return {};
}

std::string KernelCache::key(const std::string &source,
                             const std::string &target,
                             const std::string &compilerVersion) {
  llvm::SHA256 hash;
  auto add = [&](llvm::StringRef part) {
    hash.update(part);
    hash.update(llvm::StringRef("\0", 1));
  };
  add(source);
  for (auto [name, text] : kernelHeaders()) {
    add(name);
    add(text);
  }
  for (const std::string &option : targetOptions(target))
    add(option);
  add(compilerVersion);
  return llvm::toHex(hash.final(), /*LowerCase=*/true);
}

std::optional<KernelImage> KernelCache::load(const std::string &key) const {
  if (directory_.empty())
    return std::nullopt;
  auto buffer = llvm::MemoryBuffer::getFile(directory_ + "/" + key);
  if (!buffer)
    return std::nullopt;
  auto [head, body] = (*buffer)->getBuffer().split('\n');
  llvm::SmallVector<llvm::StringRef> words;
  head.split(words, ' ');
  KernelImage image;
  size_t size = 0;
  uint64_t hash = 0;
  int serialised = 0;
  bool good = words.size() == 7 && words[0] == kMagic &&
              !words[1].getAsInteger(10, size) &&
              !words[2].getAsInteger(10, image.resources.registers) &&
              !words[3].getAsInteger(10, image.resources.staticShared) &&
              !words[4].getAsInteger(10, image.resources.spillBytes) &&
              !words[5].getAsInteger(10, serialised) &&
              !words[6].getAsInteger(16, hash) && size == body.size() &&
              hash == llvm::xxh3_64bits(body);
  if (!good)
    return std::nullopt;
  image.resources.serialised = serialised != 0;
  image.bytes = body.str();
  return image;
}

void KernelCache::store(const std::string &key,
                        const KernelImage &image) const {
  namespace fs = llvm::sys::fs;
  if (directory_.empty() || fs::create_directories(directory_))
    return;
  int file = -1;
  llvm::SmallString<128> temporary;
  if (fs::createUniqueFile(directory_ + "/" + key + ".%%%%%%", file, temporary))
    return;
  llvm::raw_fd_ostream out(file, /*shouldClose=*/true);
  const KernelResources &r = image.resources;
  out << kMagic << ' ' << image.bytes.size() << ' ' << r.registers << ' '
      << r.staticShared << ' ' << r.spillBytes << ' ' << int(r.serialised)
      << ' ' << llvm::utohexstr(llvm::xxh3_64bits(image.bytes)) << '\n'
      << image.bytes;
  out.close();
  bool failed = out.has_error();
  out.clear_error();
  if (failed || fs::rename(temporary, directory_ + "/" + key))
    fs::remove(temporary);
}
