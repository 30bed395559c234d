//===- attention_share.cuh - equal shares of a ragged batch -----*- C++ -*-===//
//
// A tile is some tokens of a sequence and some heads of one kv head, with all
// keys that they see, in blocks of BN. The blocks of all tiles are numbered,
// tile by tile, and the G CTAs take runs of total / G of them, the first ones
// one more: equal work whatever the lengths, from the true lengths, on the
// device. A CTA may so have the end of a tile, whole tiles and the beginning of
// one.
//
// Where no tile is much longer than the others, CTAs take whole tiles instead,
// or equal parts of one each: less to merge, which takes as long as reading
// some 100 KB. Where a tile has eight, four or two CTAs of a cluster to itself,
// they are a team: merging through each other's shared memory is faster than
// through L2.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_SHARE_CUH
#define FT_KERNELS_ATTENTION_SHARE_CUH

#include "attention.cuh"

namespace ft::attention {

/// A sequence: its tokens in the batch, and its keys with theirs.
struct Span {
  int first, last; // tokens
  int keys;
};

/// Some tokens of a sequence and the keys they see.
struct Reach {
  int firstPosition, lastPosition;
  int begin, end; // keys; `begin` begins a block
  int blocks;     // at least one: a tile without keys stores zeros
};

/// What a CTA attends of a tile: blocks [first, last) counted from work.begin.
/// `part` of the `parts` CTAs that the tile has.
struct Piece {
  Work work; // begin and end are those of the whole tile
  int head;  // the tile's number among those of its tokens
  int first, last;
  int part, parts;
  int oldEnd, token0; // keys from oldEnd on are this batch's tokens from token0
  int firstUnit;      // the CTA of part 0
  bool begins;        // the tile is the first of part 0's CTA
};

/// A CTA's share: numbers at .. stop - 1, of blocks or of tiles.
struct Place {
  int at, stop;
};

/// What a CTA reads while a tile's parts are merged through L2, in bytes: 2.4
/// us at the rate of a CTA that is almost alone (H200). Equal runs take half as
/// long again: most CTAs have two pieces.
constexpr int kMergeBytes = 96 * 1024;
/// That rate is this part of the whole GPU's.
constexpr int kAlone = 100;

/// Bytes of keys and values of a layer from which on L2 keeps none for the next
/// step. (8B with 8 sequences of 512, 17 MB a layer, is no faster by a policy.)
constexpr int kManyBytes = 32 << 20;

/// Tiles of `rows`, blocks of BN keys; `mergeBytes`: kMergeBytes, or less for
/// more parts.
template <typename S, int rows, int BN, int mergeBytes = kMergeBytes>
class Shares {
public:
  using A = Args<typename S::T>;

  /// `cluster` CTAs next to each other can be teams; a power of two.
  __device__ __forceinline__ Shares(const A &a, int cluster)
      : a_(a), sequences_(a.counts[a.sequencesAxis]) {
    int group = a.heads / a.kvHeads;
    packs_ = (group + a.pack - 1) / a.pack;
    perTokens_ = a.kvHeads * packs_;
    mine_ = load(lane());
    int blocks = 0, tiles = 0, most = 0;
#pragma unroll 1
    for (int s = lane(); s < sequences_; s += 32) {
      Span span = s < 32 ? mine_ : load(s);
#pragma unroll 1
      for (int t = span.first; t < span.last; t += step()) {
        int own = reach(span, t).blocks;
        blocks += own;
        most = max(most, own);
        ++tiles;
      }
    }
    total_ = __reduce_add_sync(~0u, blocks) * perTokens_;
    tiles_ = __reduce_add_sync(~0u, tiles) * perTokens_;
    most = __reduce_max_sync(~0u, most);
    units_ = max(min(int(gridDim.x), total_), 1);
    share_ = u32(total_) / u32(units_);
    rest_ = total_ - share_ * units_;
    // Blocks that a CTA reads until equal runs would be read and merged.
    int room = max(share_, total_ / kAlone) + kMergeBlocks * 3 / 2;
    for (; cluster > 1 && tiles_ * cluster > int(gridDim.x);)
      cluster /= 2;
    if (cluster > 1 && most <= (room + (rest_ > 0)) * cluster) {
      team_ = cluster;
      return; // the rest takes divisions
    }
    u32 ctas = gridDim.x;
    tiles = max(tiles_, 1);
    parts_ = max(ctas / u32(tiles), 1u);
    if (kMergeBlocks > 0) // shorter parts are not worth it
      parts_ = max(min(parts_, most / larger(kMergeBlocks, 1)), 1);
    int tilesEach = (tiles + ctas - 1) / ctas;
    int longest = tilesEach * int(u32(most + parts_ - 1) / u32(parts_));
    whole_ = longest <= room;
  }

