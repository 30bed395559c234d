//===- Array.h - emulated device arrays and launches ------------*- C++ -*-===//
//
// What test/gpu/CudaArray.h is with a GPU: the checks of test/gpu run on the
// emulator with these.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_ARRAY_H
#define FT_TEST_EMULATOR_ARRAY_H

#include "DeviceText.h"
#include "Emulator.h"
#include "PtxCompiler.h"
#include "TensorMap.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace check {

inline ft::emulator::Memory memory;

/// An array in emulated device memory with its host image.
template <typename T> struct Array {
  explicit Array(size_t size) : host(size) {
    size_t bytes = size * sizeof(T);
    device =
        static_cast<T *>(std::aligned_alloc(256, (bytes + 511) / 256 * 256));
    memory.add(device, bytes);
  }
  Array(const Array &) = delete;
  ~Array() {
    memory.remove(device);
    std::free(device);
  }
  void up() { std::memcpy(device, host.data(), host.size() * sizeof(T)); }
  void down() { std::memcpy(host.data(), device, host.size() * sizeof(T)); }
  std::vector<T> host;
  T *device = nullptr;
};

inline void synchronize(const char *) {}

/// A dimension of a tensor map, from the contiguous one on; stride in bytes.
struct MapDimension {
  long long size, stride;
  int box;
};
/// Encodes the map of 16-bit elements, with the 128-byte swizzle.
inline void encodeMap(void *map, bool isBf16, const void *data,
                      const std::vector<MapDimension> &dimensions) {
  using namespace ft::emulator;
  uint64_t sizes[5], strides[5];
  uint32_t box[5], steps[5] = {1, 1, 1, 1, 1};
  for (size_t d = 0; d < dimensions.size(); ++d) {
    sizes[d] = uint64_t(dimensions[d].size);
    strides[d] = uint64_t(dimensions[d].stride);
    box[d] = uint32_t(dimensions[d].box);
  }
  TensorMap made;
  EXPECT_EQ(encodeTiled({isBf16 ? TensorType::BFloat16 : TensorType::Float16,
                         uint32_t(dimensions.size()),
                         reinterpret_cast<uint64_t>(data), sizes, strides + 1,
                         box, steps, Swizzle::Bytes128},
                        made),
            "");
  std::memcpy(map, &made, sizeof made);
}

/// The C++ name of a type, as NVRTC takes it.
template <typename T> std::string nameOf() {
  std::string text = __PRETTY_FUNCTION__;
  size_t begin = text.find("T = ") + 4;
  return text.substr(begin, text.find(';', begin) - begin);
}

/// Instances of the kernels in a header.
class Kernels {
public:
  Kernels(const std::string &header, std::vector<std::string> instances,
          std::string architecture = "compute_90a")
      : source_("#include \"" + header +
                "\"\nnamespace check {}\nusing namespace check;\n"),
        instances_(std::move(instances)),
        architecture_(std::move(architecture)) {}

  /// With a mistake in a header of the kernels: `from` becomes `to`.
  ft::Status plant(const std::string &header, const std::string &from,
                   const std::string &to) {
    FT_ASSIGN_OR_RETURN(headers_[header],
                        ft::emulator::changedHeader(header, from, to));
    return ft::Status::success();
  }
  /// NotFound where there is no NVRTC.
  ft::Status open() {
    if (module_)
      return ft::Status::success();
    FT_ASSIGN_OR_RETURN(
        compiled_,
        ft::emulator::compilePtx(source_, architecture_, instances_, headers_));
    FT_ASSIGN_OR_RETURN(module_, ft::emulator::Module::parse(compiled_.text));
    return ft::Status::success();
  }

  template <typename... A>
  void launch(const std::string &instance, ft::emulator::Dim3 grid,
              ft::emulator::Dim3 block, int shared, const A &...arguments) {
    ft::Status status = tryLaunch(instance, grid, block, shared, arguments...);
    EXPECT_TRUE(status.ok()) << instance << ": " << status.message();
  }
  template <typename... A>
  ft::Status tryLaunch(const std::string &instance, ft::emulator::Dim3 grid,
                       ft::emulator::Dim3 block, int shared,
                       const A &...arguments) {
    const void *params[] = {&arguments...};
    const uint32_t sizes[] = {uint32_t(sizeof(A))...};
    const std::string &symbol = compiled_.names[instance];
    const ft::emulator::FunctionInfo *info = module_->find(symbol);
    if (!info)
      return ft::internalError("there is no kernel " + instance);
    if (!std::equal(info->paramSizes.begin(), info->paramSizes.end(),
                    std::begin(sizes), std::end(sizes)))
      return ft::internalError(instance + ": other parameters");
    ft::emulator::LaunchShape shape{grid, block, {}, uint32_t(shared)};
    return ft::emulator::launch(*module_, symbol, shape, params, memory,
                                options);
  }
  ft::emulator::LaunchOptions options = twoAtATime();

private:
  static ft::emulator::LaunchOptions twoAtATime() {
    ft::emulator::LaunchOptions options;
    options.residentClusters = options.hostThreads = 2;
    return options;
  }

  std::string source_;
  std::vector<std::string> instances_;
  std::string architecture_;
  std::map<std::string, std::string> headers_;
  ft::emulator::CompiledPtx compiled_;
  std::unique_ptr<ft::emulator::Module> module_;
};

} // namespace check

#endif // FT_TEST_EMULATOR_ARRAY_H
