//===- TunerCheck.h - a GEMM's rows against the CPU's -----------*- C++ -*-===//
#ifndef FT_RUNTIME_ENGINE_TUNERCHECK_H
#define FT_RUNTIME_ENGINE_TUNERCHECK_H

#include "runtime/device/Device.h"
#include "runtime/plan/PlanFile.h"

namespace ft {

/// A step of a program on a device, with the addresses it runs at.
struct TunedStep {
  const plan::PlanFile &file;
  const plan::Entry &entry;
  const plan::Program &program;
  const plan::Step &step;
  Device &device;
  Binding binding;
};

/// What the CPU computes for a few rows of a step's random inputs.
class TunerCheck {
public:
  /// Fills the inputs of `rows` rows on the device with random values, and
  /// computes the sampled ones on `cpu`.
  static StatusOr<TunerCheck> make(const TunedStep &tuned, int64_t rows,
                                   Device &cpu);

  /// NaN in all results, so that rows that are not written are found out.
  Status poison(const TunedStep &tuned) const;
  /// The relative L2 difference of the device's rows; above bound() is wrong.
  StatusOr<double> difference(const TunedStep &tuned) const;
  double bound() const { return bound_; }

private:
  int64_t rows_ = 0;
  std::vector<int64_t> sample_;              // row numbers
  std::vector<std::vector<float>> expected_; // by written buffer
  double bound_ = 0;
};

} // namespace ft

#endif // FT_RUNTIME_ENGINE_TUNERCHECK_H
