//===- attention_work.cuh - tiles, their keys, their loads ------*- C++ -*-===//
//
// The producer's side of attention_tiles.cuh: which tile comes next, which
// keys its rows see, and the tensor copies that bring both.
//
// Keys are counted in a tile's own coordinate. Paged: the position in the
// sequence; a tile belongs to one sequence. Packed: the token's place in the
// batch; a tile takes the tokens as they come, of as many sequences as they
// are of, so that short sequences share tiles and long ones waste no rows at
// their ends.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_ATTENTION_WORK_CUH
#define FT_KERNELS_SM90_ATTENTION_WORK_CUH

#include "attention.cuh"
#include "sm90/async.cuh"

namespace ft {
namespace attention {

/// Compile-time choices. `pack`: query heads of one kv head in a tile;
/// `warpgroups` of 64 rows; `keys` of a block; `boxRows`: keys that one tensor
/// copy brings, a divisor of the page size, or `keys` where packed.
template <typename Shape_, int pack, int warpgroups, int keys, int boxRows,
          int stages = 2>
struct Config {
  using S = Shape_;
  using T = typename S::T;
  static constexpr int kPack = pack, kWarpgroups = warpgroups;
  static constexpr int BM = 64 * warpgroups, BN = keys, kBoxRows = boxRows;
  static constexpr int kStages = stages;
  static constexpr int kThreads = 128 * (warpgroups + 1);
  static constexpr int kTokens = BM / pack; // of a tile
  static constexpr int D = roundUp(S::D, 16), DV = roundUp(S::DV, 16);
  static constexpr int kColumnsQK = (D + 63) / 64; // of 64 elements
  static constexpr int kColumnsV = (DV + 63) / 64;
  static constexpr int kRowBytes = 128; // of one such column
  static constexpr int kQBytes = kColumnsQK * BM * kRowBytes;
  static constexpr int kKBytes = kColumnsQK * BN * kRowBytes;
  static constexpr int kVBytes = kColumnsV * BN * kRowBytes;
  static constexpr int kTileBytes = kQBytes + stages * (kKBytes + kVBytes);
  static constexpr int kJobBytes = 192; // of three jobs
  static constexpr int kSharedBytes =
      1024 + kTileBytes + kJobBytes + 8 * (2 + 4 * stages);

