//===- PtxCompiler.cpp - CUDA text to PTX, through NVRTC ------------------===//
#include "PtxCompiler.h"

#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <iterator>

using namespace ft;
using namespace ft::emulator;

// The part of nvrtc.h that is used here.
using nvrtcProgram = void *;
#define FT_NVRTC_FUNCTIONS(X)                                                  \
  X(nvrtcCreateProgram,                                                        \
    int (*)(nvrtcProgram *, const char *, const char *, int,                   \
            const char *const *, const char *const *))                         \
  X(nvrtcDestroyProgram, int (*)(nvrtcProgram *))                              \
  X(nvrtcAddNameExpression, int (*)(nvrtcProgram, const char *))               \
  X(nvrtcGetLoweredName, int (*)(nvrtcProgram, const char *, const char **))   \
  X(nvrtcCompileProgram, int (*)(nvrtcProgram, int, const char *const *))      \
  X(nvrtcGetPTXSize, int (*)(nvrtcProgram, size_t *))                          \
  X(nvrtcGetPTX, int (*)(nvrtcProgram, char *))                                \
  X(nvrtcGetProgramLogSize, int (*)(nvrtcProgram, size_t *))                   \
  X(nvrtcGetProgramLog, int (*)(nvrtcProgram, char *))

namespace {
struct Nvrtc {
#define X(name, type) std::add_pointer_t<std::remove_pointer_t<type>> name;
  FT_NVRTC_FUNCTIONS(X)
#undef X
};
} // namespace

static void *openLibrary() {
  std::vector<std::string> folders = {""};
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char *home = std::getenv(variable))
      for (const char *lib : {"/lib64/", "/lib/"})
        folders.push_back(std::string(home) + lib);
  folders.push_back("/usr/local/cuda/lib64/");
  for (const char *lib : {"/lib64/", "/lib/"}) // beside the headers
    folders.push_back(std::string(FT_CUDA_BUILD_HOME) + lib);
  for (const std::string &folder : folders)
    for (const char *name : {"libnvrtc.so.13", "libnvrtc.so.12"})
      if (void *library = dlopen((folder + name).c_str(),
                                 RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE))
        return library;
  return nullptr;
}

static StatusOr<const Nvrtc *> openNvrtc() {
  static Nvrtc functions;
  static const bool open = [] {
    void *library = openLibrary();
    bool complete = library != nullptr;
#define X(name, type)                                                          \
  if (complete)                                                                \
    complete = (functions.name =                                               \
                    reinterpret_cast<type>(dlsym(library, #name))) != nullptr;
    FT_NVRTC_FUNCTIONS(X)
#undef X
    return complete;
  }();
  if (!open)
    return notFound("no libnvrtc.so.13 or .so.12 was found");
  return &functions;
}

StatusOr<CompiledPtx>
emulator::compilePtx(const std::string &source, const std::string &architecture,
                     const std::vector<std::string> &instances,
                     const std::map<std::string, std::string> &headers) {
  FT_ASSIGN_OR_RETURN(const Nvrtc *f, openNvrtc());
  nvrtcProgram program = nullptr;
  std::vector<const char *> texts, names;
  for (const auto &[name, text] : headers)
    names.push_back(name.c_str()), texts.push_back(text.c_str());
  if (f->nvrtcCreateProgram(&program, source.c_str(), "kernels.cu",
                            int(names.size()), texts.data(), names.data()) != 0)
    return internalError("NVRTC cannot make a program");
  std::shared_ptr<void> guard(
      program, [&](void *) { f->nvrtcDestroyProgram(&program); });
  for (const std::string &instance : instances)
    if (f->nvrtcAddNameExpression(program, instance.c_str()) != 0)
      return internalError("NVRTC cannot name " + instance);
  std::string root = FT_SOURCE_DIR;
  std::vector<std::string> options = {
      "--std=c++17", "-default-device", "--gpu-architecture=" + architecture,
      "-I" + root + "/codegen/cuda/kernels", "-I" + root + "/test/gpu"};
  std::vector<const char *> flags;
  for (const std::string &option : options)
    flags.push_back(option.c_str());
  int code = f->nvrtcCompileProgram(program, int(flags.size()), flags.data());
  size_t size = 0;
  f->nvrtcGetProgramLogSize(program, &size);
  std::string log(size, '\0');
  f->nvrtcGetProgramLog(program, log.data());
  if (code != 0)
    return internalError("NVRTC cannot compile: " + log);
  CompiledPtx result;
  f->nvrtcGetPTXSize(program, &size);
  result.text.resize(size);
  f->nvrtcGetPTX(program, result.text.data());
  for (const std::string &instance : instances) {
    const char *name = nullptr;
    if (f->nvrtcGetLoweredName(program, instance.c_str(), &name) != 0)
      return internalError("NVRTC has no name for " + instance);
    result.names[instance] = name;
  }
  return result;
}

StatusOr<std::string> emulator::changedHeader(const std::string &name,
                                              const std::string &from,
                                              const std::string &to) {
  std::string path = std::string(FT_SOURCE_DIR) + "/codegen/cuda/kernels/";
  std::ifstream file(path + name);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  size_t at = text.find(from);
  if (at == std::string::npos || text.find(from, at + 1) != std::string::npos)
    return notFound(name + " does not have this once: " + from);
  return text.replace(at, from.size(), to);
}
