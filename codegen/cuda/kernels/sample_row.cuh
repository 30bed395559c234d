//===- sample_row.cuh - one logit at a time ---------------------*- C++ -*-===//
//
// The numbers of docs/sampling.md: layouts, edits, keys, weights and random
// bits, bit for bit as runtime/sampling/Sampler.cpp has them. Single roundings
// (__fmul_rn ...) keep the compiler from contracting.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SAMPLE_ROW_CUH
#define FT_KERNELS_SAMPLE_ROW_CUH

#include "common.cuh"

namespace ft::sample {

/// plan::SamplingRecord.
struct alignas(16) Record {
  u64 seed;
  float temperature;
  int topK;
  u32 topP, minP;
  float repetition, presence, frequency;
  u32 flags;
  int slot, minLength, logprobs;
  int reserved[3];
};
static_assert(sizeof(Record) == 64, "the batch block's layout");
constexpr u32 kState = 1, kEdits = 2, kPenalties = 4;

constexpr int kTail = 64, kMaxStops = 64, kMaxBiases = 1024, kMaxWords = 256,
              kMaxWordTokens = 2048, kMaxTop = 20;

/// The parts of a slot: plan::sampling.
struct Slot {
  int biases, stops, words, unused[13];
  float largest, logit; // plan::SamplingResult
  u64 sum;
  int topTokens[kMaxTop];
  float topLogits[kMaxTop];
  int pad[4];
  int tail[kTail];
  int stopTokens[kMaxStops];
  int biasTokens[kMaxBiases];
  float biasValues[kMaxBiases];
  int wordEnds[kMaxWords];
  int wordTokens[kMaxWordTokens];
  u16 counts[1]; // as many as columns
};
constexpr u16 kMostCounted = 0x7fff;

constexpr u32 kFar = 0xffffffffu;
constexpr float kLargest = 3.402823466e38f;
__device__ __forceinline__ float negativeInfinity() {
  return __int_as_float(0xff800000);
}

__device__ __forceinline__ float readLogit(float x) {
  return x != x ? negativeInfinity() : __fadd_rn(fminf(x, kLargest), 0.0f);
}

__device__ __forceinline__ u32 keyOf(float max, float value) {
  float distance = __fsub_rn(max, value);
  return distance < 32.0f ? u32(__fmul_rn(distance, 134217728.0f)) : kFar;
}

__device__ __forceinline__ u64 weightOf(u32 key) {
  u64 exponent = u64(key) * 0xb8aa3b29u;
  u32 rest = ~u32(exponent >> 26);
  u32 power = 0x3951e;
  power = 0x144d4du + __umulhi(power, rest);
  power = 0x9eaa6cu + __umulhi(power, rest);
  power = 0x38cfea1u + __umulhi(power, rest);
  power = 0xf5fef8eu + __umulhi(power, rest);
  power = 0x2c5c84f4u + __umulhi(power, rest);
  power = 0x40000003u + __umulhi(power, rest);
  return key == kFar ? 0 : u64(power) << 9 >> (exponent >> 58);
}

__device__ __forceinline__ u64 mixBits(u64 z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

__device__ __forceinline__ u64 randomBits(u64 seed, int position) {
  constexpr u64 golden = 0x9e3779b97f4a7c15ull;
  return mixBits(mixBits(seed + golden) + (u64(position) + 1) * golden);
}

//===----------------------------------------------------------------------===//
// Edits
//===----------------------------------------------------------------------===//

/// Tokens that may not come next, in shared memory; in no order.
struct Banned {
  int count;
  int tokens[kMaxStops + kMaxWords];
};

/// Whether the tokens before `position` are all of a word but its last.
__device__ inline bool precedes(const Slot &slot, int begin, int last,
                                int position) {
  int prefix = last - begin;
  if (prefix > position)
    return false;
  for (int i = 0; i < prefix; ++i)
    if (slot.tail[(position - prefix + i) % kTail] !=
        slot.wordTokens[begin + i])
      return false;
  return true;
}

/// Fills `banned`, whose count is 0. Every thread of the CTA must call it.
__device__ inline void collectBanned(const Record &record, const Slot *slot,
                                     int position, Banned &banned) {
  if (record.flags & kEdits) {
    auto ban = [&](int token) {
      banned.tokens[atomicAdd(&banned.count, 1)] = token;
    };
    if (position < record.minLength)
      for (int i = threadIdx.x; i < slot->stops; i += blockDim.x)
        ban(slot->stopTokens[i]);
    for (int i = threadIdx.x; i < slot->words; i += blockDim.x) {
      int begin = i ? slot->wordEnds[i - 1] : 0, last = slot->wordEnds[i] - 1;
      if (precedes(*slot, begin, last, position))
        ban(slot->wordTokens[last]);
    }
  }
  __syncthreads();
}

/// The bias of `token`, by bisection; 0 where it has none.
__device__ inline float biasOf(const Slot &slot, int token) {
  int low = 0, high = slot.biases;
  while (low < high) {
    int middle = (low + high) / 2;
    if (slot.biasTokens[middle] < token)
      low = middle + 1;
    else
      high = middle;
  }
  return low < slot.biases && slot.biasTokens[low] == token
             ? slot.biasValues[low]
             : 0.0f;
}

/// What reads one row: logits, and the values after bias, bans, penalties and
/// temperature. Lies in shared memory, the same for every thread.
template <typename T> struct Reader {
  const T *logits;
  Slot *slot;
  Record record;
  Banned banned;

  __device__ __forceinline__ float logit(int token) const {
    return readLogit(toFloat(logits[token]));
  }
  /// `x` after bias, bans and penalties; out of line, as few rows ask for it.
  __device__ __noinline__ float edited(int token, float x) const;
  /// The value that the token's logit `x` becomes.
  __device__ __forceinline__ float value(int token, float x) const {
    if (record.flags & (kEdits | kPenalties))
      x = edited(token, x);
    return record.temperature > 0
               ? fminf(__fdiv_rn(x, record.temperature), kLargest)
               : x;
  }
  /// The token's key, from its logit on.
  __device__ __noinline__ u32 key(int token, float max) const {
    return keyOf(max, value(token, logit(token)));
  }
};

template <typename T>
__device__ float Reader<T>::edited(int token, float x) const {
  if (record.flags & kEdits) {
    if (float bias = biasOf(*slot, token))
      x = fminf(__fadd_rn(x, bias), kLargest);
    for (int i = 0; i < banned.count; ++i)
      if (banned.tokens[i] == token)
        x = negativeInfinity();
  }
  int count = record.flags & kPenalties ? slot->counts[token] : 0;
  if (!count)
    return x;
  x = x > 0 ? __fdiv_rn(x, record.repetition) : __fmul_rn(x, record.repetition);
  if (int times = count & kMostCounted) {
    x = __fsub_rn(x, __fmul_rn(record.frequency, float(times)));
    x = __fsub_rn(x, record.presence);
  }
  return fminf(x, kLargest);
}

} // namespace ft::sample

#endif // FT_KERNELS_SAMPLE_ROW_CUH
