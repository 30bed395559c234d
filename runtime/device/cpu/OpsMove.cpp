//===- OpsMove.cpp - elements of a row in other places --------------------===//
#include "runtime/device/cpu/Ops.h"

#include <algorithm>

namespace ft {

//===----------------------------------------------------------------------===//
// to_float
//===----------------------------------------------------------------------===//

static Status checkToFloat(const OpSite &site) {
  const Operand &x = site.in[0];
  if (!x.isValue() || x.dtype != DType::I32 ||
      site.out[0].width() != x.width() ||
      !resultsAre(site, x.axis, site.out[0].shape))
    return site.mismatch("rows of i32 and a result of as many floats");
  return Status::success();
}

static Status runToFloat(const OpSite &site, RunContext &context) {
  Rows y = resultRows(context, site);
  for (int64_t row = 0; row < y.count; ++row)
    std::copy_n(intRow(site.in[0], row), y.width, y[row]);
  storeRows(context, site, y);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// rearrange: y[i, j, ...] = x[offset + i * stride0 + j * stride1 + ...]
//===----------------------------------------------------------------------===//

static int64_t strideOf(const OpSite &site, size_t d) {
  return site.integer(("stride" + std::to_string(d)).c_str(), -1);
}

static Status checkRearrange(const OpSite &site) {
  const Operand &x = site.in[0];
  // Below this neither sums nor products overflow.
  constexpr int64_t kLimit = int64_t(1) << 31;
  int64_t last = site.integer("offset", 0);
  bool fits = isFloatValue(x) && last >= 0 && last < kLimit &&
              resultsAre(site, x.axis, site.out[0].shape);
  for (size_t d = 0; fits && d < site.out[0].shape.size(); ++d) {
    int64_t stride = strideOf(site, d), extent = site.out[0].shape[d];
    fits = stride >= 0 && stride < kLimit && extent > 0 && extent < kLimit;
    last += fits ? (extent - 1) * stride : 0;
    fits = fits && last < kLimit;
  }
  if (!fits || last >= x.width())
    return site.mismatch("an offset and strides within the operand's row");
  return Status::success();
}

/// For each element of the result's row, its place in the operand's.
static std::vector<int64_t> places(const OpSite &site) {
  const std::vector<int64_t> &shape = site.out[0].shape;
  std::vector<int64_t> map(size_t(site.out[0].width()),
                           site.integer("offset", 0));
  int64_t inner = 1;
  for (size_t d = shape.size(); d-- > 0;) {
    for (size_t j = 0; j < map.size(); ++j)
      map[j] += int64_t(j) / inner % shape[d] * strideOf(site, d);
    inner *= shape[d];
  }
  return map;
}

static Status runRearrange(const OpSite &site, RunContext &context) {
  std::vector<int64_t> map = places(site);
  Rows x = readRows(context, site.in[0]);
  Rows y = resultRows(context, site);
  for (int64_t row = 0; row < y.count; ++row)
    for (size_t j = 0; j < map.size(); ++j)
      y[row][j] = x[row][map[j]];
  storeRows(context, site, y);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// concat along the last extent
//===----------------------------------------------------------------------===//

static Status checkConcat(const OpSite &site) {
  std::vector<int64_t> shape = site.out[0].shape;
  int64_t last = 0;
  for (const Operand &x : site.in) {
    std::vector<int64_t> own = x.shape;
    if (!isFloatValue(x) || own.empty() || own.size() != shape.size())
      return site.mismatch("float operands of the result's rank");
    last += own.back();
    own.back() = shape.back();
    if (own != shape || x.axis != site.out[0].axis)
      return site.mismatch("operands like the result but for the last extent");
  }
  if (last != shape.back() || !resultsAre(site, site.out[0].axis, shape))
    return site.mismatch("a result whose last extent is that of all operands");
  return Status::success();
}

static Status runConcat(const OpSite &site, RunContext &context) {
  Rows y = resultRows(context, site);
  int64_t width = site.out[0].lastExtent(), start = 0;
  for (const Operand &operand : site.in) {
    Rows x = readRows(context, operand);
    int64_t last = operand.lastExtent();
    for (int64_t row = 0; row < y.count; ++row)
      for (int64_t j = 0; j < x.width; ++j)
        y[row][j / last * width + start + j % last] = x[row][j];
    start += last;
  }
  storeRows(context, site, y);
  return Status::success();
}

static constexpr OpSpec kOps[] = {
    {"to_float", 1, 1, true, checkToFloat, runToFloat},
    {"rearrange", 1, 1, true, checkRearrange, runRearrange},
    {"concat", 1, 4096, true, checkConcat, runConcat},
};

std::span<const OpSpec> moveOps() { return kOps; }

} // namespace ft
