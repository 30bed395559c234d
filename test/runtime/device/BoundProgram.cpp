//===- BoundProgram.cpp - a program bound for one batch
//--------------------===//
#include "test/runtime/device/BoundProgram.h"

#include "runtime/base/Random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ft::test {

int64_t TestBatch::tokens() const {
  int64_t sum = 0;
  for (const Slice &slice : slices)
    sum += slice.tokens;
  return sum;
}

BoundProgram::BoundProgram(Device &device, const plan::PlanFile &file,
                           const plan::Entry &entry,
                           const plan::Program &program, const TestBatch &batch)
    : device_(device), file_(file), plan_(file.plan()), entry_(entry),
      program_(program), batch_(batch) {
  counts_.assign(plan_.axes.size(), 0);
  counts_[entry.sequences[0].tokensAxis] = batch.tokens();
  counts_[entry.sequences[0].sequencesAxis] = int64_t(batch.slices.size());
  for (size_t axis = 0; axis < counts_.size(); ++axis)
    if (plan_.axes[axis].name == "rows")
      counts_[axis] = int64_t(batch.wanted.size());
  for (int64_t count : counts_)
    binding_.bounds.axes.push_back(count + batch.surplus);
  auto bytes = arenaBytes(plan_, program_, binding_.bounds);
  EXPECT_TRUE(bytes.ok()) << bytes.status().message();
  arenaBytes_ = bytes.ok() ? *bytes : 0;
  programBounds_ = programBounds(plan_, program_, binding_.bounds);
  binding_.arena = allocate(arenaBytes_);
  binding_.workspace = allocate(program_.workspaceBytes);
  EXPECT_TRUE(
      device_.fill(binding_.workspace, 0, program_.workspaceBytes).ok());
  bindWeights();
  bindCaches();
  bindBatch();
}

BoundProgram::~BoundProgram() {
  executable_.reset();
  for (std::byte *address : allocations_)
    device_.release(address);
}

/// 0xff bytes: NaN in every float type, -1 as an index.
std::byte *BoundProgram::allocate(int64_t bytes) {
  auto address = device_.allocate(bytes, "test memory");
  EXPECT_TRUE(address.ok()) << address.status().message();
  EXPECT_TRUE(device_.fill(*address, 0xff, bytes).ok());
  allocations_.push_back(*address);
  return *address;
}

void BoundProgram::bindWeights() {
  binding_.weights.resize(plan_.weights.size());
  for (size_t i = 0; i < plan_.weights.size(); ++i) {
    const plan::Weight &weight = plan_.weights[i];
    if (weight.viewOf < 0)
      binding_.weights[i] =
          allocate(elementCount(weight.shape) * dtypeSize(weight.dtype));
  }
  for (size_t i = 0; i < plan_.weights.size(); ++i) {
    const plan::Weight &weight = plan_.weights[i];
    if (weight.viewOf >= 0)
      binding_.weights[i] = binding_.weights[weight.viewOf] +
                            weight.viewRow *
                                (elementCount(weight.shape) / weight.shape[0]) *
                                dtypeSize(weight.dtype);
  }
}

void BoundProgram::writeWeight(int32_t index, const Values &values) {
  const plan::Weight &weight = plan_.weights[index];
  ASSERT_EQ(int64_t(values.size()), elementCount(weight.shape));
  std::vector<std::byte> bytes(values.size() * size_t(dtypeSize(weight.dtype)));
  encode(bytes.data(), weight.dtype, values);
  ASSERT_TRUE(
      device_
          .copyIn(binding_.weights[index], bytes.data(), int64_t(bytes.size()))
          .ok());
}

void BoundProgram::randomWeights(uint64_t seed) {
  for (size_t i = 0; i < plan_.weights.size(); ++i) {
    const plan::Weight &weight = plan_.weights[i];
    if (weight.viewOf >= 0)
      continue;
    // Uniform values of this scale have variance 1 / columns.
    float scale = weight.shape.size() == 2
                      ? std::sqrt(3.0f / float(weight.shape[1]))
                      : 1.0f;
    ASSERT_TRUE(device_
                    .fillRandom(binding_.weights[i], weight.dtype,
                                randomKey(seed, weight.name), 0,
                                elementCount(weight.shape), scale)
                    .ok());
  }
}

