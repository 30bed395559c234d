//===- attention_tiles_time.cu - how fast sm90/attention_tiles is ---------===//
//
//   attention_tiles_time [--decoder|--narrow] [NAME]
//                 the shapes of attention_peers.py, or those with heads of 128,
//                 of 64; whose names contain NAME
//   attention_tiles_time --profile
//                 a few launches, for a profiler
//
// The tiles of a shape are timed one after the other on the same batch, three
// times around: the median of the rounds, the rounds.
//
//===----------------------------------------------------------------------===//
#include "AttentionTiles.h"

#include <functional>
#include <memory>

using namespace check;

static bool profiling = false;
static std::string wanted;

namespace {

/// Tiles that take turns on a batch.
template <typename S> class Turns {
public:
  Turns(std::string what, const Case &c) : what_(std::move(what)), case_(c) {
    case_.gap = 0;
    if (what_.find(wanted) != std::string::npos)
      batch_ = std::make_unique<Batch<S>>(case_);
  }
  ~Turns() {
    for (int round = 0; !profiling && round < 3; ++round)
      for (Candidate &x : all_)
        x.us.push_back(time(flops() > 5e11 ? 5 : 20, x.launch));
    for (const Candidate &x : all_)
      report(x);
  }
  template <typename C> void add(const char *how) {
    if (!batch_)
      return;
    auto call = std::make_shared<Call<C, NoScore>>(*batch_, NoScore{});
    call->dependent = true;
    int grid = 132 * C::kCtas; // a multiple of 3
    (*call)(nullptr, grid);
    cuda(cudaDeviceSynchronize(), how);
    all_.push_back(
        {how, [=](int, cudaStream_t stream) { (*call)(stream, grid); }, {}});
  }

private:
  struct Candidate {
    const char *how;
    std::function<void(int, cudaStream_t)> launch;
    std::vector<double> us;
  };

  double flops() const {
    double flops = 0;
    for (int s = 0; s < batch_->sequences; ++s)
      for (int i = 0; i < case_.tokens[s]; ++i)
        flops += 2.0 * case_.heads * (S::D + S::DV) *
                 (S::kCausal ? batch_->keys[s] - i : batch_->keys[s]);
    return flops;
  }
  void report(const Candidate &x) const {
    if (x.us.empty())
      return;
    std::vector<double> sorted = x.us;
    std::sort(sorted.begin(), sorted.end());
    std::printf("%-28s %-22s %9.2f us %6.0f TFLOP/s  (", what_.c_str(), x.how,
                sorted[1], flops() / sorted[1] * 1e-6);
    for (double us : x.us)
      std::printf(" %.2f", us);
    std::printf(" )\n");
    std::fflush(stdout);
  }

  std::string what_;
  Case case_;
  std::unique_ptr<Batch<S>> batch_;
  std::vector<Candidate> all_;
};

} // namespace

static void timeDecoder() {
  using Causal = Shape<bf16, 128, 128, true, true>;
  using Full = Shape<bf16, 128, 128, false, false>;
  auto causal = [](const std::string &what, std::vector<int> tokens) {
    std::vector<int> past(tokens.size(), 0);
    Turns<Causal> turns(
        "32/8 x 128 causal " + what,
        {std::move(tokens), std::move(past), 32, 8, 4, 0, 64, 1});
    turns.add<attention::Config<Causal, 4, 2, 128, 64>>("2 x 64 rows, 128");
    turns.add<attention::Config<Causal, 4, 1, 64, 64, 2>>(
        "64 rows, 64, 2 CTAs");
  };
  for (int n : {512, 1024, 2048, 4096, 8192, 16384})
    causal(std::to_string(n), {n});
  causal("8 x 512", std::vector<int>(8, 512));
  for (int n : {2048, 8192, 16384}) {
    Turns<Full> turns("32/8 x 128 full " + std::to_string(n),
                      {{n}, {}, 32, 8, 4, 0, 1, 1});
    turns.add<attention::Config<Full, 4, 2, 128, 128>>("2 x 64 rows, 128");
  }
}

/// Prompts of narrow heads.
static void timePrompts() {
  using S = Shape<bf16, 64, 64, true, true>;
  auto prompts = [](const std::string &what, std::vector<int> tokens) {
    std::vector<int> past(tokens.size(), 0);
    Turns<S> turns("32/8 x 64 causal " + what,
                   {std::move(tokens), std::move(past), 32, 8, 4, 0, 64, 1});
    turns.add<attention::Config<S, 4, 2, 128, 64>>("2 x 64 rows, 128");
    turns.add<attention::Config<S, 4, 3, 128, 64, 1, 3>>("3 x 64 rows, 128");
    turns.add<attention::Config<S, 4, 1, 64, 64, 3>>("64 rows, 64, 3 CTAs");
    turns.add<attention::Config<S, 4, 1, 128, 64, 2>>("64 rows, 128, 2 CTAs");
  };
  for (int n : {128, 512, 1024, 2048, 4096})
    prompts(std::to_string(n), {n});
  prompts("8 x 512", std::vector<int>(8, 512));
}

template <typename S> static void timeSmall(const char *what, const Case &c) {
  Turns<S> turns(what, c);
  auto tile = [&]<int warpgroups, int keys, int ctas, int stages, bool brief>(
                  const char *how) {
    turns.template add<
        attention::Config<S, 1, warpgroups, keys, keys, ctas, stages, brief>>(
        how);
  };
  tile.template operator()<3, 128, 1, 3, false>("3 x 64 rows, 128");
  tile.template operator()<3, 112, 1, 3, false>("3 x 64 rows, 112");
  tile.template operator()<2, 128, 1, 2, false>("2 x 64 rows, 128");
  tile.template operator()<1, 64, 3, 2, false>("64 rows, 64, 3 CTAs");
  tile.template operator()<1, 128, 3, 2, true>("short, 64 rows, 128");
  tile.template operator()<1, 64, 3, 4, true>("short, 64 rows, 64");
}

static void timeNarrow() {
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

template <typename C> static void profileTile(const Case &c) {
  Turns<typename C::S>("", c).template add<C>("profile");
}
static void profile() {
  profiling = true;
  profileTile<
      attention::Config<Shape<bf16, 128, 128, false, false>, 4, 2, 128, 128>>(
      Case{{8192}, {}, 32, 8, 4, 0, 1, 1});
  profileTile<
      attention::Config<Shape<f16, 64, 64, false, false>, 1, 2, 128, 128>>(
      Case{std::vector<int>(32, 128), {}, 12, 12, 1, 0, 1, 1});
  profileTile<
      attention::Config<Shape<bf16, 128, 128, true, true>, 4, 2, 128, 64>>(
      Case{{512}, {0}, 32, 8, 4, 0, 64, 1});
}

int main(int argc, char **argv) {
  std::string kind = argc > 1 ? argv[1] : "";
  if (kind == "--profile") {
    profile();
    return 0;
  }
  bool one = kind == "--decoder" || kind == "--narrow";
  if (argc > 1 + one)
    wanted = argv[1 + one];
  if (kind != "--decoder")
    timeNarrow();
  if (kind != "--narrow") {
    timeDecoder();
    timePrompts();
  }
}
