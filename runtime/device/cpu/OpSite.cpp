//===- OpSite.cpp - one meaning op, resolved against a binding ------------===//
#include "runtime/device/cpu/OpSite.h"

#include "runtime/device/cpu/Convert.h"

#include <cstring>

namespace ft {

static const plan::AttrValue *find(const plan::MeaningOp &op,
                                   const char *name) {
  auto found = op.attrs.find(name);
  return found == op.attrs.end() ? nullptr : &found->second;
}

double OpSite::real(const char *name, double otherwise) const {
  const plan::AttrValue *value = find(*op, name);
  if (!value)
    return otherwise;
  if (auto *number = std::get_if<double>(value))
    return *number;
  // A file may spell 1.0 as 1.
  if (auto *whole = std::get_if<int64_t>(value))
    return double(*whole);
  return otherwise;
}

int64_t OpSite::integer(const char *name, int64_t otherwise) const {
  const plan::AttrValue *value = find(*op, name);
  auto *number = value ? std::get_if<int64_t>(value) : nullptr;
  return number ? *number : otherwise;
}

bool OpSite::flag(const char *name) const {
  const plan::AttrValue *value = find(*op, name);
  auto *set = value ? std::get_if<bool>(value) : nullptr;
  return set && *set;
}

std::string OpSite::text(const char *name, const char *otherwise) const {
  const plan::AttrValue *value = find(*op, name);
  auto *words = value ? std::get_if<std::string>(value) : nullptr;
  return words ? *words : otherwise;
}

Status OpSite::mismatch(const std::string &expected) const {
  return corrupt("plan step '" + step->name + "', op " + op->op +
                 ": expected " + expected + "; compile the plan again");
}

Rows readRows(const RunContext &context, const Operand &value) {
  Rows rows{nullptr, context.counts[value.axis], value.width(),
            value.rowStride};
  if (value.dtype == DType::F32) {
    rows.data = reinterpret_cast<float *>(value.address);
    return rows;
  }
  rows.stride = rows.width;
  rows.data = context.scratch.floats(rows.count * rows.width);
  int64_t rowBytes = value.rowStride * dtypeSize(value.dtype);
  context.pool.forEach(rows.count, rowGrain(rows.width),
                       [&](int64_t begin, int64_t end) {
                         for (int64_t row = begin; row < end; ++row)
                           widen(rows[row], value.address + row * rowBytes,
                                 value.dtype, rows.width);
                       });
  return rows;
}

const float *readWeight(const RunContext &context, const Operand &weight) {
  if (weight.dtype == DType::F32)
    return reinterpret_cast<const float *>(weight.address);
  float *values = context.scratch.floats(weight.width());
  widen(values, weight.address, weight.dtype, weight.width());
  return values;
}

Rows resultRows(const RunContext &context, const OpSite &site) {
  const Operand &result = site.out[0];
  Rows rows{nullptr, context.counts[result.axis], result.width(),
            result.rowStride};
  if (result.dtype == DType::F32) {
    rows.data = reinterpret_cast<float *>(result.address);
    return rows;
  }
  rows.stride = rows.width;
  rows.data = context.scratch.floats(rows.count * rows.width);
  return rows;
}

void storeRows(const RunContext &context, const OpSite &site,
               const Rows &rows) {
  for (const Operand &result : site.out) {
    if (result.address == reinterpret_cast<std::byte *>(rows.data))
      continue;
    int64_t rowBytes = result.rowStride * dtypeSize(result.dtype);
    context.pool.forEach(rows.count, rowGrain(rows.width),
                         [&](int64_t begin, int64_t end) {
                           for (int64_t row = begin; row < end; ++row)
                             narrow(result.address + row * rowBytes, rows[row],
                                    result.dtype, rows.width);
                         });
  }
}

} // namespace ft
