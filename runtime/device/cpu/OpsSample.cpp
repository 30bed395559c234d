//===- OpsSample.cpp - choosing tokens ------------------------------------===//
#include "runtime/device/cpu/Ops.h"
#include "runtime/sampling/Sampler.h"

#include <cassert>
#include <cstring>

namespace ft {

//===----------------------------------------------------------------------===//
// sample: the token of each wanted row, by its record (docs/sampling.md)
//===----------------------------------------------------------------------===//

static Status checkSample(const OpSite &site) {
  const Operand &logits = site.in[0];
  if (!isFloatValue(logits) || logits.shape.size() != 1 ||
      logits.ref.kind != plan::RefKind::Buffer)
    return site.mismatch("a stored row of logits");
  if (!isSequences(site.in[1]) || site.in[2].ref.kind != plan::RefKind::Rows ||
      site.program->plan->axes[logits.axis].name != "rows")
    return site.mismatch("logits of the wanted rows of sequences");
  for (const Operand &result : site.out)
    if (!isIndexValue(result) || result.axis != logits.axis)
      return site.mismatch("an i32 result on the operand's axis");
  return Status::success();
}

static int32_t sampleRow(const OpSite &site, const Rows &logits, int64_t row) {
  const plan::SamplingRecord &record = site.program->sampling[row];
  const Binding &binding = *site.program->binding;
  std::byte *state = nullptr;
  if (record.flags & plan::SamplingRecord::kState) {
    assert(record.slot >= 0 && "the engine gave the row a slot");
    state = binding.samplingState + record.slot * binding.layout.samplingSlot;
  }
  sampling::Row input;
  input.logits = {logits[row], size_t(logits.width)};
  input.record = &record;
  input.state = state;
  input.position = site.sequences(1).positions[site.program->rows[row]] + 1;
  int32_t token = sampling::chooseToken(input);
  if (!state)
    return token;
  if (record.logprobs > 0) {
    plan::SamplingResult result = sampling::describeToken(input, token);
    std::memcpy(state + plan::sampling::kResult, &result, sizeof(result));
  }
  sampling::appendToken(state, record, input.position, token);
  return token;
}

static Status runSample(const OpSite &site, RunContext &context) {
  Rows logits = readRows(context, site.in[0]);
  context.pool.forEach(logits.count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      int32_t token = sampleRow(site, logits, row);
      for (const Operand &result : site.out)
        *intRow(result, row) = token;
    }
  });
  return Status::success();
}

static constexpr OpSpec kOps[] = {
    {"sample", 3, 3, true, checkSample, runSample},
};

std::span<const OpSpec> samplingOps() { return kOps; }

} // namespace ft
