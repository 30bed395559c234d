//===- encoder_time.cu - a BERT layer's linears as one chain --------------===//
//
// The four linears of BERT-base, fp16, as one graph of dependent launches, a
// set of weights for every layer (170 MB, more than L2 holds), without the
// attention between: what a tile shape takes where it counts. First every
// shape alone, a chain of it with rotated weights; then layers of the fastest
// of each kind. "row" follows the sums' kernel with a layer_norm of rows.
//
//   encoder_time [ROWS ...] [--only NAME] [--layer QKV,O,UP,DOWN] [--each KIND]
//
// --each: a layer with every shape of KIND (qkv, o, up, down) in the place of
// --layer's. Built with -DFT_GEMM_MARKS it also prints where the time of a
// layer's CTAs goes.
//
//===----------------------------------------------------------------------===//
#include "TileKernel.h"

#include <utility>

using namespace ft;
using namespace check;
using gemmtest::Epilogue;

namespace {

constexpr int kLayers = 12, kHidden = 768;
enum Kind { Qkv, Output, Up, Down };
constexpr const char *kKinds[] = {"qkv", "o", "up", "down"};
constexpr int kN[] = {2304, 768, 3072, 768}, kK[] = {768, 768, 768, 3072};

/// A layer_norm of rows of 768, in place: a warp a row.
__global__ void rowNorm(f16 *x, const int *count, const f16 *scale,
                        const f16 *shift) {
  launchDependents();
  dependencyWait();
  int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  if (row >= *count)
    return;
  Vec16 raw[3];
  float v[3][8], sum = 0, square = 0;
  for (int i = 0; i < 3; ++i)
    raw[i] = load16(x + row * kHidden + i * 256 + threadIdx.x % 32 * 8);
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 4; ++j) {
      unpackPair(raw[i].word[j], v[i] + 2 * j, f16{});
      sum += v[i][2 * j] + v[i][2 * j + 1];
    }
  float mean = warpSum(sum) / kHidden;
  for (auto &part : v)
    for (float &y : part)
      y -= mean, square += y * y;
  float factor = rsqrtf(warpSum(square) / kHidden + 1e-5f);
  for (int i = 0; i < 3; ++i) {
    int at = i * 256 + threadIdx.x % 32 * 8;
    Vec16 a = load16(scale + at), b = load16(shift + at);
    for (int j = 0; j < 4; ++j) {
      float s[2], t[2];
      unpackPair(a.word[j], s, f16{});
      unpackPair(b.word[j], t, f16{});
      raw[i].word[j] = packPair<f16>(v[i][2 * j] * factor * s[0] + t[0],
                                     v[i][2 * j + 1] * factor * s[1] + t[1]);
    }
    *reinterpret_cast<Vec16 *>(x + row * kHidden + at) = raw[i];
  }
}

/// A tile shape for one of the linears.
struct Instance : TileKernel {
  Kind kind;
  bool row; // a kernel that normalizes rows must follow
  double us = 0;
};
std::vector<Instance> instances;

template <typename C, Epilogue e>
void add(Kind kind, const std::string &name, bool row) {
  instances.push_back({tileKernel<C, e>(name), kind, row});
}

/// A plain tile, for all that it fits.
template <int BM, int BN, int stages, int warpgroups, int CM = 1, int CN = 1,
          int ctas = 1, int splits = 1, bool pingPong = false>
void tile(const std::string &name) {
  using C = gemm::Config<f16, false, BM, BN, stages, warpgroups, pingPong, CM,
                         CN, ctas, splits>;
  add<C, Epilogue::Bias>(Qkv, name, false);
  add<C, Epilogue::GeluErf>(Up, name, false);
  // As GemmShape::withResidual has it.
  constexpr bool fewer =
      BM == 128 && BN == 192 && warpgroups == 2 && splits == 1 && !pingPong;
  using R = gemm::Config<f16, false, BM, BN, fewer ? 4 : stages, warpgroups,
                         pingPong, CM, CN, ctas, splits>;
  add<R, Epilogue::Residual>(Output, name, true);
  add<R, Epilogue::Residual>(Down, name, true);
}
template <int BM, int BN, int stages, int warpgroups, int CN, int splits = 1>
void norm(const std::string &name) {
  using C = gemm::Config<f16, false, BM, BN, stages, warpgroups, false, 1, CN,
                         1, splits, true>;
  add<C, Epilogue::NormLayer>(Output, name, false);
  add<C, Epilogue::NormLayer>(Down, name, false);
}

