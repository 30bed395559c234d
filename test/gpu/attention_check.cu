//===- attention_check.cu - attention against fp64 --------------------------===//
#include "Check.h"
#include "attention_f32.cuh"
#include "attention_mma.cuh"

#include <algorithm>
#include <type_traits>

using namespace ft;
using namespace check;
using attention::Args;
using attention::NoScore;

/// A soft cap and a slope per head: both kinds of region.
struct CapAndSlope {
  static constexpr bool kIdentity = false;
  __host__ __device__ float operator()(float s, float head, float query,
                                       float key) const {
    return 5 * tanhf(s / 5) - 0.05f * (head + 1) * (query - key);
  }
};

template <typename S, int BM, typename Score>
__global__ void __launch_bounds__(std::is_same_v<typename S::T, float> ? 256
                                                                       : 128)
    attentionKernel(const Args<typename S::T> args, const Score score) {
  if constexpr (std::is_same_v<typename S::T, float>)
    attention::runF32<S, BM>(args, score);
  else
    attention::runMma<S, BM>(args, score);
}

template <typename S, int BM> constexpr int sharedBytes() {
  if constexpr (std::is_same_v<typename S::T, float>)
    return attention::F32<S, BM>::kShared;
  else
    return attention::Mma<S, BM>::kShared;
}

struct Case {
  std::vector<int> tokens; // of each sequence in this batch
  std::vector<int> past;   // keys before them; paged only
  int heads, kvHeads, pack, window, pageSize, splits;
  float scale = 1; // of q, beside 1 / sqrt(D)
};

/// A batch on the device: operands, NaN wherever nothing should be read.
template <typename S> struct Batch {
  using T = typename S::T;
  const Case &c;
  int sequences = int(c.tokens.size()), total = 0, pages = 0, columns = 0;
  int qStride = c.heads * S::D + 8, kStride = c.kvHeads * S::D + 8,
      vStride = c.kvHeads * S::DV + 16, outStride = c.heads * S::DV + 4;
  std::vector<int> keys;
  Array<T> q, k, v, out;
  Array<int> positions, cu, lengths, table, counts;
  Array<u32> counters;
  Array<float> partials;

  static int sum(const std::vector<int> &x) {
    int total = 0;
    for (int n : x)
      total += n;
    return total;
  }
  static std::vector<int> keysOf(const Case &c) {
    std::vector<int> keys = c.tokens;
    for (size_t s = 0; S::kPaged && s < keys.size(); ++s)
      keys[s] += c.past[s];
    return keys;
  }
  static int columnsOf(const Case &c) {
    int most = 0;
    for (int n : keysOf(c))
      most = std::max(most, (n + c.pageSize - 1) / c.pageSize);
    return most + 1;
  }
  static size_t planeSize(const Case &c, int width, int stride) {
    return S::kPaged ? size_t(c.tokens.size()) * columnsOf(c) * c.pageSize *
                           c.kvHeads * width
                     : size_t(sum(c.tokens) + 4) * stride;
  }

  explicit Batch(const Case &shape)
      : c(shape), total(sum(shape.tokens)), columns(columnsOf(shape)),
        keys(keysOf(shape)), q(size_t(total + 4) * qStride),
        k(planeSize(shape, S::D, kStride)), v(planeSize(shape, S::DV, vStride)),
        out(size_t(total + 4) * outStride), positions(total),
        cu(sequences + 1), lengths(sequences), table(sequences * columns),
        counts(2), counters(size_t(total + 8 + sequences) * c.heads),
        partials(size_t(total + 8 + sequences) * c.heads * c.splits * 16 *
                 (S::DV + 2) * 4) {
    for (int s = 0, t = 0; s < sequences; ++s) {
      cu.host[s] = t;
      lengths.host[s] = keys[s];
      for (int i = 0; i < c.tokens[s]; ++i)
        positions.host[t++] = keys[s] - c.tokens[s] + i;
      cu.host[s + 1] = t;
    }
    for (int i = 0; i < sequences * columns; ++i) // reversed pages
      table.host[i] = sequences * columns - 1 - i;
    counts.host = {total, sequences};
    std::fill(counters.host.begin(), counters.host.end(), 0u);
    for (auto *array : {&positions, &cu, &lengths, &table, &counts})
      array->up();
    counters.up();
    poison(partials);
    poison(q), poison(k), poison(v), poison(out);
    for (int t = 0; t < total; ++t)
      for (int i = 0; i < c.heads * S::D; ++i)
        store(q.host[size_t(t) * qStride + i], c.scale * normal());
    for (int s = 0; s < sequences; ++s)
      for (int j = 0; j < keys[s]; ++j)
        for (int h = 0; h < c.kvHeads; ++h) {
          for (int i = 0; i < S::D; ++i)
            store(k.host[place(s, j, h, S::D, kStride) + i], normal());
          for (int i = 0; i < S::DV; ++i)
            store(v.host[place(s, j, h, S::DV, vStride) + i], normal());
        }
    q.up(), k.up(), v.up();
  }
  size_t place(int s, int j, int h, int width, int stride) const {
    if (!S::kPaged)
      return size_t(cu.host[s] + j) * stride + h * width;
    size_t page = table.host[s * columns + j / c.pageSize];
    return ((page * c.pageSize + j % c.pageSize) * c.kvHeads + h) * width;
  }
  Args<T> args() {
    return {q.device,  qStride,  k.device,    v.device,      kStride,
            vStride,   out.device, outStride, c.heads,       c.kvHeads,
            c.pack,    c.window, 1 / std::sqrt(float(S::D)), positions.device,
            cu.device, lengths.device, table.device, columns, c.pageSize,
            counts.device, 1, counters.device, partials.device};
  }
  template <typename Score>
  std::vector<double> reference(const Score &score) const;
};

