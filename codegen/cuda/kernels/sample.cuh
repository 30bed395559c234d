//===- sample.cuh - the next token of each row ------------------*- C++ -*-===//
//
// out[r] = the token of row r of x by its record, as docs/sampling.md has it:
// bit for bit what runtime/sampling/Sampler.cpp chooses. x: [rows, columns]
// with `stride` elements between rows; out: int[rows]. A row whose record is
// zeros takes the path of argmax.cuh.
//
// Launch: block 512; grid (bound of the rows axis, 8); the kernel is declared
// FT_CLUSTER_OF_ROWS. Dynamic shared: 4 bytes x `room`, which is at least
// argmax::chunkSize(columns, 8), or 0: keys are then computed again in each
// pass. `counters` and `partials` as in argmax.cuh, or null.
//
// One cluster chooses a row's token. Where a cluster is one CTA, all of a row's
// CTAs serve rows without a record, if there are counters.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SAMPLE_CUH
#define FT_KERNELS_SAMPLE_CUH

#include "argmax.cuh"
#include "sample_search.cuh"

namespace ft::sample {

/// The row's token becomes part of its sequence. Called by one thread, after
/// the last use of the slot's lists and counts.
template <typename T>
__device__ void finish(const Reader<T> &reader, Slot *slot, int position,
                       int token, int *out) {
  *out = token;
  const Record &record = reader.record;
  if (!(record.flags & kState))
    return;
  if (record.logprobs > 0)
    slot->logit = reader.logit(token);
  slot->tail[position % kTail] = token;
  if (record.flags & kPenalties) {
    int count = slot->counts[token];
    if ((count & kMostCounted) < kMostCounted)
      slot->counts[token] = u16(count + 1);
  }
}

/// A row with a record: one cluster.
template <typename T>
__device__ void choose(const T *logits, int columns, const Record &record,
                       Slot *slot, int position, int room, int *out) {
  __shared__ Shared shared;
  __shared__ Reader<T> reader;
  if (threadIdx.x == 0) {
    reader.logits = logits;
    reader.slot = slot;
    reader.record = record;
    reader.banned.count = 0;
  }
  __syncthreads();
  int size = argmax::chunkSize(columns, kCluster);
  u32 *keys = size <= room ? dynamicShared<u32>() : nullptr;
  collectBanned(record, slot, position, reader.banned);
  RowSampler<T> sampler(reader, columns, size, shared, keys);
  u64 best = sampler.largestValue();
  int token = sampler.rank() == 0 && threadIdx.x == 0 ? indexOf(best) : -1;
  if (record.temperature > 0 && valueOf(best) > negativeInfinity()) {
    sampler.makeKeys(valueOf(best));
    token = sampler.draw(sampler.cut(), randomBits(record.seed, position));
  }
  if (record.logprobs > 0 && record.flags & kState)
    sampler.describe(*slot);
  if (token >= 0)
    finish(reader, slot, position, token, out);
  cluster::sync(); // no CTA leaves while another may read its shared memory
}

/// A row whose record is zeros, by one cluster.
template <typename T>
__device__ void largest(const T *logits, int columns, cluster::Words &words,
                        int *out) {
  int chunk = blockIdx.y, size = argmax::chunkSize(columns, kCluster);
  int begin = min(chunk * size, columns), end = min(begin + size, columns);
  argmax::Best mine =
      argmax::reduce<kThreads>(argmax::scan<T, kThreads>(logits, begin, end));
  if (threadIdx.x != 0)
    return;
  words.send(chunk,
             mine.index == argmax::kNone ? 0 : packed(mine.value, mine.index));
  if (chunk > 0)
    return;
  words.wait();
  u64 all = 0;
  for (u64 word : words.word)
    all = Largest()(all, word);
  *out = all ? indexOf(all) : 0;
}

template <typename T>
__device__ void run(const T *x, i64 stride, int columns, int *out,
                    const int *counts, int axis, const int *rows,
                    const int *positions, const unsigned char *records,
                    unsigned char *slots, i64 slotBytes, int room,
                    u32 *counters, float *partials) {
  __shared__ cluster::Words words;
  int row = blockIdx.x, chunk = blockIdx.y;
  launchDependents();
  // Written by the host, not by a kernel: read before the wait, side by side.
  const Record *from = reinterpret_cast<const Record *>(records) + row;
  int count = counts[axis];
  bool plain = from->temperature == 0 && from->flags == 0;
  words.open();
  dependencyWait();
  words.ready();
  bool meets = plain && kCluster == 1 && counters;
  int chunks = meets ? int(gridDim.y) : kCluster;
  if (row >= count || chunk >= chunks)
    return;
  const T *logits = x + row * stride;
  if (meets) {
    int size = argmax::chunkSize(columns, chunks);
    int begin = min(chunk * size, columns), end = min(begin + size, columns);
    argmax::finish(
        argmax::reduce<kThreads>(argmax::scan<T, kThreads>(logits, begin, end)),
        row, chunk, chunks, columns, argmax::Index{out}, counters, partials);
    return;
  }
  if (plain)
    return largest(logits, columns, words, out + row);
  Record record = *from;
  Slot *slot = record.flags & kState
                   ? reinterpret_cast<Slot *>(slots + record.slot * slotBytes)
                   : nullptr;
  choose(logits, columns, record, slot, positions[rows[row]] + 1, room,
         out + row);
}

} // namespace ft::sample

#endif // FT_KERNELS_SAMPLE_CUH