void addAll() {
  cuda(cudaFuncSetAttribute(rowNorm,
                            cudaFuncAttributePreferredSharedMemoryCarveout,
                            cudaSharedmemCarveoutMaxShared),
       "carveout"); // else no GEMM shares a multiprocessor with it
#ifdef FT_TILES
#include FT_TILES
#else
#include "encoder_tiles.inc"
#endif
}

class Chain {
public:
  explicit Chain(int rows)
      : rows_(rows), x_(size_t(rows) * kHidden), h_(size_t(rows) * kHidden),
        qkv_(size_t(rows) * 3 * kHidden), up_(size_t(rows) * 4 * kHidden),
        vector_(4 * kHidden), free_(size_t(rows) * 4 * kHidden), count_(4096) {
    for (int i = 0; i < 4; ++i)
      layer_ += size_t(kN[i]) * kK[i];
    cuda(cudaMalloc(&w_, layer_ * kLayers * 2), "weights");
    fill(w_, layer_ * kLayers, 0x9000);
    for (auto *array : {&x_, &h_, &qkv_, &up_, &vector_})
      fill(array->device, array->host.size(), 0x3000);
    for (int &c : count_.host)
      c = rows;
    count_.up();
  }
  ~Chain() { cudaFree(w_); }

  /// Of one instance, with what must follow; us.
  double alone(const Instance &i) {
    size_t size = size_t(kN[i.kind]) * kK[i.kind];
    int sets = int(layer_ * kLayers / size);
    return check::time(48, [&](int n, cudaStream_t stream) {
      begin(n == 0, stream);
      linear(i, w_ + size * (n % sets));
    });
  }
  /// `norms`: without them a layer's linears alone.
  double layers(const Instance *const (&kinds)[4], bool norms = true) {
    norms_ = norms;
    return check::time(kLayers, [&](int n, cudaStream_t stream) {
      begin(n == 0, stream);
      const f16 *w = w_ + layer_ * n;
      for (int i = 0; i < 4; ++i) {
        linear(*kinds[i], w);
        w += size_t(kN[i]) * kK[i];
      }
    });
  }

private:
  static void fill(f16 *data, size_t count, int range) {
    std::vector<f16> host(1 << 16);
    u32 state = 1;
    for (f16 &x : host) { // +- 2^-4 .. 2^-1 or so
      state = state * 1664525u + 1013904223u;
      x.bits = u16((state >> 16 & 0x8000) | (0x2400 + (state >> 12) % 0x1000));
    }
    for (size_t at = 0; at < count; at += host.size())
      cuda(cudaMemcpy(data + at, host.data(),
                      2 * std::min(host.size(), count - at),
                      cudaMemcpyHostToDevice),
           "fill");
  }
  void begin(bool first, cudaStream_t stream) {
    first_ = first;
    stream_ = stream;
    if (first)
      ordinal_ = launched_ = 0;
  }
  /// Layers of two replays do not mix.
  bool dependent() { return !std::exchange(first_, false); }
  void linear(const Instance &i, const f16 *weights) {
    f16 *in[] = {x_.device, qkv_.device, h_.device, up_.device};
    f16 *out[] = {qkv_.device, h_.device, up_.device, x_.device};
    f16 *residuals[] = {nullptr, x_.device, nullptr, h_.device};
    int n = kN[i.kind], k = kK[i.kind];
    const int *counts = count_.device + ordinal_++;
    // Without norms values would grow from layer to layer.
    f16 *to = norms_ ? out[i.kind] : free_.device;
    u64 *marks = nullptr;
#ifdef FT_GEMM_MARKS
    marks = marks_.device + launched_++ * kMarksOfKernel;
#endif
    launchTile(i,
               {in[i.kind], i.kind == Output ? 3 * kHidden : k, rows_, n, k,
                weights, counts, vector_.device, residuals[i.kind], to, n},
               false, stream_, dependent(), marks);
    if (!i.row || !norms_)
      return;
    DependentLaunch launch((rows_ + 7) / 8, 256, 0, stream_, dependent());
    cuda(cudaLaunchKernelEx(&launch.config, rowNorm, to, counts,
                            (const f16 *)vector_.device,
                            (const f16 *)vector_.device),
         "norm");
  }