  /// CTAs of a team that takes a tile; 1 where there are no teams.
  __device__ __forceinline__ int team() const { return team_; }

  /// Tiles of the same tokens.
  __device__ __forceinline__ int perTokens() const { return perTokens_; }

  /// Whether a tile's keys are no other's, and too many are read in a step for
  /// the next one to find some in L2.
  __device__ __forceinline__ bool readOnce() const {
    return tiles_ == sequences_ * a_.kvHeads && total_ >= kManyBlocks;
  }

  /// What CTA u has where there are no teams. Whole tiles are taken by turns:
  /// no CTA has two more than another, and those that are read at a time are of
  /// the same sequences (8B, 48 sequences of 512 on an H200: 31.8 us with
  /// neighbours, 31.4).
  __device__ __forceinline__ Place place(int u) const {
    if (!whole_)
      return {start(u), start(u + 1)};
    return {int(u32(u) / u32(parts_)), tiles_};
  }
  /// This CTA's next piece; false if there is none.
  __device__ __forceinline__ bool next(Place &place, Piece &p) const {
    if (place.at >= place.stop)
      return false;
    if (whole_) {
      p = locate<true>(place.at);
      place.at += int(gridDim.x);
      return cut(p, parts_, u32(blockIdx.x) % u32(parts_));
    }
    p = locate<false>(place.at);
    int of = p.last, tileStart = place.at - p.first;
    p.last = min(of, p.first + place.stop - place.at);
    p.firstUnit = unitOf(tileStart);
    p.part = int(blockIdx.x) - p.firstUnit;
    p.parts = unitOf(tileStart + of - 1) - p.firstUnit + 1;
    // Part 0 is its CTA's first piece only if the tile begins where its share
    // does; later parts always are.
    p.begins = start(p.firstUnit) == tileStart;
    place.at += p.last - p.first;
    return true;
  }

  /// This CTA's piece of its team's tile; false if the team has none.
  __device__ __forceinline__ bool ofTeam(Piece &p) const {
    int tile = u32(blockIdx.x) >> (__ffs(team_) - 1);
    if (tile >= tiles_)
      return false;
    p = locate<true>(tile);
    cut(p, team_, int(blockIdx.x) & (team_ - 1));
    return true;
  }

private:
  static constexpr int kBlockBytes = BN * (S::D + S::DV) * 2;
  static constexpr int kMergeBlocks = mergeBytes / kBlockBytes;
  static constexpr int kManyBlocks = kManyBytes / kBlockBytes;

  /// The numbers of unit u's blocks begin here: the first `rest_` units have
  /// one more than the others.
  __device__ __forceinline__ int start(int u) const {
    return u < units_ ? u * share_ + min(u, rest_) : total_;
  }
  /// Part `rank` of `most` of whole tile p; false if it is empty.
  static __device__ __forceinline__ bool cut(Piece &p, int most, int rank) {
    int of = p.last;
    p.parts = min(most, of);
    p.part = rank;
    bool some = rank < p.parts;
    p.first = some ? u32(of * rank) / u32(p.parts) : of;
    p.last = some ? u32(of * (rank + 1)) / u32(p.parts) : of;
    p.firstUnit = int(blockIdx.x) - rank;
    p.begins = true;
    return some;
  }
  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }
  __device__ __forceinline__ int step() const { return rows / a_.pack; }
  __device__ __forceinline__ int unitOf(int block) const {
    int longer = rest_ * (share_ + 1); // blocks of the longer shares
    return block < longer ? u32(block) / u32(share_ + 1)
                          : rest_ + u32(block - longer) / u32(share_);
  }
  __device__ __forceinline__ Span load(int s) const {
    Span span = {};
    if (s < sequences_)
      span = {a_.cuTokens[s], a_.cuTokens[s + 1], a_.kvLengths[s]};
    return span;
  }

