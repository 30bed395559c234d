//===- OpsAttention.cpp - attention over own tokens or cached pages -------===//
//
// For each query token and kv head: list the keys the mask lets through, score
// them, apply the score region, softmax, sum the values. Query head h uses kv
// head h / (heads / kv heads). The mask, on positions q and k:
//   causal:  k <= q;  window w > 0:  k > q - w, and k < q + w where not causal.
//
//===----------------------------------------------------------------------===//
#include "runtime/device/cpu/Convert.h"
#include "runtime/device/cpu/Gemm.h"
#include "runtime/device/cpu/Ops.h"
#include "runtime/device/cpu/ScoreRegion.h"

#include <cassert>
#include <cmath>
#include <limits>

namespace ft {

namespace {

/// Where token rows of K or V lie.
struct Plane {
  const std::byte *base = nullptr;
  DType dtype = DType::F32;
  int64_t rowBytes = 0; // from one token to the next
  int64_t size = 0;     // elements of a head
};

struct Problem {
  const OpSite *site;
  const SequenceFields *sequences;
  const plan::Cache *cache = nullptr; // null: keys are the batch's own tokens
  Plane key, value;
  Rows query, result;
  int64_t heads = 0, kvHeads = 0;
  double scale = 1;
  bool causal = false;
  int64_t window = 0;
};

/// The visible keys of one query, and buffers that its heads share.
struct Work {
  std::vector<int64_t> rows; // of the planes
  std::vector<int32_t> positions;
  std::vector<float> scores; // [heads of the group, keys]
  std::vector<float> row;    // one widened key or value
  std::vector<double> sums;  // [heads of the group, value size]
};

} // namespace

static bool visible(const Problem &p, int64_t query, int64_t key) {
  if (p.causal && key > query)
    return false;
  if (p.window > 0 && key <= query - p.window)
    return false;
  return p.causal || p.window == 0 || key < query + p.window;
}

static void collectKeys(const Problem &p, int64_t token, Work &work) {
  const SequenceFields &s = *p.sequences;
  int64_t sequence = s.sequenceIds[token];
  int64_t query = s.positions[token];
  work.rows.clear();
  work.positions.clear();
  auto collect = [&](int64_t position, int64_t row) {
    work.rows.push_back(row);
    work.positions.push_back(int32_t(position));
  };
  if (!p.cache) {
    for (int64_t row = s.cuTokens[sequence]; row < s.cuTokens[sequence + 1];
         ++row)
      if (visible(p, query, s.positions[row]))
        collect(s.positions[row], row);
    return;
  }
  int64_t pageSize = p.cache->pageSize;
  for (int64_t position = 0; position < s.kvLengths[sequence]; ++position) {
    if (!visible(p, query, position))
      continue;
    assert(position / pageSize < s.pageColumns && "a page for every key");
    int64_t page = s.pageTable[sequence * s.pageColumns + position / pageSize];
    assert(page >= 0 && page < p.site->program->binding->cachePages &&
           "a real page");
    collect(position, page * pageSize + position % pageSize);
  }
}

/// Head `head` of a plane's row as fp32: in place, or widened into `buffer`.
static const float *headOf(const Plane &plane, int64_t row, int64_t head,
                           std::vector<float> &buffer) {
  const std::byte *at = plane.base + row * plane.rowBytes +
                        head * plane.size * dtypeSize(plane.dtype);
  if (plane.dtype == DType::F32)
    return reinterpret_cast<const float *>(at);
  buffer.resize(size_t(plane.size));
  widen(buffer.data(), at, plane.dtype, plane.size);
  return buffer.data();
}

/// In place: exp(score - largest). Returns the sum, 0 where no key counts.
static double exponentials(float *scores, int64_t count) {
  float largest = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < count; ++i)
    largest = std::max(largest, scores[i]);
  if (largest == -std::numeric_limits<float>::infinity())
    return 0;
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += scores[i] = std::exp(scores[i] - largest);
  return sum;
}

static void sumValues(const Problem &p, int64_t kvHead, int64_t group,
                      Work &work) {
  int64_t keys = int64_t(work.rows.size()), size = p.value.size;
  work.sums.assign(size_t(group * size), 0.0);
  for (int64_t i = 0; i < keys; ++i) {
    const float *value = headOf(p.value, work.rows[i], kvHead, work.row);
    for (int64_t h = 0; h < group; ++h) {
      double weight = work.scores[h * keys + i];
      double *sums = &work.sums[h * size];
      for (int64_t j = 0; j < size; ++j)
        sums[j] += weight * value[j];
    }
  }
}

/// The query heads of one token that share kv head `kvHead`.
static void attend(const Problem &p, int64_t token, int64_t kvHead,
                   Work &work) {
  collectKeys(p, token, work);
  int64_t keys = int64_t(work.rows.size()), group = p.heads / p.kvHeads;
  int64_t size = p.key.size, valueSize = p.value.size;
  const float *query = p.query[token] + kvHead * group * size;
  float *result = p.result[token] + kvHead * group * valueSize;
  work.scores.resize(size_t(group * keys));
  for (int64_t i = 0; i < keys; ++i) {
    const float *key = headOf(p.key, work.rows[i], kvHead, work.row);
    for (int64_t h = 0; h < group; ++h)
      work.scores[h * keys + i] =
          float(dot(query + h * size, key, size) * p.scale);
  }
  std::vector<double> totals(static_cast<size_t>(group));
  for (int64_t h = 0; h < group; ++h) {
    float *scores = work.scores.data() + h * keys;
    applyScoreRegion(*p.site, kvHead * group + h, p.sequences->positions[token],
                     work.positions.data(), scores, keys);
    totals[h] = exponentials(scores, keys);
  }
  sumValues(p, kvHead, group, work);
  for (int64_t h = 0; h < group; ++h)
    for (int64_t j = 0; j < valueSize; ++j)
      result[h * valueSize + j] =
          totals[h] == 0 ? 0.0f
                         : float(work.sums[h * valueSize + j] / totals[h]);
}