template <typename S>
template <typename Score>
std::vector<double> Batch<S>::reference(const Score &score) const {
  std::vector<double> want(size_t(total) * c.heads * S::DV);
  for (int s = 0; s < sequences; ++s)
    for (int t = cu.host[s]; t < cu.host[s + 1]; ++t)
      for (int h = 0; h < c.heads; ++h) {
        int kv = h / (c.heads / c.kvHeads), position = positions.host[t];
        std::vector<double> x(keys[s], -INFINITY);
        double top = -INFINITY, sum = 0;
        for (int j = 0; j < keys[s]; ++j) {
          if ((S::kCausal && j > position) ||
              (c.window > 0 && (j <= position - c.window ||
                                j >= position + c.window)))
            continue;
          double dot = 0;
          for (int i = 0; i < S::D; ++i)
            dot += double(hostFloat(q.host[size_t(t) * qStride + h * S::D + i])) *
                   hostFloat(k.host[place(s, j, kv, S::D, kStride) + i]);
          x[j] = score(dot / std::sqrt(double(S::D)), h, position, j);
          top = std::max(top, x[j]);
        }
        for (int j = 0; j < keys[s]; ++j)
          sum += x[j] = std::isinf(x[j]) ? 0 : std::exp(x[j] - top);
        for (int j = 0; j < keys[s]; ++j)
          for (int i = 0; x[j] > 0 && i < S::DV; ++i)
            want[(size_t(t) * c.heads + h) * S::DV + i] +=
                x[j] / sum * hostFloat(v.host[place(s, j, kv, S::DV, vStride) + i]);
      }
  return want;
}

template <typename S, int BM, typename Score>
static void checkCase(const Case &c, const Score &score) {
  using T = typename S::T;
  Batch<S> batch(c);
  int packs = (c.heads / c.kvHeads + c.pack - 1) / c.pack;
  int perTile = BM / c.pack;
  // Three spare tiles, as a bucket has.
  dim3 grid((batch.total + perTile - 1) / perTile + batch.sequences + 3,
            c.kvHeads * packs, c.splits);
  auto kernel = attentionKernel<S, BM, Score>;
  constexpr int shared = sharedBytes<S, BM>();
  cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            shared),
       "shared memory");
  std::string name = "attention " + std::to_string(sizeof(T)) + "-byte D " +
                     std::to_string(S::D) + " DV " + std::to_string(S::DV) +
                     " BM " + std::to_string(BM) + " heads " +
                     std::to_string(c.heads) + "/" + std::to_string(c.kvHeads) +
                     " window " + std::to_string(c.window) + " page " +
                     std::to_string(c.pageSize) + " splits " +
                     std::to_string(c.splits) + (S::kCausal ? " causal" : "") +
                     (S::kPaged ? " paged" : "") +
                     (Score::kIdentity ? "" : " score");
  launch(kernel, grid, std::is_same_v<T, float> ? 256 : 128, shared, nullptr,
         batch.args(), score);
  launch(kernel, grid, std::is_same_v<T, float> ? 256 : 128, shared, nullptr,
         batch.args(), score); // the counters are left at zero
  compare(name, batch.out, batch.outStride, size_t(c.heads) * S::DV,
          batch.reference(score), 2 * kTolerance<T>);
}