  int rows_;
  bool norms_ = true;
  Array<f16> x_, h_, qkv_, up_, vector_, free_;
  Array<int> count_;
  size_t layer_ = 0;
  f16 *w_ = nullptr;
  cudaStream_t stream_ = nullptr;
  bool first_ = true;
  int ordinal_ = 0, launched_ = 0;
#ifdef FT_GEMM_MARKS
  static constexpr int kMostCtas = 264;
  static constexpr size_t kMarksOfKernel = kMostCtas * 2 * gemmtest::kMarks;
  Array<u64> marks_{4 * kLayers * kMarksOfKernel};

public:
  /// Medians over the CTAs that had a tile, in ns: of the time since the last
  /// CTA of the linear in front ended, and of clocks since the CTA began.
  void printMarks(const Instance *const (&kinds)[4]);
#endif
};

#ifdef FT_GEMM_MARKS
double median(std::vector<double> x) {
  if (x.empty())
    return 0;
  std::sort(x.begin(), x.end());
  return x[x.size() / 2];
}

void Chain::printMarks(const Instance *const (&kinds)[4]) {
  marks_.down();
  auto at = [&](int kernel, int cta, int mark, int what) {
    return marks_.host[kernel * kMarksOfKernel +
                       (cta * gemmtest::kMarks + mark) * 2 + what];
  };
  auto endOf = [&](int kernel) {
    u64 end = 0;
    for (int cta = 0; cta < kMostCtas; ++cta)
      end = std::max(end, at(kernel, cta, 7, 0));
    return end;
  };
  std::printf("        %-18s since the kernel in front ended (clocks since the "
              "CTA began)\n",
              "");
  std::printf("        %-18s start, barriers, wait, bias, stage, sums, rows, "
              "end; last CTA's end\n",
              "");
  for (int kind = 0; kind < 4; ++kind) {
    std::vector<double> times[8], clocks[8], last;
    for (int layer = 1; layer < kLayers; ++layer) {
      int kernel = 4 * layer + kind;
      u64 before = endOf(kernel - 1);
      last.push_back(double(i64(endOf(kernel) - before)));
      for (int cta = 0; cta < kMostCtas; ++cta)
        for (int mark = 0; mark < 8 && at(kernel, cta, 7, 0); ++mark)
          if (at(kernel, cta, mark, 0)) {
            times[mark].push_back(
                double(i64(at(kernel, cta, mark, 0) - before)));
            clocks[mark].push_back(
                double(i64(at(kernel, cta, mark, 1) - at(kernel, cta, 0, 1))));
          }
    }
    std::printf("        %-4s %-13s", kKinds[kind], kinds[kind]->name.c_str());
    for (int mark = 0; mark < 8; ++mark)
      std::printf(" %6.0f (%5.0f)", median(times[mark]), median(clocks[mark]));
    std::printf("; %6.0f\n", median(last));
  }
}
#endif

const Instance *find(int kind, const std::string &name) {
  for (const Instance &i : instances)
    if (i.kind == kind && i.name == name)
      return &i;
  std::printf("FAILED: no %s %s\n", kKinds[kind], name.c_str());
  std::exit(1);
}

void print(int rows, const Instance *const (&kinds)[4], double us,
           const char *what) {
  std::printf("%5d layer of", rows);
  for (const Instance *i : kinds)
    std::printf(" %s", i->name.c_str());
  std::printf("%s: %.2f us\n", what, us);
  std::fflush(stdout);
}

