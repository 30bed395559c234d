//===- prefill_time.cu - a decoder layer's products for a prompt ----------===//
//
// The four products of 8B and 1B, bf16, with what follows them (a residual,
// SiLU and a product), for prompts: first every tile shape and the library's
// algorithms alone, a chain of dependent launches with rotated weights; then
// layers, with norms and without attention. Every shape's result is compared
// with the library's once.
//
//   prefill_time [8b|1b] [ROWS ...] [--kind qkv,o,gate-up,down] [--all]
//
// --all: every shape's time, not only those of the best three.
//
//===----------------------------------------------------------------------===//
#include "PrefillLayer.h"

using namespace check;
using gemmtest::Epilogue;

namespace {

std::vector<TileKernel> tiles[4]; // of each kind

template <bool gated, int BM, int BN, int stages, int warpgroups, int CM,
          int CN, int splits, bool pingPong>
using Shape = gemm::Config<bf16, gated, BM, BN, stages, warpgroups, pingPong,
                           CM, CN, 1, splits>;

template <int BM, int BN, int stages, int warpgroups, int CM = 1, int CN = 1,
          int splits = 1, bool pingPong = false>
void plain(const std::string &name) {
  using C = Shape<false, BM, BN, stages, warpgroups, CM, CN, splits, pingPong>;
  tiles[Qkv].push_back(tileKernel<C, Epilogue::None>(name));
}
template <int BM, int BN, int stages, int warpgroups, int CM = 1, int CN = 1,
          int splits = 1, bool pingPong = false>
void residual(const std::string &name) {
  using C = Shape<false, BM, BN, stages, warpgroups, CM, CN, splits, pingPong>;
  tiles[Output].push_back(tileKernel<C, Epilogue::Added>(name));
}
template <int BM, int BN, int stages, int warpgroups, int CM = 1, int CN = 1,
          int splits = 1, bool pingPong = false>
void gated(const std::string &name) {
  using C = Shape<true, BM, BN, stages, warpgroups, CM, CN, splits, pingPong>;
  tiles[Up].push_back(tileKernel<C, Epilogue::SiluMul>(name));
}

void addTiles() {
#ifdef FT_TILES
#include FT_TILES
#else
#include "prefill_tiles.inc"
#endif
  tiles[Down] = tiles[Output];
}

struct Options {
  std::vector<std::string> models;
  std::vector<int> rows;
  std::string kinds;
  bool all = false;

