//===- attention_forms_time.cu - forms of wide heads' tiles, by turns -----===//
//
//   attention_forms_time                    decoder shapes, all forms
//   attention_forms_time SHAPE      those whose names contain SHAPE
//   attention_forms_time SHAPE FORM ...   in these forms
//
// Forms (form:: of attention_work.cuh) are named by letters: a masks in the
// loop, b phases, c phases and maxima in every block; d one producer,
// e compares, f halves of the kv heads (f4 quarters), g pages ahead, h growth
// again, i exponentials beside products, j no turns, k descriptors first. They
// are timed one after the other on the same batch, three times around: the
// median of the rounds, the rounds.
//
//===----------------------------------------------------------------------===//
#include "AttentionTiles.h"

#include <functional>
#include <memory>

using namespace check;
namespace form = attention::form;

static std::string wantedShape;
static std::vector<std::string> wantedForms;

namespace {
struct Candidate {
  std::string name;
  std::function<void(cudaStream_t)> launch;
  std::vector<double> us = {};
};
} // namespace

static bool wanted(const std::string &name) {
  return wantedForms.empty() ||
         std::find(wantedForms.begin(), wantedForms.end(), name) !=
             wantedForms.end();
}

template <typename C>
static void add(std::vector<Candidate> &to, const char *name,
                Batch<typename C::S> &batch) {
  if (!wanted(name))
    return;
  auto call = std::make_shared<Call<C, NoScore>>(batch, NoScore{});
  call->dependent = true;
  int grid = 132 * C::kCtas;
  (*call)(nullptr, grid);
  cuda(cudaDeviceSynchronize(), name);
  to.push_back({name, [=](cudaStream_t stream) { (*call)(stream, grid); }});
}

static void report(const std::string &what, std::vector<Candidate> &candidates,
                   double flops) {
  for (int round = 0; round < 3; ++round)
    for (Candidate &x : candidates)
      x.us.push_back(time(flops > 5e11 ? 5 : 20,
                          [&](int, cudaStream_t stream) { x.launch(stream); }));
  for (Candidate &x : candidates) {
    std::printf("%-26s %-6s", what.c_str(), x.name.c_str());
    std::vector<double> sorted = x.us;
    std::sort(sorted.begin(), sorted.end());
    std::printf(" %9.2f us %5.0f TFLOP/s  (", sorted[1],
                flops / sorted[1] * 1e-6);
    for (double us : x.us)
      std::printf(" %.2f", us);
    std::printf(" )\n");
  }
  std::fflush(stdout);
}

template <typename S>
static double flopsOf(const Batch<S> &batch, const Case &c) {
  double flops = 0;
  for (int s = 0; s < batch.sequences; ++s)
    for (int i = 0; i < c.tokens[s]; ++i)
      flops += 2.0 * c.heads * (S::D + S::DV) *
               (S::kCausal ? batch.keys[s] - i : batch.keys[s]);
  return flops;
}

template <int form>
using Causal = attention::Config<Shape<bf16, 128, 128, true, true>, 4, 2, 128,
                                 64, 1, 2, false, form>;
template <int form>
using Full = attention::Config<Shape<bf16, 128, 128, false, false>, 4, 2, 128,
                               128, 1, 2, false, form>;

