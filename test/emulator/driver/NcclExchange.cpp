//===- NcclExchange.cpp - what the stand-in NCCL's ranks receive ----------===//
#include "test/emulator/driver/NcclGroup.h"

#include "runtime/base/DType.h"

#include <cstring>

namespace ft::emulator::driver {

// ncclDataType_t of what can be added.
static constexpr int kInt32 = 2, kHalf = 6, kFloat = 7, kBfloat = 9;

size_t ncclElementBytes(int type) {
  static constexpr size_t kBytes[] = {1, 1, 4, 4, 8, 8, 2, 4, 8, 2};
  return type >= 0 && type < 10 ? kBytes[type] : 0;
}

size_t sentCount(const ExchangeKind &kind, int size) {
  return kind.exchange == Exchange::ReduceScatter ? kind.count * size_t(size)
                                                  : kind.count;
}

size_t receivedCount(const ExchangeKind &kind, int size) {
  return kind.exchange == Exchange::AllGather ? kind.count * size_t(size)
                                              : kind.count;
}

template <typename T> static T at(const std::byte *from, size_t index) {
  T value;
  std::memcpy(&value, from + index * sizeof(T), sizeof(T));
  return value;
}
template <typename T> static void put(std::byte *to, size_t index, T value) {
  std::memcpy(to + index * sizeof(T), &value, sizeof(T));
}

/// to[i] += from[i], each sum rounded, as NCCL may do.
static void addTo(std::byte *to, const std::byte *from, size_t count,
                  int type) {
  for (size_t i = 0; i < count; ++i)
    switch (type) {
    case kFloat:
      put(to, i, at<float>(to, i) + at<float>(from, i));
      break;
    case kHalf:
      put(to, i,
          f32ToF16(f16ToF32(at<uint16_t>(to, i)) +
                   f16ToF32(at<uint16_t>(from, i))));
      break;
    case kBfloat:
      put(to, i,
          f32ToBf16(bf16ToF32(at<uint16_t>(to, i)) +
                    bf16ToF32(at<uint16_t>(from, i))));
      break;
    case kInt32:
      put(to, i, at<int32_t>(to, i) + at<int32_t>(from, i));
      break;
    }
}

std::vector<std::byte> received(const Meeting &meeting, int rank) {
  const ExchangeKind &kind = meeting.kind;
  size_t bytes = kind.count * ncclElementBytes(kind.type);
  size_t size = meeting.sent.size();
  std::vector<std::byte> out;
  if (kind.exchange == Exchange::Broadcast)
    return meeting.sent[size_t(kind.root)];
  if (kind.exchange == Exchange::AllGather) {
    for (const auto &part : meeting.sent)
      out.insert(out.end(), part.begin(), part.end());
    return out;
  }
  // The same order on every rank, and not that of the ranks.
  size_t first =
      kind.exchange == Exchange::ReduceScatter ? size_t(rank) * bytes : 0;
  const auto &last = meeting.sent[size - 1];
  out.assign(last.begin() + std::ptrdiff_t(first),
             last.begin() + std::ptrdiff_t(first + bytes));
  for (size_t i = 0; i + 1 < size; ++i)
    addTo(out.data(), meeting.sent[i].data() + first, kind.count, kind.type);
  return out;
}

} // namespace ft::emulator::driver
