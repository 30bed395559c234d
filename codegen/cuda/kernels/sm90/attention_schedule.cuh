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
  Schedule() = default;
  __device__ explicit Schedule(const A &a)
      : sequences_(a.counts[a.sequencesAxis]) {
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
      if (keptGroups(a, keys) > 1)
        keys = longest(a);
    }
    inTile_ = a.kvHeads / keptGroups(a, keys) * packs_;
  }
  __device__ int count(const A &a) const { return tiles_ * a.kvHeads * packs_; }

  __device__ Job job(const A &a, int number) const {
    Job j;
    int group = a.heads / a.kvHeads;
    int part = number / (tiles_ * inTile_), tile = number / inTile_ % tiles_;
    int block = part * inTile_ + number % inTile_;
    if (C::S::kCausal)
      tile = tiles_ - 1 - tile;
    int member = block % packs_ * C::kPack;
    j.kvHead = block / packs_;
    j.firstHead = j.kvHead * group + member;
    j.heads = min(C::kPack, group - member);
    if constexpr (C::S::kPaged)
      paged(a, j, tile);
    else
      packed(a, j, tile);
    j.blocks = j.end > j.begin ? j.blockOf<C>(j.end - 1) + 1 : 0;
    return j;
  }

private:
  /// Groups of kv heads where the longest sequence has so many keys. Of it
  /// alone: a sequence of so few tokens that those of several run at a time
  /// has its keys read by few tiles each, whatever their order, and a longer
  /// one is nearly all that is read. Tiles of a window leave keys behind.
  __device__ static int keptGroups(const A &a, int keys) {
    if (a.window > 0)
      keys = min(keys, 2 * a.window);
    i64 bytes =
        i64(keys) * a.kvHeads * ((C::D + C::DV) * int(sizeof(typename C::T)));
    int groups = 1;
    while (bytes > C::kKeptBytes * groups && a.kvHeads % (2 * groups) == 0)
      groups *= 2;
    return groups;
  }
  /// Of packed sequences, looked up only where all of them are too many keys.
  __device__ int longest(const A &a) const {
    int keys = 0;
#pragma unroll 1
    for (int s = threadIdx.x % 32; s < sequences_; s += 32)
      keys = max(keys, a.cuTokens[s + 1] - a.cuTokens[s]);
    return __reduce_max_sync(~0u, keys);
  }
  __device__ void paged(const A &a, Job &j, int tile) const {
    Work w;
    findTile(a.cuTokens, sequences_, C::kTokens, tile, w);
    j.firstToken = w.firstToken;
    j.tokens = w.tokens;
    j.sequence = j.lastSequence = w.sequence;
    j.begin = 0;
    j.stop = j.end = a.kvLengths[w.sequence];
    // Its last token is at its last key: positions would be one more read.
    j.start = j.stop - (a.cuTokens[w.sequence + 1] - w.firstToken);
    narrow(a, j, j.start, j.start + w.tokens - 1);
    j.begin = j.begin / C::BN * C::BN; // whole boxes
  }
  __device__ void packed(const A &a, Job &j, int tile) const {
    j.firstToken = tile * C::kTokens;
    j.tokens = min(C::kTokens, a.cuTokens[sequences_] - j.firstToken);
    int lastToken = j.firstToken + j.tokens - 1;
    j.sequence = sequenceOf(a.cuTokens, sequences_, j.firstToken);
    j.lastSequence = sequenceOf(a.cuTokens, sequences_, lastToken);
    j.begin = j.start = a.cuTokens[j.sequence];
    j.stop = a.cuTokens[j.sequence + 1];
    j.end = a.cuTokens[j.lastSequence + 1];
    narrow(a, j, j.firstToken, lastToken);
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
  __device__ static void narrow(const A &a, Job &j, int first, int last) {
    if (C::S::kCausal)
      j.end = min(j.end, last + 1);
    if (a.window > 0) {
      j.begin = max(j.begin, first - a.window + 1);
      if (!C::S::kCausal)
        j.end = min(j.end, last + a.window);
    }
  }

  int sequences_, tiles_, packs_;
  int inTile_; // of a group of kv heads: they share a tile's tokens
};

} // namespace attention
} // namespace ft

#endif // FT_KERNELS_SM90_ATTENTION_SCHEDULE_CUH
