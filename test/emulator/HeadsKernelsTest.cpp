//===- HeadsKernelsTest.cpp - q-k-v with rope and append, emulated --------===//
//
// Sequences of a batch begin at any position, in the middle of a page or at its
// edge; their pages lie anywhere. Every output, key and value is compared with
// sums and turns in double; what lies between and behind them must be NaN
// still.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/Check.h"
#include "test/gpu/gemm/Expected.h"
#include "test/gpu/gemm/HeadsKernels.cuh"

#include <numeric>

using namespace check;
namespace gemm = ft::gemm;
using gemm::HeadColumns;
using gemmtest::Operands;
using gemmtest::Sum;

namespace {

/// New tokens and cached ones of each sequence.
struct Sequences {
  std::vector<int> tokens, cached;
  int k, gap; // of the product; behind a row of q
  int rows() const { return std::accumulate(tokens.begin(), tokens.end(), 0); }
};

template <typename T, int heads, int kvHeads, int size, int page, bool bias_>
struct Shape {
  using Type = T;
  using Epilogue = headstest::Epilogue<T, heads, kvHeads, size, page, bias_>;
  static constexpr int kHeads = heads, kKvHeads = kvHeads, kSize = size,
                       kPage = page, kQueries = heads * size,
                       kKeys = kvHeads * size, kColumns = kQueries + 2 * kKeys;
  static constexpr bool kBias = bias_;
};

template <typename S> struct Batch {
  using T = typename S::Type;
  const Sequences &c;
  int rows, bound, columns, pages;
  int64_t outStride;
  Array<T> a, w, bias;
  Array<int> counts, positions, sequences, pageTable;
  Array<float> table;
  Array<T> out, keys, values;

  explicit Batch(const Sequences &s)
      : c(s), rows(s.rows()), bound(rows + 16),
        columns(longest(s) / S::kPage + 1),
        pages(columns * int(s.tokens.size()) + 3),
        outStride(S::kQueries + s.gap), a(size_t(bound) * s.k),
        w(size_t(S::kColumns) * s.k), bias(S::kColumns), counts(1),
        positions(bound), sequences(bound),
        pageTable(size_t(columns) * s.tokens.size()),
        table(size_t(longest(s) + 1) * S::kSize), out(bound * outStride),
        keys(size_t(pages) * S::kPage * S::kKeys), values(keys.host.size()) {
    randomise(w, 1.5f / std::sqrt(float(s.k)));
    randomise(bias, 0.5f);
    poison(a);
    for (int i = 0; i < rows * s.k; ++i)
      store(a.host[i], normal());
    a.up();
    counts.host[0] = rows;
    counts.up();
    // What no row has leads nowhere.
    std::fill(positions.host.begin(), positions.host.end(), 1 << 28);
    std::fill(sequences.host.begin(), sequences.host.end(), 1 << 28);
    for (int row = 0, q = 0; q < int(s.tokens.size()); ++q)
      for (int t = 0; t < s.tokens[q]; ++t, ++row) {
        positions.host[row] = s.cached[q] + t;
        sequences.host[row] = q;
      }
    positions.up(), sequences.up();
    std::vector<int> all(pages);
    std::iota(all.begin(), all.end(), 0);
    std::shuffle(all.begin(), all.end(), generator);
    std::copy_n(all.begin(), pageTable.host.size(), pageTable.host.begin());
    pageTable.up();
    for (size_t i = 0; i < table.host.size(); ++i) {
      double angle =
          double(i / S::kSize) * std::pow(0.3, 1 + i % (S::kSize / 2));
      table.host[i] = float(int(i % S::kSize) < S::kSize / 2 ? std::cos(angle)
                                                             : std::sin(angle));
    }
    table.up();
  }
  static int longest(const Sequences &s) {
    int most = 0;
    for (size_t q = 0; q < s.tokens.size(); ++q)
      most = std::max(most, s.tokens[q] + s.cached[q]);
    return most;
  }
  Operands operands() const {
    auto bits = [](const Array<T> &array) {
      return reinterpret_cast<const uint16_t *>(array.host.data());
    };
    return {bits(a), bits(w),     bits(bias), nullptr,
            nullptr, nullptr,     c.k,        0,
            rows,    S::kColumns, c.k,        std::is_same_v<T, bf16>};
  }
  typename S::Epilogue epilogue() const {
    return {bias.device,      out.device,   outStride,        keys.device,
            values.device,    table.device, positions.device, sequences.device,
            pageTable.device, columns};
  }
};

/// What column `n` of row `m` becomes, as if nothing were rounded.
template <typename S>
Sum expected(const Batch<S> &batch, const Operands &o, bool interleaved, int m,
             int n) {
  auto sum = [&](int column) {
    Sum y = gemmtest::sumOf(o, m, column);
    if (S::kBias)
      y.value += hostFloat(batch.bias.host[column]);
    y.error += std::fabs(y.value) * 1.2e-7;
    return y;
  };
  if (n >= S::kQueries + S::kKeys)
    return sum(n);
  int half = S::kSize / 2, j = n % S::kSize;
  bool second = interleaved ? j % 2 : j >= half;
  int angle = interleaved ? j / 2 : j % half;
  int other = interleaved ? n ^ 1 : second ? n - half : n + half;
  const float *row =
      batch.table.host.data() + size_t(batch.positions.host[m]) * S::kSize;
  double c = row[angle], s = second ? row[half + angle] : -row[half + angle];
  Sum x = sum(n), y = sum(other);
  return {x.value * c + y.value * s,
          x.error * std::fabs(c) + y.error * std::fabs(s) +
              2.4e-7 * (std::fabs(x.value) + std::fabs(y.value))};
}

/// Counts what is wrong in `got`, whose elements from at(m) on are `columns` of
/// row m, the product's from `first` on.
template <typename S, typename At>
void compareRows(const Batch<S> &batch, Array<typename S::Type> &got,
                 bool interleaved, int first, int columns, At &&at,
                 const std::string &name) {
  got.down();
  Operands o = batch.operands();
  int wrong = 0, touched = 0;
  std::string detail;
  std::vector<bool> seen(got.host.size());
  for (int m = 0; m < batch.rows; ++m)
    for (int j = 0; j < columns; ++j) {
      int64_t i = at(m) + j;
      seen[size_t(i)] = true;
      Sum want = expected(batch, o, interleaved, m, first + j);
      double value = hostFloat(got.host[size_t(i)]);
      if (std::fabs(value - want.value) <=
          gemmtest::allowance(want, o.bf16, false))
        continue;
      if (wrong++ == 0)
        detail = "[" + std::to_string(m) + ", " + std::to_string(j) + "] is " +
                 std::to_string(value) + ", expected " +
                 std::to_string(want.value);
    }
  for (size_t i = 0; i < seen.size(); ++i)
    touched += !seen[i] && hostFloat(got.host[i]) == hostFloat(got.host[i]);
  EXPECT_EQ(wrong, 0) << name << ": " << detail;
  EXPECT_EQ(touched, 0) << name << ": written elsewhere";
}

template <typename C, typename S>
void runCase(Kernels &kernels, const std::string &instance,
             const Sequences &c) {
  Batch<S> batch(c);
  bool isBf16 = std::is_same_v<typename S::Type, bf16>;
  ft::TensorMap a, w;
  encodeMap(&a, isBf16, batch.a.device,
            {{c.k, 0, 64}, {batch.bound, c.k * 2, C::kBoxA}});
  std::vector<MapDimension> rows{{S::kColumns, c.k * 2, C::kBoxW}};
  if (!C::Columns::kInOrder)
    rows = {{S::kSize / 2, c.k * 2, C::kBoxW},
            {2 * S::kColumns / S::kSize, S::kSize * c.k, 2}};
  rows.insert(rows.begin(), {c.k, 0, 64});
  encodeMap(&w, isBf16, batch.w.device, rows);
  for (uint32_t clusters : {2, 3}) {
    for (auto *array : {&batch.out, &batch.keys, &batch.values})
      poison(*array);
    kernels.options.seed = clusters + batch.rows;
    kernels.launch(instance, {C::kCluster * clusters, 1, 1},
                   {uint32_t(C::kThreads), 1, 1}, C::kSharedBytes, a, w,
                   S::kColumns, c.k, batch.counts.device, 0, batch.epilogue());
    auto cell = [&](int m) {
      int at = batch.positions.host[m];
      int page =
          batch.pageTable
              .host[batch.sequences.host[m] * batch.columns + at / S::kPage];
      return (int64_t(page) * S::kPage + at % S::kPage) * S::kKeys;
    };
    constexpr bool interleaved = C::Columns::kInterleaved;
    compareRows(
        batch, batch.out, interleaved, 0, S::kQueries,
        [&](int m) { return m * batch.outStride; }, instance + ", q");
    compareRows(batch, batch.keys, interleaved, S::kQueries, S::kKeys, cell,
                instance + ", keys");
    compareRows(batch, batch.values, interleaved, S::kQueries + S::kKeys,
                S::kKeys, cell, instance + ", values");
  }
}

template <typename C, typename S> void runShape() {
  std::string instance = "headstest::kernel<" + nameOf<C>() + ", " +
                         nameOf<typename S::Epilogue>() + ">";
  Kernels kernels("gemm/HeadsKernels.cuh", {instance});
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  int page = S::kPage;
  const std::vector<Sequences> cases{
      {{70}, {0}, 72, 0}, // a prompt
      {{1, 66, 1, page},
       {5 * page, 3, 0, 1},
       136,
       8}, // begun and ended anywhere
      {{page - 1, 130, page + 1}, {page + 1, page - 1, 2 * page}, 64, 0},
      {{0, 300}, {7, 2 * page + 5}, 40, 8}}; // several tiles a CTA
  for (const Sequences &c : cases)
    runCase<C, S>(kernels, instance, c);
}

template <int BM, int BN, int stages, int warpgroups, typename Columns,
          bool pingPong = false, int CM = 1, int CN = 1, int splits = 1,
          typename T = bf16>
using Config = gemm::Config<T, false, BM, BN, stages, warpgroups, pingPong, CM,
                            CN, 1, splits, false, Columns>;

// 512 rows of Llama-3.2-1B: three heads are two tiles.
TEST(HeadsKernelsTest, HalvesOf16) {
  runShape<Config<128, 96, 7, 2, HeadColumns<64, 16, false>>,
           Shape<bf16, 4, 1, 64, 16, false>>();
}
TEST(HeadsKernelsTest, SharedRows) {
  runShape<Config<128, 96, 7, 2, HeadColumns<64, 16, false>, false, 1, 2>,
           Shape<bf16, 5, 2, 64, 64, true>>();
}
// And of 8B: a tile is a head and a half.
TEST(HeadsKernelsTest, HalvesOf32) {
  runShape<Config<128, 192, 5, 2, HeadColumns<128, 32, false>>,
           Shape<bf16, 3, 1, 128, 16, false>>();
}
// Nothing but whole heads, in the order of the weight.
TEST(HeadsKernelsTest, InOrder) {
  runShape<Config<128, 128, 6, 2, HeadColumns<64, 32, false>, false, 2, 1>,
           Shape<bf16, 3, 1, 64, 48, true>>();
}
TEST(HeadsKernelsTest, PingPong) {
  runShape<Config<128, 192, 5, 2, HeadColumns<128, 32, false>, true>,
           Shape<bf16, 3, 2, 128, 16, true>>();
}
TEST(HeadsKernelsTest, PingPongHalvesOf16) {
  runShape<Config<128, 160, 5, 2, HeadColumns<32, 16, false>, true>,
           Shape<bf16, 7, 2, 32, 16, false>>();
}
TEST(HeadsKernelsTest, ThreeWarpgroups) {
  runShape<Config<192, 128, 5, 3, HeadColumns<256, 32, false>>,
           Shape<bf16, 2, 1, 256, 16, true>>();
}
// Nothing is held beside the sums.
TEST(HeadsKernelsTest, WideTiles) {
  runShape<Config<128, 256, 4, 2, HeadColumns<96, 16, false>, false, 1, 1, 1,
                  ft::f16>,
           Shape<ft::f16, 4, 1, 96, 32, false>>();
}
TEST(HeadsKernelsTest, SharedK) {
  runShape<Config<64, 128, 8, 1, HeadColumns<64, 32, false>, false, 1, 1, 2>,
           Shape<bf16, 2, 2, 64, 16, true>>();
  runShape<Config<64, 64, 12, 1, HeadColumns<64, 16, true>, false, 1, 1, 2>,
           Shape<bf16, 2, 2, 64, 16, true>>();
}
// Stages of two boxes, of which each has a run's copies.
TEST(HeadsKernelsTest, TwoBoxes) {
  runShape<gemm::Config<bf16, false, 64, 96, 5, 1, false, 1, 2, 1, 1, false,
                        HeadColumns<64, 16, false>, false, 2>,
           Shape<bf16, 4, 1, 64, 16, true>>();
}
TEST(HeadsKernelsTest, Interleaved) {
  runShape<Config<128, 96, 7, 2, HeadColumns<64, 16, true>>,
           Shape<bf16, 4, 1, 64, 16, true>>();
}
TEST(HeadsKernelsTest, InterleavedPingPong) {
  runShape<Config<128, 160, 5, 2, HeadColumns<128, 16, true>, true, 2, 1>,
           Shape<bf16, 2, 1, 128, 16, false>>();
}

} // namespace