/// The fp64 reference of a case costs more than the kernel: few, ragged, odd.
template <typename T, int D, int DV> static void checkHeadSize() {
  using Causal = attention::Shape<T, D, DV, true, true>;
  using Packed = attention::Shape<T, D, DV, false, false>;
  Case decode{{1, 1, 1, 2}, {0, 700, 63, 64}, 8, 2, 4, 0, 64, 4};
  checkCase<Causal, 16>(decode, NoScore{});
  Case odd{{1, 3, 1}, {1000, 5, 130}, 6, 2, 3, 100, 16, 3};
  checkCase<Causal, 16>(odd, CapAndSlope{});
  Case prefill{{65, 1, 130, 7}, {0, 300, 65, 15}, 4, 1, 4, 0, 48, 1};
  checkCase<Causal, 64>(prefill, NoScore{});
  prefill.window = 40;
  prefill.splits = 2;
  prefill.scale = 20;
  checkCase<Causal, 64>(prefill, NoScore{});
  Case encoder{{1, 64, 33, 129}, {}, 3, 3, 1, 0, 1, 1};
  checkCase<Packed, 64>(encoder, NoScore{});
  encoder.window = 17;
  checkCase<Packed, 64>(encoder, CapAndSlope{});
  Case many{{2, 40}, {}, 20, 1, 16, 0, 1, 2}; // 20 = 16 + 4 heads
  checkCase<Packed, 16>(many, NoScore{});
}

template <typename T> static void checkType() {
  checkHeadSize<T, 64, 64>();
  checkHeadSize<T, 128, 128>();
  checkHeadSize<T, 80, 96>();
  checkHeadSize<T, 36, 36>(); // rows not on 16 bytes
  checkHeadSize<T, 256, 256>();
  checkHeadSize<T, 32, 200>();
}

template <int BM>
static void timeCase(const char *what, const Case &c) {
  using S = attention::Shape<bf16, 128, 128, true, true>;
  Batch<S> batch(c);
  int packs = (c.heads / c.kvHeads + c.pack - 1) / c.pack;
  int tiles = BM == 16 ? batch.total
                       : (batch.total + 64 / c.pack - 1) / (64 / c.pack) +
                             batch.sequences;
  auto kernel = attentionKernel<S, BM, NoScore>;
  cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            sharedBytes<S, BM>()),
       "shared memory");
  double us = time(20, [&](int, cudaStream_t stream) {
    launch(kernel, dim3(tiles, c.kvHeads * packs, c.splits), 128,
           sharedBytes<S, BM>(), stream, batch.args(), NoScore{});
  });
  double bytes = 0, flops = 0;
  for (int s = 0; s < batch.sequences; ++s) {
    bytes += double(batch.keys[s]) * c.kvHeads * 512;
    for (int i = 0; i < c.tokens[s]; ++i)
      flops += 4.0 * c.heads * 128 * (batch.keys[s] - i);
  }
  std::printf("attention bf16 32/8 x 128 %s, %d splits: %.1f us, %.2f TB/s "
              "(K, V once; in L2 if small), %.0f TFLOP/s\n",
              what, c.splits, us, bytes / us * 1e-6, flops / us * 1e-6);
}

int main(int argc, char **argv) {
  checkType<float>();
  checkType<f16>();
  checkType<bf16>();
  if (argc > 1 && std::string(argv[1]) == "--time") {
    for (int splits : {1, 8, 32}) {
      timeCase<16>("1 x 4096 keys", {{1}, {4095}, 32, 8, 4, 0, 64, splits});
      timeCase<16>("8 x 8192 keys", {std::vector<int>(8, 1),
                                     std::vector<int>(8, 8191), 32, 8, 4, 0, 64,
                                     splits});
    }
    timeCase<64>("prefill 1 x 2048", {{2048}, {0}, 32, 8, 4, 0, 64, 1});
    timeCase<64>("prefill 8 x 512", {std::vector<int>(8, 512),
                                     std::vector<int>(8, 0), 32, 8, 4, 0, 64,
                                     1});
  }
  return finish();
}
