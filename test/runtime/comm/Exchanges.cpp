//===- Exchanges.cpp - collectives with random rows, and results ----------===//
#include "test/runtime/comm/Exchanges.h"

#include <algorithm>
#include <cstring>
#include <random>

namespace ft::test {

static float numberAt(const std::byte *at, DType type) {
  if (type == DType::F32) {
    float value;
    std::memcpy(&value, at, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, at, 2);
  return type == DType::BF16 ? bf16ToF32(bits) : f16ToF32(bits);
}

static void fromFloat(std::byte *at, float value, DType type) {
  uint16_t bits = type == DType::BF16 ? f32ToBf16(value) : f32ToF16(value);
  type == DType::F32 ? std::memcpy(at, &value, 4) : std::memcpy(at, &bits, 2);
}

Exchange makeExchange(CollectiveOp op, int size, DType type, int64_t rows,
                      int64_t inWidth, int64_t outWidth, int64_t gap) {
  Exchange c;
  c.collective.op = op;
  c.collective.place = std::string(collectiveName(op)) + " 'test'";
  c.collective.dtype = type;
  c.collective.inWidth = inWidth;
  c.collective.outWidth = outWidth;
  c.collective.inStride = inWidth + gap;
  c.collective.outStride = outWidth + 2 * gap;
  c.collective.root = size - 1;
  c.rows = rows;
  std::mt19937 random(uint32_t(size * 31 + inWidth));
  std::uniform_real_distribution<float> values(-2, 2);
  int64_t bytes = dtypeSize(type);
  for (int rank = 0; rank < size; ++rank) {
    Bytes in(size_t(rows * c.collective.inStride * bytes));
    for (int64_t i = 0; i < rows * c.collective.inStride; ++i)
      if (type == DType::I32)
        in[size_t(i * bytes)] = std::byte(random());
      else
        fromFloat(&in[size_t(i * bytes)], values(random), type);
    c.in.push_back(std::move(in));
    c.out.emplace_back(size_t(rows * c.collective.outStride * bytes),
                       std::byte(0xff));
  }
  return c;
}

/// The element that the formula puts at (row, column) of `rank`'s result.
static Bytes expectedElement(const Exchange &c, int rank, int64_t row,
                             int64_t column) {
  const Collective &collective = c.collective;
  int64_t bytes = dtypeSize(collective.dtype);
  auto element = [&](size_t of, int64_t at) {
    return c.in[of].data() + (row * collective.inStride + at) * bytes;
  };
  size_t from = 0;
  int64_t at = column;
  switch (collective.op) {
  case CollectiveOp::ReduceScatter:
    at = rank * collective.outWidth + column;
    [[fallthrough]];
  case CollectiveOp::AllReduce: {
    float sum = numberAt(element(0, at), collective.dtype);
    for (size_t other = 1; other < c.in.size(); ++other)
      sum += numberAt(element(other, at), collective.dtype);
    Bytes result(static_cast<size_t>(bytes));
    fromFloat(result.data(), sum, collective.dtype);
    return result;
  }
  case CollectiveOp::AllGather:
    from = size_t(column / collective.inWidth);
    at = column % collective.inWidth;
    break;
  case CollectiveOp::Broadcast:
    from = size_t(collective.root);
    break;
  }
  return {element(from, at), element(from, at) + bytes};
}

Bytes expectedResult(const Exchange &c, int rank) {
  int64_t bytes = dtypeSize(c.collective.dtype);
  Bytes result(c.out[size_t(rank)].size(), std::byte(0xff));
  for (int64_t row = 0; row < c.rows; ++row)
    for (int64_t j = 0; j < c.collective.outWidth; ++j) {
      Bytes element = expectedElement(c, rank, row, j);
      std::copy(element.begin(), element.end(),
                result.begin() + (row * c.collective.outStride + j) * bytes);
    }
  return result;
}

float toFloat(const Bytes &bits, int64_t index, DType type) {
  return numberAt(bits.data() + index * dtypeSize(type), type);
}

} // namespace ft::test
