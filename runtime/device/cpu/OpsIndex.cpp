//===- OpsIndex.cpp - ops that pick rows, make indices or pool ------------===//
#include "runtime/device/cpu/Convert.h"
#include "runtime/device/cpu/Ops.h"

#include <cassert>
#include <limits>

namespace ft {

//===----------------------------------------------------------------------===//
// embedding: y[t] = table[ids[t]], or of a rank's rows, from `first` on
//===----------------------------------------------------------------------===//

/// The number of a rank's first row or column, an f32 weight.
static bool isFirst(const Operand &operand) {
  return operand.isWeight() && operand.dtype == DType::F32 &&
         operand.width() == 1;
}

static int64_t firstOf(const Operand &operand) {
  return int64_t(*reinterpret_cast<const float *>(operand.address));
}

static Status checkEmbedding(const OpSite &site) {
  const Operand &table = site.in[1];
  if (!isIndexValue(site.in[0]))
    return site.mismatch("i32 ids");
  if (!isFloatWeight(table) || table.shape.size() != 2)
    return site.mismatch("a float table [rows, width]");
  if (site.in.size() > 2 && !isFirst(site.in[2]))
    return site.mismatch("one f32, the first row of the table");
  for (const Operand &result : site.out)
    if (!isFloatValue(result) || result.axis != site.in[0].axis ||
        result.width() != table.shape[1])
      return site.mismatch("a result as wide as the table");
  return Status::success();
}

static Status runEmbedding(const OpSite &site, RunContext &context) {
  const Operand &ids = site.in[0], &table = site.in[1];
  bool shared = site.in.size() > 2;
  int64_t first = shared ? firstOf(site.in[2]) : 0;
  Rows y = resultRows(context, site);
  int64_t rowBytes = y.width * dtypeSize(table.dtype);
  for (int64_t row = 0; row < y.count; ++row) {
    int64_t id = *intRow(ids, row) - first;
    if (shared && (id < 0 || id >= table.shape[0])) {
      std::fill_n(y[row], y.width, 0.0f);
      continue;
    }
    if (id < 0 || id >= table.shape[0])
      return outOfRange("step '" + site.step->name + "': row " +
                        std::to_string(id) + " of an embedding table of " +
                        std::to_string(table.shape[0]) +
                        " rows; the tokens or positions are beyond what the "
                        "model was made for");
    widen(y[row], table.address + id * rowBytes, table.dtype, y.width);
  }
  storeRows(context, site, y);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// rows: y[r] = x[rows[r]]
//===----------------------------------------------------------------------===//

static Status checkRows(const OpSite &site) {
  if (!isFloatValue(site.in[0]))
    return site.mismatch("a float value");
  if (site.in[1].ref.kind != plan::RefKind::Rows)
    return site.mismatch("the wanted rows as second operand");
  const std::vector<SequenceFields> &sequences = site.program->sequences;
  if (sequences.empty() || site.in[0].axis != sequences[0].tokensAxis)
    return site.mismatch("a value on the tokens axis, which rows index");
  if (!resultsAre(site, site.out[0].axis, site.in[0].shape))
    return site.mismatch("a result of the operand's row shape");
  if (site.program->plan->axes[site.out[0].axis].name != "rows")
    return site.mismatch("a result on axis 'rows'");
  return Status::success();
}

static Status runRows(const OpSite &site, RunContext &context) {
  const Operand &x = site.in[0];
  Rows y = resultRows(context, site);
  int64_t rowBytes = x.rowStride * dtypeSize(x.dtype);
  for (int64_t row = 0; row < y.count; ++row) {
    int64_t wanted = site.program->rows[row];
    assert(wanted >= 0 && wanted < context.counts[x.axis] &&
           "the engine wants rows of this batch only");
    widen(y[row], x.address + wanted * rowBytes, x.dtype, y.width);
  }
  storeRows(context, site, y);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// segment_reduce: y[s] = kind of x[cu_tokens[s]] .. x[cu_tokens[s + 1] - 1]
//===----------------------------------------------------------------------===//

static bool isSegmentKind(const std::string &kind) {
  return kind == "mean" || kind == "sum" || kind == "max" || kind == "first" ||
         kind == "last";
}

static Status checkSegmentReduce(const OpSite &site) {
  if (!isFloatValue(site.in[0]) || !isSequences(site.in[1]))
    return site.mismatch("a float value and sequences");
  const SequenceFields &sequences = site.sequences(1);
  if (site.in[0].axis != sequences.tokensAxis)
    return site.mismatch("a value on the tokens axis of its sequences");
  if (!resultsAre(site, sequences.sequencesAxis, site.in[0].shape))
    return site.mismatch("a result of the operand's row shape on the "
                         "sequences axis");
  std::string kind = site.text("kind", "");
  if (!isSegmentKind(kind))
    return site.mismatch("attribute 'kind' mean, sum, max, first or last");
  int64_t index = site.integer("index", 0);
  if (index < 0 || index > INT32_MAX ||
      (index > 0 && kind != "first" && kind != "last"))
    return site.mismatch("attribute 'index' from 0 on, of first or last");
  return Status::success();
}

/// Element j of the result for rows begin .. end-1, which are not empty.
static float segmentElement(const std::string &kind, const Rows &x,
                            int64_t begin, int64_t end, int64_t j) {
  if (kind == "first")
    return x[begin][j];
  if (kind == "last")
    return x[end - 1][j];
  double sum = 0;
  float largest = x[begin][j];
  for (int64_t row = begin; row < end; ++row) {
    sum += x[row][j];
    largest = std::max(largest, x[row][j]);
  }
  if (kind == "max")
    return largest;
  return float(kind == "mean" ? sum / double(end - begin) : sum);
}

static Status runSegmentReduce(const OpSite &site, RunContext &context) {
  const SequenceFields &sequences = site.sequences(1);
  int64_t index = site.integer("index", 0);
  std::string kind = site.text("kind", "");
  Rows x = readRows(context, site.in[0]);
  Rows y = resultRows(context, site);
  context.pool.forEach(y.count, 1, [&](int64_t first, int64_t last) {
    for (int64_t s = first; s < last; ++s) {
      int64_t begin = sequences.cuTokens[s], end = sequences.cuTokens[s + 1];
      kind == "last" ? end -= index : begin += index;
      for (int64_t j = 0; j < y.width; ++j)
        y[s][j] = begin < end ? segmentElement(kind, x, begin, end, j) : 0.0f;
    }
  });
  storeRows(context, site, y);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// patches: y[t] = the patch of sequence s's image at t's position
//===----------------------------------------------------------------------===//

namespace {
/// Extents of an image and its patches; patches lie `columns` to a line.
struct PatchShape {
  int64_t channels, height, width;
  int64_t patchHeight, patchWidth;
  int64_t prefix, columns, patches;
};
} // namespace

static PatchShape patchShape(const OpSite &site) {
  const std::vector<int64_t> &image = site.in[0].shape;
  PatchShape shape{image[0],
                   image[1],
                   image[2],
                   site.integer("patch_height", 0),
                   site.integer("patch_width", 0),
                   site.integer("prefix", 0),
                   0,
                   0};
  if (shape.patchHeight > 0 && shape.patchWidth > 0) {
    shape.columns = shape.width / shape.patchWidth;
    shape.patches = shape.height / shape.patchHeight * shape.columns;
  }
  return shape;
}

static Status checkPatches(const OpSite &site) {
  const Operand &image = site.in[0];
  if (!isFloatValue(image) || image.shape.size() != 3 ||
      !isSequences(site.in[1]) || image.axis != site.sequences(1).sequencesAxis)
    return site.mismatch("images [channels, height, width] on the sequences "
                         "axis of its sequences");
  PatchShape shape = patchShape(site);
  if (shape.patches < 1 || shape.prefix < 0)
    return site.mismatch("attributes 'patch_height' and 'patch_width' within "
                         "the image, and 'prefix' from 0 on");
  int64_t row = shape.channels * shape.patchHeight * shape.patchWidth;
  if (!resultsAre(site, site.sequences(1).tokensAxis, {row}))
    return site.mismatch("a result of " + std::to_string(row) +
                         " floats on the tokens axis");
  return Status::success();
}

/// The rows of one patch, channel by channel.
static void copyPatch(const PatchShape &shape, const float *image,
                      int64_t patch, float *to) {
  int64_t top = patch / shape.columns * shape.patchHeight;
  int64_t left = patch % shape.columns * shape.patchWidth;
  for (int64_t c = 0; c < shape.channels; ++c)
    for (int64_t y = 0; y < shape.patchHeight; ++y) {
      const float *line =
          image + (c * shape.height + top + y) * shape.width + left;
      to = std::copy(line, line + shape.patchWidth, to);
    }
}

static Status runPatches(const OpSite &site, RunContext &context) {
  PatchShape shape = patchShape(site);
  const SequenceFields &sequences = site.sequences(1);
  Rows images = readRows(context, site.in[0]);
  Rows y = resultRows(context, site);
  context.pool.forEach(y.count, 16, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      int64_t patch = sequences.positions[t] - shape.prefix;
      if (patch >= 0 && patch < shape.patches)
        copyPatch(shape, images[sequences.sequenceIds[t]], patch, y[t]);
      else
        std::fill(y[t], y[t] + y.width, 0.0f);
    }
  });
  storeRows(context, site, y);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// argmax: the lowest index of the largest element along the last extent
//===----------------------------------------------------------------------===//

static Status checkArgmax(const OpSite &site) {
  if (!isFloatValue(site.in[0]) || site.in[0].width() < 1)
    return site.mismatch("a float value");
  const std::vector<int64_t> &shape = site.in[0].shape;
  for (const Operand &result : site.out)
    if (!result.isValue() || result.dtype != DType::I32 || shape.empty() ||
        result.axis != site.in[0].axis ||
        !std::equal(result.shape.begin(), result.shape.end(), shape.begin(),
                    shape.end() - 1))
      return site.mismatch("an i32 result on the operand's axis, without its "
                           "last extent");
  return Status::success();
}

static Status runArgmax(const OpSite &site, RunContext &context) {
  Rows x = readRows(context, site.in[0]);
  int64_t last = site.in[0].shape.back();
  context.pool.forEach(x.count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      for (int64_t part = 0; part * last < x.width; ++part) {
        const float *from = x[row] + part * last;
        int64_t best = 0;
        for (int64_t j = 1; j < last; ++j)
          if (from[j] > from[best])
            best = j;
        for (const Operand &result : site.out)
          intRow(result, row)[part] = int32_t(best);
      }
  });
  return Status::success();
}

//===----------------------------------------------------------------------===//
// local_argmax: (value, index) of a rank's columns; merge_argmax: the best pair
//===----------------------------------------------------------------------===//

static bool isPairs(const Operand &operand) {
  return operand.isValue() && operand.dtype == DType::F32 &&
         operand.width() > 0 && operand.width() % 2 == 0;
}

static float *pairRow(const Operand &value, int64_t row) {
  return reinterpret_cast<float *>(value.address) + row * value.rowStride;
}

static Status checkLocalArgmax(const OpSite &site) {
  if (!isFloatValue(site.in[0]) || !isFirst(site.in[1]))
    return site.mismatch("a float value and the number of its first column");
  if (site.integer("limit", 0) < 1)
    return site.mismatch("a positive attribute 'limit'");
  for (const Operand &result : site.out)
    if (!isPairs(result) || result.width() != 2 ||
        result.axis != site.in[0].axis)
      return site.mismatch("a pair of f32 on the operand's axis");
  return Status::success();
}

static Status runLocalArgmax(const OpSite &site, RunContext &context) {
  Rows x = readRows(context, site.in[0]);
  int64_t first = firstOf(site.in[1]), limit = site.integer("limit", 0);
  int64_t columns = std::clamp<int64_t>(limit - first, 0, x.width);
  context.pool.forEach(x.count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      int64_t best = 0;
      for (int64_t j = 1; j < columns; ++j)
        if (x[row][j] > x[row][best])
          best = j;
      for (const Operand &result : site.out) {
        float *pair = pairRow(result, row);
        pair[0] =
            columns ? x[row][best] : -std::numeric_limits<float>::infinity();
        pair[1] = float(columns ? first + best : limit);
      }
    }
  });
  return Status::success();
}