/// A layer of named tile shapes, divided by commas. `each`: with every shape
/// of that kind.
void timeLayer(int rows, const std::string &names, const std::string &each) {
  Chain chain(rows);
  const Instance *kinds[4];
  size_t at = 0;
  for (int i = 0; i < 4; ++i) {
    size_t end = std::min(names.find(',', at), names.size());
    kinds[i] = find(i, names.substr(at, end - at));
    at = end + 1;
  }
  if (each.empty()) {
    for (bool norms : {true, false}) {
      print(rows, kinds, chain.layers(kinds, norms), norms ? "" : ", no norms");
#ifdef FT_GEMM_MARKS
      chain.printMarks(kinds);
#endif
    }
    return;
  }
  // Warm, there and back: at its power limit a device is slower the longer it
  // runs.
  for (int i = 0; i < rows / 256; ++i)
    chain.layers(kinds);
  std::vector<std::pair<double, const Instance *>> times;
  for (const Instance &i : instances)
    if (each == kKinds[i.kind])
      times.push_back({1e9, &i});
  for (int turn = 0; turn < 2; ++turn) {
    double least = std::min_element(times.begin(), times.end())->first;
    for (auto &[us, instance] : times) {
      kinds[instance->kind] = instance;
      if (turn == 0 || us < 1.1 * least)
        us = std::min(us, chain.layers(kinds));
    }
    std::reverse(times.begin(), times.end());
  }
  std::sort(times.begin(), times.end());
  std::printf("%5d %s in a layer of %s:", rows, each.c_str(), names.c_str());
  for (auto &[us, instance] : times)
    std::printf(" %s %.2f", instance->name.c_str(), us);
  std::printf("\n");
  std::fflush(stdout);
}

void timeRows(int rows, const std::string &only) {
  Chain chain(rows);
  const Instance *best[4] = {};
  for (Instance &i : instances) {
    if (!only.empty() && i.name != only)
      continue;
    i.us = chain.alone(i);
    std::printf("%5d %-4s %-16s%s %6.2f us (%d CTAs)\n", rows, kKinds[i.kind],
                i.name.c_str(), i.row ? " + row" : "      ", i.us, i.grid);
    if (!best[i.kind] || i.us < best[i.kind]->us)
      best[i.kind] = &i;
  }
  if (!best[0] || !best[1] || !best[2] || !best[3])
    return;
  std::printf("%5d layer of", rows);
  for (const Instance *i : best)
    std::printf(" %s", i->name.c_str());
  std::printf(": %.2f us\n", chain.layers(best));
  // In the chain another one of a kind may be better.
  for (Instance &i : instances) {
    const Instance *kinds[] = {best[0], best[1], best[2], best[3]};
    if (i.us > 1.2 * best[i.kind]->us || kinds[i.kind] == &i)
      continue;
    kinds[i.kind] = &i;
    std::printf("%5d   with %-4s %-16s: %6.2f us\n", rows, kKinds[i.kind],
                i.name.c_str(), chain.layers(kinds));
  }
  std::fflush(stdout);
}

} // namespace

int main(int argc, char **argv) {
  std::vector<int> rows;
  std::vector<std::string> layers;
  std::vector<std::string> each;
  std::string only;
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    if (arg == "--only" && i + 1 < argc)
      only = argv[++i];
    else if (arg == "--layer" && i + 1 < argc)
      layers.push_back(argv[++i]);
    else if (arg == "--each" && i + 1 < argc)
      each.push_back(argv[++i]);
    else if (std::atoi(argv[i]) > 0)
      rows.push_back(std::atoi(argv[i]));
  }
  if (rows.empty())
    rows = {1024, 4096, 12288, 32, 64, 128, 256};
  addAll();
  for (int r : rows) {
    for (const std::string &names : layers) {
      if (each.empty())
        timeLayer(r, names, "");
      for (const std::string &kind : each)
        timeLayer(r, names, kind);
    }
    if (layers.empty())
      timeRows(r, only);
  }
  return 0;
}
