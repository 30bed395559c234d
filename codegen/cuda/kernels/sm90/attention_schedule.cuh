//===- attention_schedule.cuh - which tile comes next -----------*- C++ -*-===//
//
// The tiles of a batch in the order in which the CTAs of attention_tiles.cuh
// draw them.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_ATTENTION_SCHEDULE_CUH
#define FT_KERNELS_SM90_ATTENTION_SCHEDULE_CUH

#include "sm90/attention_work.cuh"

namespace ft {
namespace attention {

/// All tiles of the batch, numbered; a whole warp calls.
///
/// Heads vary first; the long tiles of causal sequences, the last ones, come
/// first. The tiles that run at a time then read all keys and values of a
/// sequence, each several times. Where that is more than stays in L2, kv heads
/// are taken in groups, all tiles of one group before those of the next.
template <typename C> class Schedule {
public:
  using A = Args<typename C::T>;
  __device__ explicit Schedule(const A &a)
      : a_(a), sequences_(a.counts[a.sequencesAxis]) {
    int group = a.heads / a.kvHeads, keys = 0;
    packs_ = (group + C::kPack - 1) / C::kPack;
    tiles_ = 0;
    if constexpr (C::S::kPaged) {
#pragma unroll 1
      for (int s = threadIdx.x % 32; s < sequences_; s += 32) {
        tiles_ +=
            (a.cuTokens[s + 1] - a.cuTokens[s] + C::kTokens - 1) / C::kTokens;
        keys = max(keys, a.kvLengths[s]);
      }
      tiles_ = __reduce_add_sync(~0u, tiles_);
      keys = __reduce_max_sync(~0u, keys);
    } else {
      keys = a.cuTokens[sequences_];
      tiles_ = (keys + C::kTokens - 1) / C::kTokens;
      if (keptGroups(keys) > 1)
        keys = longest();
    }
    inTile_ = a.kvHeads / keptGroups(keys) * packs_;
  }
  __device__ int count() const { return tiles_ * a_.kvHeads * packs_; }

  __device__ Job job(int number) const {
    Job j;
    int group = a_.heads / a_.kvHeads;
    int part = number / (tiles_ * inTile_), tile = number / inTile_ % tiles_;
    int block = part * inTile_ + number % inTile_;
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
    j.blocks = j.end > j.begin ? j.blockOf<C>(j.end - 1) + 1 : 0;
    return j;
  }

private:
  /// Groups of kv heads where the longest sequence has so many keys. Of it
  /// alone: a sequence of so few tokens that those of several run at a time
  /// has its keys read by few tiles each, whatever their order, and a longer
  /// one is nearly all that is read. Tiles of a window leave keys behind.
  __device__ int keptGroups(int keys) const {
    if (a_.window > 0)
      keys = min(keys, 2 * a_.window);
    i64 bytes =
        i64(keys) * a_.kvHeads * ((C::D + C::DV) * int(sizeof(typename C::T)));
    int groups = 1;
    while (bytes > C::kKeptBytes * groups && a_.kvHeads % (2 * groups) == 0)
      groups *= 2;
    return groups;
  }
  /// Of packed sequences, looked up only where all of them are too many keys.
  __device__ int longest() const {
    int keys = 0;
#pragma unroll 1
    for (int s = threadIdx.x % 32; s < sequences_; s += 32)
      keys = max(keys, a_.cuTokens[s + 1] - a_.cuTokens[s]);
    return __reduce_max_sync(~0u, keys);
  }
  __device__ void paged(Job &j, int tile) const {
    Work w;
    findTile(a_.cuTokens, sequences_, C::kTokens, tile, w);
    j.firstToken = w.firstToken;
    j.tokens = w.tokens;
    j.sequence = j.lastSequence = w.sequence;
    j.begin = 0;
    j.stop = j.end = a_.kvLengths[w.sequence];
    // Its last token is at its last key: positions would be one more read.
    j.start = j.stop - (a_.cuTokens[w.sequence + 1] - w.firstToken);
    narrow(j, j.start, j.start + w.tokens - 1);
    j.begin = j.begin / C::BN * C::BN; // whole boxes
  }
  __device__ void packed(Job &j, int tile) const {
    j.firstToken = tile * C::kTokens;
    j.tokens = min(C::kTokens, a_.cuTokens[sequences_] - j.firstToken);
    int lastToken = j.firstToken + j.tokens - 1;
    j.sequence = sequenceOf(a_.cuTokens, sequences_, j.firstToken);
    j.lastSequence = sequenceOf(a_.cuTokens, sequences_, lastToken);
    j.begin = j.start = a_.cuTokens[j.sequence];
    j.stop = a_.cuTokens[j.sequence + 1];
    j.end = a_.cuTokens[j.lastSequence + 1];
    narrow(j, j.firstToken, lastToken);
    j.split = j.second = 0x7fffffff;
    auto blocks = [](int keys) { return (keys + C::BN - 1) / C::BN; };
    // No more blocks than otherwise: then only the last of all has a tail.
    int own = blocks(j.stop - j.begin);
    if (j.lastSequence == j.sequence + 1 &&
        own + blocks(j.end - j.stop) <= blocks(j.end - j.begin)) {
      j.second = j.stop;
      j.split = own;
    }
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
  int inTile_; // of a group of kv heads: they share a tile's tokens
};

} // namespace attention
} // namespace ft

#endif // FT_KERNELS_SM90_ATTENTION_SCHEDULE_CUH