static bool cached(const OpSite &site) { return site.in.size() == 3; }

static Status checkHeads(const OpSite &site, const std::vector<int64_t> &key,
                         const std::vector<int64_t> &value) {
  const Operand &query = site.in[0];
  if (query.shape.size() != 2 || key.size() != 2 || value.size() != 2 ||
      key[1] != query.shape[1] || key[0] != value[0] || key[0] < 1 ||
      query.shape[0] % key[0] != 0)
    return site.mismatch("q [heads, d], k [kv heads, d], v [kv heads, dv] "
                         "with heads a multiple of kv heads");
  if (!resultsAre(site, query.axis, {query.shape[0], value[1]}))
    return site.mismatch("a result [heads, dv]");
  return Status::success();
}

static Status checkCached(const OpSite &site) {
  if (!isSequences(site.in[1]) || site.in[2].ref.kind != plan::RefKind::Cache)
    return site.mismatch("q, sequences and a cache");
  int32_t index = site.in[2].ref.index;
  const plan::Cache &cache = site.program->plan->caches[index];
  if (!pagesFit(site, 1, index) || cache.planes.size() < 2 ||
      !isFloat(cache.planes[0].dtype) || !isFloat(cache.planes[1].dtype))
    return site.mismatch("sequences whose pages have the size of those of "
                         "cache '" +
                         cache.name + "', which needs float planes k and v");
  int64_t layer = site.integer("layer", 0);
  if (layer < 0 || layer >= cache.layers)
    return site.mismatch("a layer below " + std::to_string(cache.layers));
  return checkHeads(site, cache.planes[0].shape, cache.planes[1].shape);
}

static Status checkAttention(const OpSite &site) {
  if (!isFloatValue(site.in[0]) || !site.has("scale"))
    return site.mismatch("a float query and an attribute 'scale'");
  if (cached(site)) {
    FT_RETURN_IF_ERROR(checkCached(site));
  } else {
    if (site.in.size() != 4 || !isFloatValue(site.in[1]) ||
        !isFloatValue(site.in[2]) || !isSequences(site.in[3]) ||
        site.in[1].axis != site.in[0].axis ||
        site.in[2].axis != site.in[0].axis)
      return site.mismatch("q, k, v and sequences");
    FT_RETURN_IF_ERROR(checkHeads(site, site.in[1].shape, site.in[2].shape));
  }
  const SequenceFields &sequences = site.sequences(cached(site) ? 1 : 3);
  if (site.in[0].axis != sequences.tokensAxis)
    return site.mismatch("a query on the tokens axis of its sequences");
  return checkScoreRegion(site);
}

static Plane ownTokens(const RunContext &context, const Operand &value) {
  Rows rows = readRows(context, value);
  return {reinterpret_cast<const std::byte *>(rows.data), DType::F32,
          rows.stride * int64_t(sizeof(float)), value.lastExtent()};
}

static Plane cachePlane(const OpSite &site, int32_t plane) {
  const ProgramSite &program = *site.program;
  int32_t cache = site.in[2].ref.index;
  const plan::CachePlane &format = program.plan->caches[cache].planes[plane];
  return {cacheLayerAddress(*program.plan, *program.binding, cache, plane,
                            site.integer("layer", 0)),
          format.dtype, cacheTokenBytes(format), format.shape[1]};
}

static Status runAttention(const OpSite &site, RunContext &context) {
  Problem p;
  p.site = &site;
  p.sequences = &site.sequences(cached(site) ? 1 : 3);
  p.heads = site.in[0].shape[0];
  if (cached(site)) {
    p.cache = &site.program->plan->caches[site.in[2].ref.index];
    p.kvHeads = p.cache->planes[0].shape[0];
    p.key = cachePlane(site, 0);
    p.value = cachePlane(site, 1);
  } else {
    p.kvHeads = site.in[1].shape[0];
    p.key = ownTokens(context, site.in[1]);
    p.value = ownTokens(context, site.in[2]);
  }
  p.query = readRows(context, site.in[0]);
  p.result = resultRows(context, site);
  p.scale = site.real("scale", 1.0);
  p.causal = site.flag("causal");
  p.window = site.integer("window", 0);
  context.pool.forEach(p.query.count * p.kvHeads, 1,
                       [&](int64_t begin, int64_t end) {
                         Work work;
                         for (int64_t i = begin; i < end; ++i)
                           attend(p, i / p.kvHeads, i % p.kvHeads, work);
                       });
  storeRows(context, site, p.result);
  return Status::success();
}

static constexpr OpSpec kOps[] = {
    {"attention", 3, 4, true, checkAttention, runAttention},
};

std::span<const OpSpec> attentionOps() { return kOps; }

} // namespace ft
