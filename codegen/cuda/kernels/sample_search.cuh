//===- sample_search.cuh - a cluster finds a row's token --------*- C++ -*-===//
//
// Thresholds are found digit by digit of the key, with one histogram a digit:
// sums are integers, so neither their order nor the number of CTAs matters.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SAMPLE_SEARCH_CUH
#define FT_KERNELS_SAMPLE_SEARCH_CUH

#include "argmax.cuh"
#include "cluster.cuh"
#include "sample_row.cuh"

namespace ft::sample {

using argmax::indexOf;
using argmax::packed;
using argmax::valueOf;
using cluster::kCluster;

constexpr int kThreads = 512, kWarps = kThreads / 32, kBins = 256;

/// What the CTAs of a cluster write and read of each other has two places, used
/// in turn: there is a cluster::sync between any use and the next of a place.
struct Shared {
  u64 bins[2][kBins];
  u64 offered[2];
  u64 ofWarp[kWarps];
  u64 before;
  int bin;
};

struct Sum {
  __device__ u64 operator()(u64 a, u64 b) const { return a + b; }
};
struct Largest {
  __device__ u64 operator()(u64 a, u64 b) const { return a > b ? a : b; }
};

/// One CTA's part in the choice of one row's token. Members are called by every
/// thread of the cluster, and give all the same.
template <typename T> class RowSampler {
public:
  /// CTA r has tokens r * size and on. `keys` has room for `size`, or is null:
  /// keys are then computed again in each pass.
  __device__ RowSampler(const Reader<T> &reader, int columns, int size,
                        Shared &shared, u32 *keys)
      : reader_(reader), shared_(shared), keys_(keys),
        rank_(blockIdx.y % kCluster), columns_(columns) {
    begin_ = min(rank_ * size, columns);
    int end = min(begin_ + size, columns);
    int perWarp = ((end - begin_ + kWarps - 1) / kWarps + 31) / 32 * 32;
    first_ = min(begin_ + int(threadIdx.x / 32) * perWarp, end);
    last_ = min(first_ + perWarp, end);
  }

  /// The largest value and its index, packed; fills the keys with values.
  __device__ u64 largestValue() {
    copyLogits();
    u64 best = 0;
    eachToken([&](int token) {
      float value = reader_.value(token, logit(token));
      if (keys_)
        keys_[token - begin_] = __float_as_uint(value);
      best = Largest()(best, packed(value, token));
    });
    return clusterReduce<Largest>(best);
  }

  /// Turns values into distances from `max`.
  __device__ void makeKeys(float max) {
    max_ = max;
    if (keys_)
      eachToken([&](int token) {
        u32 &key = keys_[token - begin_];
        key = keyOf(max, __uint_as_float(key));
      });
  }

  /// The smallest key up to which the row's amounts, weights or ones, sum to at
  /// least `wanted`, over keys up to `limit`; `limit` where all do not.
  __device__ u32 reach(bool weights, u64 wanted, u32 limit);
  /// The sum of the weights of keys up to `cut`.
  __device__ u64 mass(u32 cut);
  /// The largest key that top-k, top-p and min-p leave.
  __device__ u32 cut();
  /// In one thread of the cluster the drawn token, in all others -1.
  __device__ int draw(u32 cut, u64 bits);
  /// Writes the model's own statistics of the row to the slot; the keys are
  /// lost.
  __device__ void describe(Slot &slot);
  __device__ int rank() const { return rank_; }

  template <typename Op> __device__ u64 clusterReduce(u64 x) {
    u64 all[kCluster];
    exchange(blockReduce<Op>(x), all);
    u64 total = all[0];
#pragma unroll
    for (int r = 1; r < kCluster; ++r)
      total = Op()(total, all[r]);
    return total;
  }

private:
  /// Tokens of this thread, ascending; always the same, so that keys need no
  /// barrier between passes.
  template <typename F> __device__ __forceinline__ void eachToken(F f) const {
#pragma unroll 1
    for (int token = first_ + int(threadIdx.x % 32); token < last_; token += 32)
      f(token);
  }
  /// The row into the keys: many loads at once, which later passes are spared.
  __device__ void copyLogits() {
    if (!keys_)
      return;
#pragma unroll 8
    for (int token = first_ + int(threadIdx.x % 32); token < last_; token += 32)
      keys_[token - begin_] = __float_as_uint(reader_.logit(token));
  }
  __device__ __forceinline__ float logit(int token) const {
    return keys_ ? __uint_as_float(keys_[token - begin_])
                 : reader_.logit(token);
  }
  __device__ __forceinline__ u32 key(int token) const {
    return keys_ ? keys_[token - begin_] : reader_.key(token, max_);
  }

  template <typename Op> __device__ u64 blockReduce(u64 x) {
#pragma unroll
    for (int offset = 16; offset > 0; offset >>= 1)
      x = Op()(x, __shfl_xor_sync(~0u, x, offset));
    if (threadIdx.x % 32 == 0)
      shared_.ofWarp[threadIdx.x / 32] = x;
    __syncthreads();
    u64 total = shared_.ofWarp[0];
#pragma unroll 1
    for (int w = 1; w < kWarps; ++w)
      total = Op()(total, shared_.ofWarp[w]);
    __syncthreads();
    return total;
  }
  __device__ void exchange(u64 mine, u64 (&all)[kCluster]) {
    u64 *place = &shared_.offered[offerTurn_];
    offerTurn_ ^= 1;
    if (threadIdx.x == 0)
      *place = mine;
    cluster::sync();
#pragma unroll
    for (int r = 0; r < kCluster; ++r)
      all[r] = cluster::load(place, r);
  }
  __device__ static u64 warpScan(u64 x) {
#pragma unroll
    for (int offset = 1; offset < 32; offset *= 2) {
      u64 below = __shfl_up_sync(~0u, x, offset);
      x += int(threadIdx.x % 32) >= offset ? below : 0;
    }
    return x;
  }
  __device__ void findBin(u64 own, u64 before, u64 wanted);

  const Reader<T> &reader_;
  Shared &shared_;
  u32 *keys_; // of tokens begin_ and on, or null
  float max_ = 0;
  int rank_, columns_, begin_, first_, last_;
  int offerTurn_ = 0, binTurn_ = 0;
};

/// Leaves in `shared` the first bin whose sum, of all before it and `before`,
/// reaches `wanted`, and what came before it; kBins where none does. `own` is
/// bin threadIdx.x's, over the cluster.
template <typename T>
__device__ void RowSampler<T>::findBin(u64 own, u64 before, u64 wanted) {
  int warp = threadIdx.x / 32;
  u64 upTo = warpScan(own);
  if (threadIdx.x % 32 == 31)
    shared_.ofWarp[warp] = upTo;
  if (threadIdx.x == 0)
    shared_.bin = kBins;
  __syncthreads();
  upTo += before;
  for (int w = 0; w < warp; ++w)
    upTo += shared_.ofWarp[w];
  if (threadIdx.x < kBins && upTo >= wanted && upTo - own < wanted) {
    shared_.bin = threadIdx.x;
    shared_.before = upTo - own;
  }
  __syncthreads();
}

template <typename T>
__device__ u32 RowSampler<T>::reach(bool weights, u64 wanted, u32 limit) {
  u32 prefix = 0;
  u64 before = 0;
  for (int shift = 24; shift >= 0; shift -= 8) {
    u64 *bins = shared_.bins[binTurn_];
    binTurn_ ^= 1;
    if (threadIdx.x < kBins)
      bins[threadIdx.x] = 0;
    __syncthreads();
    eachToken([&](int token) {
      u32 k = key(token);
      if (k <= limit && (shift == 24 || k >> (shift + 8) == prefix))
        atomicAdd(&bins[k >> shift & (kBins - 1)], weights ? weightOf(k) : 1);
    });
    cluster::sync();
    u64 own = 0;
    if (threadIdx.x < kBins)
      for (int r = 0; r < kCluster; ++r)
        own += cluster::load(bins + threadIdx.x, r);
    findBin(own, before, wanted);
    if (shared_.bin == kBins)
      return limit;
    prefix = prefix << 8 | u32(shared_.bin);
    before = shared_.before;
  }
  return prefix;
}

template <typename T> __device__ u64 RowSampler<T>::mass(u32 cut) {
  u64 sum = 0;
  eachToken([&](int token) {
    u32 k = key(token);
    if (k <= cut)
      sum += weightOf(k);
  });
  return sum;
}

template <typename T> __device__ u32 RowSampler<T>::cut() {
  const Record &record = reader_.record;
  u32 cut = kFar - 1;
  // A loop, so that `reach` is compiled once: top-k, then top-p.
#pragma unroll 1
  for (int weights = 0; weights < 2; ++weights) {
    u64 wanted = u64(record.topK);
    if (weights)
      wanted = record.topP ? __umul64hi(clusterReduce<Sum>(mass(cut)),
                                        u64(record.topP) << 32)
                           : 0;
    if (wanted)
      cut = reach(weights, wanted, cut);
  }
  return record.minP ? min(cut, record.minP - 1) : cut;
}

template <typename T> __device__ int RowSampler<T>::draw(u32 cut, u64 bits) {
  u64 all[kCluster];
  u64 ofCta = blockReduce<Sum>(mass(cut));
  exchange(ofCta, all);
  u64 total = 0, before = 0;
#pragma unroll
  for (int r = 0; r < kCluster; ++r) {
    before += r < rank_ ? all[r] : 0;
    total += all[r];
  }
  // blockReduce has left the warps' sums behind.
  int warp = threadIdx.x / 32;
  for (int w = 0; w < warp; ++w)
    before += shared_.ofWarp[w];
  u64 target = __umul64hi(bits, total), ofWarp = shared_.ofWarp[warp];
  __syncthreads(); // `describe` writes new sums there
  if (target < before || target - before >= ofWarp)
    return -1;
  target -= before;
  for (int base = first_; base < last_; base += 32) {
    int token = base + int(threadIdx.x % 32);
    u32 k = token < last_ ? key(token) : kFar;
    u64 own = k <= cut ? weightOf(k) : 0, upTo = warpScan(own);
    u64 sum = __shfl_sync(~0u, upTo, 31);
    if (sum > target)
      return upTo > target && upTo - own <= target ? token : -1;
    target -= sum;
  }
  return -1;
}

template <typename T> __device__ void RowSampler<T>::describe(Slot &slot) {
  int top = min(reader_.record.logprobs - 1, min(kMaxTop, columns_));
  u64 last = ~u64(0);
  copyLogits();
  float largest = 0;
  for (int i = 0; i < max(top, 1); ++i) {
    u64 best = 0;
    eachToken([&](int token) {
      u64 pack = packed(logit(token), token);
      if (pack < last)
        best = Largest()(best, pack);
    });
    last = clusterReduce<Largest>(best);
    if (i == 0)
      largest = valueOf(last);
    if (i < top && rank_ == 0 && threadIdx.x == 0) {
      slot.topTokens[i] = indexOf(last);
      slot.topLogits[i] = valueOf(last);
    }
  }
  u64 sum = 0;
  eachToken([&](int token) {
    if (largest > negativeInfinity())
      sum += weightOf(keyOf(largest, logit(token)));
  });
  sum = clusterReduce<Sum>(sum);
  if (rank_ == 0 && threadIdx.x == 0) {
    slot.largest = largest;
    slot.sum = sum;
  }
}

} // namespace ft::sample

#endif // FT_KERNELS_SAMPLE_SEARCH_CUH
