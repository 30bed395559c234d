//===- TunerCheck.cpp - a GEMM's rows against the CPU's -------------------===//
#include "runtime/engine/TunerCheck.h"

#include "runtime/device/Addressing.h"
#include "runtime/plan/Tuning.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

namespace ft {

namespace {

/// A buffer's rows on the device.
struct Rows {
  std::byte *address = nullptr;
  int64_t stride = 0, width = 0; // bytes
  int64_t elements = 0;
  DType dtype = DType::F32;

  int64_t span(int64_t rows) const { return (rows - 1) * stride + width; }
};

/// Memory of the reference device.
class Memory {
public:
  explicit Memory(Device &device) : device_(device) {}
  Memory(const Memory &) = delete;
  ~Memory() {
    for (std::byte *address : all_)
      device_.release(address);
  }
  StatusOr<std::byte *> take(int64_t bytes, const char *what) {
    FT_ASSIGN_OR_RETURN(std::byte * address,
                        device_.allocate(std::max<int64_t>(bytes, 256), what));
    all_.push_back(address);
    FT_RETURN_IF_ERROR(device_.fill(address, 0, std::max<int64_t>(bytes, 256)));
    return address;
  }

private:
  Device &device_;
  std::vector<std::byte *> all_;
};

} // namespace

static Rows rowsOf(const TunedStep &tuned, const plan::Program &program,
                   const Binding &binding, int32_t number) {
  const plan::Buffer &buffer = program.buffers[size_t(number)];
  Rows rows;
  rows.dtype = buffer.dtype;
  rows.elements = elementCount(buffer.shape);
  rows.stride = buffer.rowStride * dtypeSize(buffer.dtype);
  rows.width = rows.elements * dtypeSize(buffer.dtype);
  rows.address = bufferAddress(
      program, number,
      programBounds(tuned.file.plan(), program, binding.bounds), binding.arena);
  return rows;
}

static std::vector<int64_t> sampleOf(int64_t rows) {
  std::set<int64_t> sample{0, rows / 3, rows / 2, rows - 1};
  return {sample.begin(), sample.end()};
}

static Status copyWeights(const TunedStep &tuned, Memory &memory,
                          Binding &host) {
  const plan::Plan &plan = tuned.file.plan();
  for (const plan::MeaningOp &op : tuned.step.meaning)
    for (const plan::Ref &ref : op.in) {
      if (ref.kind != plan::RefKind::Weight || host.weights[size_t(ref.index)])
        continue;
      const plan::Weight &weight = plan.weights[size_t(ref.index)];
      int64_t bytes = elementCount(weight.shape) * dtypeSize(weight.dtype);
      FT_ASSIGN_OR_RETURN(std::byte * address, memory.take(bytes, "a weight"));
      FT_RETURN_IF_ERROR(tuned.device.copyOut(
          address, tuned.binding.weights[size_t(ref.index)], bytes));
      host.weights[size_t(ref.index)] = address;
    }
  return Status::success();
}

/// The same step where only sampled rows exist, in the CPU's memory.
static StatusOr<Binding> hostBinding(const TunedStep &tuned,
                                     const plan::Program &alone, int64_t rows,
                                     Memory &memory) {
  const plan::Plan &plan = tuned.file.plan();
  Binding host;
  host.bounds.axes.assign(plan.axes.size(), rows);
  host.bounds.pageColumns = 1;
  host.layout = makeBatchLayout(plan, tuned.entry, host.bounds);
  FT_ASSIGN_OR_RETURN(int64_t arena, arenaBytes(plan, alone, host.bounds));
  FT_ASSIGN_OR_RETURN(host.arena, memory.take(arena, "sampled rows"));
  FT_ASSIGN_OR_RETURN(host.batch, memory.take(host.layout.bytes, "the batch"));
  host.samplingState = host.batch; // a product has no use for it
  host.weights.resize(plan.weights.size());
  for (const plan::Cache &cache : plan.caches)
    host.caches.emplace_back(cache.planes.size());
  FT_RETURN_IF_ERROR(copyWeights(tuned, memory, host));
  return host;
}

static float floatAt(const std::byte *from, DType dtype, int64_t index) {
  uint16_t half = 0;
  float value = 0;
  if (dtype == DType::F32) {
    std::memcpy(&value, from + 4 * index, 4);
    return value;
  }
  std::memcpy(&half, from + 2 * index, 2);
  return dtype == DType::BF16 ? bf16ToF32(half) : f16ToF32(half);
}

static void widen(std::vector<float> &to, const std::byte *from, DType dtype,
                  int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    to.push_back(floatAt(from, dtype, i));
}

/// Both sides round a result once: half a unit each. A tensor core truncates
/// when it adds 16 products, each sum being at most a few times the result's
/// size; what follows the sums keeps within a factor of four.
static double boundOf(const plan::Plan &plan, const TunedStep &tuned,
                      DType out) {
  int64_t k = 1;
  for (const plan::MeaningOp &op : tuned.step.meaning)
    for (const plan::Ref &ref : op.in)
      if (op.op == "linear" && ref.kind == plan::RefKind::Weight)
        k = std::max(k, plan.weights[size_t(ref.index)].shape.back());
  double unit = out == DType::BF16  ? 0x1p-8
                : out == DType::F16 ? 0x1p-11
                                    : 0x1p-24;
  // TF32 keeps ten bits of either factor; twice what both may lose.
  double factors = plan::usesTf32(tuned.step) ? 2 * 2 * 0x1p-10 : 0;
  return 2 * unit + factors + 4 * (double(k) / 8 + 8) * 0x1p-23;
}

StatusOr<TunerCheck> TunerCheck::make(const TunedStep &tuned, int64_t rows,
                                      Device &cpu) {
  TunerCheck check;
  check.rows_ = rows;
  check.sample_ = sampleOf(rows);
  plan::Program alone = tuned.program;
  alone.steps = {tuned.step};
  Memory memory(cpu);
  int64_t count = int64_t(check.sample_.size());
  FT_ASSIGN_OR_RETURN(Binding host, hostBinding(tuned, alone, count, memory));
  uint64_t key = 1;
  for (int32_t number : tuned.step.reads) {
    Rows from = rowsOf(tuned, tuned.program, tuned.binding, number);
    FT_RETURN_IF_ERROR(
        tuned.device.fillRandom(from.address, from.dtype, key++, 0,
                                from.span(rows) / dtypeSize(from.dtype), 1));
  }
  for (int32_t number : tuned.step.reads) {
    Rows from = rowsOf(tuned, tuned.program, tuned.binding, number);
    Rows to = rowsOf(tuned, alone, host, number);
    for (int64_t i = 0; i < count; ++i)
      FT_RETURN_IF_ERROR(tuned.device.copyOut(
          to.address + i * to.stride,
          from.address + check.sample_[size_t(i)] * from.stride, from.width));
  }
  FT_ASSIGN_OR_RETURN(auto executable,
                      cpu.load(tuned.file, tuned.entry, alone, host));
  FT_RETURN_IF_ERROR(executable->run(host.bounds.axes));
  for (int32_t number : tuned.step.writes) {
    Rows from = rowsOf(tuned, alone, host, number);
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i)
      widen(values, from.address + i * from.stride, from.dtype, from.elements);
    check.expected_.push_back(std::move(values));
    check.bound_ =
        std::max(check.bound_, boundOf(tuned.file.plan(), tuned, from.dtype));
  }
  return check;
}

