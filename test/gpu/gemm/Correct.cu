//===- Correct.cu - a kernel against sums in double -----------------------===//
//
// Every case runs twice into outputs poisoned with NaN. Rows of `a` past the
// true count and the gaps between its rows hold NaN too. The allowed error of
// an output is derived (Expected.h).
//
//===----------------------------------------------------------------------===//
#include "Expected.h"
#include "Harness.h"
#include "Share.h"

#include <array>
#include <cmath>
#include <map>
#include <memory>

using namespace gemmtest;

namespace {

/// rows: true count; bound: rows of `a` that exist; gaps in elements.
struct Case {
  int rows, bound, outputs, k, gapA, gapOut;
};

constexpr Case kCases[] = {
    {1, 16, 768, 768, 0, 0},       {63, 64, 128, 64, 0, 0},
    {64, 64, 96, 8, 8, 0},         {65, 80, 771, 72, 0, 0},
    {197, 208, 768, 768, 0, 8},    {197, 208, 768, 3072, 64, 0},
    {300, 512, 257, 200, 8, 3},    {129, 144, 2304, 768, 0, 1},
    {1000, 1024, 130, 448, 0, 2},  {0, 16, 96, 128, 0, 0},
    {2100, 2304, 3080, 456, 0, 0}, {513, 528, 6001, 1032, 24, 1},
    {4000, 4096, 1544, 776, 0, 0}, {7, 4096, 3072, 768, 0, 0},
};

/// The same for a kernel that normalizes rows of `most` outputs at most, in
/// CTAs of `bn` columns: whole rows, ragged ones, one column in the last CTA,
/// none in it.
std::vector<Case> normCases(const Variant &v) {
  int most = v.most, bn = v.outputs;
  std::vector<Case> cases{{1, 16, most, 768, 0, 0},
                          {65, 80, most, 3072, 8, 8},
                          {197, 208, most - 1, 72, 64, 3},
                          {300, 512, most - bn / 2, 448, 0, 2},
                          {0, 16, most, 128, 0, 0},
                          {2100, 2304, most, 256, 0, 0},
                          {513, 528, most - bn + 1, 1032, 24, 1}};
  if (most > bn)
    cases.push_back({129, 144, most - bn, 776, 0, 0});
  return cases;
}

struct Verdict {
  unsigned long long wrong;   // outputs
  unsigned long long touched; // elements that should have kept the poison
  unsigned long long differ;  // bytes, between two runs
  float worst;                // error over allowance
  int row, column;            // of some wrong output
  float got, expected;
};

} // namespace

/// result[n, m] = {sum, allowed error of the fp32 sum} for n of all rows of w.
static __global__ void referenceKernel(Operands o, int n, Sum *result) {
  int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= int64_t(o.rows) * n)
    return;
  result[i] = sumOf(o, int(i % o.rows), int(i / o.rows));
}

static __global__ void rowKernel(Operands o, Epilogue e, double eps,
                                 const Sum *reference, RowNorm *rows) {
  int m = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (m < o.rows)
    rows[m] = rowNorm(o, e, eps, reference, m);
}

static __device__ bool isPoison(const void *out, int64_t i, bool f32) {
  return f32 ? static_cast<const uint32_t *>(out)[i] == 0xffffffffu
             : static_cast<const uint16_t *>(out)[i] == 0xffffu;
}

static __global__ void compareKernel(Operands o, Epilogue e,
                                     const Sum *reference, const RowNorm *rows,
                                     const void *out, int64_t outStride,
                                     int64_t allRows, Verdict *verdict) {
  int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= allRows * outStride)
    return;
  bool f32 = e == Epilogue::F32;
  int m = int(i / outStride), j = int(i % outStride);
  if (m >= o.rows || j >= o.outputs) {
    if (!isPoison(out, i, f32))
      atomicAdd(&verdict->touched, 1ull);
    return;
  }
  Sum want = expected(o, e, reference, rows, m, j);
  double got = f32 ? double(static_cast<const float *>(out)[i])
                   : toDouble(static_cast<const uint16_t *>(out)[i], o.bf16);
  double allowed = allowance(want, o.bf16, f32);
  double ratio = fabs(got - want.value) / allowed;
  if (!(ratio <= 1)) {
    if (atomicAdd(&verdict->wrong, 1ull) == 0) {
      verdict->row = m;
      verdict->column = j;
      verdict->got = float(got);
      verdict->expected = float(want.value);
    }
    ratio = isnan(ratio) ? 1e30 : fmin(ratio, 1e30);
  }
  atomicMax(reinterpret_cast<int *>(&verdict->worst),
            __float_as_int(float(ratio)));
}

static __global__ void differKernel(const uint16_t *x, const uint16_t *y,
                                    int64_t count, Verdict *verdict) {
  int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count && x[i] != y[i])
    atomicAdd(&verdict->differ, 2ull);
}

static bool report(const Variant &v, const Case &c, const Verdict &verdict) {
  if (verdict.wrong == 0 && verdict.touched == 0 && verdict.differ == 0)
    return true;
  std::printf("  WRONG %s: rows %d of %d, outputs %d, k %d: %llu wrong (worst "
              "%.3g x allowed, [%d, %d] is %g, expected %g), %llu touched, two "
              "runs differ in %llu bytes\n",
              v.name().c_str(), c.rows, c.bound, c.outputs, c.k, verdict.wrong,
              verdict.worst, verdict.row, verdict.column, verdict.got,
              verdict.expected, verdict.touched, verdict.differ);
  return false;
}

