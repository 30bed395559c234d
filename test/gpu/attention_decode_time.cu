//===- attention_decode_time.cu - decode attention by itself --------------===//
//
// One new token of each sequence after many keys, in pages of 64 in random
// order, by the forms of attention_decode.cuh and sm90/attention_ring.cuh that
// plans have (AttentionDecodeForm.cpp). Layers take turns: keys and values come
// from memory, not from the L2. Medians of graphs of plain launches.
//
//===----------------------------------------------------------------------===//
#include "AttentionBatch.h"
#include "AttentionDecodeKernels.cuh"
#include "CudaArray.h"

#include <numeric>
#include <utility>

using namespace ft;
using namespace check;

namespace {

using attention::RingForm;

constexpr int kPage = 64, kMostCtas = 64 * 12;
constexpr double kBeyondL2 = 260e6;    // bytes
constexpr double kBytesPerUs = 4.55e6; // of an H200's memory

/// Numbers of -1 .. 1.
__global__ void fill(bf16 *x, size_t size, u64 seed) {
  size_t step = size_t(gridDim.x) * blockDim.x;
  for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < size;
       i += step) {
    u64 bits = (i + (seed << 40)) * 6364136223846793005ull;
    bits = (bits ^ bits >> 29) * 1442695040888963407ull;
    x[i] = fromFloat<bf16>(float(bits >> 40) / float(1 << 23) - 1);
  }
}

/// Elements in device memory alone.
struct Plane {
  explicit Plane(size_t size) {
    static u64 seed = 0;
    cuda(cudaMalloc(&data, size * sizeof(bf16)), "plane");
    fill<<<1024, 256>>>(data, size, ++seed);
  }
  Plane(Plane &&other) : data(std::exchange(other.data, nullptr)) {}
  ~Plane() { cudaFree(data); }
  bf16 *data = nullptr;
};

struct Load {
  const char *name;
  std::vector<int> keys; // of each sequence, with the new token

  int sequences() const { return int(keys.size()); }
  int most() const { return *std::max_element(keys.begin(), keys.end()); }
  double total() const { return std::accumulate(keys.begin(), keys.end(), 0.); }
  int pages() const {
    int sum = 0;
    for (int n : keys)
      sum += (n + kPage - 1) / kPage;
    return sum;
  }
};

/// A kernel with the numbers that a plan's text has.
template <int heads, int kvHeads>
__device__ Args<bf16> literals(Args<bf16> args) {
  args.heads = heads, args.kvHeads = kvHeads, args.pack = heads / kvHeads;
  args.window = 0, args.pageSize = kPage;
  return args;
}
template <typename S, typename E, typename F, int ctas, int heads, int kvHeads>
__global__ void __launch_bounds__(F::kThreads, ctas)
    ring(const __grid_constant__ Args<bf16> args,
         const __grid_constant__ Fresh<bf16> fresh,
         const __grid_constant__ TensorMap k,
         const __grid_constant__ TensorMap v) {
  attention::runRing<S, E, F>(literals<heads, kvHeads>(args), fresh, k, v,
                              NoScore{});
}
template <typename S, typename E, typename F, int ctas, int heads, int kvHeads>
__global__ void __cluster_dims__(F::kCluster, 1, 1)
    __launch_bounds__(F::kThreads, ctas)
        ringTeams(const __grid_constant__ Args<bf16> args,
                  const __grid_constant__ Fresh<bf16> fresh,
                  const __grid_constant__ TensorMap k,
                  const __grid_constant__ TensorMap v) {
  attention::runRing<S, E, F>(literals<heads, kvHeads>(args), fresh, k, v,
                              NoScore{});
}
template <typename S, typename E, int heads, int kvHeads>
__global__ void __cluster_dims__(8, 1, 1) __launch_bounds__(128, 3)
    one(const __grid_constant__ Args<bf16> args,
        const __grid_constant__ Fresh<bf16> fresh) {
  attention::runDecode<S, E, 1, 8, 8>(literals<heads, kvHeads>(args), fresh,
                                      NoScore{});
}