  /// The tile whose first token is `token`. Its place follows from its
  /// sequence's keys: new ones are the last.
  __device__ __forceinline__ Reach reach(const Span &s, int token) const {
    int last = min(token + step(), s.last) - 1;
    Reach v;
    v.firstPosition = s.keys - (s.last - token);
    v.lastPosition = v.firstPosition + last - token;
    v.begin = 0;
    v.end = s.keys;
    if (a_.window > 0) {
      v.begin = max(0, v.firstPosition - a_.window + 1) / BN * BN;
      v.end = S::kCausal ? v.end : min(v.end, v.lastPosition + a_.window);
    }
    if (S::kCausal)
      v.end = min(v.end, v.lastPosition + 1);
    v.blocks = max(1, (v.end - v.begin + BN - 1) / BN);
    return v;
  }

  /// The tile with block number `at`, or of number `at` itself; p.first is the
  /// block in it, p.last how many it has. A whole warp calls.
  template <bool byTile> __device__ __forceinline__ Piece locate(int at) const {
    int s = 0;
    Span span = mine_;
#pragma unroll 1
    for (int base = 0; base < sequences_; base += 32) {
      if (base > 0)
        span = load(base + lane());
      int size = 0;
#pragma unroll 1
      for (int t = span.first; t < span.last; t += step())
        size += byTile ? perTokens_ : reach(span, t).blocks * perTokens_;
      int upTo = size;
#pragma unroll
      for (int o = 1; o < 32; o *= 2) {
        int lower = __shfl_up_sync(~0u, upTo, o);
        upTo += lane() >= o ? lower : 0;
      }
      u32 hit = __ballot_sync(~0u, upTo > at);
      if (hit) {
        int owner = __ffs(hit) - 1;
        s = base + owner;
        at -= __shfl_sync(~0u, upTo - size, owner);
        span.first = __shfl_sync(~0u, span.first, owner);
        span.last = __shfl_sync(~0u, span.last, owner);
        span.keys = __shfl_sync(~0u, span.keys, owner);
        break;
      }
      at -= __shfl_sync(~0u, upTo, 31);
    }
    int token = span.first;
    Reach v = reach(span, token);
    while (at >= (byTile ? 1 : v.blocks) * perTokens_) {
      at -= (byTile ? 1 : v.blocks) * perTokens_;
      token += step();
      v = reach(span, token);
    }
    return piece(s, span, token, v, byTile ? at : u32(at) / u32(v.blocks),
                 byTile ? 0 : u32(at) % u32(v.blocks));
  }

  __device__ __forceinline__ Piece piece(int s, const Span &span, int token,
                                         const Reach &v, int head,
                                         int block) const {
    Piece p;
    int group = a_.heads / a_.kvHeads, kvHead = head / packs_;
    int member = (head - kvHead * packs_) * a_.pack;
    p.work.sequence = s;
    p.work.firstToken = token;
    p.work.tokens = v.lastPosition - v.firstPosition + 1;
    p.work.kvHead = kvHead;
    p.work.firstHead = kvHead * group + member;
    // A number of the text, where the others are.
    p.work.heads =
        group % a_.pack == 0 ? a_.pack : min(a_.pack, group - member);
    p.work.firstPosition = v.firstPosition;
    p.work.lastPosition = v.lastPosition;
    p.work.begin = v.begin;
    p.work.end = v.end;
    p.work.splits = 1;
    p.head = head;
    p.first = block;
    p.last = v.blocks;
    p.token0 = span.first;
    p.oldEnd = span.keys - (span.last - span.first);
    p.part = p.firstUnit = 0;
    p.parts = 1;
    p.begins = true;
    return p;
  }

  const A &a_;
  int sequences_, packs_, perTokens_;
  Span mine_; // this lane's
  int total_, units_, tiles_;
  int share_, rest_; // blocks of a unit, and units with one more
  int parts_ = 1; // where tiles are whole: CTAs of one
  int team_ = 1;
  bool whole_ = false;
};

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_SHARE_CUH
