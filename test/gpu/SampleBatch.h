//===- SampleBatch.h - rows to choose tokens from ---------------*- C++ -*-===//
#ifndef FT_TEST_GPU_SAMPLEBATCH_H
#define FT_TEST_GPU_SAMPLEBATCH_H

#include "Check.h"
#include "runtime/sampling/Sampler.h"
#include "runtime/sampling/SamplingParams.h"

namespace check {

using ft::i64;
using ft::SamplingParams;
using ft::u32;

/// Everything one launch needs, for rows of one vocabulary.
template <typename T> struct SampleBatch {
  SampleBatch(int rows, int columns, int chunks, bool keepKeys)
      : rows(rows), columns(columns), chunks(chunks),
        room(keepKeys ? ((columns + 7) / 8 + 7) / 8 * 8 : 0),
        slotBytes(ft::plan::sampling::stateBytes(columns)),
        x(size_t(rows) * columns), out(rows), counts(1), wanted(rows),
        positions(rows), records(rows), slots(size_t(rows) * slotBytes),
        counters(rows), partials(size_t(rows) * chunks * 2) {
    counts.host[0] = rows;
    counts.up();
    for (int r = 0; r < rows; ++r) {
      wanted.host[r] = rows - 1 - r;
      positions.host[rows - 1 - r] = 3 + r;
    }
    wanted.up();
    positions.up();
    std::fill(counters.host.begin(), counters.host.end(), 0u);
    counters.up();
  }
  int position(int row) const { return 4 + row; }
  void set(int row, const SamplingParams &params) {
    std::vector<int32_t> prompt(size_t(position(row)), row + 2);
    records.host[row] = ft::makeSamplingRecord(params, params.seed.value_or(0),
                                               position(row), row);
    auto state =
        ft::makeSamplingState(params, params.stopTokens, prompt, columns);
    std::memset(&slots.host[row * slotBytes], 0, size_t(slotBytes));
    std::memcpy(&slots.host[row * slotBytes], state.data(), state.size());
  }
  int rows, columns, chunks, room;
  i64 slotBytes;
  Array<T> x;
  Array<int> out, counts, wanted, positions;
  Array<ft::plan::SamplingRecord> records;
  Array<unsigned char> slots;
  Array<u32> counters;
  Array<float> partials;
};

inline std::vector<SamplingParams> settings() {
  std::vector<SamplingParams> list(10);
  for (size_t i = 1; i < list.size(); ++i) {
    list[i].temperature = 0.5 + 0.25 * double(i);
    list[i].seed = i;
  }
  list[2].topK = 50;
  list[3].topP = 0.8;
  list[4].minP = 0.05;
  list[5].topK = 1;
  list[6].repetitionPenalty = 1.4;
  list[6].frequencyPenalty = 0.5;
  list[7].topK = 1000;
  list[7].topP = 0.95;
  list[7].logprobs = 20;
  list[8].logitBias = {{0, 6.5}, {3, -INFINITY}};
  list[8].badWords = {{1}, {10, 10, 2}};
  list[9].temperature = 0;
  list[9].presencePenalty = 30;
  list[9].logprobs = 0;
  return list;
}

/// `run(batch)` launches. Tokens and slots must equal the host's, bit for bit.
template <typename T, typename Run>
void checkRows(int columns, int chunks, bool keepKeys, float deviation,
               const Run &run) {
  if (isLeftOut())
    return;
  std::vector<SamplingParams> list = settings();
  SampleBatch<T> batch(int(list.size()), columns, chunks, keepKeys);
  for (T &value : batch.x.host)
    store(value, normal() * deviation);
  for (size_t row = 0; row < list.size(); ++row)
    batch.set(int(row), list[row]);
  batch.x.up();
  batch.records.up();
  batch.slots.up();
  std::vector<unsigned char> slots = batch.slots.host;
  run(batch);
  synchronize("sample");
  batch.out.down();
  batch.slots.down();
  int wrong = 0;
  for (int row = 0; row < batch.rows; ++row) {
    std::vector<float> logits;
    for (int i = 0; i < columns; ++i)
      logits.push_back(hostFloat(batch.x.host[size_t(row) * columns + i]));
    const ft::plan::SamplingRecord &record = batch.records.host[row];
    auto *state =
        reinterpret_cast<std::byte *>(&slots[size_t(row * batch.slotBytes)]);
    ft::sampling::Row input{logits, &record, state, batch.position(row)};
    int token = ft::sampling::chooseToken(input);
    if (record.flags) {
      if (record.logprobs > 0) {
        auto result = ft::sampling::describeToken(input, token);
        std::memcpy(state + ft::plan::sampling::kResult, &result,
                    sizeof(result));
      }
      ft::sampling::appendToken(state, record, batch.position(row), token);
    }
    bool same =
        batch.out.host[row] == token &&
        !std::memcmp(state, &batch.slots.host[size_t(row * batch.slotBytes)],
                     size_t(batch.slotBytes));
    if (!same)
      std::printf("  row %d: token %d, expected %d\n", row, batch.out.host[row],
                  token);
    wrong += !same;
  }
  report(wrong == 0,
         "sample " + std::to_string(columns) + " in " + std::to_string(chunks) +
             (keepKeys ? "" : " without room") + ", deviation " +
             std::to_string(deviation),
         wrong, 0);
}

} // namespace check

#endif // FT_TEST_GPU_SAMPLEBATCH_H