/// Pages are dealt out backwards, so that no two neighbours are adjacent and
/// sequences interleave; one page more than needed stays unused.
void BoundProgram::bindCaches() {
  if (plan_.caches.empty())
    return;
  const plan::Cache &cache = plan_.caches[0];
  int64_t columns = 1, pages = 1;
  for (const Slice &slice : batch_.slices) {
    int64_t own =
        (slice.past + slice.tokens + cache.pageSize - 1) / cache.pageSize;
    columns = std::max(columns, own);
    pages += own;
  }
  binding_.bounds.pageColumns = columns + 1;
  binding_.cachePages = pages;
  size_t bound =
      size_t(binding_.bounds.axes[entry_.sequences[0].sequencesAxis]);
  pageTable_.assign(bound * size_t(binding_.bounds.pageColumns), -1);
  for (int64_t column = 0, next = pages - 1; column < columns; ++column)
    for (size_t s = 0; s < batch_.slices.size(); ++s)
      if (column * cache.pageSize <
          batch_.slices[s].past + batch_.slices[s].tokens)
        pageTable_[s * size_t(binding_.bounds.pageColumns) + size_t(column)] =
            int32_t(next--);
  binding_.caches.emplace_back();
  for (size_t plane = 0; plane < cache.planes.size(); ++plane)
    binding_.caches[0].push_back(
        allocate(*cachePlaneBytes(cache, int32_t(plane), pages)));
}

void BoundProgram::bindBatch() {
  binding_.layout = makeBatchLayout(plan_, entry_, binding_.bounds);
  std::vector<std::byte> block(size_t(binding_.layout.bytes), std::byte(0xff));
  const BatchLayout::Sequences &at = binding_.layout.sequences[0];
  auto put = [&](int64_t offset, size_t index, int64_t value) {
    int32_t narrow = int32_t(value);
    std::memcpy(block.data() + offset + index * 4, &narrow, 4);
  };
  for (size_t axis = 0; axis < counts_.size(); ++axis)
    put(binding_.layout.counts, axis, counts_[axis]);
  size_t token = 0;
  for (size_t s = 0; s < batch_.slices.size(); ++s) {
    longest_ = std::max(longest_, batch_.slices[s].tokens);
    put(at.cuTokens, s, int64_t(token));
    put(at.kvLengths, s, batch_.slices[s].past + batch_.slices[s].tokens);
    for (int64_t i = 0; i < batch_.slices[s].tokens; ++i, ++token) {
      put(at.positions, token, batch_.slices[s].past + i);
      put(at.sequenceIds, token, int64_t(s));
    }
  }
  put(at.cuTokens, batch_.slices.size(), int64_t(token));
  if (at.packs >= 0)
    packs_ =
        packTiles(reinterpret_cast<const int32_t *>(block.data() + at.cuTokens),
                  int64_t(batch_.slices.size()),
                  reinterpret_cast<int32_t *>(block.data() + at.packs));
  for (size_t i = 0; i < pageTable_.size(); ++i)
    put(at.pageTable, i, pageTable_[i]);
  for (size_t i = 0; i < batch_.wanted.size(); ++i)
    put(binding_.layout.rows, i, batch_.wanted[i]);
  if (binding_.layout.samplingSlot) {
    std::memset(block.data() + binding_.layout.sampling, 0,
                size_t(binding_.bounds.axes[kRows]) *
                    sizeof(plan::SamplingRecord));
    binding_.samplingState = allocate(binding_.layout.samplingSlot *
                                      binding_.bounds.axes[kSequences]);
  }
  binding_.batch = allocate(int64_t(block.size()));
  EXPECT_TRUE(
      device_.copyIn(binding_.batch, block.data(), int64_t(block.size())).ok());
}

void BoundProgram::write(plan::Ref ref, const Values &values) {
  bool isInput = ref.kind == plan::RefKind::Input;
  plan::Buffer place;
  std::byte *base;
  if (isInput) {
    const plan::Input &input = entry_.inputs[ref.index];
    place.dtype = input.dtype;
    place.axis = input.axis;
    place.shape = input.shape;
    place.rowStride = elementCount(input.shape);
    base = binding_.batch + binding_.layout.inputs[ref.index];
  } else {
    place = program_.buffers[ref.index];
    base = bufferAddress(program_, ref.index, programBounds_, binding_.arena);
  }
  int64_t size = dtypeSize(place.dtype), width = elementCount(place.shape);
  ASSERT_EQ(int64_t(values.size()), counts_[place.axis] * width);
  std::vector<std::byte> bytes(values.size() * size_t(size));
  encode(bytes.data(), place.dtype, values);
  for (int64_t row = 0; row < counts_[place.axis]; ++row)
    ASSERT_TRUE(device_
                    .copyIn(base + row * place.rowStride * size,
                            bytes.data() + row * width * size, width * size)
                    .ok());
}

Values BoundProgram::read(plan::Ref ref) {
  const plan::Buffer &buffer = program_.buffers[ref.index];
  std::byte *base =
      bufferAddress(program_, ref.index, programBounds_, binding_.arena);
  int64_t size = dtypeSize(buffer.dtype), width = elementCount(buffer.shape);
  std::vector<std::byte> bytes(size_t(counts_[buffer.axis] * width * size));
  for (int64_t row = 0; row < counts_[buffer.axis]; ++row)
    EXPECT_TRUE(device_
                    .copyOut(bytes.data() + row * width * size,
                             base + row * buffer.rowStride * size, width * size)
                    .ok());
  return decode(bytes.data(), buffer.dtype, counts_[buffer.axis] * width);
}

