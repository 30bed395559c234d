//===- EncoderChain.h - a BERT layer's linears as one chain -----*- C++ -*-===//
//
// The four linears of BERT-base, fp16, with their norms, as one graph of
// dependent launches, a set of weights for every layer: more than L2 holds.
// What encoder_time.cu and joined_time.cu time.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_GPU_ENCODERCHAIN_H
#define FT_TEST_GPU_ENCODERCHAIN_H

#include "ExistingRows.h"
#include "TileKernel.h"

#include <functional>
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
          int ctas = 1, int splits = 1, bool pingPong = false,
          bool swapped = false, int boxes = 1>
void tile(const std::string &name) {
  using C =
      gemm::Config<f16, false, BM, BN, stages, warpgroups, pingPong, CM, CN,
                   ctas, splits, false, gemm::Columns, swapped, boxes>;
  add<C, Epilogue::Bias>(Qkv, name, false);
  add<C, Epilogue::GeluErf>(Up, name, false);
  // As GemmShape::withResidual has it.
  constexpr bool fewer =
      BM == 128 && BN == 192 && warpgroups == 2 && splits == 1 && !pingPong;
  using R =
      gemm::Config<f16, false, BM, BN, fewer ? 4 : stages, warpgroups, pingPong,
                   CM, CN, ctas, splits, false, gemm::Columns, swapped, boxes>;
  add<R, Epilogue::Residual>(Output, name, true);
  add<R, Epilogue::Residual>(Down, name, true);
}
/// A tile of stages of two boxes.
template <int BM, int BN, int stages, int warpgroups, int CM = 1, int CN = 1,
          int splits = 1>
void deep(const std::string &name) {
  tile<BM, BN, stages, warpgroups, CM, CN, 1, splits, false, false, 2>(name);
}
/// A tile of BM rows, wgmma's other side.
template <int BM, int BN, int stages, int warpgroups, int CM = 1, int CN = 1,
          bool pingPong = false>
void swapped(const std::string &name) {
  tile<BM, BN, stages, warpgroups, CM, CN, 1, 1, pingPong, true>(name);
}
template <int BM, int BN, int stages, int warpgroups, int CN, int splits = 1>
void norm(const std::string &name) {
  using C = gemm::Config<f16, false, BM, BN, stages, warpgroups, false, 1, CN,
                         1, splits, true>;
  add<C, Epilogue::NormLayer>(Output, name, false);
  add<C, Epilogue::NormLayer>(Down, name, false);
}
/// Few rows, on wgmma's other side, that clusters of CN CTAs normalize.
template <int BM, int stages, int boxes, int CN = 6>
void swappedNorm(const std::string &name) {
  using C = gemm::Config<f16, false, BM, 128, stages, 2, false, 1, CN, 1, 1,
                         true, gemm::Columns, true, boxes>;
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
      : rows_(rows), existing_(existingRows(rows)),
        x_(size_t(existing_) * kHidden), h_(size_t(existing_) * kHidden),
        qkv_(size_t(existing_) * 3 * kHidden),
        up_(size_t(existing_) * 4 * kHidden), vector_(4 * kHidden),
        free_(size_t(rows) * 4 * kHidden), count_(4096) {
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
        if (i == Qkv && joined)
          joined(w, stream, dependent());
        else
          linear(*kinds[i], w);
        if (i == Qkv && attention && !joined)
          attention(stream);
        w += size_t(kN[i]) * kK[i];
      }
    });
  }

  /// Between q-k-v and o, where there is one; or in the place of both.
  std::function<void(cudaStream_t)> attention;
  std::function<void(const f16 *weights, cudaStream_t, bool dependent)> joined;
  const f16 *x() const { return x_.device; }
  f16 *attended() const { return qkv_.device; }

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
               {in[i.kind], i.kind == Output ? 3 * kHidden : k, existing_, n, k,
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

  int rows_, existing_;
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

const Instance *find(int kind, const std::string &name) {
  for (const Instance &i : instances)
    if (i.kind == kind && i.name == name)
      return &i;
  std::printf("FAILED: no %s %s\n", kKinds[kind], name.c_str());
  std::exit(1);
}

/// Those of `names`, divided by commas.
inline void named(const std::string &names, const Instance *(&kinds)[4]) {
  size_t at = 0;
  for (int i = 0; i < 4; ++i) {
    size_t end = std::min(names.find(',', at), names.size());
    kinds[i] = find(i, names.substr(at, end - at));
    at = end + 1;
  }
}

} // namespace

#endif // FT_TEST_GPU_ENCODERCHAIN_H
