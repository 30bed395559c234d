//===- decode_layer_time.cu - layers of 8B's decode step, forms by turns --===//
//
// Chains of dependent launches as plans have them, norms, linears and
// attention, for 64 and 32 sequences; the attention by plain launches; the
// output matrix. Every form of LayerVariant.h takes its turn in each round, in
// the order of their names; figures are medians. Results that differ from the
// first form's are told: of experiments that leave something out they do.
//
//   decode_layer_time [ROUNDS]
//
//===----------------------------------------------------------------------===//
#include "CudaArray.h"
#include "LayerVariant.h"

#include <cmath>
#include <memory>
#include <numeric>
#include <random>

using check::cuda;

std::vector<LayerVariant> &layerVariants() {
  static std::vector<LayerVariant> variants;
  return variants;
}

namespace {

constexpr double kBytesPerUs = 4.55e6;

/// Random bf16 of either sign, 0.002 .. 0.008 or `large` 0.5 .. 2.
__global__ void fill(unsigned short *x, size_t count, unsigned seed,
                     bool large) {
  for (size_t i = size_t(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += size_t(gridDim.x) * blockDim.x) {
    unsigned h = (unsigned(i) ^ unsigned(i >> 32) * 747796405u) + seed;
    h *= 2654435761u, h ^= h >> 15, h *= 2246822519u, h ^= h >> 13;
    unsigned base = large ? 0x3f00 : 0x3b00;
    x[i] = (unsigned short)((h & 0x8000) | (base + (h >> 16) % 0x100));
  }
}

void *plane(size_t count, bool large = false) {
  static unsigned seed = 0;
  void *data;
  cuda(cudaMalloc(&data, count * 2), "plane");
  fill<<<1024, 256>>>(static_cast<unsigned short *>(data), count, ++seed * 977,
                      large);
  return data;
}
template <typename T> T *array(const std::vector<T> &host) {
  T *data;
  cuda(cudaMalloc(&data, host.size() * sizeof(T)), "array");
  cuda(cudaMemcpy(data, host.data(), host.size() * sizeof(T),
                  cudaMemcpyHostToDevice),
       "array");
  return data;
}

struct Load {
  const char *name;
  std::vector<int> keys;
};

LayerData make(int layers) {
  LayerData d{};
  cudaDeviceProp properties;
  cuda(cudaGetDeviceProperties(&properties, 0), "properties");
  d.processors = properties.multiProcessorCount;
  d.layers = layers;
  d.cells = 64 * 576;
  const size_t n[] = {kQkv, kHidden, 2 * kMlp, kHidden};
  const size_t k[] = {kHidden, kHidden, kHidden, kMlp};
  for (int l = 0; l < layers; ++l) {
    for (int i = 0; i < 4; ++i)
      d.w[i].push_back(plane(n[i] * k[i]));
    d.k.push_back(plane(size_t(d.cells) * kKvHeads * kHead, true));
    d.v.push_back(plane(size_t(d.cells) * kKvHeads * kHead, true));
  }
  d.wOut = plane(size_t(kVocabulary) * kHidden);
  d.h = plane(kMostRows * kHidden, true);
  d.x = plane(kMostRows * kHidden);
  d.qkv = plane(kMostRows * kQkv, true);
  d.attended = plane(kMostRows * kHidden);
  d.act = plane(kMostRows * kMlp);
  d.scale = plane(kHidden, true);
  d.logits = array(std::vector<float>(size_t(kMostRows) * kVocabulary));
  d.scratch = array(std::vector<float>(264 * 2 * 16 * (kHead + 4)));
  d.counters = array(std::vector<unsigned>(kMostRows * kKvHeads + 64));
  std::vector<float> rope;
  for (int p = 0; p < 4096; ++p)
    for (bool sine : {false, true})
      for (int i = 0; i < kHead / 2; ++i) {
        double angle = p * std::pow(5e5, -2.0 * i / kHead);
        rope.push_back(float(sine ? std::sin(angle) : std::cos(angle)));
      }
  d.rope = array(rope);
  check::synchronize("fill");
  return d;
}

/// Pages in random order.
void setLoad(LayerData &d, const Load &load) {
  int sequences = int(load.keys.size());
  int most = *std::max_element(load.keys.begin(), load.keys.end());
  d.rows = sequences, d.columns = (most + kPage - 1) / kPage;
  std::vector<int> free(size_t(d.cells / kPage)), cu{0}, positions,
      table(size_t(sequences) * d.columns);
  std::iota(free.begin(), free.end(), 0);
  std::shuffle(free.begin(), free.end(), std::mt19937(1));
  for (int s = 0; s < sequences; ++s) {
    cu.push_back(s + 1);
    positions.push_back(load.keys[s] - 1);
    for (int j = 0; j * kPage < load.keys[s]; ++j, free.pop_back())
      table[size_t(s) * d.columns + j] = free.back();
  }
  d.cu = array(cu), d.lengths = array(load.keys);
  d.positions = array(positions), d.table = array(table);
  d.counts = array(std::vector<int>{sequences, sequences});
}

struct Graph {
  cudaGraphExec_t run;
  std::vector<double> us;
};

Graph capture(const LayerData &d, const LayerVariant &v, Part part) {
  cudaStream_t stream;
  cudaGraph_t graph;
  Graph made{};
  cuda(cudaStreamCreate(&stream), "stream");
  cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "capture");
  v.enqueue(d, part, stream);
  cuda(cudaStreamEndCapture(stream, &graph), "capture");
  cuda(cudaGraphInstantiate(&made.run, graph, 0), "instantiate");
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
  return made;
}

void reset(const LayerData &d, const void *h) {
  cuda(cudaMemcpyAsync(d.h, h, size_t(kMostRows) * kHidden * 2,
                       cudaMemcpyDeviceToDevice, nullptr),
       "state");
}

/// What a part stores last, as it is after one replay from the same state.
std::vector<char> results(const LayerData &d, Part part, const Graph &graph,
                          const void *h) {
  reset(d, h);
  cuda(cudaGraphLaunch(graph.run, nullptr), "launch");
  check::synchronize("a form");
  const void *from = part == Part::Output      ? d.logits
                     : part == Part::Attention ? d.attended
                                               : d.h;
  size_t bytes = part == Part::Output ? size_t(d.rows) * kVocabulary * 4
                                      : size_t(d.rows) * kHidden * 2;
  std::vector<char> got(bytes);
  cuda(cudaMemcpy(got.data(), from, bytes, cudaMemcpyDeviceToHost), "copy");
  return got;
}

double bytesOf(const LayerData &d, const Load &load, Part part) {
  double keys = std::accumulate(load.keys.begin(), load.keys.end(), 0.0);
  double attention = keys * kKvHeads * kHead * 4;
  double linears =
      2.0 * kHidden * (kQkv + kHidden + 2 * kMlp) + 2.0 * kHidden * kMlp;
  switch (part) {
  case Part::Layer:
    return linears + attention;
  case Part::Linears:
    return linears;
  case Part::Attention:
    return attention;
  case Part::Output:
    return (2.0 * kHidden + 4.0 * d.rows) * kVocabulary;
  }
  return 0;
}

void timePart(const LayerData &d, const Load &load, Part part, int rounds) {
  auto &variants = layerVariants();
  std::vector<Graph> graphs;
  void *h;
  cuda(cudaMalloc(&h, size_t(kMostRows) * kHidden * 2), "state");
  cuda(cudaMemcpy(h, d.h, size_t(kMostRows) * kHidden * 2,
                  cudaMemcpyDeviceToDevice),
       "state");
  std::vector<char> want;
  std::vector<bool> same;
  for (const LayerVariant &v : variants) {
    graphs.push_back(capture(d, v, part));
    std::vector<char> got = results(d, part, graphs.back(), h);
    if (want.empty())
      want = got;
    same.push_back(got == want);
  }
  cudaEvent_t start, stop;
  cudaEventCreate(&start);
  cudaEventCreate(&stop);
  int count = part == Part::Output ? 3 : d.layers;
  for (int r = 0; r < rounds + 2; ++r)
    for (Graph &graph : graphs) {
      reset(d, h); // experiments leave what is no number
      cudaEventRecord(start, nullptr);
      cuda(cudaGraphLaunch(graph.run, nullptr), "launch");
      cudaEventRecord(stop, nullptr);
      cuda(cudaEventSynchronize(stop), "timing");
      float ms;
      cudaEventElapsedTime(&ms, start, stop);
      if (r >= 2)
        graph.us.push_back(1e3 * ms / count);
    }
  double floor = bytesOf(d, load, part) / kBytesPerUs, first = 0;
  std::printf("== %s, %s: %.1f us of bytes\n", kPartNames[int(part)], load.name,
              floor);
  for (size_t i = 0; i < graphs.size(); ++i) {
    auto &us = graphs[i].us;
    std::sort(us.begin(), us.end());
    double median = us[us.size() / 2];
    first = i == 0 ? median : first;
    std::printf("  %-44s %7.2f us  %+6.2f  (10th percentile %.2f)%s\n",
                variants[i].name.c_str(), median, median - first,
                us[us.size() / 10], same[i] ? "" : "  DIFFERS");
    cudaGraphExecDestroy(graphs[i].run);
  }
  std::fflush(stdout);
  cudaFree(h);
}

} // namespace

int main(int argc, char **argv) {
  int rounds = argc > 1 ? std::atoi(argv[1]) : 25;
  auto &variants = layerVariants();
  std::sort(variants.begin(), variants.end(),
            [](auto &a, auto &b) { return a.name < b.name; });
  LayerData d = make(8);
  std::vector<int> ragged;
  for (int i = 0; i < 32; ++i)
    ragged.push_back(20 + i * 1237 % 1981);
  using Keys = std::vector<int>;
  for (const Load &load :
       {Load{"64 x 512", Keys(64, 512)}, Load{"32 x 512", Keys(32, 512)},
        Load{"48 x 512", Keys(48, 512)}, Load{"32 of 20 .. 2000", ragged}}) {
    setLoad(d, load);
    timePart(d, load, Part::Attention, rounds);
    if (load.keys[1] != 512 || load.keys.size() == 48)
      continue;
    for (Part part : {Part::Output, Part::Linears, Part::Layer})
      timePart(d, load, part, rounds);
  }
  return 0;
}
