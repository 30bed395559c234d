//===- Ranks.h - the ranks of a test, a thread each -------------*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_COMM_RANKS_H
#define FT_TEST_RUNTIME_COMM_RANKS_H

#include "runtime/base/Status.h"

#include <functional>
#include <thread>
#include <vector>

namespace ft::test {

/// Calls body(rank) on `size` threads and returns what each returned.
inline std::vector<Status>
onRanks(int size, const std::function<Status(int rank)> &body) {
  std::vector<Status> results(static_cast<size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank)
    threads.emplace_back([&, rank] { results[size_t(rank)] = body(rank); });
  for (std::thread &thread : threads)
    thread.join();
  return results;
}

} // namespace ft::test

#endif // FT_TEST_RUNTIME_COMM_RANKS_H