Status TunerCheck::poison(const TunedStep &tuned) const {
  for (int32_t number : tuned.step.writes) {
    Rows rows = rowsOf(tuned, tuned.program, tuned.binding, number);
    FT_RETURN_IF_ERROR(tuned.device.fill(rows.address, 0xff, rows.span(rows_)));
  }
  return Status::success();
}

StatusOr<double> TunerCheck::difference(const TunedStep &tuned) const {
  double worst = 0;
  for (size_t w = 0; w < tuned.step.writes.size(); ++w) {
    Rows rows =
        rowsOf(tuned, tuned.program, tuned.binding, tuned.step.writes[w]);
    std::vector<std::byte> raw(size_t(rows.width));
    std::vector<float> values;
    for (int64_t row : sample_) {
      FT_RETURN_IF_ERROR(tuned.device.copyOut(
          raw.data(), rows.address + row * rows.stride, rows.width));
      widen(values, raw.data(), rows.dtype, rows.elements);
    }
    double error = 0, size = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      double expected = expected_[w][i], d = values[i] - expected;
      error += d * d;
      size += expected * expected;
    }
    double relative = std::sqrt(error / std::max(size, 1e-30));
    // NaN is no number below the bound, and would vanish in max().
    worst = std::isnan(relative) ? std::numeric_limits<double>::infinity()
                                 : std::max(worst, relative);
  }
  return worst;
}

} // namespace ft