  static_assert(warpgroups >= 1 && warpgroups <= 3 && pack <= BM);
  static_assert(kTokens <= 256 && BN <= 256 && BN % 16 == 0);
  static_assert(BN % boxRows == 0 && boxRows % 8 == 0, "whole swizzles");
  static_assert(S::kPaged || boxRows == keys, "packed keys need no pages");
  static_assert(S::D % 8 == 0 && S::DV % 8 == 0, "16-byte strides");
  static_assert(kSharedBytes <= 232448);
};

/// A tile: tokens [firstToken, firstToken + tokens) of the batch, `heads` heads
/// from firstHead on, keys [begin, end) in `blocks` blocks. No tokens: the end.
struct Job {
  int firstToken, tokens;
  int sequence, lastSequence;
  int kvHead, firstHead, heads;
  int begin, end, blocks;
};

/// Shared memory: a tile of q, rings of k and v, three jobs, the barriers. While
/// the producer prepares a job, all consumers have q's of the one before or are
/// at the end of the one before that.
template <typename C> struct Stages {
  u32 base;
  char *memory; // the same place
  __device__ explicit Stages(char *dynamic)
      : base((sharedAddress(dynamic) + 1023) & ~1023u),
        memory(dynamic + (base - sharedAddress(dynamic))) {}
  __device__ u32 q() const { return base; }
  __device__ u32 k(u32 stage) const {
    return base + C::kQBytes + stage * C::kKBytes;
  }
  __device__ u32 v(u32 stage) const {
    return k(C::kStages) + stage * C::kVBytes;
  }
  __device__ Job &job(u32 number) const {
    return reinterpret_cast<Job *>(memory + C::kTileBytes)[number];
  }
  __device__ u32 barrier(u32 number) const {
    return base + C::kTileBytes + C::kJobBytes + 8 * number;
  }
  __device__ u32 qFull() const { return barrier(0); }
  __device__ u32 qEmpty() const { return barrier(1); }
  __device__ u32 kFull(u32 stage) const { return barrier(2 + stage); }
  __device__ u32 kEmpty(u32 stage) const {
    return barrier(2 + C::kStages + stage);
  }
  __device__ u32 vFull(u32 stage) const {
    return barrier(2 + 2 * C::kStages + stage);
  }
  __device__ u32 vEmpty(u32 stage) const {
    return barrier(2 + 3 * C::kStages + stage);
  }
};
static_assert(3 * sizeof(Job) <= 192, "Config::kJobBytes");

//===----------------------------------------------------------------------===//
// Which keys a token sees
//===----------------------------------------------------------------------===//

/// The last of sequences first .. last that starts at or before `token`.
__device__ __forceinline__ int sequenceOf(const int *cuTokens, int first,
                                          int last, int token) {
  while (first < last) {
    int middle = (first + last + 1) / 2;
    if (cuTokens[middle] <= token)
      first = middle;
    else
      last = middle - 1;
  }
  return first;
}

/// Keys [low, high) seen from `at`; positions count from `origin`.
struct Sight {
  int at, origin, low, high;
};

template <typename C>
__device__ __forceinline__ Sight sightOf(const Args<typename C::T> &a,
                                         const Job &job, int token) {
  token += job.firstToken;
  Sight s{token, 0, 0, job.end};
  if constexpr (C::S::kPaged) {
    s.at = a.positions[token];
  } else {
    int owner = sequenceOf(a.cuTokens, job.sequence, job.lastSequence, token);
    s.origin = s.low = a.cuTokens[owner];
    s.high = a.cuTokens[owner + 1];
  }
  if (C::S::kCausal)
    s.high = min(s.high, s.at + 1);
  if (a.window > 0) {
    s.low = max(s.low, s.at - a.window + 1);
    if (!C::S::kCausal)
      s.high = min(s.high, s.at + a.window);
  }
  return s;
}

//===----------------------------------------------------------------------===//
// Which tile comes next
//===----------------------------------------------------------------------===//

/// All tiles of the batch, numbered; a whole warp calls.
template <typename C> class Schedule {
public:
  using A = Args<typename C::T>;
  __device__ explicit Schedule(const A &a)
      : a_(a), sequences_(a.counts[a.sequencesAxis]) {
    int group = a.heads / a.kvHeads;
    packs_ = (group + C::kPack - 1) / C::kPack;
    tiles_ = 0;
    if constexpr (C::S::kPaged) {
#pragma unroll 1
      for (int s = threadIdx.x % 32; s < sequences_; s += 32)
        tiles_ += (a.cuTokens[s + 1] - a.cuTokens[s] + C::kTokens - 1) /
                  C::kTokens;
      tiles_ = __reduce_add_sync(~0u, tiles_);
    } else {
      tiles_ = (a.cuTokens[sequences_] + C::kTokens - 1) / C::kTokens;
    }
  }
  __device__ int count() const { return tiles_ * a_.kvHeads * packs_; }

  /// Heads vary first; the long tiles of causal sequences, the last ones, come
  /// first.
  __device__ Job job(int number) const {
    Job j;
    int group = a_.heads / a_.kvHeads, inTile = a_.kvHeads * packs_;
    int tile = number / inTile, block = number % inTile;
    if (C::S::kCausal)
      tile = tiles_ - 1 - tile;
    int member = block % packs_ * C::kPack;
    j.kvHead = block / packs_;
    j.firstHead = j.kvHead * group + member;
    j.heads = min(C::kPack, group - member);
    if constexpr (C::S::kPaged)
      paged(j, tile);
    else
      packed(j, tile);
    j.blocks = max(0, (j.end - j.begin + C::BN - 1) / C::BN);
    return j;
  }

private:
  __device__ void paged(Job &j, int tile) const {
    Work w;
    findTile(a_.cuTokens, sequences_, C::kTokens, tile, w);
    j.firstToken = w.firstToken;
    j.tokens = w.tokens;
    j.sequence = j.lastSequence = w.sequence;
    j.begin = 0;
    j.end = a_.kvLengths[w.sequence];
    int first = a_.positions[w.firstToken];
    int last = a_.positions[w.firstToken + w.tokens - 1];
    narrow(j, first, last);
    j.begin = j.begin / C::BN * C::BN; // whole boxes
  }
  __device__ void packed(Job &j, int tile) const {
    int last = sequences_ - 1, total = a_.cuTokens[sequences_];
    j.firstToken = tile * C::kTokens;
    j.tokens = min(C::kTokens, total - j.firstToken);
    int lastToken = j.firstToken + j.tokens - 1;
    j.sequence = sequenceOf(a_.cuTokens, 0, last, j.firstToken);
    j.lastSequence = sequenceOf(a_.cuTokens, j.sequence, last, lastToken);
    j.begin = a_.cuTokens[j.sequence];
    j.end = a_.cuTokens[j.lastSequence + 1];
    narrow(j, j.firstToken, lastToken);
  }
  /// To what queries at first .. last see.
  __device__ void narrow(Job &j, int first, int last) const {
    if (C::S::kCausal)
      j.end = min(j.end, last + 1);
    if (a_.window > 0) {
      j.begin = max(j.begin, first - a_.window + 1);
      if (!C::S::kCausal)
        j.end = min(j.end, last + a_.window);
    }
  }

  const A &a_;
  int sequences_, tiles_, packs_;
};

//===----------------------------------------------------------------------===//
// Producer: one warp, of which one thread copies
//===----------------------------------------------------------------------===//

template <typename C> struct Producer {
  const TensorMap &q, &k, &v;
  const Args<typename C::T> &a;
  Stages<C> at;
  Cursor<C::kStages> kAt, vAt;
  u32 turn = 0; // of q
  Cursor<3> jobs;

  /// Keys or values of one block, to `target`.
  __device__ void rows(const Job &job, int block, const TensorMap &map,
                       int columns, u32 target, u32 full) const {
    int first = job.begin + block * C::BN, boxes = C::BN / C::kBoxRows;
    const int *pages = nullptr;
    if constexpr (C::S::kPaged) { // pages past the last key do not exist
      boxes = min(boxes, (job.end - first + C::kBoxRows - 1) / C::kBoxRows);
      pages = a.pageTable + i64(job.sequence) * a.pageColumns;
    }
    barrierExpect(full, boxes * columns * (C::kBoxRows * C::kRowBytes));
#pragma unroll 1
    for (int b = 0; b < boxes; ++b) {
      int row = first + b * C::kBoxRows;
      if constexpr (C::S::kPaged)
        row = pages[row / a.pageSize] * a.pageSize + row % a.pageSize;
      for (int c = 0; c < columns; ++c)
        copyBox(target + (c * C::BN + b * C::kBoxRows) * C::kRowBytes, map,
                64 * c, job.kvHead, row, full);
    }
  }
  __device__ void keys(const Job &job, int block) {
    barrierWait(at.kEmpty(kAt.stage), kAt.phase ^ 1);
    rows(job, block, k, C::kColumnsQK, at.k(kAt.stage), at.kFull(kAt.stage));
    kAt.next();
  }
  __device__ void values(const Job &job, int block) {
    barrierWait(at.vEmpty(vAt.stage), vAt.phase ^ 1);
    rows(job, block, v, C::kColumnsV, at.v(vAt.stage), at.vFull(vAt.stage));
    vAt.next();
  }
  /// The job's queries, and the job itself: row r is token r / pack, head r % pack. Heads
  /// and tokens beyond the job's are there or zero; nobody stores them.
  __device__ void queries(const Job &job) {
    barrierWait(at.qEmpty(), turn ^ 1);
    turn ^= 1;
    constexpr int bytes = C::kPack * C::kTokens * C::kRowBytes;
    barrierExpect(at.qFull(), job.tokens > 0 ? bytes * C::kColumnsQK : 0);
    for (int c = 0; job.tokens > 0 && c < C::kColumnsQK; ++c)
      copyBox(at.q() + c * C::BM * C::kRowBytes, q, 64 * c, job.firstHead,
              job.firstToken, at.qFull());
  }
  /// In the order in which consumers need them: keys a block ahead of values.
  __device__ void tile(const Job &job) {
    if (job.blocks == 0)
      queries(job);
#pragma unroll 1
    for (int n = job.blocks - 1; n >= 0; --n) {
      keys(job, n);
      if (n == job.blocks - 1)
        queries(job);
      else
        values(job, n + 1);
    }
    if (job.blocks > 0)
      values(job, 0);
  }

  /// CTAs draw tiles from counters[0]; the last to come back empty-handed
  /// resets it, counted in counters[1].
  __device__ void run() {
    Schedule<C> schedule(a);
    int count = schedule.count();
    bool leader = threadIdx.x == 0;
#pragma unroll 1
    for (int number = blockIdx.x; number < count;) {
      Job job = schedule.job(number);
      if (leader) {
        number = int(gridDim.x + atomicAdd(a.counters, 1u));
        at.job(jobs.stage) = job;
        tile(at.job(jobs.stage));
        jobs.next();
      }
      number = __shfl_sync(~0u, number, 0);
    }
    if (!leader)
      return;
    at.job(jobs.stage).tokens = 0;
    queries(at.job(jobs.stage));
    if (atomicAdd(a.counters + 1, 1u) == gridDim.x - 1)
      a.counters[0] = a.counters[1] = 0;
  }
};

} // namespace attention
} // namespace ft

#endif // FT_KERNELS_SM90_ATTENTION_WORK_CUH
