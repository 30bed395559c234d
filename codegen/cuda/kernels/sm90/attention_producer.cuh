//===- attention_producer.cuh - what tiles of attention read ----*- C++ -*-===//
//
// The tensor copies that bring attention_tiles.cuh its tiles of queries and
// their keys and values: one warp, whose first thread copies. (A second one
// that looks up which tile is next costs more than it saves: on an H200 32/8 x
// 128 causal at 2,048 takes 71.5 us, without 68.3; 12 x 64, 32 x 128 11.4
// and 10.5.)
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_ATTENTION_PRODUCER_CUH
#define FT_KERNELS_SM90_ATTENTION_PRODUCER_CUH

#include "sm90/attention_schedule.cuh"

namespace ft {
namespace attention {

template <typename C> struct Producer {
  const TensorMap &q, &k, &v;
  const Args<typename C::T> &a;
  Stages<C> at;
  Cursor<C::kStages> kAt, vAt;
  Cursor<C::kQStages> qAt;

  /// Who keeps what the warp has found out. Copies are issued by an elected
  /// thread (electOne), without a loop over lanes.
  __device__ static bool leader() { return threadIdx.x % 32 == 0; }

  /// Of the job's sequence.
  __device__ const int *pages(const Job &job) const {
    return a.pageTable + i64(job.sequence) * a.pageColumns;
  }
  /// Tensor copies that bring a block: pages past the last key do not exist.
  __device__ int boxes(const Job &job, int block) const {
    constexpr int all = C::BN / C::kBoxRows;
    if constexpr (!C::S::kPaged)
      return all;
    int keys = job.end - job.firstKey<C>(block);
    return min(all, (keys + C::kBoxRows - 1) / C::kBoxRows);
  }
  /// The tensor's row at which block `block` begins; of paged ones lane b has
  /// box b's. No matter what, where there is no such block. A whole warp calls,
  /// early: reads are under way when it returns.
  __device__ int place(const Job &job, int block) const {
    int row = job.firstKey<C>(block);
    if constexpr (C::S::kPaged) {
      int lane = threadIdx.x % 32;
      row += lane * C::kBoxRows;
      if (block < 0 || lane >= boxes(job, block))
        return 0;
      row = pages(job)[row / a.pageSize] * a.pageSize + row % a.pageSize;
    }
    return row;
  }
  /// Keys or values of one block, at place `at`, to `target`.
  __device__ void rows(const Job &job, int block, int at, const TensorMap &map,
                       int columns, u32 target, u32 full) const {
    constexpr int all = C::BN / C::kBoxRows;
    int count = boxes(job, block);
    if (electOne())
      barrierExpect(full, count * columns * (C::kBoxRows * C::kRowBytes));
#pragma unroll(all <= 2 ? all : 1)
    for (int b = 0; b < count; ++b) {
      int row = C::S::kPaged ? __shfl_sync(~0u, at, b) : at;
      if (electOne())
        for (int c = 0; c < columns; ++c)
          copyBox(target + (c * C::BN + b * C::kBoxRows) * C::kRowBytes, map,
                  64 * c, job.kvHead, row, full);
    }
  }
  __device__ void keys(const Job &job, int block, int where) {
    barrierWait(at.kEmpty(kAt.stage), kAt.phase ^ 1);
    rows(job, block, where, k, C::kColumnsQK, at.k(kAt.stage),
         at.kFull(kAt.stage));
    kAt.next();
  }
  __device__ void values(const Job &job, int block, int where) {
    barrierWait(at.vEmpty(vAt.stage), vAt.phase ^ 1);
    rows(job, block, where, v, C::kColumnsV, at.v(vAt.stage),
         at.vFull(vAt.stage));
    vAt.next();
  }
  /// The job's queries, and the job itself: row r is token r / pack, head r %
  /// pack. Heads and tokens beyond the job's are there or zero; nobody stores
  /// them.
  __device__ void queries(const Job &job) {
    barrierWait(at.qEmpty(qAt.stage), qAt.phase ^ 1);
    if (electOne()) {
      constexpr int bytes = C::kPack * C::kTokens * C::kRowBytes;
      u32 full = at.qFull(qAt.stage), target = at.q(qAt.stage);
      barrierExpect(full, job.tokens > 0 ? bytes * C::kColumnsQK : 0);
      for (int c = 0; job.tokens > 0 && c < C::kColumnsQK; ++c)
        copyBox(target + c * C::BM * C::kRowBytes, q, 64 * c, job.firstHead,
                job.firstToken, full);
    }
    qAt.next();
  }

  /// Tile `number`, to a slot; a whole warp calls.
  __device__ void prepare(const Schedule<C> &schedule, int number,
                          u32 slot) const {
    Job job{};
    if (number < schedule.count())
      job = schedule.job(number);
    if (leader())
      at.job(slot) = job;
    __syncwarp();
  }
  /// While the others make barriers: which tile is first, as what says where
  /// sequences and their pages lie is not written by kernels.
  __device__ void open() {
    if (leader())
      for (const TensorMap *map : {&q, &k, &v})
        prefetchMap(*map);
    prepare(Schedule<C>(a), blockIdx.x, 0);
  }
  /// CTAs draw tiles from counters[0]; the last to come back empty-handed
  /// resets it, counted in counters[1].
  __device__ int draw() const {
    int drawn = 0;
    if (leader())
      drawn = int(gridDim.x + atomicAdd(a.counters, 1u));
    return __shfl_sync(~0u, drawn, 0);
  }
  __device__ void retire() const {
    if (leader() && atomicAdd(a.counters + 1, 1u) == gridDim.x - 1)
      a.counters[0] = a.counters[1] = 0;
  }
  /// A tile's copies are made in the order in which consumers need them, keys a
  /// block ahead of values; where blocks lie is looked up two ahead. What comes
  /// after the tile is looked up, some reads one after the other, when nearly
  /// all of them are under way, so that who is done first draws first
  /// (Config::kDrawAt).
  __device__ void copy() {
    Cursor<kJobs> jobs;
    int last = at.job(0).blocks - 1;
    int own = place(at.job(0), last), ahead = place(at.job(0), last - 1);
    dependencyWait();
    begin(at.job(0), own);
    Schedule<C> schedule(a); // from L1: kept since open() it costs registers
    while (true) {
      const Job &job = at.job(jobs.stage);
      jobs.next();
      if (job.tokens == 0)
        return retire();
      last = job.blocks - 1;
      int n = last;
      // The text of a block stands once: there are few registers.
#pragma unroll 1
      do {
        if (n >= 0)
          block(job, n, own, ahead);
        own = ahead;
        ahead = place(job, n - 2);
        if (n == min(last, C::kDrawAt))
          prepare(schedule, draw(), jobs.stage);
      } while (--n >= 0);
      const Job &next = at.job(jobs.stage);
      own = place(next, next.blocks - 1);
      ahead = place(next, next.blocks - 2);
      begin(next, own);
    }
  }
  /// A tile's queries and the keys that come first, at `own`, or that there is
  /// none.
  __device__ void begin(const Job &job, int own) {
    if (job.blocks > 0)
      keys(job, job.blocks - 1, own);
    queries(job);
  }
  /// Values of block n, at `own`, and the keys before them.
  __device__ void block(const Job &job, int n, int own, int ahead) {
    if (n > 0)
      keys(job, n - 1, ahead);
    values(job, n, own);
  }
};

} // namespace attention
} // namespace ft

#endif // FT_KERNELS_SM90_ATTENTION_PRODUCER_CUH
