//===- Exchanges.h - collectives with random rows, and results --*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_COMM_EXCHANGES_H
#define FT_TEST_RUNTIME_COMM_EXCHANGES_H

#include "runtime/comm/Communicator.h"

#include <vector>

namespace ft::test {

/// Elements as raw bits; 0xff bytes lie where nothing is to be written.
using Bytes = std::vector<std::byte>;

/// One exchange with every rank's operand, and where their results go.
struct Exchange {
  Collective collective;
  int64_t rows = 0;
  std::vector<Bytes> in, out; // by rank
};

/// Random rows; `gap` elements end each row of the operands, twice as many
/// each row of the results.
Exchange makeExchange(CollectiveOp op, int size, DType type, int64_t rows,
                      int64_t inWidth, int64_t outWidth, int64_t gap = 0);

/// What the formula puts into the whole result of a rank, gaps untouched: sums
/// in fp32 in the order of the ranks, rounded once.
Bytes expectedResult(const Exchange &exchange, int rank);

/// Element `index` of raw bits as a number; f32, f16 and bf16.
float toFloat(const Bytes &bits, int64_t index, DType type);

} // namespace ft::test

#endif // FT_TEST_RUNTIME_COMM_EXCHANGES_H
