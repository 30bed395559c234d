//===- Time.cpp - our tile shapes beside cuBLASLt ------------------------===//
//
// The products of models with what follows them. The unit of time is a CUDA
// graph of at least 8 of them over rotated weights (240 MB, four times the L2).
// Every candidate is screened with few replays; then the best four of ours, of
// many rows those within 15 % up to ten, and the best of the library's run in
// turns, and the medians count. Of the library all that its heuristics offer
// are screened, with the nearest it has: a bias, a residual, GELU in the tanh
// form (ours: erf); of gate and up the product alone, twice as many outputs and
// no SiLU.
//
//===----------------------------------------------------------------------===//
#include "CublasLt.h"
#include "ExistingRows.h"
#include "Harness.h"

#include <algorithm>
#include <functional>
#include <memory>

using namespace gemmtest;

namespace {

struct Shape {
  const char *model, *part;
  Epilogue epilogue;
  int tokens, n, k;
};

/// ViT-B/16 has BERT-base's products: 197 tokens an image. Of Llama-3-8B o and
/// down have a bias here.
std::vector<Shape> makeShapes(Shapes which) {
  constexpr Shape bert[] = {{"bert", "q-k-v", Epilogue::Bias, 0, 2304, 768},
                            {"bert", "o", Epilogue::Residual, 0, 768, 768},
                            {"bert", "up", Epilogue::GeluErf, 0, 3072, 768},
                            {"bert", "down", Epilogue::Residual, 0, 768, 3072}};
  constexpr Shape llama[] = {
      {"llama", "q-k-v", Epilogue::Bias, 0, 6144, 4096},
      {"llama", "o", Epilogue::Residual, 0, 4096, 4096},
      {"llama", "gate-up", Epilogue::SiluMul, 0, 28672, 4096},
      {"llama", "down", Epilogue::Residual, 0, 4096, 14336}};
  std::vector<int> bertTokens = {32,   128,  197,  1024, 1576,
                                 3152, 4096, 6304, 12288};
  std::vector<int> llamaTokens = {512, 1024, 2048, 4096};
  if (which == Shapes::Quick) {
    bertTokens = {1024, 4096};
    llamaTokens = {512, 2048};
  }
  if (which == Shapes::Encoders)
    llamaTokens.clear();
  if (which == Shapes::Decoders)
    bertTokens.clear();
  std::vector<Shape> shapes;
  auto add = [&](Shape s, int tokens) {
    s.tokens = tokens;
    shapes.push_back(s);
  };
  for (int tokens : bertTokens)
    for (const Shape &s : bert)
      add(s, tokens);
  for (int tokens : llamaTokens)
    for (const Shape &s : llama)
      add(s, tokens);
  return shapes;
}

/// Operands of one shape: enough weights that none stays in L2.
struct Data {
  Data(const Shape &s, bool bf16)
      : weightBytes(size_t(s.n) * s.k * 2),
        copies(int(std::min<size_t>(256, ((240u << 20) + weightBytes - 1) /
                                             weightBytes))),
        a(size_t(check::existingRows(s.tokens)) * s.k * 2),
        w(weightBytes * copies), bias(size_t(s.n) * 2),
        residual(size_t(s.tokens) * s.n * 2), out(size_t(s.tokens) * s.n * 2),
        counts(16) {
    static uint32_t seed = 1000;
    fillRandom(a.as<void>(), int64_t(check::existingRows(s.tokens)) * s.k, bf16,
               1, seed++);
    fillRandom(w.as<void>(), int64_t(s.n) * s.k * copies, bf16, 0.05f, seed++);
    fillRandom(bias.as<void>(), s.n, bf16, 1, seed++);
    fillRandom(residual.as<void>(), int64_t(s.tokens) * s.n, bf16, 1, seed++);
    FT_CHECK(
        cudaMemcpy(counts.as<void>(), &s.tokens, 4, cudaMemcpyHostToDevice));
  }
  const void *weights(int i) const {
    return w.as<char>() + weightBytes * (i % copies);
  }
  size_t weightBytes;
  int copies;
  Memory a, w, bias, residual, out, counts;
};

/// A graph of `instances` products, timed by events around replays.
class Chain {
public:
  Chain(int instances, const std::function<bool(int, cudaStream_t)> &launchOne)
      : instances_(instances) {
    cudaStream_t stream;
    FT_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    FT_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    bool right = true;
    for (int i = 0; i < instances && right; ++i)
      right = launchOne(i, stream);
    cudaGraph_t graph;
    FT_CHECK(cudaStreamEndCapture(stream, &graph));
    if (right)
      FT_CHECK(cudaGraphInstantiate(&graph_, graph, 0));
    FT_CHECK(cudaGraphDestroy(graph));
    FT_CHECK(cudaStreamDestroy(stream));
    FT_CHECK(cudaEventCreate(&begin_));
    FT_CHECK(cudaEventCreate(&end_));
  }
  ~Chain() {
    if (graph_)
      cudaGraphExecDestroy(graph_);
    cudaEventDestroy(begin_);
    cudaEventDestroy(end_);
  }
  Chain(const Chain &) = delete;
  Chain &operator=(const Chain &) = delete;

