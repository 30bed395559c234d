//===- Nvrtc.cpp - NVIDIA's run-time compiler -----------------------------===//
#include "codegen/cuda/Nvrtc.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <dlfcn.h>

using namespace ft;
using namespace ft::codegen;

// The part of nvrtc.h that we use; its ABI has been stable since CUDA 11.
using nvrtcProgram = void *;
#define FT_NVRTC_FUNCTIONS(X)                                                  \
  X(nvrtcVersion, int (*)(int *, int *))                                       \
  X(nvrtcGetErrorString, const char *(*)(int))                                 \
  X(nvrtcCreateProgram,                                                        \
    int (*)(nvrtcProgram *, const char *, const char *, int,                   \
            const char *const *, const char *const *))                         \
  X(nvrtcDestroyProgram, int (*)(nvrtcProgram *))                              \
  X(nvrtcCompileProgram, int (*)(nvrtcProgram, int, const char *const *))      \
  X(nvrtcGetPTXSize, int (*)(nvrtcProgram, size_t *))                          \
  X(nvrtcGetPTX, int (*)(nvrtcProgram, char *))                                \
  X(nvrtcGetCUBINSize, int (*)(nvrtcProgram, size_t *))                        \
  X(nvrtcGetCUBIN, int (*)(nvrtcProgram, char *))                              \
  X(nvrtcGetProgramLogSize, int (*)(nvrtcProgram, size_t *))                   \
  X(nvrtcGetProgramLog, int (*)(nvrtcProgram, char *))

struct Nvrtc::Functions {
#define X(name, type) std::add_pointer_t<std::remove_pointer_t<type>> name;
  FT_NVRTC_FUNCTIONS(X)
#undef X
};

const KernelHeaders &codegen::kernelHeaders() {
  static const KernelHeaders headers = {
#include "codegen/cuda/KernelHeaders.inc"
  };
  return headers;
}

bool codegen::isKnownTarget(const std::string &target) {
  static constexpr std::array names = {"sm_80",       "sm_90a",       "sm_100f",
                                       "compute_90a", "compute_100f", "ptx"};
  return std::find(names.begin(), names.end(), target) != names.end();
}

bool codegen::isPtxTarget(const std::string &target) {
  return target == "ptx" || target.starts_with("compute_");
}

std::vector<std::string> codegen::targetOptions(const std::string &target) {
  std::vector<std::string> options = {"--std=c++17", "-default-device"};
  options.push_back("--gpu-architecture=" +
                    (target == "ptx" ? "compute_80" : target));
  if (!isPtxTarget(target))
    options.push_back("--ptxas-options=-v");
  return options;
}

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

/// Folders of `nvidia/<package>/lib` that pip made below `root`.
static void addPipFolders(const std::string &root,
                          std::vector<std::string> &folders) {
  std::error_code error;
  using Iterator = llvm::sys::fs::directory_iterator;
  for (Iterator it(root, error), end; it != end && !error;
       it.increment(error)) {
    if (!llvm::sys::path::filename(it->path()).starts_with("python3"))
      continue;
    for (const char *site : {"/site-packages", "/dist-packages"})
      for (const char *package : {"cu13", "cuda_nvrtc"})
        folders.push_back(it->path() + site + "/nvidia/" + package + "/lib");
  }
}

static std::vector<std::string> libraryCandidates() {
  std::vector<std::string> folders = {""};
  for (const char *variable : {"CUDA_HOME", "CUDA_PATH"})
    if (const char *home = std::getenv(variable)) {
      folders.push_back(std::string(home) + "/lib64");
      folders.push_back(std::string(home) + "/lib");
    }
  folders.push_back("/usr/local/cuda/lib64");
  for (const char *lib : {"/lib64", "/lib"}) // where the headers were found
    folders.push_back(std::string(FT_CUDA_BUILD_HOME) + lib);
  if (const char *environment = std::getenv("VIRTUAL_ENV"))
    addPipFolders(std::string(environment) + "/lib", folders);
  addPipFolders("/usr/local/lib", folders);
  std::vector<std::string> candidates;
  for (const std::string &folder : folders)
    for (const char *name : {"libnvrtc.so.13", "libnvrtc.so.12"})
      candidates.push_back(folder.empty() ? name : folder + "/" + name);
  return candidates;
}

// The library is never unmapped: it frees what its start-up took only when the
// process ends, and a second open would take it again.
static constexpr int kOpenFlags = RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE;