void BoundProgram::writeRecord(int64_t row,
                               const plan::SamplingRecord &record) {
  ASSERT_TRUE(device_
                  .copyIn(binding_.batch + binding_.layout.sampling +
                              row * int64_t(sizeof(record)),
                          &record, sizeof(record))
                  .ok());
}

void BoundProgram::writeSlot(int32_t slot, std::span<const std::byte> bytes) {
  ASSERT_TRUE(
      device_
          .copyIn(binding_.samplingState + slot * binding_.layout.samplingSlot,
                  bytes.data(), int64_t(bytes.size()))
          .ok());
}

std::vector<std::byte> BoundProgram::readSlot(int32_t slot) {
  std::vector<std::byte> bytes(size_t(binding_.layout.samplingSlot));
  EXPECT_TRUE(
      device_
          .copyOut(bytes.data(),
                   binding_.samplingState + slot * binding_.layout.samplingSlot,
                   int64_t(bytes.size()))
          .ok());
  return bytes;
}

std::byte *BoundProgram::slot(int32_t plane, int64_t layer, int64_t sequence,
                              int64_t position) {
  const plan::Cache &cache = plan_.caches[0];
  int32_t page = pageTable_[size_t(sequence * binding_.bounds.pageColumns +
                                   position / cache.pageSize)];
  return cacheLayerAddress(plan_, binding_, 0, plane, layer) +
         (page * cache.pageSize + position % cache.pageSize) *
             cacheTokenBytes(cache.planes[plane]);
}

void BoundProgram::writeCache(int32_t plane, int64_t layer, int64_t sequence,
                              const Values &values) {
  const plan::CachePlane &format = plan_.caches[0].planes[plane];
  int64_t width = elementCount(format.shape), bytes = cacheTokenBytes(format);
  std::vector<std::byte> row(static_cast<size_t>(bytes));
  for (size_t i = 0; i < values.size(); i += size_t(width)) {
    encode(row.data(), format.dtype,
           Values(values.begin() + long(i), values.begin() + long(i) + width));
    ASSERT_TRUE(device_
                    .copyIn(slot(plane, layer, sequence, int64_t(i) / width),
                            row.data(), bytes)
                    .ok());
  }
}

Values BoundProgram::readCache(int32_t plane, int64_t layer, int64_t sequence,
                               int64_t tokens) {
  const plan::CachePlane &format = plan_.caches[0].planes[plane];
  int64_t bytes = cacheTokenBytes(format);
  std::vector<std::byte> rows(size_t(bytes * tokens));
  for (int64_t i = 0; i < tokens; ++i)
    EXPECT_TRUE(device_
                    .copyOut(rows.data() + i * bytes,
                             slot(plane, layer, sequence, i), bytes)
                    .ok());
  return decode(rows.data(), format.dtype, tokens * elementCount(format.shape));
}

void BoundProgram::eachElement(int32_t index,
                               const std::function<void(int64_t)> &visit) {
  const plan::Buffer &buffer = program_.buffers[index];
  int64_t base =
      bufferAddress(program_, index, programBounds_, binding_.arena) -
      binding_.arena;
  // Rows between the true count and the bound are undefined after a run.
  for (int64_t row = 0; row < programBounds_[buffer.axis]; ++row)
    for (int64_t j = 0; j < elementCount(buffer.shape); ++j)
      visit(base + (row * buffer.rowStride + j) * dtypeSize(buffer.dtype));
}

Status BoundProgram::load() {
  FT_ASSIGN_OR_RETURN(executable_,
                      device_.load(file_, entry_, program_, binding_));
  return Status::success();
}

Status BoundProgram::run() {
  if (!executable_)
    FT_RETURN_IF_ERROR(load());
  std::vector<std::byte> before(static_cast<size_t>(arenaBytes_));
  std::vector<std::byte> after(before.size());
  FT_RETURN_IF_ERROR(
      device_.copyOut(before.data(), binding_.arena, arenaBytes_));
  FT_RETURN_IF_ERROR(executable_->run(batchCounts()));
  FT_RETURN_IF_ERROR(
      device_.copyOut(after.data(), binding_.arena, arenaBytes_));
  for (const plan::Step &step : program_.steps)
    for (int32_t buffer : step.writes)
      eachElement(buffer, [&](int64_t offset) {
        int64_t size = dtypeSize(program_.buffers[buffer].dtype);
        std::memcpy(before.data() + offset, after.data() + offset,
                    size_t(size));
      });
  if (before != after)
    return internalError("the run wrote outside its results");
  return Status::success();
}

} // namespace ft::test
