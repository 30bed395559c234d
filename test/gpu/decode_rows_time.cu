//===- decode_rows_time.cu - layers of some sequences as one chain --------===//
//
// The linears, norms and activations of 8B, 1B and GPT-2 124M for 8 to 64
// sequences, without the attention, as one graph, a set of weights for every
// layer. First each kernel for a linear in a chain of the first ones, then
// layers of the fastest, and the same by cuBLASLt's best algorithms and row
// kernels. Lines are the time of a layer; "floor" is its bytes at 4.55 TB/s.
//
//   decode_rows_time [8b|1b|gpt2] [ROWS ...] [--way A,B,C,D]
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
    if (r > 8 && way.empty() && library.library)
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
    timeModel({"8B", 4096, 6144, 4096, 14336, true, 12}, rows, way, library,
              processors);
  if (only.empty() || only == "1b")
    timeModel({"1B", 2048, 3072, 2048, 8192, true, 16}, rows, way, library,
              processors);
  if (only.empty() || only == "gpt2")
    timeModel({"GPT-2 124M", 768, 2304, 768, 3072, false, 24}, rows, way,
              library, processors);
  return 0;
}
