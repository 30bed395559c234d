//===- NcclGroup.h - the ranks of the stand-in NCCL -------------*- C++ -*-===//
#ifndef FT_TEST_EMULATOR_DRIVER_NCCLGROUP_H
#define FT_TEST_EMULATOR_DRIVER_NCCLGROUP_H

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace ft::emulator::driver {

enum class Exchange { AllReduce, AllGather, ReduceScatter, Broadcast };

/// What all ranks must say alike.
struct ExchangeKind {
  Exchange exchange = Exchange::AllReduce;
  size_t count = 0;
  int type = 0, root = 0;
  bool operator==(const ExchangeKind &) const = default;
};

/// One exchange: what each rank sends, taken when the rank comes to it, so
/// that ranks may write in place.
struct Meeting {
  ExchangeKind kind;
  bool differs = false; // a rank came with something else
  std::vector<std::vector<std::byte>> sent;
  int arrived = 0, left = 0;
};

struct Group {
  explicit Group(int size) : size(size) {}
  const int size;
  std::mutex mutex;
  std::condition_variable joined;
  int members = 0;
  std::map<uint64_t, Meeting> meetings; // by number
};

/// What rank `rank` receives in a meeting that all have come to.
std::vector<std::byte> received(const Meeting &meeting, int rank);

/// Bytes of an element of an ncclDataType_t; 0 where it is unknown.
size_t ncclElementBytes(int type);

/// Elements that a rank sends and receives.
size_t sentCount(const ExchangeKind &kind, int size);
size_t receivedCount(const ExchangeKind &kind, int size);

} // namespace ft::emulator::driver

#endif // FT_TEST_EMULATOR_DRIVER_NCCLGROUP_H
