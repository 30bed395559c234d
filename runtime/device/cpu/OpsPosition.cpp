//===- OpsPosition.cpp - ops on token positions and cache slots -----------===//
#include "runtime/device/cpu/Convert.h"
#include "runtime/device/cpu/Ops.h"

#include <algorithm>
#include <cassert>

namespace ft {

//===----------------------------------------------------------------------===//
// positions
//===----------------------------------------------------------------------===//

static Status checkPositions(const OpSite &site) {
  if (!isSequences(site.in[0]))
    return site.mismatch("sequences");
  for (const Operand &result : site.out)
    if (!isIndexValue(result) || result.axis != site.sequences(0).tokensAxis)
      return site.mismatch("an i32 result on the tokens axis");
  return Status::success();
}

static Status runPositions(const OpSite &site, RunContext &context) {
  const SequenceFields &sequences = site.sequences(0);
  int64_t offset = site.integer("offset", 0);
  int64_t most = site.integer("most", INT32_MAX);
  for (int64_t t = 0; t < context.counts[sequences.tokensAxis]; ++t)
    for (const Operand &result : site.out)
      *intRow(result, t) =
          int32_t(std::min(sequences.positions[t] + offset, most));
  return Status::success();
}

//===----------------------------------------------------------------------===//
// rope: rotates pairs of the first `dims` elements of every head
//===----------------------------------------------------------------------===//

static Status checkRope(const OpSite &site) {
  const Operand &x = site.in[0];
  if (!isFloatValue(x) || x.shape.empty() || !isSequences(site.in[1]) ||
      x.axis != site.sequences(1).tokensAxis)
    return site.mismatch("a float value on the tokens axis of its sequences");
  const Operand &table = site.in[2];
  if (!isFloatWeight(table) || table.shape.size() != 2 ||
      table.shape[1] % 2 != 0 || table.shape[1] > x.lastExtent())
    return site.mismatch("a table [positions, dims], dims even and at most " +
                         std::to_string(x.lastExtent()));
  if (site.integer("dims", table.shape[1]) != table.shape[1])
    return site.mismatch("attribute 'dims' to equal the table's columns");
  if (!resultsAre(site, x.axis, x.shape))
    return site.mismatch("a result of the operand's shape");
  return Status::success();
}

/// One head: `table` is the position's row, cosines then sines.
static void rotate(const float *x, float *y, const float *table, int64_t dims,
                   int64_t size, bool interleaved) {
  int64_t half = dims / 2;
  for (int64_t j = 0; j < half; ++j) {
    int64_t first = interleaved ? 2 * j : j;
    int64_t second = interleaved ? 2 * j + 1 : j + half;
    float a = x[first], b = x[second];
    float cosine = table[j], sine = table[half + j];
    y[first] = a * cosine - b * sine;
    y[second] = b * cosine + a * sine;
  }
  for (int64_t j = dims; j < size; ++j)
    y[j] = x[j];
}

static Status runRope(const OpSite &site, RunContext &context) {
  const SequenceFields &sequences = site.sequences(1);
  const Operand &table = site.in[2];
  int64_t dims = table.shape[1], size = site.in[0].lastExtent();
  bool interleaved = site.flag("interleaved");
  Rows x = readRows(context, site.in[0]);
  Rows y = resultRows(context, site);
  for (int64_t t = 0; t < x.count; ++t)
    if (sequences.positions[t] < 0 || sequences.positions[t] >= table.shape[0])
      return outOfRange("step '" + site.step->name + "': position " +
                        std::to_string(sequences.positions[t]) +
                        " of a rope table of " +
                        std::to_string(table.shape[0]) +
                        " rows; the sequence is longer than the model allows");
  context.pool.forEach(x.count, rowGrain(x.width),
                       [&](int64_t begin, int64_t end) {
                         std::vector<float> row(static_cast<size_t>(dims));
                         for (int64_t t = begin; t < end; ++t) {
                           widen(row.data(),
                                 table.address + sequences.positions[t] * dims *
                                                     dtypeSize(table.dtype),
                                 table.dtype, dims);
                           for (int64_t head = 0; head < x.width; head += size)
                             rotate(x[t] + head, y[t] + head, row.data(), dims,
                                    size, interleaved);
                         }
                       });
  storeRows(context, site, y);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// cache_append: plane[page, slot] = row, rounded to the plane's dtype
//===----------------------------------------------------------------------===//

static Status checkCacheAppend(const OpSite &site) {
  if (!isSequences(site.in[2]) || site.in[3].ref.kind != plan::RefKind::Cache)
    return site.mismatch("k, v, sequences and a cache");
  int32_t cacheIndex = site.in[3].ref.index;
  const plan::Cache &cache = site.program->plan->caches[cacheIndex];
  if (!pagesFit(site, 2, cacheIndex) || cache.planes.size() < 2)
    return site.mismatch("sequences whose pages have the size of those of "
                         "cache '" +
                         cache.name + "', which needs planes k and v");
  for (int plane = 0; plane < 2; ++plane) {
    const Operand &value = site.in[plane];
    if (!isFloatValue(value) || value.axis != site.sequences(2).tokensAxis ||
        value.shape != cache.planes[plane].shape ||
        !isFloat(cache.planes[plane].dtype))
      return site.mismatch("values of the shapes of the cache's planes");
  }
  int64_t layer = site.integer("layer", 0);
  if (layer < 0 || layer >= cache.layers)
    return site.mismatch("a layer below " + std::to_string(cache.layers));
  return Status::success();
}

static void appendPlane(const OpSite &site, RunContext &context, int plane) {
  const SequenceFields &sequences = site.sequences(2);
  const ProgramSite &program = *site.program;
  int32_t cacheIndex = site.in[3].ref.index;
  const plan::Cache &cache = program.plan->caches[cacheIndex];
  const plan::CachePlane &format = cache.planes[plane];
  std::byte *base =
      cacheLayerAddress(*program.plan, *program.binding, cacheIndex, plane,
                        site.integer("layer", 0));
  int64_t tokenBytes = cacheTokenBytes(format);
  Rows x = readRows(context, site.in[plane]);
  for (int64_t t = 0; t < x.count; ++t) {
    int64_t position = sequences.positions[t];
    int64_t column = position / cache.pageSize;
    assert(column < sequences.pageColumns && "a page for every position");
    int64_t page =
        sequences.pageTable[sequences.sequenceIds[t] * sequences.pageColumns +
                            column];
    assert(page >= 0 && page < program.binding->cachePages && "a real page");
    int64_t slot = page * cache.pageSize + position % cache.pageSize;
    narrow(base + slot * tokenBytes, x[t], format.dtype, x.width);
  }
}

static Status runCacheAppend(const OpSite &site, RunContext &context) {
  appendPlane(site, context, 0);
  appendPlane(site, context, 1);
  return Status::success();
}

static constexpr OpSpec kOps[] = {
    {"positions", 1, 1, true, checkPositions, runPositions},
    {"rope", 3, 3, true, checkRope, runRope},
    {"cache_append", 4, 4, false, checkCacheAppend, runCacheAppend},
};

std::span<const OpSpec> positionOps() { return kOps; }

} // namespace ft
