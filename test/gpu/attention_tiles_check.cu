//===- attention_tiles_check.cu - sm90/attention_tiles against fp64 -------===//
//
//   attention_tiles_check             right or wrong
//   attention_tiles_check --time      how fast
//   attention_tiles_check --only N    case N, for a look with a sanitizer
//   attention_tiles_check --profile   a few launches, for a profiler
//
//===----------------------------------------------------------------------===//
#include "AttentionBatch.h"
#include "sm90/attention_tiles.cuh"

#include <cuda.h>
#include <dlfcn.h>

using namespace ft;
using namespace check;
using attention::NoScore;
using attention::Shape;

template <typename C, typename Score>
__global__ void __launch_bounds__(C::kThreads, C::kWarpgroups == 1 ? 2 : 1)
    tilesKernel(const __grid_constant__ TensorMap q,
                const __grid_constant__ TensorMap k,
                const __grid_constant__ TensorMap v,
                const __grid_constant__ Args<typename C::T> args,
                const __grid_constant__ Score score) {
  attention::runTiles<C>(q, k, v, args, score);
}

/// The map of [rows, heads, width] elements, rows `stride` elements apart.
template <typename T>
static TensorMap makeMap(const T *data, int width, int heads, size_t rows,
                         size_t stride, int boxHeads, int boxRows) {
  using Encode = decltype(&cuTensorMapEncodeTiled);
  static Encode encode = reinterpret_cast<Encode>(
      dlsym(dlopen("libcuda.so.1", RTLD_NOW), "cuTensorMapEncodeTiled"));
  alignas(64) CUtensorMap map;
  cuuint64_t size[3] = {cuuint64_t(width), cuuint64_t(heads), rows};
  cuuint64_t strides[2] = {cuuint64_t(width) * 2, stride * 2};
  cuuint32_t box[3] = {64, cuuint32_t(boxHeads), cuuint32_t(boxRows)};
  cuuint32_t steps[3] = {1, 1, 1};
  CUresult code = encode(
      &map,
      std::is_same_v<T, bf16> ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                              : CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
      3, const_cast<T *>(data), size, strides, box, steps,
      CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
      CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (code != CUDA_SUCCESS) {
    std::printf("FAILED cuTensorMapEncodeTiled: %d\n", int(code));
    std::exit(1);
  }
  TensorMap result;
  static_assert(sizeof result == sizeof map);
  std::memcpy(&result, &map, sizeof map);
  return result;
}

/// One launch of C over a batch.
template <typename C, typename Score> struct Call {
  using S = typename C::S;
  Batch<S> &batch;
  Score score;
  TensorMap q, k, v;

  Call(Batch<S> &b, const Score &s) : batch(b), score(s) {
    const Case &c = b.c;
    auto keys = [&](auto &array, int width, int stride) {
      size_t step = S::kPaged ? size_t(c.kvHeads) * width : size_t(stride);
      return makeMap(array.device, width, c.kvHeads, array.host.size() / step,
                     step, 1, C::kBoxRows);
    };
    q = makeMap(b.q.device, S::D, c.heads, b.total + 4, b.qStride, C::kPack,
                C::kTokens);
    k = keys(b.k, S::D, b.kStride);
    v = keys(b.v, S::DV, b.vStride);
    cuda(cudaFuncSetAttribute(tilesKernel<C, Score>,
                              cudaFuncAttributeMaxDynamicSharedMemorySize,
                              C::kSharedBytes),
         "shared memory");
  }
  void operator()(cudaStream_t stream, int grid) {
    launch(tilesKernel<C, Score>, dim3(grid), C::kThreads, C::kSharedBytes,
           stream, q, k, v, batch.args(), score);
  }
};

//===----------------------------------------------------------------------===//
// Right or wrong
//===----------------------------------------------------------------------===//

static int only = -1, number = 0;
static bool profiling = false;

template <typename C, typename Score>
static void checkCase(const char *what, const Case &c, const Score &score) {
  using T = typename C::T;
  if (int me = number++; only >= 0 && me != only)
    return;
  Batch<typename C::S> batch(c);
  Call<C, Score> call(batch, score);
  call(nullptr, 132);
  std::string name =
      std::string("tiles ") + what + " D " + std::to_string(C::S::D) + " DV " +
      std::to_string(C::S::DV) + " window " + std::to_string(c.window);
  compare(name, batch.out, batch.outStride, size_t(c.heads) * C::S::DV,
          batch.reference(score), 2 * kTolerance<T>);
  // The counters are left at zero, and the grid changes nothing.
  std::vector<T> first = batch.out.host;
  poison(batch.out);
  call(nullptr, 7);
  cuda(cudaDeviceSynchronize(), name.c_str());
  batch.out.down();
  report(std::memcmp(first.data(), batch.out.host.data(),
                     first.size() * sizeof(T)) == 0,
         name + ": another grid, other bits", 1, 0);
}

static std::vector<int> ragged(int count, int from, int to) {
  std::vector<int> lengths;
  for (int i = 0; i < count; ++i)
    lengths.push_back(from + (i * 37 + 11) % (to - from + 1));
  return lengths;
}

static void checkPaged() {
  using Wide =
      attention::Config<Shape<bf16, 128, 128, true, true>, 4, 2, 128, 64>;
  Case prefill{{65, 1, 130, 7}, {0, 300, 65, 15}, 8, 2, 4, 0, 64, 1};
  checkCase<Wide>("chunks", prefill, NoScore{});
  checkCase<Wide>("long", Case{{700, 333}, {0, 111}, 8, 2, 4, 0, 128, 1},
                  NoScore{});
  prefill.window = 100;
  checkCase<Wide>("chunks, score", prefill, CapAndSlope{});
  using Small =
      attention::Config<Shape<f16, 64, 64, true, true>, 16, 2, 128, 16>;
  Case odd{{65, 1, 30, 7}, {0, 300, 65, 16}, 20, 1, 16, 40, 48, 1};
  checkCase<Small>("20 = 16 + 4 heads", odd, NoScore{});
  using Large =
      attention::Config<Shape<bf16, 256, 256, true, true>, 3, 2, 64, 64>;
  Case large{{65, 2, 90}, {10, 129, 0}, 6, 2, 3, 0, 64, 1};
  checkCase<Large>("groups of 3", large, NoScore{});
}

static void checkPacked() {
  using Bert =
      attention::Config<Shape<f16, 64, 64, false, false>, 1, 3, 128, 128>;
  Case encoder{{1, 64, 33, 129, 300}, {}, 3, 3, 1, 0, 1, 1};
  checkCase<Bert>("ragged", encoder, NoScore{});
  encoder.window = 17;
  checkCase<Bert>("ragged, score", encoder, CapAndSlope{});
  checkCase<Bert>("short", Case{ragged(60, 1, 40), {}, 2, 2, 1, 0, 1, 1},
                  NoScore{});
  using Odd =
      attention::Config<Shape<bf16, 80, 96, false, false>, 2, 2, 128, 128>;
  checkCase<Odd>("ragged", Case{{200, 0, 77, 5}, {}, 4, 2, 2, 0, 1, 1},
                 NoScore{});
  using Tiny =
      attention::Config<Shape<bf16, 32, 72, true, false>, 7, 2, 128, 128>;
  checkCase<Tiny>("causal", Case{{200, 3, 77, 129}, {}, 14, 2, 7, 0, 1, 1},
                  NoScore{});
  using One = attention::Config<Shape<f16, 64, 64, false, false>, 1, 1, 64, 64>;
  checkCase<One>("one warpgroup", Case{ragged(20, 1, 90), {}, 2, 2, 1, 0, 1, 1},
                 NoScore{});
}

//===----------------------------------------------------------------------===//
// Time
//===----------------------------------------------------------------------===//

template <typename C>
static void timeCase(const char *what, const char *how, Case c) {
  c.gap = 0;
  using S = typename C::S;
  Batch<S> batch(c);
  Call<C, NoScore> call(batch, NoScore{});
  int grid = C::kWarpgroups == 1 ? 264 : 132;
  call(nullptr, grid);
  cuda(cudaDeviceSynchronize(), what);
  if (profiling)
    return;
  double us = time(20, [&](int, cudaStream_t stream) { call(stream, grid); });
  double flops = 0;
  for (int s = 0; s < batch.sequences; ++s)
    for (int i = 0; i < c.tokens[s]; ++i)
      flops += 2.0 * c.heads * (S::D + S::DV) *
               (S::kCausal ? batch.keys[s] - i : batch.keys[s]);
  std::printf("%-28s %-22s %9.1f us %6.0f TFLOP/s\n", what, how, us,
              flops / us * 1e-6);
  std::fflush(stdout);
}

static void timeDecoder() {
  using Causal = Shape<bf16, 128, 128, true, true>;
  using Full = Shape<bf16, 128, 128, false, false>;
  for (int n : {512, 1024, 2048, 4096, 8192, 16384}) {
    std::string what = "32/8 x 128 causal " + std::to_string(n);
    Case c{{n}, {0}, 32, 8, 4, 0, 64, 1};
    timeCase<attention::Config<Causal, 4, 2, 128, 64>>(what.c_str(), "4 heads",
                                                       c);
  }
  timeCase<attention::Config<Causal, 4, 2, 128, 64>>(
      "32/8 x 128 causal 8 x 512", "4 heads",
      Case{std::vector<int>(8, 512), std::vector<int>(8, 0), 32, 8, 4, 0, 64,
           1});
  for (int n : {2048, 8192, 16384}) {
    std::string what = "32/8 x 128 full " + std::to_string(n);
    Case c{{n}, {}, 32, 8, 4, 0, 1, 1};
    timeCase<attention::Config<Full, 4, 2, 128, 128>>(what.c_str(), "128 keys",
                                                      c);
    timeCase<attention::Config<Full, 4, 2, 160, 160>>(what.c_str(), "160 keys",
                                                      c);
    timeCase<attention::Config<Full, 1, 2, 128, 128>>(what.c_str(),
                                                      "128 keys, 1 head", c);
  }
}

template <typename S> static void timeSmall(const char *what, const Case &c) {
  timeCase<attention::Config<S, 1, 3, 128, 128>>(what, "3 x 64 rows, 128", c);
  timeCase<attention::Config<S, 1, 3, 96, 96>>(what, "3 x 64 rows, 96", c);
  timeCase<attention::Config<S, 1, 2, 128, 128>>(what, "2 x 64 rows, 128", c);
  timeCase<attention::Config<S, 1, 1, 64, 64>>(what, "64 rows, 64, 2 CTAs", c);
}

static void timeEncoder() {
  using Bert = Shape<f16, 64, 64, false, false>;
  const struct {
    const char *name;
    int batch, length;
  } rows[] = {{"b32 s32", 32, 32},   {"b8 s128", 8, 128},
              {"b32 s128", 32, 128}, {"b32 s384", 32, 384},
              {"b1 s197", 1, 197},   {"b32 s197", 32, 197}};
  for (const auto &row : rows)
    timeSmall<Bert>(
        row.name,
        Case{std::vector<int>(row.batch, row.length), {}, 12, 12, 1, 0, 1, 1});
  timeSmall<Bert>("b32 ragged 20-384",
                  Case{ragged(32, 20, 384), {}, 12, 12, 1, 0, 1, 1});
  Case d64{std::vector<int>(8, 2048), {}, 16, 16, 1, 0, 1, 1};
  timeSmall<Shape<bf16, 64, 64, false, false>>("16 x 64 b8 s2048 full", d64);
  timeSmall<Shape<bf16, 64, 64, true, false>>("16 x 64 b8 s2048 causal", d64);
}

static void profile() {
  profiling = true;
  timeCase<
      attention::Config<Shape<bf16, 128, 128, false, false>, 4, 2, 128, 128>>(
      "", "", Case{{8192}, {}, 32, 8, 4, 0, 1, 1});
  timeCase<attention::Config<Shape<f16, 64, 64, false, false>, 1, 2, 128, 128>>(
      "", "", Case{std::vector<int>(32, 128), {}, 12, 12, 1, 0, 1, 1});
  timeCase<attention::Config<Shape<bf16, 128, 128, true, true>, 4, 2, 128, 64>>(
      "", "", Case{{512}, {0}, 32, 8, 4, 0, 64, 1});
}

int main(int argc, char **argv) {
  std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "--only" && argc > 2)
    only = std::atoi(argv[2]);
  if (mode == "--profile") {
    profile();
  } else if (mode != "--time") {
    checkPaged();
    checkPacked();
  } else {
    timeEncoder();
    timeDecoder();
  }
  return finish();
}
