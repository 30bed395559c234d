//===- Time.cpp - our tile shapes beside cuBLASLt ------------------------===//
//
// The unit of time is a CUDA graph of at least 20 products over rotated
// weights (240 MB of them, four times the L2). Every candidate is screened
// with few replays; then the best of ours and of the library's run in turns,
// and the medians count.
//
//===----------------------------------------------------------------------===//
#include "Library.h"

#include <algorithm>
#include <functional>
#include <map>

using namespace gemmtest;

namespace {

struct Shape {
  const char *model;
  int tokens, n, k;
};

std::vector<Shape> makeShapes(Shapes which) {
  std::vector<Shape> shapes;
  const int bert[][2] = {{2304, 768}, {768, 768}, {3072, 768}, {768, 3072}};
  const int llama[][2] = {
      {6144, 4096}, {4096, 4096}, {28672, 4096}, {4096, 14336}};
  std::vector<int> bertTokens = {32, 128, 197, 1024, 1576, 4096, 6304, 12288};
  std::vector<int> llamaTokens = {512, 1024, 2048, 4096};
  if (which == Shapes::Quick) {
    bertTokens = {1024, 4096};
    llamaTokens = {512, 2048};
  } else if (which == Shapes::Encoders) {
    llamaTokens.clear();
  }
  for (int tokens : bertTokens)
    for (const auto &s : bert)
      shapes.push_back({"bert", tokens, s[0], s[1]});
  for (int tokens : llamaTokens)
    for (const auto &s : llama)
      shapes.push_back({"llama", tokens, s[0], s[1]});
  return shapes;
}

/// Operands of one shape: enough weights that none stays in L2.
struct Data {
  Data(const Shape &s, bool bf16)
      : weightBytes(size_t(s.n) * s.k * 2),
        copies(int(std::min<size_t>(256, ((240u << 20) + weightBytes - 1) /
                                             weightBytes))),
        a(size_t(s.tokens) * s.k * 2), w(weightBytes * copies),
        bias(size_t(s.n) * 2), residual(size_t(s.tokens) * s.n * 2),
        out(size_t(s.tokens) * s.n * 2), counts(16) {
    static uint32_t seed = 1000;
    fillRandom(a.as<void>(), int64_t(s.tokens) * s.k, bf16, 1, seed++);
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
  Bench(const std::vector<const Variant *> &fit, bool bf16, const Shape &shape)
      : fit_(fit), bf16_(bf16), shape_(shape), data_(shape, bf16),
        library_(shape.tokens, shape.n, shape.k, bf16, data_.bias.as<void>()) {
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
    call.a = makeMap(data_.a.as<void>(), bf16_, shape_.tokens, shape_.k,
                     shape_.k, v.boxA);
    call.n = shape_.n;
    call.k = shape_.k;
    call.counts = data_.counts.as<int>();
    call.bias = data_.bias.as<void>();
    call.residual = data_.residual.as<void>();
    call.out = data_.out.as<void>();
    call.outStride = v.gated() ? shape_.n / 2 : shape_.n;
    call.residualStride = call.outStride;
    call.scale = call.shift = call.bias;
    prepare(v);
    return std::make_unique<Chain>(instances_, [&](int i, cudaStream_t s) {
      call.w = maps[i % data_.copies];
      launch(v, call, s, dependent);
      return true;
    });
  }
  std::unique_ptr<Chain> theirs(int algorithm) {
    return std::make_unique<Chain>(instances_, [&](int i, cudaStream_t s) {
      return library_.run(algorithm, data_.a.as<void>(), data_.weights(i),
                          data_.bias.as<void>(), data_.out.as<void>(), s);
    });
  }

  /// Every tile shape with epilogue `e` that holds such rows, fastest first.
  std::vector<Timed> screenOurs(Epilogue e) {
    std::vector<Timed> timed;
    for (const Variant *v : fit_) {
      bool holds = v->most == 0 ||
                   (shape_.n <= v->most && shape_.n > v->most - v->outputs);
      if (v->epilogue == e && holds)
        timed.push_back({v, screen(*ours(*v, false))});
    }
    std::sort(timed.begin(), timed.end(),
              [](const Timed &x, const Timed &y) { return x.us < y.us; });
    return timed;
  }
  /// {fastest algorithm or -1, its time, the first choice's time}
  void screenTheirs(int &best, float &firstTime) {
    best = -1;
    firstTime = 0;
    float bestTime = 0;
    for (int i = 0; i < library_.algorithms(); ++i) {
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
  const Variant *sibling(const Variant &v, Epilogue e) const {
    for (const Variant *other : fit_)
      if (other->config == v.config && other->epilogue == e)
        return other;
    return nullptr;
  }

private:
  std::vector<const Variant *> fit_;
  bool bf16_;
  Shape shape_;
  Data data_;
  Library library_;
  int instances_;
};

static void writeScreened(FILE *json, const std::vector<Bench::Timed> &list) {
  for (size_t i = 0; i < list.size(); ++i)
    std::fprintf(json, "%s\"%s\": %.3f", i ? ", " : "",
                 list[i].variant->config.c_str(), list[i].us);
}

/// One line of the table and one object of the file.
void timeShape(const std::vector<const Variant *> &fit, bool bf16,
               const Shape &s, FILE *json, bool &firstObject) {
  Bench bench(fit, bf16, s);
  std::vector<Bench::Timed> ours = bench.screenOurs(Epilogue::Bias);
  // Bias, residual and layer_norm in one launch.
  std::vector<Bench::Timed> rows = bench.screenOurs(Epilogue::NormLayer);
  int algorithm;
  float firstChoice;
  bench.screenTheirs(algorithm, firstChoice);
  if (ours.empty())
    return;

  std::vector<std::unique_ptr<Chain>> owned;
  std::vector<Chain *> chains;
  auto enter = [&](std::unique_ptr<Chain> chain) {
    chains.push_back(chain.get());
    owned.push_back(std::move(chain));
  };
  const Variant *top[2] = {ours[0].variant,
                           ours[std::min<size_t>(1, ours.size() - 1)].variant};
  enter(algorithm < 0 ? nullptr : bench.theirs(algorithm));
  enter(bench.ours(*top[0], false));
  enter(bench.ours(*top[1], false));
  enter(bench.ours(*top[0], true));
  enter(bench.ours(*top[1], true));
  for (Epilogue e : {Epilogue::GeluErf, Epilogue::Residual, Epilogue::Gated}) {
    const Variant *v = bench.sibling(*top[0], e);
    enter(v ? bench.ours(*v, false) : nullptr);
  }
  enter(rows.empty() ? nullptr : bench.ours(*rows[0].variant, false));
  enter(rows.empty() ? nullptr : bench.ours(*rows[0].variant, true));
  std::vector<float> us = race(chains);
  int winner = us[2] < us[1] ? 1 : 0;
  float best = us[1 + winner], dependent = us[3 + winner];
  double tflops = 2.0 * s.tokens * s.n * s.k / best * 1e-6;
  double peak = bf16 ? 773 : 728;
  std::printf(
      "%5s %5d %5dx%-5d %-12s %7.2f %6.1f %5.1f%% %7.2f %7.2f %7.2f "
      "%5.3f  %6.2f %6.2f %6.2f  norm %s %.2f, pdl %.2f  %s %.2f, %s %.2f\n",
      s.model, s.tokens, s.n, s.k, top[winner]->config.c_str(), best, tflops,
      100 * tflops / peak, dependent, us[0], firstChoice, us[0] / best, us[5],
      us[6], us[7], rows.empty() ? "-" : rows[0].variant->config.c_str(), us[8],
      us[9], top[1 - winner]->config.c_str(), us[2 - winner],
      ours[std::min<size_t>(2, ours.size() - 1)].variant->config.c_str(),
      ours[std::min<size_t>(2, ours.size() - 1)].us);
  std::fflush(stdout);
  if (!json)
    return;
  std::fprintf(json,
               "%s\n {\"model\": \"%s\", \"dtype\": \"%s\", \"tokens\": %d, "
               "\"n\": %d, \"k\": %d, \"best\": \"%s\", \"us\": %.3f, "
               "\"us_dependent\": %.3f, \"tflops\": %.1f, \"cublaslt_us\": "
               "%.3f, \"cublaslt_first_us\": %.3f, \"gelu_erf_us\": %.3f, "
               "\"residual_us\": %.3f, \"gated_us\": %.3f, \"norm_us\": %.3f, "
               "\"norm_us_dependent\": %.3f, \"screened\": {",
               firstObject ? "" : ",", s.model, bf16 ? "bf16" : "f16", s.tokens,
               s.n, s.k, top[winner]->config.c_str(), best, dependent, tflops,
               us[0], firstChoice, us[5], us[6], us[7], us[8], us[9]);
  writeScreened(json, ours);
  std::fprintf(json, "}, \"screened_norm\": {");
  writeScreened(json, rows);
  std::fprintf(json, "}}");
  firstObject = false;
}

} // namespace

void gemmtest::timeAll(const std::vector<const Variant *> &fit, bool bf16,
                       Shapes which, const std::string &jsonPath) {
  FILE *json = jsonPath.empty() ? nullptr : std::fopen(jsonPath.c_str(), "w");
  if (json)
    std::fprintf(json, "[");
  bool firstObject = true;
  std::printf("CTAs at once:");
  for (const Variant *v : fit)
    if (v->epilogue == Epilogue::Bias)
      std::printf(" %s %d", v->config.c_str(), prepare(*v));
  std::printf(
      "\n%s, us a product; peak%% of %d TFLOP/s; pdl = ours launched "
      "dependent; "
      "lt = cuBLASLt best of all, lt0 = its first choice; ratio = lt / ours;\n"
      "erf, resid, gated = the same tile with that epilogue; then the next "
      "tiles\n%5s %5s %11s %-12s %7s %6s %6s %7s %7s %7s %5s  %6s %6s %6s\n",
      bf16 ? "bf16" : "fp16", bf16 ? 773 : 728, "model", "rows", "n x k",
      "tile", "us", "TF/s", "peak", "pdl", "lt", "lt0", "ratio", "erf", "resid",
      "gated");
  for (const Shape &s : makeShapes(which))
    timeShape(fit, bf16, s, json, firstObject);
  if (json) {
    std::fprintf(json, "\n]\n");
    std::fclose(json);
  }
}
