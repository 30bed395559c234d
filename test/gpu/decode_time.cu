//===- decode_time.cu - a decoder layer's kernels as one chain ------------===//
//
// Layers of 8B, 1B and GPT-2 124M at a context of 512, one to eight tokens, as
// one graph of dependent launches, a set of weights for every layer: what each
// form of the linears takes. Lines are the time of a layer; "floor" is its
// bytes at 4.55 TB/s. One call measures everything:
//
//   decode_time [8b|1b|gpt2] [rows]
//
//===----------------------------------------------------------------------===//
#include "AttentionDecodeBatch.h"
#include "CudaArray.h"
#include "GemvForms.h"

#include <memory>
#include <type_traits>

using namespace ft;
using namespace check;
using attention::Entry;
using attention::Shape;
using gemv::XIn;

namespace {

struct Model {
  const char *name;
  int hidden, heads, kvHeads, mlp, vocabulary;
  bool gated;
  int layers; // of the chain
};

/// A linear of the chain.
struct Linear {
  const char *name;
  int n, k;
  bool gated, normed, centred; // LayerNorm
};

/// As plans have it (GemvRing.cpp): alone, in pairs.
constexpr int kRingShared = (227 - 11) * 1024;
constexpr int kPairShared = (227 - 14) * 1024;

int divide(int a, int b) { return (a + b - 1) / b; }

/// How the linears of a chain are run.
struct Way {
  const char *name;
  int fewRows, fewValues; // of x, up to which it is in shared memory
  int alone;              // k, above which CTAs are pairs
};

/// Stages that the largest share of a CTA fills.
int ringStages(const Linear &l, int shares, int chunks) {
  int outputs = l.gated ? l.n / 2 : l.n, per = l.gated ? 8 : 16;
  return std::clamp(divide(divide(outputs, shares), per) * chunks,
                    gemv::kFewStages, gemv::kMaxStages);
}

int rowBytes(int k) { return ((k + 63) / 64 * 64 + 32) * 2; }

/// The kernel and its dynamic shared memory for `rows` of x.
Ring ringFor(const Way &way, const Linear &l, int rows, int processors,
             int &shared) {
  Ring r;
  bool held = rows > way.fewRows || rows * l.k > way.fewValues;
  r.cluster = l.k > way.alone ? 2 : 1;
  r.chunks = divide(divide(l.k, r.cluster), gemv::kRingChunk);
  int ring =
      ringStages(l, processors / r.cluster, r.chunks) * gemv::kStageBytes;
  if (held && r.chunks <= 8) {
    r.where = XIn::Registers;
    int beside = l.normed * (1 + l.centred) * r.chunks * gemv::kRingChunk * 4;
    int most = (r.cluster > 1 ? kPairShared : kRingShared) - beside;
    shared = std::min(ring, most / gemv::kStageBytes * gemv::kStageBytes);
    shared += beside;
    r.ctas = r.chunks <= 3 && 2 * shared <= kRingShared ? 2 : 1;
    return r;
  }
  r.cluster = 1, r.chunks = 0;
  ring = ringStages(l, processors, divide(l.k, gemv::kRingChunk)) *
         gemv::kStageBytes;
  int x = rows * rowBytes(l.k);
  bool fits = 2 * gemv::kStageBytes + x <= kRingShared;
  r.where = fits ? XIn::Shared : XIn::SharedIfRoom;
  shared = std::min(ring + x, kRingShared);
  r.ctas = fits && 2 * shared <= kRingShared ? 2 : 1;
  return r;
}

template <typename Norm, bool gated>
GemvFunction<bf16, bf16, Norm, gated> functionOf(const Ring &r) {
  if constexpr (!Norm::kPresent)
    return ringOf<bf16, bf16, Norm, gated, HeldForm<1>, HeldForm<1, 1, 2>,
                  HeldForm<2>, HeldForm<2, 1, 2>, HeldForm<3>,
                  HeldForm<3, 1, 2>, HeldForm<4>, HeldForm<8>, HeldForm<4, 2>,
                  HeldForm<7, 2>>(r);
  else if constexpr (Norm::kCentred)
    return ringOf<bf16, bf16, Norm, gated, HeldForm<1>, HeldForm<1, 1, 2>>(r);
  else
    return ringOf<bf16, bf16, Norm, gated, HeldForm<2>, HeldForm<2, 1, 2>,
                  HeldForm<4>>(r);
}

template <int D> class Chain {
public:
  using S = Shape<bf16, D, D, true, true>;
  using E = Entry<D / 2, false, false>;
  using Keys =
      std::conditional_t<D == 64, attention::RingForm<4, 1, 8, 8, 8, 32>,
                         attention::RingForm<4, 2, 8, 8>>;

  Chain(const Model &m, int processors)
      : m_(m), processors_(processors), weight_(std::max(m.hidden, m.mlp)),
        x_(size_t(8) * most()), y_(size_t(8) * std::max(most(), m.vocabulary)),
        count_(1) {
    linears_[0] = {
        "qkv", (m.heads + 2 * m.kvHeads) * D, m.hidden, false, true, !m.gated};
    linears_[1] = {"o", m.hidden, m.heads * D, false, false, false};
    linears_[2] = {
        "up", m.gated ? 2 * m.mlp : m.mlp, m.hidden, m.gated, true, !m.gated};
    linears_[3] = {"down", m.hidden, m.mlp, false, false, false};
    for (const Linear &l : linears_)
      layerSize_ += size_t(l.n) * l.k;
    linears_[4] = {"head", m.vocabulary, m.hidden, false, true, !m.gated};
    cuda(cudaMalloc(&w_, layerSize_ * m.layers * 2), "weights");
    cuda(cudaMemset(w_, 0x11, layerSize_ * m.layers * 2), "weights");
    randomise(x_);
    randomise(weight_);
  }
  ~Chain() { cudaFree(w_); }

  /// Of so many sequences, a token each.
  void setRows(int rows) {
    rows_ = rows;
    count_.host[0] = rows;
    count_.up();
    case_ = {std::vector<int>(rows, 1),
             std::vector<int>(rows, 511),
             m_.heads,
             m_.kvHeads,
             m_.heads / m_.kvHeads,
             0,
             64,
             32};
    decode_ = std::make_unique<DecodeBatch<S, E>>(case_);
  }

  /// Linears and attention, linears alone, or one alone; 4: the output matrix,
  /// as often as it fits into the weights.
  enum Part { All = -2, Linears = -1, Head = 4 };
  double time(const Way &way, int part) {
    int count =
        part == Head ? int(layerSize_ * m_.layers / sizeOf(Head)) : m_.layers;
    return check::time(count, [&](int layer, cudaStream_t stream) {
      stream_ = stream;
      first_ = layer == 0;
      for (int i = 0; i < 5; ++i) {
        if ((part < 0 && i != Head) || part == i)
          linear(way, layer, i);
        if (i == 0 && part == All)
          attend();
      }
    });
  }
  void report(const Way &way) {
    double bytes = layerSize_ * 2.0 + 512.0 * m_.kvHeads * D * 4 * rows_;
    std::printf(
        "%s, %d rows, %s: layer %.2f us (floor %.2f), linears %.2f:", m_.name,
        rows_, way.name, time(way, All), bytes / 4.55e6, time(way, Linears));
    for (int i = 0; i < 5; ++i)
      std::printf(" %s %.2f", linears_[i].name, time(way, i));
    std::printf("\n");
    std::fflush(stdout);
  }

private:
  int most() const { return std::max({m_.hidden * 3, m_.mlp, m_.heads * D}); }

  template <typename... P, typename... A>
  void go(void (*kernel)(P...), int grid, int threads, int shared,
          A... arguments) {
    // Layers of two replays do not mix.
    DependentLaunch launch(grid, threads, shared, stream_, !first_);
    first_ = false;
    preferShared(kernel, shared);
    cuda(cudaLaunchKernelEx(&launch.config, kernel, P(arguments)...), "launch");
  }

  size_t sizeOf(int i) const { return size_t(linears_[i].n) * linears_[i].k; }
  const bf16 *weights(int layer, int i) const {
    if (i == Head)
      return w_ + sizeOf(Head) * layer;
    const bf16 *at = w_ + layerSize_ * layer;
    for (int j = 0; j < i; ++j)
      at += sizeOf(j);
    return at;
  }
  /// CTAs of clusters that the device holds at once.
  template <typename F> int gridOf(F function, const Ring &r, int shared) {
    if (r.cluster == 1)
      return processors_;
    cuda(cudaFuncSetAttribute(
             function, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
         "shared memory");
    DependentLaunch launch(r.cluster, gemv::kRingThreads, shared, nullptr,
                           false);
    launch.attribute.id = cudaLaunchAttributeClusterDimension;
    launch.attribute.val.clusterDim = {unsigned(r.cluster), 1, 1};
    launch.config.numAttrs = 1;
    int clusters = 0;
    cuda(cudaOccupancyMaxActiveClusters(&clusters, function, &launch.config),
         "clusters");
    return clusters * r.cluster;
  }
  template <typename Norm, bool gated>
  void ring(const Way &way, int layer, int i, Norm norm) {
    const Linear &l = linears_[i];
    int shared = 0;
    Ring r = ringFor(way, l, rows_, processors_, shared);
    auto function = functionOf<Norm, gated>(r);
    if (!function) {
      std::printf("FAILED no kernel of %d chunks, %d in a cluster\n", r.chunks,
                  r.cluster);
      std::exit(1);
    }
    Epilogue<bf16, bf16, gated> epilogue{l.normed ? nullptr : x_.device,
                                         y_.device, i64(l.n)};
    const int *count = count_.device;
    go(function, gridOf(function, r, shared), gemv::kRingThreads, shared,
       (const bf16 *)x_.device, i64(l.k), weights(layer, i), l.n, l.k, count,
       norm, epilogue);
  }
  void linear(const Way &way, int layer, int i) {
    RmsNorm norm{weight_.device, 1e-5f};
    if (!linears_[i].normed)
      ring<NoNorm, false>(way, layer, i, {});
    else if (linears_[i].gated)
      ring<RmsNorm, true>(way, layer, i, norm);
    else if (m_.gated)
      ring<RmsNorm, false>(way, layer, i, norm);
    else
      ring<LayerNorm, false>(way, layer, i,
                             {weight_.device, weight_.device, 1e-5f});
  }
  /// As plans do for up to 8 tokens, or 5 of GPT-2.
  void attend() {
    go(ringClusters<S, E, Keys, NoScore>, processors_ / 8 * 8, Keys::kThreads,
       attention::RingMemory<S, Keys>::kShared, decode_->args(),
       decode_->fresh(), decode_->keyMap(Keys::kKeys),
       decode_->valueMap(Keys::kKeys), NoScore{});
  }

  const Model &m_;
  int processors_, rows_ = 1;
  Case case_;
  std::unique_ptr<DecodeBatch<S, E>> decode_;
  Array<float> weight_;
  Array<bf16> x_, y_;
  Array<int> count_;
  Linear linears_[5] = {};
  size_t layerSize_ = 0;
  bf16 *w_ = nullptr;
  cudaStream_t stream_ = nullptr;
  bool first_ = true;
};

constexpr int kAny = 1 << 30;
constexpr Way kWays[] = {
    {"x in shared memory", kAny, kAny, kAny},
    {"held", 0, 0, kAny},
    {"held, pairs above k 4096", 0, 0, 4096},
    {"as plans do", 2, 4096, 4096},
};

template <int D> void timeModel(const Model &model, int processors, int only) {
  Chain<D> chain(model, processors);
  for (int rows : {1, 2, 4, 8}) {
    if (only && rows != only)
      continue;
    chain.setRows(rows);
    for (const Way &way : kWays)
      chain.report(way);
  }
}

} // namespace

int main(int argc, char **argv) {
  cudaDeviceProp properties;
  cuda(cudaGetDeviceProperties(&properties, 0), "properties");
  int processors = properties.multiProcessorCount;
  std::string only = argc > 1 ? argv[1] : "";
  if (only == "--time") // as run.sh calls
    only.clear();
  int rows = argc > 2 ? std::atoi(argv[2]) : 0;
  if (only.empty() || only == "8b")
    timeModel<128>({"8B", 4096, 32, 8, 14336, 128256, true, 12}, processors,
                   rows);
  if (only.empty() || only == "1b")
    timeModel<64>({"1B", 2048, 32, 8, 8192, 128256, true, 16}, processors,
                  rows);
  if (only.empty() || only == "gpt2")
    timeModel<64>({"GPT-2 124M", 768, 12, 12, 3072, 50257, false, 24},
                  processors, rows);
  return 0;
}