namespace {

/// Operands and sums of a case, made once for all variants; `n` rows of w.
struct Prepared {
  Prepared(const Case &c, int n, bool bf16, uint32_t seed)
      : n(n), aStride(c.k + c.gapA), outStride(c.outputs + c.gapOut),
        a(c.bound * aStride * 2), w(int64_t(n) * c.k * 2), bias(n * 2),
        residual(c.bound * outStride * 2), scale(n * 2), shift(n * 2),
        counts(16), rows(sizeof(RowNorm) * (c.rows + 1)),
        reference(sizeof(Sum) * (int64_t(c.rows) * n + 1)),
        verdict(sizeof(Verdict)), first(c.bound * outStride * 4),
        second(c.bound * outStride * 4), sum(c.bound * outStride * 2) {
    for (Memory *m : {&a, &w, &bias, &residual, &scale, &shift})
      m->fill(0xff);
    fillRandomRows(a.as<void>(), c.rows, c.k, aStride, bf16, 1, seed);
    fillRandom(w.as<void>(), int64_t(n) * c.k, bf16,
               1.5f / std::sqrt(float(c.k)), seed + 1);
    fillRandom(bias.as<void>(), n, bf16, 0.5f, seed + 2);
    fillRandomRows(residual.as<void>(), c.rows, c.outputs, outStride, bf16, 1,
                   seed + 3);
    fillRandom(scale.as<void>(), n, bf16, 1, seed + 4);
    fillRandom(shift.as<void>(), n, bf16, 0.5f, seed + 5);
    FT_CHECK(cudaMemcpy(counts.as<void>(), &c.rows, 4, cudaMemcpyHostToDevice));
    operands = {a.as<uint16_t>(),
                w.as<uint16_t>(),
                bias.as<uint16_t>(),
                residual.as<uint16_t>(),
                scale.as<uint16_t>(),
                shift.as<uint16_t>(),
                aStride,
                outStride,
                c.rows,
                c.outputs,
                c.k,
                bf16};
    if (c.rows > 0)
      referenceKernel<<<int((int64_t(c.rows) * n + 127) / 128), 128>>>(
          operands, n, reference.as<Sum>());
    FT_CHECK(cudaGetLastError());
  }
  int n;
  int64_t aStride, outStride;
  Memory a, w, bias, residual, scale, shift, counts, rows, reference, verdict;
  Memory first, second, sum;
  Operands operands;
};

} // namespace

static Call makeCall(const Variant &v, const Case &c, const Prepared &p) {
  Call call;
  call.a = makeMap(p.a.as<void>(), v.bf16, c.bound, c.k, p.aStride, v.boxA);
  call.w = makeMap(p.w.as<void>(), v.bf16, p.n, c.k, c.k, v.boxW);
  call.n = p.n;
  call.k = c.k;
  call.counts = p.counts.as<int>();
  call.bias = p.bias.as<void>();
  call.residual = p.residual.as<void>();
  call.residualStride = call.outStride = p.outStride;
  call.scale = p.scale.as<void>();
  call.shift = p.shift.as<void>();
  call.sum = p.sum.as<void>();
  return call;
}

/// Counts what is wrong with `out`, of epilogue `e`, in p.verdict.
static void compare(Epilogue e, const Case &c, const Prepared &p,
                    const Memory &out) {
  int64_t all = c.bound * p.outStride;
  compareKernel<<<int((all + 255) / 256), 256>>>(
      p.operands, e, p.reference.as<Sum>(), p.rows.as<RowNorm>(),
      out.as<void>(), p.outStride, c.bound, p.verdict.as<Verdict>());
}

static bool runCase(const Variant &v, const Case &c, Prepared &p) {
  Call call = makeCall(v, c, p);
  if (v.normed() && c.rows > 0)
    rowKernel<<<(c.rows + 127) / 128, 128>>>(p.operands, v.epilogue, call.eps,
                                             p.reference.as<Sum>(),
                                             p.rows.as<RowNorm>());
  p.sum.fill(0xff);
  for (Memory *out : {&p.first, &p.second}) {
    out->fill(0xff);
    call.out = out->as<void>();
    launch(v, call, 0, false);
    launch(v, call, 0, true); // over itself: same bits
  }
  p.verdict.fill(0);
  compare(v.epilogue, c, p, p.first);
  if (v.epilogue == Epilogue::NormRms)
    compare(Epilogue::Residual, c, p, p.sum);
  int64_t all = c.bound * p.outStride;
  differKernel<<<int((2 * all + 255) / 256), 256>>>(
      p.first.as<uint16_t>(), p.second.as<uint16_t>(), 2 * all,
      p.verdict.as<Verdict>());
  Verdict result;
  FT_CHECK(cudaMemcpy(&result, p.verdict.as<Verdict>(), sizeof result,
                      cudaMemcpyDeviceToHost));
  return report(v, c, result);
}

bool gemmtest::checkVariant(const Variant &v) {
  using Key = std::array<int, 7>;
  static std::map<Key, std::unique_ptr<Prepared>> known;
  prepare(v);
  bool right = true;
  std::vector<Case> cases(std::begin(kCases), std::end(kCases));
  if (v.normed())
    cases = normCases(v);
  for (const Case &c : cases) {
    if (check::isLeftOut())
      continue;
    if (v.wide && (c.outputs % 8 != 0 || c.gapOut % 8 != 0))
      continue;
    int n = v.gated() ? 2 * c.outputs : c.outputs;
    Key key{c.rows, c.bound, n, c.outputs, c.k, c.gapA, c.gapOut};
    std::unique_ptr<Prepared> &p = known[key];
    if (!p)
      p = std::make_unique<Prepared>(c, n, v.bf16,
                                     uint32_t(17 + 10 * known.size()));
    right = runCase(v, c, *p) && right;
  }
  return right;
}