  bool valid() const { return graph_ != nullptr; }
  /// One replay: microseconds a product.
  float replay() {
    FT_CHECK(cudaEventRecord(begin_));
    FT_CHECK(cudaGraphLaunch(graph_, nullptr));
    FT_CHECK(cudaEventRecord(end_));
    FT_CHECK(cudaEventSynchronize(end_));
    float ms;
    FT_CHECK(cudaEventElapsedTime(&ms, begin_, end_));
    return ms * 1e3f / float(instances_);
  }

private:
  int instances_;
  cudaGraphExec_t graph_ = nullptr;
  cudaEvent_t begin_, end_;
};

float median(std::vector<float> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

float screen(Chain &chain) {
  chain.replay();
  return median({chain.replay(), chain.replay(), chain.replay()});
}

/// Medians of chains replayed in turns.
std::vector<float> race(const std::vector<Chain *> &chains) {
  std::vector<std::vector<float>> times(chains.size());
  for (int round = 0; round < 21; ++round)
    for (size_t i = 0; i < chains.size(); ++i)
      if (chains[i])
        times[i].push_back(chains[i]->replay());
  std::vector<float> result;
  for (const std::vector<float> &t : times)
    result.push_back(t.empty() ? 0.0f : median(t));
  return result;
}

class Bench {
public:
  Bench(const std::vector<const Variant *> &fit, bool bf16, const Shape &shape,
        check::CublasLt &library)
      : fit_(fit), bf16_(bf16), shape_(shape), data_(shape, bf16),
        product_(library, shape.tokens, shape.n, shape.k, shape.k,
                 {.gelu = shape.epilogue == Epilogue::GeluErf,
                  .f16 = !bf16,
                  .bias = hasBias(shape.epilogue),
                  .algorithms = 24}) {
    double us = 2.0 * shape.tokens * shape.n * shape.k / 6e8 + 2;
    instances_ = std::clamp(int(2000 / us), 20, 128);
    if (us > 400)
      instances_ = 8;
  }

  struct Timed {
    const Variant *variant;
    float us;
  };

  std::unique_ptr<Chain> ours(const Variant &v, bool dependent) {
    std::vector<CUtensorMap> maps;
    for (int i = 0; i < data_.copies; ++i)
      maps.push_back(makeMap(data_.weights(i), bf16_, shape_.n, shape_.k,
                             shape_.k, v.boxW));
    Call call;
    call.a =
        makeMap(data_.a.as<void>(), bf16_, check::existingRows(shape_.tokens),
                shape_.k, shape_.k, v.boxA);
    call.n = shape_.n;
    call.k = shape_.k;
    call.counts = data_.counts.as<int>();
    call.bias = data_.bias.as<void>();
    call.residual = data_.residual.as<void>();
    call.out = data_.out.as<void>();
    call.outStride = v.gated() ? shape_.n / 2 : shape_.n;
    call.residualStride = call.outStride;
    prepare(v);
    return std::make_unique<Chain>(instances_, [&](int i, cudaStream_t s) {
      call.w = maps[i % data_.copies];
      launch(v, call, s, dependent);
      return true;
    });
  }
  std::unique_ptr<Chain> theirs(int algorithm) {
    product_.chosen = algorithm;
    return std::make_unique<Chain>(instances_, [&](int i, cudaStream_t s) {
      bool added = shape_.epilogue == Epilogue::Residual;
      return product_.tryRun(data_.a.as<void>(), data_.weights(i),
                             hasBias(shape_.epilogue) ? data_.bias.as<void>()
                                                      : nullptr,
                             added ? data_.residual.as<void>() : nullptr,
                             data_.out.as<void>(), s) == CUBLAS_STATUS_SUCCESS;
    });
  }

  /// Every tile shape with the epilogue, fastest first.
  std::vector<Timed> screenOurs() {
    std::vector<Timed> timed;
    for (const Variant *v : fit_)
      if (v->epilogue == shape_.epilogue && v->wide)
        timed.push_back({v, screen(*ours(*v, true))});
    std::sort(timed.begin(), timed.end(),
              [](const Timed &x, const Timed &y) { return x.us < y.us; });
    return timed;
  }
  /// {fastest algorithm or -1, its time, the first choice's time}
  void screenTheirs(int &best, float &firstTime) {
    best = -1;
    firstTime = 0;
    float bestTime = 0;
    for (int i = 0; i < product_.algorithms(); ++i) {
      std::unique_ptr<Chain> chain = theirs(i);
      if (!chain->valid())
        continue;
      float us = screen(*chain);
      if (i == 0)
        firstTime = us;
      if (best < 0 || us < bestTime) {
        best = i;
        bestTime = us;
      }
    }
  }

private:
  std::vector<const Variant *> fit_;
  bool bf16_;
  Shape shape_;
  Data data_;
  check::LibraryProduct product_;
  int instances_;
};

/// One line of the table and one object of the file.
class Table {
public:
  Table(bool bf16, const std::string &jsonPath) : bf16_(bf16) {
    json_ = jsonPath.empty() ? nullptr : std::fopen(jsonPath.c_str(), "w");
    if (json_)
      std::fprintf(json_, "[");
    std::printf(
        "%s, us a product with what follows it; peak%% of %d TFLOP/s; early = "
        "launched dependent, as in plans; lt = cuBLASLt, best of all, lt0 = "
        "its first choice\n%5s %-7s %5s %11s %-12s %8s %8s %6s %6s %8s %8s "
        "%6s %6s\n",
        type(), peak(), "model", "part", "rows", "n x k", "tile", "early", "us",
        "TF/s", "peak", "lt", "lt0", "lt/e", "lt/us");
  }
  ~Table() {
    if (!json_)
      return;
    std::fprintf(json_, "\n]\n");
    std::fclose(json_);
  }
  Table(const Table &) = delete;
  Table &operator=(const Table &) = delete;

  struct Row {
    const char *tile;
    float early, us, library, libraryFirst;
  };
  void add(const Shape &s, const Row &r,
           const std::vector<Bench::Timed> &screened) {
    double tflops = 2.0 * s.tokens * s.n * s.k / r.early * 1e-6;
    std::printf("%5s %-7s %5d %5dx%-5d %-12s %8.2f %8.2f %6.1f %5.1f%% %8.2f "
                "%8.2f %6.3f %6.3f ",
                s.model, s.part, s.tokens, s.n, s.k, r.tile, r.early, r.us,
                tflops, 100 * tflops / peak(), r.library, r.libraryFirst,
                r.library / r.early, r.library / r.us);
    for (size_t i = 0; i < std::min<size_t>(4, screened.size()); ++i)
      std::printf(" %s %.2f", screened[i].variant->config.c_str(),
                  screened[i].us);
    std::printf("\n");
    std::fflush(stdout);
    if (!json_)
      return;
    std::fprintf(json_,
                 "%s\n {\"model\": \"%s\", \"part\": \"%s\", \"epilogue\": "
                 "\"%s\", \"dtype\": \"%s\", \"tokens\": %d, \"n\": %d, "
                 "\"k\": %d, \"tile\": \"%s\", \"us_early\": %.3f, \"us\": "
                 "%.3f, \"tflops\": %.1f, \"cublaslt_us\": %.3f, "
                 "\"cublaslt_first_us\": %.3f, \"screened_early\": {",
                 first_ ? "" : ",", s.model, s.part, epilogueName(s.epilogue),
                 type(), s.tokens, s.n, s.k, r.tile, r.early, r.us, tflops,
                 r.library, r.libraryFirst);
    first_ = false;
    for (size_t i = 0; i < screened.size(); ++i)
      std::fprintf(json_, "%s\"%s\": %.3f", i ? ", " : "",
                   screened[i].variant->config.c_str(), screened[i].us);
    std::fprintf(json_, "}}");
  }

private:
  const char *type() const { return bf16_ ? "bf16" : "f16"; }
  int peak() const { return bf16_ ? 773 : 728; }

  bool bf16_, first_ = true;
  FILE *json_;
};

void timeShape(const std::vector<const Variant *> &fit, bool bf16,
               const Shape &s, check::CublasLt &library, Table &table) {
  Bench bench(fit, bf16, s, library);
  std::vector<Bench::Timed> ours = bench.screenOurs();
  int algorithm;
  Table::Row row;
  bench.screenTheirs(algorithm, row.libraryFirst);
  if (ours.empty())
    return;
  std::vector<std::unique_ptr<Chain>> owned;
  std::vector<Chain *> chains;
  auto enter = [&](std::unique_ptr<Chain> chain) {
    chains.push_back(chain.get());
    owned.push_back(std::move(chain));
  };
  enter(algorithm < 0 ? nullptr : bench.theirs(algorithm));
  // Of many rows: what is fastest while the device is cool need not be at its
  // power limit.
  const size_t most = s.tokens > 1024 ? 10 : 4;
  size_t finalists = 1;
  while (finalists < std::min(most, ours.size()) &&
         (finalists < 4 || ours[finalists].us < 1.15f * ours[0].us))
    ++finalists;
  for (size_t i = 0; i < finalists; ++i) {
    enter(bench.ours(*ours[i].variant, true));
    enter(bench.ours(*ours[i].variant, false));
  }
  std::vector<float> us = race(chains);
  size_t winner = 0;
  for (size_t i = 1; i < finalists; ++i)
    if (us[1 + 2 * i] < us[1 + 2 * winner])
      winner = i;
  row.tile = ours[winner].variant->config.c_str();
  row.early = us[1 + 2 * winner];
  row.us = us[2 + 2 * winner];
  row.library = us[0];
  table.add(s, row, ours);
}

} // namespace

void gemmtest::timeAll(const std::vector<const Variant *> &fit, bool bf16,
                       Shapes which, const std::string &jsonPath) {
  check::CublasLt library;
  if (!library.library) {
    std::fprintf(stderr, "gemm_check: no libcublasLt.so.13 to time beside\n");
    std::exit(2);
  }
  Table table(bf16, jsonPath);
  for (const Shape &s : makeShapes(which))
    timeShape(fit, bf16, s, library, table);
}
