//===- heads_time.cu - q-k-v of a prompt with rope and append -------------===//
//
// A norm, the product and what follows it, bf16, one sequence: by tile shapes
// that rope and append themselves, and by the library's algorithms and a kernel
// of rows. A chain of dependent launches with rotated weights; every shape's q,
// keys and values are compared with the library's once.
//
//   heads_time [8b|1b] [ROWS ...]
//
//===----------------------------------------------------------------------===//
#include "Check.h"
#include "CublasLt.h"
#include "RowKernels.cuh"
#include "gemm/HeadsKernels.cuh"

#include <memory>

using namespace check;

namespace {

constexpr int kPage = 64;

template <int hidden_, int heads, int kvHeads, int size> struct Model {
  using E = headstest::Epilogue<bf16, heads, kvHeads, size, kPage, false>;
  static constexpr int kHidden = hidden_, kSize = size,
                       kColumns = (heads + 2 * kvHeads) * size;
};

/// What a row program does: a CTA a row, eight pairs or 16 values a thread.
template <typename E, int size>
__global__ void ropeKernel(const bf16 *x, const E e) {
  constexpr int half = size / 2, columns = E::kQueries + 2 * E::kKeys;
  launchDependents();
  int row = blockIdx.x, position = e.positions[row];
  i64 cell = e.pageTable[e.sequences[row] * e.pageColumns + position / kPage] *
                 i64(kPage) +
             position % kPage;
  dependencyWait();
  int pair = threadIdx.x * 8, n = pair / half * size + pair % half;
  const float *angle = e.table + i64(position) * size + pair % half;
  float a[8], b[8];
  unpackEight<bf16>(load16(x + i64(row) * columns + n), a);
  unpackEight<bf16>(load16(x + i64(row) * columns + n + half), b);
  bool query = n < E::kQueries, key = n < E::kQueries + E::kKeys;
  for (int i = 0; key && i < 8; ++i) {
    float turned = a[i] * angle[i] - b[i] * angle[half + i];
    b[i] = b[i] * angle[i] + a[i] * angle[half + i];
    a[i] = turned;
  }
  bf16 *to = query ? e.out + row * e.outStride + n
             : key ? e.keys + cell * E::kKeys + n - E::kQueries
                   : e.values + cell * E::kKeys + n - E::kQueries - E::kKeys;
  *reinterpret_cast<Vec16 *>(to) = packEight<bf16>(a);
  *reinterpret_cast<Vec16 *>(to + half) = packEight<bf16>(b);
}

/// A tile shape, or one of the library's algorithms.
struct Way {
  std::string name;
  const void *function = nullptr;
  int boxA = 0, boxW = 0, threads = 0, shared = 0, grid = 0, algorithm = -1;
  bool inOrder = true;
  double us = 0;
};

template <typename M, int BM, int BN, int stages, int warpgroups, int run,
          bool pingPong = false, int CN = 1>
Way tile(const std::string &name) {
  using C = ft::gemm::Config<bf16, false, BM, BN, stages, warpgroups, pingPong,
                             1, CN, 1, 1, false,
                             ft::gemm::HeadColumns<M::kSize, run, false>>;
  auto *kernel = &headstest::kernel<C, typename M::E>;
  preferShared(kernel, C::kSharedBytes);
  return {name,
          reinterpret_cast<const void *>(kernel),
          C::kBoxA,
          C::kBoxW,
          C::kThreads,
          C::kSharedBytes,
          132 / CN * CN,
          -1,
          C::Columns::kInOrder};
}

template <typename M> class HeadsChain {
  using E = typename M::E;

public:
  HeadsChain(int rows, CublasLt &library)
      : rows_(rows), h_(size_t(rows) * M::kHidden), x_(h_.host.size()),
        w_(size_t(kSets) * M::kColumns * M::kHidden), scale_(M::kHidden),
        qkv_(size_t(rows) * M::kColumns), q_(size_t(rows) * E::kQueries),
        keys_(size_t(rows + kPage) * E::kKeys), values_(keys_.host.size()),
        table_(size_t(rows) * M::kSize), count_(1), positions_(rows),
        sequences_(rows), pages_(rows / kPage + 1) {
    for (auto *a : {&h_, &w_, &scale_})
      fillKernel<<<1024, 256>>>(a->device, a->host.size());
    count_.host[0] = rows;
    for (int r = 0; r < rows; ++r)
      positions_.host[r] = r;
    for (size_t i = 0; i < pages_.host.size(); ++i)
      pages_.host[i] = int(pages_.host.size() - 1 - i);
    for (size_t i = 0; i < table_.host.size(); ++i) {
      int j = int(i % M::kSize), half = M::kSize / 2;
      double angle =
          double(i / M::kSize) * std::pow(1e4, -double(j % half) / half);
      table_.host[i] = float(j < half ? std::cos(angle) : std::sin(angle));
    }
    count_.up(), positions_.up(), sequences_.up(), pages_.up(), table_.up();
    cuda(cudaFuncSetAttribute(rowNormKernel,
                              cudaFuncAttributePreferredSharedMemoryCarveout,
                              cudaSharedmemCarveoutMaxShared),
         "carveout");
    cuda(cudaFuncSetAttribute(ropeKernel<E, M::kSize>,
                              cudaFuncAttributePreferredSharedMemoryCarveout,
                              cudaSharedmemCarveoutMaxShared),
         "carveout");
    if (library.library)
      product_ = std::make_unique<LibraryProduct>(library, rows, M::kColumns,
                                                  M::kHidden, M::kHidden);
  }
  int algorithms() const { return product_ ? product_->algorithms() : 0; }
  /// Of a norm and the way; us.
  double time(const Way &way) {
    return check::time(24, [&](int i, cudaStream_t stream) {
      run(way, i % kSets, i > 0, stream);
    });
  }
  /// q, keys and values.
  std::vector<bf16> results(const Way &way) {
    for (auto *a : {&q_, &keys_, &values_})
      cuda(cudaMemset(a->device, 0, a->host.size() * 2), "zeros");
    run(way, 0, false, nullptr);
    synchronize(way.name.c_str());
    std::vector<bf16> all;
    for (auto *a : {&q_, &keys_, &values_}) {
      a->down();
      all.insert(all.end(), a->host.begin(), a->host.end());
    }
    return all;
  }

private:
  static constexpr int kSets = 8;

  E epilogue() {
    return {nullptr,           q_.device,
            E::kQueries,       keys_.device,
            values_.device,    table_.device,
            positions_.device, sequences_.device,
            pages_.device,     int(pages_.host.size())};
  }
  void run(const Way &way, int set, bool dependent, cudaStream_t stream) {
    DependentLaunch norm(rows_, M::kHidden / 8, 0, stream, dependent);
    cuda(cudaLaunchKernelEx(&norm.config, rowNormKernel,
                            (const bf16 *)h_.device, x_.device,
                            (const bf16 *)scale_.device),
         "norm");
    const bf16 *w = w_.device + size_t(set) * M::kColumns * M::kHidden;
    if (way.function)
      return launchTiles(way, w, stream);
    product_->chosen = way.algorithm;
    product_->run(x_.device, w, nullptr, qkv_.device, stream);
    DependentLaunch rope(rows_, M::kColumns / 16, 0, stream, true);
    cuda(cudaLaunchKernelEx(&rope.config, ropeKernel<E, M::kSize>,
                            (const bf16 *)qkv_.device, epilogue()),
         "rope");
  }
  void launchTiles(const Way &way, const bf16 *weight, cudaStream_t stream) {
    ft::TensorMap a, w;
    encodeMap(&a, true, x_.device,
              {{M::kHidden, 0, 64}, {rows_, M::kHidden * 2, way.boxA}});
    std::vector<MapDimension> runs{{M::kColumns, M::kHidden * 2, way.boxW}};
    if (!way.inOrder)
      runs = {{M::kSize / 2, M::kHidden * 2, way.boxW},
              {2 * M::kColumns / M::kSize, M::kSize * M::kHidden, 2}};
    runs.insert(runs.begin(), {M::kHidden, 0, 64});
    encodeMap(&w, true, weight, runs);
    int n = M::kColumns, k = M::kHidden, axis = 0;
    const int *counts = count_.device;
    E e = epilogue();
    void *arguments[] = {&a, &w, &n, &k, &counts, &axis, &e};
    DependentLaunch launch(way.grid, way.threads, way.shared, stream, true);
    cuda(cudaLaunchKernelExC(&launch.config, way.function, arguments), "tile");
  }

  int rows_;
  Array<bf16> h_, x_, w_, scale_, qkv_, q_, keys_, values_;
  Array<float> table_;
  Array<int> count_, positions_, sequences_, pages_;
  std::unique_ptr<LibraryProduct> product_;
};

double difference(const std::vector<bf16> &x, const std::vector<bf16> &y) {
  double off = 0, norm = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    double u = hostFloat(x[i]), v = hostFloat(y[i]);
    off += (u - v) * (u - v), norm += v * v;
  }
  return std::sqrt(off / norm);
}

