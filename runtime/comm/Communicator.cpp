//===- Communicator.cpp - exchanges between the ranks of a plan -----------===//
#include "runtime/comm/Communicator.h"

namespace ft {

std::string_view collectiveName(CollectiveOp op) {
  switch (op) {
  case CollectiveOp::AllReduce:
    return "all_reduce";
  case CollectiveOp::AllGather:
    return "all_gather";
  case CollectiveOp::ReduceScatter:
    return "reduce_scatter";
  case CollectiveOp::Broadcast:
    return "broadcast";
  }
  return "";
}

static bool isSum(CollectiveOp op) {
  return op == CollectiveOp::AllReduce || op == CollectiveOp::ReduceScatter;
}

/// Whether a row holds a part for, or from, each rank.
static bool isInterleaved(CollectiveOp op) {
  return op == CollectiveOp::AllGather || op == CollectiveOp::ReduceScatter;
}

static bool widthsFit(const Collective &c, int64_t size) {
  switch (c.op) {
  case CollectiveOp::AllReduce:
  case CollectiveOp::Broadcast:
    return c.inWidth == c.outWidth;
  case CollectiveOp::AllGather:
    return c.outWidth <= c.inWidth * size;
  case CollectiveOp::ReduceScatter:
    return c.inWidth == c.outWidth * size;
  }
  return false;
}

Status checkCollective(const Collective &c, int size) {
  auto wrong = [&](const std::string &expected) {
    return corrupt(c.place + ": expected " + expected + ", found rows of " +
                   std::to_string(c.inWidth) + " to rows of " +
                   std::to_string(c.outWidth) + " " +
                   std::string(dtypeName(c.dtype)) + " on " +
                   std::to_string(size) + " ranks; compile the plan again");
  };
  if (c.inWidth <= 0 || c.outWidth <= 0 || !widthsFit(c, size))
    return wrong("widths that fit");
  if (c.inStride < c.inWidth || c.outStride < c.outWidth)
    return wrong("rows that do not overlap");
  if (isSum(c.op) && c.dtype != DType::F32 && c.dtype != DType::F16 &&
      c.dtype != DType::BF16)
    return wrong("a sum of f32, f16 or bf16");
  if (c.root < 0 || c.root >= size)
    return wrong("a root among the ranks");
  return Status::success();
}

int64_t scratchBytes(const Collective &c, int size, int64_t rows) {
  // Ranks exchange blocks of rows; columns are put in place before or after.
  int64_t bytes = 0, width = c.inWidth;
  if (isInterleaved(c.op) &&
      (__builtin_mul_overflow(width, c.op == CollectiveOp::AllGather ? size : 1,
                              &width) ||
       __builtin_mul_overflow(width, dtypeSize(c.dtype), &bytes) ||
       __builtin_mul_overflow(bytes, rows, &bytes)))
    return INT64_MAX;
  return bytes;
}

} // namespace ft
