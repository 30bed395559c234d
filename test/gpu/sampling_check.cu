//===- sampling_check.cu - sample against the host's reference ------------===//
//
// Tokens and slots equal runtime/sampling/Sampler.cpp bit for bit, for every
// kind of setting, vocabulary and number of chunks; then, if asked, times.
//
//===----------------------------------------------------------------------===//
#include "argmax.cuh"
#include "sample.cuh"

#include "Check.h"
#include "runtime/sampling/Sampler.h"
#include "runtime/sampling/SamplingParams.h"

#include <chrono>

using namespace check;
using ft::i64;
using ft::SamplingParams;
using ft::u32;

namespace {

template <typename T>
__global__ void FT_CLUSTER_OF_ROWS __launch_bounds__(512, 2)
    sampleKernel(const T *x, i64 stride, int columns, int *out,
                 const int *counts, const int *rows, const int *positions,
                 const unsigned char *records, unsigned char *slots,
                 i64 slotBytes, int room, u32 *counters, float *partials) {
  ft::sample::run(x, stride, columns, out, counts, 0, rows, positions, records,
                  slots, slotBytes, room, counters, partials);
}

/// Everything one launch needs, for rows of one vocabulary.
template <typename T> struct Batch {
  Batch(int rows, int columns, int chunks, bool keepKeys)
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
    cuda(cudaFuncSetAttribute(sampleKernel<T>,
                              cudaFuncAttributeMaxDynamicSharedMemorySize,
                              room * 4),
         "shared memory");
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
  void run(cudaStream_t stream = nullptr) {
    launch(sampleKernel<T>, dim3(rows, chunks), 512, room * 4, stream, x.device,
           i64(columns), columns, out.device, counts.device, wanted.device,
           positions.device, reinterpret_cast<unsigned char *>(records.device),
           slots.device, slotBytes, room,
           chunks > 8 ? counters.device : nullptr,
           chunks > 8 ? partials.device : nullptr);
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

std::vector<SamplingParams> settings() {
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

template <typename T>
void checkRows(int columns, int chunks, bool keepKeys, float deviation) {
  std::vector<SamplingParams> list = settings();
  Batch<T> batch(int(list.size()), columns, chunks, keepKeys);
  for (T &value : batch.x.host)
    store(value, normal() * deviation);
  for (size_t row = 0; row < list.size(); ++row)
    batch.set(int(row), list[row]);
  batch.x.up();
  batch.records.up();
  batch.slots.up();
  std::vector<unsigned char> slots = batch.slots.host;
  batch.run();
  cuda(cudaDeviceSynchronize(), "sample");
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

void timeRows(const char *name, const SamplingParams &params, int rows,
              int columns) {
  int chunks = std::max(8, 132 / rows / 8 * 8);
  Batch<float> batch(rows, columns, chunks, true);
  for (float &value : batch.x.host)
    value = normal() * 3;
  for (int row = 0; row < rows; ++row)
    batch.set(row, params);
  batch.x.up();
  batch.records.up();
  batch.slots.up();
  double us = time(50, [&](int, cudaStream_t stream) { batch.run(stream); });
  std::printf("sample %-16s rows %2d columns %d: %.1f us\n", name, rows,
              columns, us);
}

} // namespace

int main(int argc, char **argv) {
  for (int columns : {5, 1000, 32771, 128256, 262144})
    for (float deviation : {0.0f, 0.5f, 4.0f}) {
      checkRows<float>(columns, 8, true, deviation);
      checkRows<float>(columns, 16, true, deviation);
    }
  checkRows<float>(50257, 128, true, 3);
  checkRows<float>(50257, 8, false, 3);
  checkRows<bf16>(50257, 16, true, 3);
  checkRows<f16>(1001, 8, true, 3);
  if (argc > 1 && std::string(argv[1]) == "--time") {
    SamplingParams warm, both, everything;
    warm.temperature = both.temperature = 1;
    both.topK = 50;
    both.topP = 0.9;
    everything = both;
    everything.minP = 0.01;
    everything.repetitionPenalty = 1.2;
    everything.logprobs = 5;
    for (int rows : {1, 8, 64}) {
      timeRows("greedy", {}, rows, 128256);
      timeRows("temperature", warm, rows, 128256);
      timeRows("top-k, top-p", both, rows, 128256);
      timeRows("everything", everything, rows, 128256);
    }
  }
  return finish();
}
