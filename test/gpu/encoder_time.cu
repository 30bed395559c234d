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
#include "EncoderChain.h"

namespace {

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
  named(names, kinds);
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
