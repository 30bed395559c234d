//===- attention_decode_copy.cuh - blocks of the cache to a warp's ring ---===//
//
// One warp, kDecodeBlock keys and their values at a time, from the cache's
// pages to shared memory: keys, kPitchQK elements apart, then values, kPitchV
// apart. From sm_90 on a lane copies one row in bulk, elsewhere the lanes share
// the rows, 16 bytes each. (Addresses for 16 bytes at a time are 400
// instructions a block: with them 32 sequences of 512 keys of 8B took 32 us
// without any arithmetic, 15 to read.)
//
// Only rows that the cache had before the batch are copied; rows beyond the
// work's end become zeros, new rows are left to who makes them.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_DECODE_COPY_CUH
#define FT_KERNELS_ATTENTION_DECODE_COPY_CUH

#include "attention_decode_rows.cuh"
#if __CUDA_ARCH__ >= 900 || !defined(__CUDA_ARCH__)
#include "sm90/async.cuh"
#endif

namespace ft::attention {

#if __CUDA_ARCH__ >= 900

/// A warp's ring at `slots`, `slotElements` apart; `barriers`: one a slot.
template <typename S, int stages> class DecodeCopies {
public:
  using T = typename S::T;
  using Rows = DecodeRows<S>;

  __device__ __forceinline__ DecodeCopies(const Args<T> &a, T *slots,
                                          u64 (*barriers)[stages])
      : a_(a), slots_(slots), barriers_(barriers[threadIdx.x / 32]) {
    if (lane() == 0)
#pragma unroll
      for (int i = 0; i < stages; ++i)
        barrierInit(sharedAddress(&barriers_[i]), 1);
    barrierInitFence();
    if constexpr (Rows::D > S::D) // columns that no copy writes
#pragma unroll 1
      for (int i = lane(); i < stages * kDecodeBlock; i += 32)
        for (int c = S::D; c < Rows::D; ++c)
          keys(i / kDecodeBlock)[i % kDecodeBlock * Rows::kPitchQK + c] = T{};
    asyncProxyFence();
    __syncwarp();
  }
  __device__ __forceinline__ T *keys(int slot) const {
    return slots_ + slot * kSlot;
  }
  __device__ __forceinline__ T *values(int slot) const {
    return keys(slot) + kDecodeBlock * Rows::kPitchQK;
  }
  /// Keys j0 .. and their values are under way; no lane has to read what was in
  /// the slot.
  __device__ __forceinline__ void fetch(const Piece &p, int j0, int slot) {
    if (dirty_ >> slot & 1)
      asyncProxyFence();
    __syncwarp();
    dirty_ &= ~(1u << slot);
    int r = lane() % kDecodeBlock, j = j0 + r;
    bool key = lane() < kDecodeBlock;
    int oldEnd = min(p.work.end, p.oldEnd);
    u32 old = __ballot_sync(~0u, j < oldEnd);
    if (lane() == 0)
      barrierExpect(sharedAddress(&barriers_[slot]),
                    __popc(old & 0xffff) * kKeyBytes +
                        __popc(old >> 16) * kValueBytes);
    __syncwarp();
    T *to = key ? keys(slot) + r * Rows::kPitchQK
                : values(slot) + r * Rows::kPitchV;
    if (j < oldEnd) {
      const int *pages = a_.pageTable + i64(p.work.sequence) * a_.pageColumns;
      i64 cell = i64(pages[j / a_.pageSize]) * a_.pageSize + j % a_.pageSize;
      i64 row = cell * a_.kvHeads + p.work.kvHead;
      copyBulk(sharedAddress(to), key ? a_.k + row * S::D : a_.v + row * S::DV,
               key ? kKeyBytes : kValueBytes, sharedAddress(&barriers_[slot]));
    } else if (!key &&
               j >= p.work.end) { // exponentials of 0 times what is here
#pragma unroll 1
      for (int c = 0; c < Rows::DV; c += kLanes<T>)
        *reinterpret_cast<Vec16 *>(to + c) = Vec16{};
    }
    if (j0 + kDecodeBlock > oldEnd)
      dirty_ |= 1u << slot;
  }
  /// No block for a slot.
  __device__ __forceinline__ void skip() const {}
  /// The slot's oldest block is there.
  __device__ __forceinline__ void wait(int slot) {
    barrierWait(sharedAddress(&barriers_[slot]), turns_ >> slot & 1);
    turns_ ^= 1u << slot;
    __syncwarp(); // and what lanes stored
  }
  /// Nothing is under way any more.
  __device__ __forceinline__ void drain() const {}
  /// Lanes have stored to all slots.
  __device__ __forceinline__ void written() { dirty_ = ~0u; }

  static constexpr int kSlot = kDecodeBlock * (Rows::kPitchQK + Rows::kPitchV);

private:
  static constexpr u32 kKeyBytes = S::D * 2, kValueBytes = S::DV * 2;
  static_assert(kDecodeBlock == 16, "a lane each for keys and values");

  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }

  const Args<T> &a_;
  T *slots_;
  u64 *barriers_;
  u32 turns_ = 0; // the parity that each slot's next wait is for
  u32 dirty_ = 0; // slots that lanes have stored to
};

#else

template <typename S, int stages> class DecodeCopies {
public:
  using T = typename S::T;
  using Rows = DecodeRows<S>;

  __device__ __forceinline__ DecodeCopies(const Args<T> &a, T *slots,
                                          u64 (*)[stages])
      : a_(a), slots_(slots) {}
  __device__ __forceinline__ T *keys(int slot) const {
    return slots_ + slot * kSlot;
  }
  __device__ __forceinline__ T *values(int slot) const {
    return keys(slot) + kDecodeBlock * Rows::kPitchQK;
  }
  __device__ __forceinline__ void fetch(const Piece &p, int j0, int slot) {
    __syncwarp();
    copyRows<S::D, Rows::D, Rows::kPitchQK>(p, j0, a_.k, keys(slot));
    copyRows<S::DV, Rows::DV, Rows::kPitchV>(p, j0, a_.v, values(slot));
    commitCopies();
  }
  __device__ __forceinline__ void skip() const { commitCopies(); }
  __device__ __forceinline__ void wait(int) const {
    waitCopies<stages - 1>();
    __syncwarp();
  }
  __device__ __forceinline__ void drain() const { waitCopies<0>(); }
  __device__ __forceinline__ void written() const {}

  static constexpr int kSlot = kDecodeBlock * (Rows::kPitchQK + Rows::kPitchV);

private:
  template <int width, int padded, int pitch>
  __device__ __forceinline__ void copyRows(const Piece &p, int j0,
                                           const T *plane, T *to) const {
    constexpr int chunks = padded / kLanes<T>;
    Work old = p.work;
    old.end = min(old.end, p.oldEnd);
    KeyRows<S, kDecodeBlock, width> rows(a_, old, plane, 0, j0);
#pragma unroll 4
    for (int c = int(threadIdx.x) % 32; c < kDecodeBlock * chunks; c += 32) {
      int r = c / chunks, column = c % chunks * kLanes<T>;
      const T *source = rows(r);
      bool real = source && column < width;
      if (source || j0 + r >= p.work.end)
        copyAsync16(to + r * pitch + column, real ? source + column : plane,
                    real);
    }
  }

  const Args<T> &a_;
  T *slots_;
};

#endif

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_DECODE_COPY_CUH
