//===- AttentionBatch.h - batches of attention on the device ----*- C++ -*-===//
#ifndef FT_TEST_GPU_ATTENTIONBATCH_H
#define FT_TEST_GPU_ATTENTIONBATCH_H

#include "AttentionKernels.cuh"
#include "Check.h"
#include "sm90/async.cuh"

#include <algorithm>

namespace check {

using ft::u32;
using ft::attention::Args;

/// The map of [rows, heads, width] elements, rows `stride` elements apart.
template <typename T>
ft::TensorMap makeMap(const T *data, int width, int heads, size_t rows,
                      size_t stride, int boxHeads, int boxRows) {
  ft::TensorMap map;
  encodeMap(&map, std::is_same_v<T, bf16>, data,
            {{width, 0, 64},
             {heads, width * 2, boxHeads},
             {ft::i64(rows), ft::i64(stride) * 2, boxRows}});
  return map;
}

struct Case {
  std::vector<int> tokens; // of each sequence in this batch
  std::vector<int> past;   // keys before them; paged only
  int heads, kvHeads, pack, window, pageSize, splits;
  float scale = 1; // of q, beside 1 / sqrt(D)
  int gap = 1;     // between rows, in steps that keep q, k and v on 16 bytes
};

/// A batch on the device: operands, NaN wherever nothing should be read.
template <typename S> struct Batch {
  using T = typename S::T;
  const Case &c;
  int sequences = int(c.tokens.size()), total = 0, pages = 0, columns = 0;
  int qStride = c.heads * S::D + 8 * c.gap,
      kStride = c.kvHeads * S::D + 8 * c.gap,
      vStride = c.kvHeads * S::DV + 16 * c.gap,
      outStride = c.heads * S::DV + 4 * c.gap;
  std::vector<int> keys;
  Array<T> q, k, v, out;
  Array<int> positions, cu, lengths, table, counts;
  Array<u32> counters;
  Array<float> partials;

  static int sum(const std::vector<int> &x) {
    int total = 0;
    for (int n : x)
      total += n;
    return total;
  }
  static std::vector<int> keysOf(const Case &c) {
    std::vector<int> keys = c.tokens;
    for (size_t s = 0; S::kPaged && s < keys.size(); ++s)
      keys[s] += c.past[s];
    return keys;
  }
  static int columnsOf(const Case &c) {
    int most = 0;
    for (int n : keysOf(c))
      most = std::max(most, (n + c.pageSize - 1) / c.pageSize);
    return most + 1;
  }
  static size_t planeSize(const Case &c, int width, int stride) {
    size_t pages = std::max<size_t>(c.tokens.size(), 1) * columnsOf(c);
    return S::kPaged ? pages * c.pageSize * c.kvHeads * width
                     : size_t(sum(c.tokens) + 4) * stride;
  }

  explicit Batch(const Case &shape)
      : c(shape), total(sum(shape.tokens)), columns(columnsOf(shape)),
        keys(keysOf(shape)), q(size_t(total + 4) * qStride),
        k(planeSize(shape, S::D, kStride)), v(planeSize(shape, S::DV, vStride)),
        out(size_t(total + 4) * outStride), positions(total), cu(sequences + 1),
        lengths(sequences), table(sequences * columns), counts(2),
        counters(size_t(total + 8 + sequences) * c.heads),
        partials(c.splits == 1 ? 1
                               : size_t(total + 8 + sequences) * c.heads *
                                     c.splits * 16 * (S::DV + 2) * 4) {
    for (int s = 0, t = 0; s < sequences; ++s) {
      cu.host[s] = t;
      lengths.host[s] = keys[s];
      for (int i = 0; i < c.tokens[s]; ++i)
        positions.host[t++] = keys[s] - c.tokens[s] + i;
      cu.host[s + 1] = t;
    }
    for (int i = 0; i < sequences * columns; ++i) // reversed pages
      table.host[i] = sequences * columns - 1 - i;
    counts.host = {total, sequences};
    std::fill(counters.host.begin(), counters.host.end(), 0u);
    for (auto *array : {&positions, &cu, &lengths, &table, &counts})
      array->up();
    counters.up();
    poison(partials);
    poison(q), poison(k), poison(v), poison(out);
    for (int t = 0; t < total; ++t)
      for (int i = 0; i < c.heads * S::D; ++i)
        store(q.host[size_t(t) * qStride + i], c.scale * normal());
    for (int s = 0; s < sequences; ++s)
      for (int j = 0; j < keys[s]; ++j)
        for (int h = 0; h < c.kvHeads; ++h) {
          for (int i = 0; i < S::D; ++i)
            store(k.host[place(s, j, h, S::D, kStride) + i], normal());
          for (int i = 0; i < S::DV; ++i)
            store(v.host[place(s, j, h, S::DV, vStride) + i], normal());
        }
    q.up(), k.up(), v.up();
  }
  size_t place(int s, int j, int h, int width, int stride) const {
    if (!S::kPaged)
      return size_t(cu.host[s] + j) * stride + h * width;
    size_t page = table.host[s * columns + j / c.pageSize];
    return ((page * c.pageSize + j % c.pageSize) * c.kvHeads + h) * width;
  }
  Args<T> args() {
    return {q.device,
            qStride,
            k.device,
            v.device,
            kStride,
            vStride,
            out.device,
            outStride,
            c.heads,
            c.kvHeads,
            c.pack,
            c.window,
            1 / std::sqrt(float(S::D)),
            positions.device,
            cu.device,
            lengths.device,
            table.device,
            columns,
            c.pageSize,
            counts.device,
            1,
            counters.device,
            partials.device};
  }
  template <typename Score>
  std::vector<double> reference(const Score &score) const;
};

template <typename S>
template <typename Score>
std::vector<double> Batch<S>::reference(const Score &score) const {
  std::vector<double> want(size_t(total) * c.heads * S::DV);
  for (int s = 0; s < sequences; ++s)
    for (int t = cu.host[s]; t < cu.host[s + 1]; ++t)
      for (int h = 0; h < c.heads; ++h) {
        int kv = h / (c.heads / c.kvHeads), position = positions.host[t];
        std::vector<double> x(keys[s], -INFINITY);
        double top = -INFINITY, sum = 0;
        for (int j = 0; j < keys[s]; ++j) {
          if ((S::kCausal && j > position) ||
              (c.window > 0 &&
               (j <= position - c.window || j >= position + c.window)))
            continue;
          double dot = 0;
          for (int i = 0; i < S::D; ++i)
            dot +=
                double(hostFloat(q.host[size_t(t) * qStride + h * S::D + i])) *
                hostFloat(k.host[place(s, j, kv, S::D, kStride) + i]);
          x[j] = dot / std::sqrt(double(S::D));
          if constexpr (!Score::kIdentity) // NoScore has no host side
            x[j] = score(x[j], h, position, j);
          top = std::max(top, x[j]);
        }
        for (int j = 0; j < keys[s]; ++j)
          sum += x[j] = std::isinf(x[j]) ? 0 : std::exp(x[j] - top);
        for (int j = 0; j < keys[s]; ++j)
          for (int i = 0; x[j] > 0 && i < S::DV; ++i)
            want[(size_t(t) * c.heads + h) * S::DV + i] +=
                x[j] / sum *
                hostFloat(v.host[place(s, j, kv, S::DV, vStride) + i]);
      }
  return want;
}

} // namespace check

#endif // FT_TEST_GPU_ATTENTIONBATCH_H