StatusOr<std::shared_ptr<const Nvrtc>> Nvrtc::open() {
  std::shared_ptr<Nvrtc> nvrtc(new Nvrtc);
  for (const std::string &path : libraryCandidates())
    if ((nvrtc->library_ = dlopen(path.c_str(), kOpenFlags)))
      break;
  if (!nvrtc->library_)
    return notFound(
        "cannot compile kernels: libnvrtc.so.13 or .so.12 was found neither in "
        "the linker's path nor under CUDA_HOME, /usr/local/cuda or the Python "
        "packages; install the CUDA toolkit or pip's nvidia-cuda-nvrtc, or "
        "compile with --target cpu");
  nvrtc->functions_ = std::make_unique<Functions>();
#define X(name, type)                                                          \
  nvrtc->functions_->name =                                                    \
      reinterpret_cast<type>(dlsym(nvrtc->library_, #name));                   \
  if (!nvrtc->functions_->name)                                                \
    return unsupported("libnvrtc lacks " #name ": CUDA 12 or newer is "        \
                       "needed");
  FT_NVRTC_FUNCTIONS(X)
#undef X
  int major = 0, minor = 0;
  nvrtc->functions_->nvrtcVersion(&major, &minor);
  nvrtc->version_ = std::to_string(major) + "." + std::to_string(minor);
  return std::shared_ptr<const Nvrtc>(std::move(nvrtc));
}

Nvrtc::~Nvrtc() {
  if (library_)
    dlclose(library_);
}

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

/// The number in front of `unit`, or behind `Used `.
static int numberBefore(llvm::StringRef line, llvm::StringRef unit) {
  size_t at = line.find(unit);
  if (at == llvm::StringRef::npos)
    return 0;
  llvm::StringRef digits = line.take_front(at).rtrim();
  size_t begin = digits.find_last_not_of("0123456789");
  int value = 0;
  digits.substr(begin == llvm::StringRef::npos ? 0 : begin + 1)
      .getAsInteger(10, value);
  return value;
}

KernelResources codegen::parsePtxasLog(const std::string &log) {
  KernelResources resources;
  llvm::StringRef rest = log;
  while (!rest.empty()) {
    auto [line, tail] = rest.split('\n');
    rest = tail;
    resources.registers =
        std::max(resources.registers, numberBefore(line, " registers"));
    resources.staticShared =
        std::max(resources.staticShared, numberBefore(line, " bytes smem"));
    resources.spillBytes += numberBefore(line, " bytes spill stores") +
                            numberBefore(line, " bytes spill loads");
    resources.serialised |=
        line.contains("wgmma") && line.contains_insensitive("seriali");
  }
  return resources;
}

/// The first lines of a log that speak of errors.
static std::string errorLines(const std::string &log) {
  std::string out;
  llvm::StringRef rest = log;
  for (int lines = 0; !rest.empty() && lines < 5;) {
    auto [line, tail] = rest.split('\n');
    rest = tail;
    if (!line.contains("error"))
      continue;
    out += (out.empty() ? "" : "; ") + line.trim().str();
    ++lines;
  }
  return out.empty() ? log : out;
}

StatusOr<KernelImage> Nvrtc::compile(const std::string &source,
                                     const std::string &name,
                                     const std::string &target) const {
  const Functions &f = *functions_;
  std::vector<const char *> names, texts, flags;
  for (auto [header, text] : kernelHeaders()) {
    names.push_back(header);
    texts.push_back(text);
  }
  std::vector<std::string> options = targetOptions(target);
  for (const std::string &option : options)
    flags.push_back(option.c_str());
  nvrtcProgram program = nullptr;
  int code =
      f.nvrtcCreateProgram(&program, source.c_str(), name.c_str(),
                           int(names.size()), texts.data(), names.data());
  if (code != 0)
    return internalError("NVRTC: " + std::string(f.nvrtcGetErrorString(code)));
  std::shared_ptr<void> guard(program,
                              [&](void *) { f.nvrtcDestroyProgram(&program); });
  code = f.nvrtcCompileProgram(program, int(flags.size()), flags.data());
  size_t size = 0;
  f.nvrtcGetProgramLogSize(program, &size);
  std::string log(size, '\0');
  f.nvrtcGetProgramLog(program, log.data());
  if (code != 0)
    return internalError("NVRTC cannot compile kernel " + name + " for " +
                         target + " (" + f.nvrtcGetErrorString(code) +
                         "): " + errorLines(log));
  KernelImage image;
  image.resources = parsePtxasLog(log);
  bool ptx = isPtxTarget(target);
  (ptx ? f.nvrtcGetPTXSize : f.nvrtcGetCUBINSize)(program, &size);
  image.bytes.resize(size);
  (ptx ? f.nvrtcGetPTX : f.nvrtcGetCUBIN)(program, image.bytes.data());
  return image;
}
