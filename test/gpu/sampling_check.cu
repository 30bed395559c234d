//===- sampling_check.cu - sample against the host's reference ------------===//
//
// Tokens and slots equal runtime/sampling/Sampler.cpp bit for bit, for every
// kind of setting, vocabulary and number of chunks; then, if asked, times.
//
//===----------------------------------------------------------------------===//
#include "SampleBatch.h"
#include "SampleKernels.cuh"

#include <chrono>

using namespace check;
using ft::i64;
using ft::SamplingParams;

namespace {

template <typename T>
void run(const SampleBatch<T> &b, cudaStream_t stream = nullptr) {
  cuda(cudaFuncSetAttribute(sampleKernel<T>,
                            cudaFuncAttributeMaxDynamicSharedMemorySize,
                            b.room * 4),
       "shared memory");
  launch(sampleKernel<T>, dim3(b.rows, b.chunks), 512, b.room * 4, stream,
         b.x.device, i64(b.columns), b.columns, b.out.device, b.counts.device,
         b.wanted.device, b.positions.device,
         reinterpret_cast<const unsigned char *>(b.records.device),
         b.slots.device, b.slotBytes, b.room,
         b.chunks > 8 ? b.counters.device : nullptr,
         b.chunks > 8 ? b.partials.device : nullptr);
}
template <typename T>
void checkRows(int columns, int chunks, bool keepKeys, float deviation) {
  check::checkRows<T>(columns, chunks, keepKeys, deviation,
                      [](const SampleBatch<T> &batch) { run(batch); });
}

void timeRows(const char *name, const SamplingParams &params, int rows,
              int columns) {
  int chunks = std::max(8, 132 / rows / 8 * 8);
  SampleBatch<float> batch(rows, columns, chunks, true);
  for (float &value : batch.x.host)
    value = normal() * 3;
  for (int row = 0; row < rows; ++row)
    batch.set(row, params);
  batch.x.up();
  batch.records.up();
  batch.slots.up();
  double us = time(50, [&](int, cudaStream_t stream) { run(batch, stream); });
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
