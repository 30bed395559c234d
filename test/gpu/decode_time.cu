//===- decode_time.cu - a decoder layer's kernels as one chain ------------===//
//
// Layers of 8B, 1B and GPT-2 124M at a context of 512, one token, as one graph
// of dependent launches, a set of weights for every layer: what each way to
// attend takes. Lines are the time
// of a layer; "floor" is its bytes at 4.55 TB/s. One call measures everything:
//
//   decode_time [8b|1b|gpt2]
//
//===----------------------------------------------------------------------===//
#include "AttentionDecodeBatch.h"
#include "CudaArray.h"
#include "GemvKernels.cuh"

using namespace ft;
using namespace check;
using attention::Entry;
using attention::Shape;

namespace {

struct Model {
  const char *name;
  int hidden, heads, kvHeads, mlp;
  bool gated;
  int layers; // of the chain
};

enum class Attend { None, Before, Decode, Clusters, Ring, RingClusters };

/// One way to run the chain.
struct Way {
  const char *name;
  Attend attend;
};

constexpr Way kWays[] = {
    {"linears", Attend::None},
    {"attention as before (no append)", Attend::Before},
    {"decode attention", Attend::Decode},
    {"decode attention, clusters", Attend::Clusters},
    {"ring", Attend::Ring},
    {"ring, clusters", Attend::RingClusters},
};

constexpr int kRingShared = (227 - 11) * 1024;

/// A linear of the chain.
struct Linear {
  int n, k;
  bool gated;
};

template <int D> class Chain {
public:
  using S = Shape<bf16, D, D, true, true>;
  using E = Entry<D / 2, false, false>;
  static constexpr int kDecodeShared =
      attention::Decode<S, E, 1, 8>::shared(attention::kInboxFloats<S, 8, 8>);
  using Ring = attention::RingForm<4, 2, 8 * 128 / D>;
  using RingOfClusters = attention::RingForm<4, 2, 8 * 128 / D, 8>;

  Chain(const Model &m, int processors)
      : m_(m), processors_(processors),
        case_{{1}, {511}, m.heads, m.kvHeads, m.heads / m.kvHeads, 0, 64, 32},
        decode_(case_), weight_(std::max(m.hidden, m.mlp)),
        x_(size_t(2) * std::max(m.hidden * 3, m.mlp)), count_(1) {
    linears_[0] = {(m.heads + 2 * m.kvHeads) * D, m.hidden, false};
    linears_[1] = {m.hidden, m.heads * D, false};
    linears_[2] = {m.gated ? 2 * m.mlp : m.mlp, m.hidden, m.gated};
    linears_[3] = {m.hidden, m.mlp, false};
    for (const Linear &l : linears_)
      layerSize_ += size_t(l.n) * l.k;
    cuda(cudaMalloc(&w_, layerSize_ * m.layers * 2), "weights");
    cuda(cudaMemset(w_, 0x11, layerSize_ * m.layers * 2), "weights");
    randomise(x_);
    randomise(weight_);
    count_.host[0] = 1;
    count_.up();
  }
  ~Chain() { cudaFree(w_); }

  void time(const Way &way) {
    double us = check::time(m_.layers, [&](int layer, cudaStream_t stream) {
      stream_ = stream;
      first_ = layer == 0;
      for (int i = 0; i < 4; ++i) {
        linear(layer, i);
        if (i == 0)
          attend(way);
      }
    });
    double bytes = layerSize_ * 2.0 + 512.0 * m_.kvHeads * D * 4;
    double floor = bytes / 4.55e6;
    std::printf("%s, %s: %.2f us a layer, floor %.2f, %.0f %%\n", m_.name,
                way.name, us, floor, floor / us * 100);
    std::fflush(stdout);
  }

private:
  template <typename... P, typename... A>
  void go(void (*kernel)(P...), int grid, int threads, int shared,
          A... arguments) {
    // Layers of two replays do not mix.
    DependentLaunch launch(grid, threads, shared, stream_, !first_);
    first_ = false;
    cuda(cudaFuncSetAttribute(
             kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
         "shared memory");
    cuda(cudaFuncSetAttribute(kernel,
                              cudaFuncAttributePreferredSharedMemoryCarveout,
                              cudaSharedmemCarveoutMaxShared),
         "carveout");
    cuda(cudaLaunchKernelEx(&launch.config, kernel, P(arguments)...), "launch");
  }

  const bf16 *weights(int layer, int i) const {
    const bf16 *at = w_ + layerSize_ * layer;
    for (int j = 0; j < i; ++j)
      at += size_t(linears_[j].n) * linears_[j].k;
    return at;
  }
  /// What a ring needs that holds a CTA's whole share, and x.
  template <bool gated> int needed(const Linear &l) const {
    int outputs = (gated ? l.n / 2 : l.n), per = gemv::perGroup<gated>;
    int groups = ((outputs + processors_ - 1) / processors_ + per - 1) / per;
    int chunks = (l.k + gemv::kRingChunk - 1) / gemv::kRingChunk;
    return std::clamp(groups * chunks, gemv::kFewStages, gemv::kMaxStages) *
               gemv::kStageBytes +
           ((l.k + 63) / 64 * 64 + 32) * 2;
  }
  template <typename Norm, bool gated> void ring(int layer, int i, Norm norm) {
    const Linear &l = linears_[i];
    int shared = std::min(kRingShared, needed<gated>(l));
    Epilogue<bf16, bf16, gated> epilogue{gated || i == 0 ? nullptr : x_.device,
                                         x_.device + l.k, i64(l.n)};
    const int *count = count_.device;
    go(2 * shared <= kRingShared
           ? ringKernel<bf16, bf16, Norm, gated, gemv::XIn::Shared, 2>
           : ringKernel<bf16, bf16, Norm, gated, gemv::XIn::Shared, 1>,
       processors_, gemv::kRingThreads, shared, (const bf16 *)x_.device,
       i64(l.k), weights(layer, i), l.n, l.k, count, norm, epilogue);
  }
  void linear(int layer, int i) {
    RmsNorm norm{weight_.device, 1e-5f};
    if (i % 2 == 1)
      ring<NoNorm, false>(layer, i, {});
    else if (linears_[i].gated)
      ring<RmsNorm, true>(layer, i, norm);
    else
      ring<RmsNorm, false>(layer, i, norm);
  }
  void attend(const Way &way) {
    int tiles = m_.kvHeads;
    auto args = decode_.args();
    if (way.attend == Attend::Before) {
      dim3 grid(1, tiles, 32);
      launchBefore(grid, args);
    } else if (way.attend == Attend::Decode) {
      go(decodeKernel<S, E, 1, 8, NoScore>, 2 * processors_, 128, kDecodeShared,
         args, decode_.fresh(), NoScore{});
    } else if (way.attend == Attend::Clusters) {
      go(decodeClusters<S, E, 1, 8, NoScore>, processors_ / 8 * 8, 128,
         kDecodeShared, args, decode_.fresh(), NoScore{});
    } else if (way.attend == Attend::Ring) {
      go(ringKernel<S, E, Ring, NoScore>, processors_, Ring::kThreads,
         attention::RingMemory<S, Ring>::kShared, args, decode_.fresh(),
         decode_.keyMap(), decode_.valueMap(), NoScore{});
    } else if (way.attend == Attend::RingClusters) {
      go(ringClusters<S, E, RingOfClusters, NoScore>, processors_ / 8 * 8,
         RingOfClusters::kThreads,
         attention::RingMemory<S, RingOfClusters>::kShared, args,
         decode_.fresh(), decode_.keyMap(), decode_.valueMap(), NoScore{});
    }
  }
  void launchBefore(dim3 grid, Args<bf16> args) {
    auto kernel = attentionKernel<S, 16, NoScore>;
    constexpr int shared = attention::Mma<S, 16>::kShared;
    args.partials = decode_.batch.partials.device;
    DependentLaunch launch(grid, 128, shared, stream_, true);
    cuda(cudaFuncSetAttribute(
             kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
         "shared memory");
    cuda(cudaLaunchKernelEx(&launch.config, kernel, args, NoScore{}), "launch");
  }

  const Model &m_;
  int processors_;
  Case case_;
  DecodeBatch<S, E> decode_;
  Array<float> weight_;
  Array<bf16> x_;
  Array<int> count_;
  Linear linears_[4];
  size_t layerSize_ = 0;
  bf16 *w_ = nullptr;
  cudaStream_t stream_ = nullptr;
  bool first_ = true;
};

template <int D> void timeModel(const Model &model, int processors) {
  Chain<D> chain(model, processors);
  for (const Way &way : kWays)
    chain.time(way);
}

} // namespace

int main(int argc, char **argv) {
  cudaDeviceProp properties;
  cuda(cudaGetDeviceProperties(&properties, 0), "properties");
  int processors = properties.multiProcessorCount;
  std::string only = argc > 1 ? argv[1] : "";
  if (only == "--time") // as run.sh calls
    only.clear();
  if (only.empty() || only == "8b")
    timeModel<128>({"8B", 4096, 32, 8, 14336, true, 12}, processors);
  if (only.empty() || only == "1b")
    timeModel<64>({"1B", 2048, 32, 8, 8192, true, 16}, processors);
  if (only.empty() || only == "gpt2")
    timeModel<64>({"GPT-2 124M", 768, 12, 12, 3072, false, 24}, processors);
  return 0;
}
