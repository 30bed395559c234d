//===- decode_rows_time.cu - layers of some sequences as one chain --------===//
//
// The linears, norms and activations of 8B, 1B and GPT-2 124M for 8 to 64
// sequences, without the attention, as one graph, a set of weights for every
// layer: by the kernels that plans choose, or those named, and by cuBLASLt's
// best algorithms and row kernels. "floor" is a layer's bytes at 4.55 TB/s.
//
//   decode_rows_time [8b|1b|gpt2] [ROWS ...] [--way QKV,O,UP,DOWN]
//
//===----------------------------------------------------------------------===//
#include <functional>
#include <string>

#include "DecodeRows.h"

using namespace check;

static void timeModel(const Model &m, std::vector<int> rows,
                      const std::string &way, CublasLt &library,
                      int processors) {
  Chain chain(m, library, processors);
  for (int r : rows) {
    if (way.empty() && library.library)
      chain.timeLibrary(r);
    chain.timeOwn(r, way);
  }
}

int main(int argc, char **argv) {
  cudaDeviceProp properties;
  cuda(cudaGetDeviceProperties(&properties, 0), "properties");
  int processors = properties.multiProcessorCount;
  std::string only, way;
  std::vector<int> rows;
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    if (arg == "--way" && i + 1 < argc)
      way = argv[++i];
    else if (arg.find_first_not_of("0123456789") == std::string::npos)
      rows.push_back(std::atoi(argv[i]));
    else if (arg != "--time") // as run.sh calls
      only = arg;
  }
  if (rows.empty())
    rows = {32, 16, 64};
  CublasLt library;
  if (!library.library)
    std::printf("no libcublasLt.so: nothing to compare with\n");
  if (only.empty() || only == "8b")
    timeModel({"8B", 4096, 6144, 4096, 14336, true, 12,
               "b2k2w2,b1k2w2,g2x2,b1k2w2", "b2k2,b1k2w2,g2x2,b1k2w2"},
              rows, way, library, processors);
  if (only.empty() || only == "1b")
    timeModel({"1B", 2048, 3072, 2048, 8192, true, 16,
               "b2k4w2,b2k4w2,g2,b2k4w2", "b1x2k4,b1x2k4w2,g2,b1x2k4w2"},
              rows, way, library, processors);
  if (only.empty() || only == "gpt2")
    timeModel({"GPT-2 124M", 768, 2304, 768, 3072, false, 24,
               "64x64_k2,64x64_k4,64x64_k2,64x64_k4",
               "64x64_k2,64x64_k4,64x64_k2,64x64_k4"},
              rows, way, library, processors);
  return 0;
}
