//===- attention_decode_copy.cuh - blocks of the cache to a warp's ring ---===//
//
// One warp, kDecodeBlock keys and their values at a time, from the cache's
// pages to shared memory: keys, kPitchQK elements apart, then values, kPitchV
// apart, 16 bytes a lane. Where a page holds whole blocks, and pages of 16, 32,
// 64 ... keys do, all rows of a block are one stride apart: an address is one
// addition. (Looked up for every 16 bytes, addresses were 400 instructions a
// block; a bulk copy a row is 32 instructions of some 60 cycles, one after the
// other: two microseconds before anything else.)
//
// Only rows that the cache had before the batch are copied; rows beyond the
// work's end become zeros, new rows are left to who makes them.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_DECODE_COPY_CUH
#define FT_KERNELS_ATTENTION_DECODE_COPY_CUH

#include "attention_decode_rows.cuh"

namespace ft::attention {

template <int v> struct Int { static constexpr int value = v; };

/// A warp's ring at `slots`, kSlot elements apart.
template <typename S, int stages> class DecodeCopies {
public:
  using T = typename S::T;
  static constexpr int kPitchQK = PitchedBlock<S>::kPitchQK;
  static constexpr int kPitchV = PitchedBlock<S>::kPitchV;
  static constexpr int kSlot = PitchedBlock<S>::kBytes / 2;

  __device__ __forceinline__ DecodeCopies(const Args<T> &a, T *slots)
      : a_(a), slots_(slots) {}
  __device__ __forceinline__ T *keys(int slot) const {
    return slots_ + slot * kSlot;
  }
  __device__ __forceinline__ T *values(int slot) const {
    return keys(slot) + kDecodeBlock * kPitchQK;
  }
  /// Keys j0 .., a multiple of kDecodeBlock, and their values are under way; no
  /// lane has to read what was in the slot.
  __device__ __forceinline__ void fetch(const Piece &p, int j0, int slot) {
    __syncwarp();
    int old = min(p.work.end, p.oldEnd) - j0, end = p.work.end - j0;
    bool whole = a_.pageSize % kDecodeBlock == 0;
    i64 cell = whole && old > 0 ? cellOf(p, j0) : 0;
    auto plane = [&](auto columns, auto padded, auto pitch, const T *from,
                     T *to) {
      constexpr int width = columns.value;
      if (whole)
        copyRun<width, padded.value, pitch.value>(
            from + (cell * a_.kvHeads + p.work.kvHead) * width, old, end, to);
      else
        copyRows<width, padded.value, pitch.value>(p, from, j0, old, end, to);
    };
    plane(Int<S::D>{}, Int<roundUp(S::D, 16)>{}, Int<kPitchQK>{}, a_.k,
          keys(slot));
    plane(Int<S::DV>{}, Int<roundUp(S::DV, 16)>{}, Int<kPitchV>{}, a_.v,
          values(slot));
    commitCopies();
  }
  /// No block for a slot.
  __device__ __forceinline__ void skip() const { commitCopies(); }
  /// The oldest block is there.
  __device__ __forceinline__ void wait() const {
    waitCopies<stages - 1>();
    __syncwarp();
  }
  /// Nothing is under way any more.
  __device__ __forceinline__ void drain() const { waitCopies<0>(); }

private:
  __device__ __forceinline__ i64 cellOf(const Piece &p, int j) const {
    int page = u32(j) / u32(a_.pageSize);
    return i64(a_.pageTable[i64(p.work.sequence) * a_.pageColumns + page]) *
               a_.pageSize +
           (j - page * a_.pageSize);
  }
  /// One lane's share of a block whose rows lie one stride apart from `from`
  /// on, `width` of `padded` columns; the first `old` are copied, from `end` on
  /// they are zeros.
  template <int width, int padded, int pitch>
  __device__ __forceinline__ void copyRun(const T *from, int old, int end,
                                          T *to) const {
    constexpr int chunks = padded / kLanes<T>; // at most 32: heads to 256
    constexpr int rows = 32 / chunks;          // a turn of the warp
    int r = int(threadIdx.x) % 32 / chunks;
    int column = (int(threadIdx.x) % 32 - r * chunks) * kLanes<T>;
    i64 stride = i64(a_.kvHeads) * width;
    from += r * stride + column;
    to += r * pitch + column;
    if (32 % chunks != 0 && r >= rows) // the warp's last lanes
      return;
#pragma unroll 4
    for (; r < kDecodeBlock;
         r += rows, from += rows * stride, to += rows * pitch)
      if (r < old || r >= end)
        copyAsync16(to, r < old && column < width ? from : a_.k,
                    r < old && column < width);
  }
  /// The same of rows that are looked up one by one.
  template <int width, int padded, int pitch>
  __device__ __forceinline__ void copyRows(const Piece &p, const T *plane,
                                           int j0, int old, int end,
                                           T *to) const {
#pragma unroll 1
    for (int r = 0; r < kDecodeBlock; ++r)
      if (int column = int(threadIdx.x) % 32 * kLanes<T>;
          column < padded && (r < old || r >= end)) {
        bool real = r < old && column < width;
        const T *from = plane;
        if (real)
          from +=
              (cellOf(p, j0 + r) * a_.kvHeads + p.work.kvHead) * width + column;
        copyAsync16(to + r * pitch + column, from, real);
      }
  }

  const Args<T> &a_;
  T *slots_;
};

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_DECODE_COPY_CUH