static void timeCausal(const std::string &what, std::vector<int> tokens) {
  if (what.find(wantedShape) == std::string::npos)
    return;
  std::vector<int> past(tokens.size(), 0);
  Case c{std::move(tokens), std::move(past), 32, 8, 4, 0, 64, 1, 1, 0};
  Batch<Shape<bf16, 128, 128, true, true>> batch(c);
  std::vector<Candidate> all;
  using namespace form;
  add<Causal<0>>(all, "a", batch);
  add<Causal<kOneProducer>>(all, "ad", batch);
  add<Causal<kCompares>>(all, "ae", batch);
  add<Causal<kOneProducer | kCompares>>(all, "ade", batch);
  add<Causal<kPagesAhead>>(all, "ag", batch);
  add<Causal<kHalves>>(all, "af", batch);
  add<Causal<kPhases>>(all, "b", batch);
  add<Causal<kPhases | kMaxima>>(all, "c", batch);
  add<Causal<kPhases | kOneProducer>>(all, "bd", batch);
  add<Causal<kPhases | kMaxima | kOneProducer>>(all, "cd", batch);
  add<Causal<kPhases | kCompares>>(all, "be", batch);
  add<Causal<kPhases | kMaxima | kCompares>>(all, "ce", batch);
  add<Causal<kPhases | kHalves>>(all, "bf", batch);
  add<Causal<kPhases | kQuarters>>(all, "bf4", batch);
  add<Causal<kPhases | kPagesAhead>>(all, "bg", batch);
  add<Causal<kPhases | kGrowthAgain>>(all, "bh", batch);
  add<Causal<kBeside>>(all, "ai", batch);
  add<Causal<kPhases | kMaxima | kBeside>>(all, "ci", batch);
  add<Causal<kPhases | kMaxima | kBeside | kOneProducer>>(all, "cdi", batch);
  add<Causal<kPhases | kBeside>>(all, "bi", batch);
  add<Causal<kPhases | kBeside | kHalves | kPagesAhead>>(all, "bfgi", batch);
  add<Causal<kPhases | kNoTurns>>(all, "bj", batch);
  add<Causal<kPhases | kOneProducer | kPagesAhead | kCompares>>(all, "bdge",
                                                                batch);
  add<Causal<kDescriptorsFirst>>(all, "ak", batch);
  add<Causal<kBeside | kDescriptorsFirst>>(all, "aik", batch);
  add<Causal<kPhases | kDescriptorsFirst>>(all, "bk", batch);
  add<Causal<kPhases | kMaxima | kDescriptorsFirst>>(all, "ck", batch);
  add<Causal<kPhases | kMaxima | kBeside | kDescriptorsFirst>>(all, "cik",
                                                               batch);
  add<Causal<kPhases | kBeside | kDescriptorsFirst>>(all, "bik", batch);
  add<Causal<kPhases | kOneProducer | kDescriptorsFirst>>(all, "bdk", batch);
  add<Causal<kPhases | kHalves | kDescriptorsFirst>>(all, "bfk", batch);
  add<Causal<kPhases | kBeside | kPagesAhead | kHalves | kDescriptorsFirst>>(
      all, "bfgik", batch);
  add<Causal<kPhases | kNoTurns | kDescriptorsFirst>>(all, "bjk", batch);
  report(what, all, flopsOf(batch, c));
}

static void timeFull(const std::string &what, std::vector<int> tokens) {
  if (what.find(wantedShape) == std::string::npos)
    return;
  Case c{std::move(tokens), {}, 32, 8, 4, 0, 1, 1, 1, 0};
  Batch<Shape<bf16, 128, 128, false, false>> batch(c);
  std::vector<Candidate> all;
  using namespace form;
  add<Full<0>>(all, "a", batch);
  add<Full<kOneProducer>>(all, "ad", batch);
  add<Full<kHalves>>(all, "af", batch);
  add<Full<kPhases>>(all, "b", batch);
  add<Full<kPhases | kOneProducer>>(all, "bd", batch);
  add<Full<kPhases | kHalves>>(all, "bf", batch);
  add<Full<kPhases | kNoTurns>>(all, "bj", batch);
  add<Full<kDescriptorsFirst>>(all, "ak", batch);
  add<Full<kPhases | kDescriptorsFirst>>(all, "bk", batch);
  add<Full<kPhases | kHalves | kDescriptorsFirst>>(all, "bfk", batch);
  report(what, all, flopsOf(batch, c));
}

int main(int argc, char **argv) {
  if (argc > 1)
    wantedShape = argv[1];
  for (int i = 2; i < argc; ++i)
    wantedForms.push_back(argv[i]);
  for (int n : {512, 1024, 2048, 4096, 8192, 16384})
    timeCausal("causal " + std::to_string(n), {n});
  timeCausal("causal 8 x 512", std::vector<int>(8, 512));
  for (int n : {2048, 8192, 16384})
    timeFull("full " + std::to_string(n), {n});
}
