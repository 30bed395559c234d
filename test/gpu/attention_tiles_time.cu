//===- attention_tiles_time.cu - how fast sm90/attention_tiles is ---------===//
//
//   attention_tiles_time             the shapes of attention_peers.py
//   attention_tiles_time NAME        those whose names contain NAME
//   attention_tiles_time --profile   a few launches, for a profiler
//
//===----------------------------------------------------------------------===//
#include "AttentionTiles.h"

using namespace check;

static bool profiling = false;
static std::string wanted;

template <typename C>
static void timeCase(const char *what, const char *how, Case c) {
  if (std::string(what).find(wanted) == std::string::npos)
    return;
  c.gap = 0;
  using S = typename C::S;
  Batch<S> batch(c);
  Call<C, NoScore> call(batch, NoScore{});
  call.dependent = true;
  int grid = 132 * C::kCtas; // a multiple of 3
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
    timeCase<attention::Config<Causal, 4, 2, 128, 64>>(what.c_str(),
                                                       "2 x 64 rows, 128", c);
    timeCase<attention::Config<Causal, 4, 3, 64, 64>>(what.c_str(),
                                                      "3 x 64 rows, 64", c);
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
    timeCase<attention::Config<Full, 4, 3, 64, 64>>(what.c_str(),
                                                    "3 x 64, 64 keys", c);
  }
}

template <typename S> static void timeSmall(const char *what, const Case &c) {
  timeCase<attention::Config<S, 1, 3, 128, 128, 1, 3>>(what, "3 x 64 rows, 128",
                                                       c);
  timeCase<attention::Config<S, 1, 3, 112, 112, 1, 3>>(what, "3 x 64 rows, 112",
                                                       c);
  timeCase<attention::Config<S, 1, 2, 128, 128>>(what, "2 x 64 rows, 128", c);
  timeCase<attention::Config<S, 1, 1, 64, 64, 3>>(what, "64 rows, 64, 3 CTAs",
                                                  c);
  timeCase<attention::Config<S, 1, 1, 128, 128, 3, 2, true>>(
      what, "short, 64 rows, 128", c);
  timeCase<attention::Config<S, 1, 1, 64, 64, 3, 4, true>>(
      what, "short, 64 rows, 64", c);
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
  if (argc > 1 && std::string(argv[1]) == "--profile") {
    profile();
    return 0;
  }
  if (argc > 1)
    wanted = argv[1];
  timeEncoder();
  timeDecoder();
}