template <typename M> std::vector<Way> tiles() {
  constexpr int wide = M::kSize % 64 == 0 ? 32 : 16;
  return {tile<M, 128, 96, 7, 2, 16>("128x96"),
          tile<M, 128, 96, 7, 2, 16, false, 2>("128x96_1x2"),
          tile<M, 128, 128, 6, 2, wide>("128x128"),
          tile<M, 128, 128, 6, 2, wide, false, 2>("128x128_1x2"),
          tile<M, 128, 160, 5, 2, 16>("128x160"),
          tile<M, 128, 160, 5, 2, 16, true>("128x160p"),
          tile<M, 128, 192, 5, 2, wide>("128x192"),
          tile<M, 128, 192, 5, 2, 16>("128x192, runs of 16"),
          tile<M, 128, 192, 5, 2, wide, true>("128x192p"),
          tile<M, 192, 128, 5, 3, wide>("192x128"),
          tile<M, 128, 256, 4, 2, wide>("128x256")};
}

template <typename M> void timeModel(const char *name, int rows, CublasLt &l) {
  HeadsChain<M> chain(rows, l);
  std::vector<Way> ways = tiles<M>();
  for (int i = 0; i < chain.algorithms(); ++i) {
    ways.push_back({"library " + std::to_string(i) + " and rows"});
    ways.back().algorithm = i;
  }
  std::vector<bf16> want = chain.results(ways.back());
  for (Way &way : ways) {
    double error = difference(chain.results(way), want);
    // Two bf16 roundings of one, one of the other.
    report(error < 8e-3, std::string(name) + " " + way.name, error, 8e-3);
  }
  for (int turn = 0; turn < 3; ++turn)
    for (Way &way : ways) {
      double us = chain.time(way);
      way.us = turn == 0 ? us : std::min(way.us, us);
    }
  std::stable_sort(ways.begin(), ways.end(),
                   [](const Way &a, const Way &b) { return a.us < b.us; });
  for (const Way &way : ways)
    std::printf("%s %d | %-22s %8.2f us\n", name, rows, way.name.c_str(),
                way.us);
}

} // namespace

int main(int argc, char **argv) {
  std::string model;
  std::vector<int> rows;
  for (int i = 1; i < argc; ++i)
    if (std::string arg = argv[i]; arg == "8b" || arg == "1b")
      model = arg;
    else if (std::atoi(argv[i]) > 0)
      rows.push_back(std::atoi(argv[i]));
  if (rows.empty())
    rows = {512, 1024, 2048};
  CublasLt library;
  if (!library.library)
    std::printf("no libcublasLt.so: nothing to compare with\n");
  for (int count : rows) {
    if (model != "8b")
      timeModel<Model<2048, 32, 8, 64>>("1b", count, library);
    if (model != "1b")
      timeModel<Model<4096, 32, 8, 128>>("8b", count, library);
  }
  return finish();
}