static Status checkMergeArgmax(const OpSite &site) {
  if (!isPairs(site.in[0]))
    return site.mismatch("pairs of f32");
  for (const Operand &result : site.out)
    if (!isIndexValue(result) || result.axis != site.in[0].axis)
      return site.mismatch("an i32 result on the operand's axis");
  return Status::success();
}

static Status runMergeArgmax(const OpSite &site, RunContext &context) {
  const Operand &pairs = site.in[0];
  for (int64_t row = 0; row < context.counts[pairs.axis]; ++row) {
    const float *pair = pairRow(pairs, row);
    int64_t best = 0;
    for (int64_t i = 1; i < pairs.width() / 2; ++i) {
      bool tie = pair[2 * i] == pair[2 * best];
      bool lower = tie && pair[2 * i + 1] < pair[2 * best + 1];
      if (pair[2 * i] > pair[2 * best] || lower)
        best = i;
    }
    for (const Operand &result : site.out)
      *intRow(result, row) = int32_t(pair[2 * best + 1]);
  }
  return Status::success();
}

static constexpr OpSpec kOps[] = {
    {"embedding", 2, 3, true, checkEmbedding, runEmbedding},
    {"rows", 2, 2, true, checkRows, runRows},
    {"segment_reduce", 2, 2, true, checkSegmentReduce, runSegmentReduce},
    {"patches", 2, 2, true, checkPatches, runPatches},
    {"argmax", 1, 1, true, checkArgmax, runArgmax},
    {"local_argmax", 2, 2, true, checkLocalArgmax, runLocalArgmax},
    {"merge_argmax", 1, 1, true, checkMergeArgmax, runMergeArgmax},
};

std::span<const OpSpec> indexOps() { return kOps; }

} // namespace ft