template <int D, int heads, int kvHeads> class Decode {
public:
  using S = attention::Shape<bf16, D, D, true, true>;
  using E = attention::Entry<D / 2, false, false>;

  explicit Decode(const Load &l)
      : load_(l), columns_((l.most() + kPage - 1) / kPage),
        row_(size_t(kvHeads) * D), cells_(size_t(l.pages()) * kPage),
        q_(l.keys.size() * heads * D), newK_(l.keys.size() * row_),
        newV_(l.keys.size() * row_), out_(l.keys.size() * heads * D),
        cu_(l.keys.size() + 1), lengths_(l.keys.size()),
        positions_(l.keys.size()), table_(l.keys.size() * columns_), counts_(2),
        rope_(size_t(l.most()) * D),
        scratch_(size_t(kMostCtas) * attention::kPartFloats<S>),
        counters_(l.keys.size() * kvHeads + 64) {
    int layers = 1 + std::min(23, int(kBeyondL2 / (cells_ * row_ * 4.0)));
    for (int i = 0; i < layers; ++i) {
      k_.emplace_back(cells_ * row_);
      v_.emplace_back(cells_ * row_);
    }
    std::vector<int> free(l.pages());
    std::iota(free.begin(), free.end(), 0);
    std::shuffle(free.begin(), free.end(), generator);
    for (int s = 0; s < l.sequences(); ++s) {
      cu_.host[s + 1] = s + 1;
      lengths_.host[s] = l.keys[s];
      positions_.host[s] = l.keys[s] - 1;
      for (int j = 0; j * kPage < l.keys[s]; ++j, free.pop_back())
        table_.host[s * columns_ + j] = free.back();
    }
    counts_.host = {l.sequences(), l.sequences()};
    for (auto *array : {&cu_, &lengths_, &positions_, &table_, &counts_})
      array->up();
    counters_.up();
    randomise(rope_);
    floor_ = l.total() * row_ * 4 / kBytesPerUs;
    std::printf("%d sequences, %s, %d/%d heads of %d: floor %.2f us\n",
                l.sequences(), l.name, heads, kvHeads, D, floor_);
  }

  void portable(int grid) {
    auto kernel = one<S, E, heads, kvHeads>;
    constexpr int shared =
        attention::Decode<S, E, 1, 8>::shared(attention::kInboxFloats<S, 8, 8>);
    preferShared(kernel, shared);
    report("one", grid, [&](int i, cudaStream_t s) {
      launch(kernel, dim3(grid), attention::kDecodeThreads, shared, s, args(i),
             fresh(i));
    });
  }
  template <typename F, int ctas> void run(const char *form, int grid) {
    auto kernel = [] {
      if constexpr (F::kCluster > 1)
        return ringTeams<S, E, F, ctas, heads, kvHeads>;
      else
        return ring<S, E, F, ctas, heads, kvHeads>;
    }();
    constexpr int shared = attention::RingMemory<S, F>::kShared;
    preferShared(kernel, shared);
    report(form, grid, [&](int i, cudaStream_t s) {
      launch(kernel, dim3(grid), F::kThreads, shared, s, args(i), fresh(i),
             map(k_[i], F::kKeys), map(v_[i], F::kKeys));
    });
  }

private:
  template <typename Launch>
  void report(const char *form, int grid, const Launch &go) {
    int layers = int(k_.size()), rounds = 1 + 24 / layers;
    double us = check::time(rounds * layers, [&](int i, cudaStream_t stream) {
      go(i % layers, stream);
    });
    std::printf("  %s, %d CTAs: %.2f us, %.1f %%\n", form, grid, us,
                floor_ / us * 100);
  }
  TensorMap map(const Plane &plane, int keys) const {
    return makeMap(plane.data, D, kvHeads, cells_, row_, 1, keys);
  }
  Args<bf16> args(int layer) const {
    return {q_.data,
            i64(heads) * D,
            k_[layer].data,
            v_[layer].data,
            0,
            0,
            out_.data,
            i64(heads) * D,
            heads,
            kvHeads,
            heads / kvHeads,
            0,
            1 / std::sqrt(float(D)),
            positions_.device,
            cu_.device,
            lengths_.device,
            table_.device,
            columns_,
            kPage,
            counts_.device,
            1,
            counters_.device,
            scratch_.device};
  }
  attention::Fresh<bf16> fresh(int layer) const {
    return {newK_.data,
            i64(row_),
            newV_.data,
            i64(row_),
            k_[layer].data,
            v_[layer].data,
            rope_.device,
            nullptr,
            0,
            nullptr,
            0};
  }

  const Load &load_;
  int columns_;
  size_t row_, cells_; // elements of a token, tokens of the pool
  double floor_ = 0;
  std::vector<Plane> k_, v_;
  Plane q_, newK_, newV_, out_;
  Array<int> cu_, lengths_, positions_, table_, counts_;
  Array<float> rope_, scratch_;
  Array<u32> counters_;
};

/// By the forms of plans for the number of tiles and their neighbours.
template <int D, int heads, int kvHeads> void time(const Load &load) {
  Decode<D, heads, kvHeads> decode(load);
  int tokens = load.sequences(), tiles = tokens * kvHeads;
  constexpr bool narrow = D == 64;
  constexpr int keys = narrow ? 32 : 16, loaders = narrow ? 1 : 2;
  using Teams = RingForm<4, loaders, 8, 8, 8, keys>;
  using Several = RingForm<4, loaders, 8, 1, 8, keys>;
  if (tokens == 1)
    decode.portable(128);
  if (tokens <= 8)
    decode.template run<Teams, 2>("teams", 128);
  if (narrow && tiles <= 132)
    decode.template run<RingForm<8, 1, 16, 1, 8, keys>, 1>("alone, short", 132);
  if (tiles <= 264)
    decode.template run<Several, narrow ? 3 : 2>("alone", 132);
  if (tiles > 64)
    decode.template run<Several, narrow ? 3 : 2>("several",
                                                 narrow ? tiles : 264);
}

std::vector<int> each(int sequences, int keys) {
  return std::vector<int>(sequences, keys);
}

} // namespace

int main() {
  std::vector<int> ragged;
  for (int i = 0; i < 32; ++i)
    ragged.push_back(20 + i * 1237 % 1981);
  std::vector<int> odd = each(32, 512);
  odd[16] = 2048;
  for (int n : {1, 4, 8, 16, 24, 32, 48, 64})
    time<128, 32, 8>({"8B x 512", each(n, 512)});
  for (const Load &load :
       {Load{"1 x 32704", each(1, 32704)}, Load{"8 x 4096", each(8, 4096)},
        Load{"16 x 8192", each(16, 8192)}, Load{"32 of 20 .. 2000", ragged},
        Load{"32 x 512, one 2048", odd}})
    time<128, 32, 8>(load);
  for (int n : {1, 8, 16, 32, 64})
    time<64, 32, 8>({"1B x 512", each(n, 512)});
  time<64, 32, 8>({"1B, 32 of 20 .. 2000", ragged});
  for (int n : {1, 4, 8, 16, 32, 64})
    time<64, 12, 12>({"GPT-2 x 512", each(n, 512)});
  return 0;
}