  bool wants(int kind) const {
    return kinds.empty() ||
           ("," + kinds + ",").find("," + std::string(kKinds[kind]) + ",") !=
               std::string::npos;
  }
};

bool faster(const Way &a, const Way &b) { return a.us < b.us; }

/// Medians of chains timed by turns: at its power limit a device is slower the
/// longer it runs.
void race(PrefillLayer &layer, int kind, std::vector<Way> &ways) {
  std::vector<std::vector<double>> times(ways.size());
  for (int turn = 0; turn < 5; ++turn)
    for (size_t i = 0; i < ways.size(); ++i)
      times[i].push_back(layer.alone(kind, ways[i]));
  for (size_t i = 0; i < ways.size(); ++i) {
    std::sort(times[i].begin(), times[i].end());
    ways[i].us = times[i][times[i].size() / 2];
  }
}

/// The library's fastest algorithm for a product; none without a library.
std::vector<Way> bestCall(PrefillLayer &layer, int kind) {
  std::vector<Way> calls;
  for (int i = 0; i < layer.algorithms(kind); ++i) {
    calls.push_back({"library", nullptr, i, /*activation=*/false});
    calls.back().us = layer.alone(kind, calls.back());
  }
  if (calls.empty())
    return {};
  Way best = *std::min_element(calls.begin(), calls.end(), faster);
  best.activation = true;
  return {best};
}

/// Every tile shape that is right, fastest first.
std::vector<Way> bestTiles(PrefillLayer &layer, int kind,
                           const std::vector<Way> &call) {
  std::vector<Way> ways;
  for (const TileKernel &tile : tiles[kind]) {
    Way way{tile.name, &tile};
    double error = call.empty() ? 0 : layer.difference(kind, way, call[0]);
    if (error < 8e-3) { // two bf16 roundings, and the library's own
      way.us = layer.alone(kind, way);
      ways.push_back(way);
    } else {
      ++failures;
      std::printf("FAILED %s %s: differs from the library by %.3g\n",
                  kKinds[kind], tile.name.c_str(), error);
    }
  }
  std::stable_sort(ways.begin(), ways.end(), faster);
  return ways;
}

/// The fastest three shapes, then the library.
std::vector<Way> timeKind(const std::string &title, PrefillLayer &layer,
                          int kind, bool all) {
  std::vector<Way> call = bestCall(layer, kind);
  std::vector<Way> ways = bestTiles(layer, kind, call);
  if (all)
    for (const Way &way : ways)
      std::printf("%s   %-8s %-14s %8.2f us (%d CTAs)\n", title.c_str(),
                  kKinds[kind], way.name.c_str(), way.us, way.tile->grid);
  ways.resize(std::min<size_t>(ways.size(), 3));
  size_t own = ways.size();
  ways.insert(ways.end(), call.begin(), call.end());
  if (kind == Up && !call.empty()) {
    ways.push_back(call[0]);
    ways.back().activation = false;
  }
  race(layer, kind, ways);
  std::sort(ways.begin(), ways.begin() + own, faster);
  std::printf("%s %-8s", title.c_str(), kKinds[kind]);
  for (const Way &way : ways)
    std::printf(" | %s%s %.2f", way.name.c_str(),
                way.tile || kind != Up ? ""
                : way.activation       ? " and SiLU"
                                       : " alone",
                way.us);
  std::printf(" us | best of ours %.0f TFLOP/s\n",
              layer.flops(kind) / ways[0].us * 1e-6);
  std::fflush(stdout);
  if (kind == Up && !call.empty())
    ways.pop_back();
  return ways;
}

void printLayer(const std::string &title, const Way *const (&ways)[4],
                double us) {
  std::printf("%s layer of", title.c_str());
  for (const Way *way : ways)
    std::printf(" %s", way->name.c_str());
  std::printf(": %.2f us\n", us);
  std::fflush(stdout);
}

/// Layers of our best, of calls, and with each kind's other ways: what is the
/// faster alone need not be so in a layer.
void timeLayers(const std::string &title, PrefillLayer &layer,
                const std::vector<Way> (&ways)[4]) {
  const Way *best[4], *calls[4];
  for (int kind = 0; kind < 4; ++kind) {
    best[kind] = &ways[kind].front();
    calls[kind] = &ways[kind].back();
  }
  printLayer(title, best, layer.layer(best));
  printLayer(title, calls, layer.layer(calls));
  for (int kind = 0; kind < 4; ++kind) {
    double least = 1e9;
    const Way *fastest = best[kind];
    std::printf("%s   layer with %-8s", title.c_str(), kKinds[kind]);
    for (const Way &way : ways[kind]) {
      best[kind] = &way;
      double us = std::min(layer.layer(best), layer.layer(best));
      std::printf(" | %s %.2f", way.name.c_str(), us);
      if (us < least)
        least = us, fastest = &way;
    }
    std::printf(" us\n");
    best[kind] = fastest;
  }
  printLayer(title, best, layer.layer(best));
}

void timeModel(const Decoder &m, int rows, CublasLt &library,
               const Options &options) {
  std::string title = std::string(m.name) + " " + std::to_string(rows);
  PrefillLayer layer(m, rows, library);
  std::vector<Way> ways[4];
  bool whole = true;
  for (int kind = 0; kind < 4; ++kind) {
    if (options.wants(kind))
      ways[kind] = timeKind(title, layer, kind, options.all);
    whole &= !ways[kind].empty();
  }
  if (whole)
    timeLayers(title, layer, ways);
}

} // namespace

int main(int argc, char **argv) {
  constexpr Decoder kModels[] = {{"8b", 4096, 6144, 14336, 4},
                                 {"1b", 2048, 3072, 8192, 12}};
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    if (arg == "--kind" && i + 1 < argc)
      options.kinds = argv[++i];
    else if (arg == "--all")
      options.all = true;
    else if (std::atoi(argv[i]) > 0 && arg != "8b" && arg != "1b")
      options.rows.push_back(std::atoi(argv[i]));
    else if (arg != "--time") // as run.sh calls
      options.models.push_back(arg);
  }
  if (options.rows.empty())
    options.rows = {512};
  CublasLt library;
  if (!library.library)
    std::printf("no libcublasLt.so: nothing to compare with\n");
  addTiles();
  for (const Decoder &m : kModels)
    for (int rows : options.rows)
      if (options.models.empty() ||
          std::find(options.models.begin(), options.models.end(), m.name) !=
              options.models.end())
        timeModel(m, rows, library, options);
  return failures > 0;
}
