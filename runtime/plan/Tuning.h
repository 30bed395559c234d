//===- Tuning.h - which way of running a GEMM is fastest --------*- C++ -*-===//
//
// A tuning is measured on a machine by `ft-run --tune`, travels as a small JSON
// file or inside a plan, and holds on machines of the same device, driver and
// library only. docs/tuning.md describes the file.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_PLAN_TUNING_H
#define FT_RUNTIME_PLAN_TUNING_H

#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

namespace ft::plan {

/// Whether some implementation of `step` multiplies in TF32.
bool usesTf32(const Step &step);
/// Whether any step of `plan` does.
bool usesTf32(const Plan &plan);

/// What two GEMM steps must share to share a choice, but for the rows: types,
/// [n, k] of the weight and what is fused: "bf16 [2304, 768] linear, gelu".
/// Empty where `step` is no GEMM.
std::string gemmProblem(const Plan &plan, const Program &program,
                        const Step &step);

/// Whether `a` is nearer to `rows` than `b` is, as a ratio; of two as near, the
/// smaller one is.
bool isNearer(int64_t a, int64_t b, int64_t rows);

/// The record of `problem` whose rows are nearest to `rows`; null without one.
const TunedGemm *nearestTuned(const Tuning &tuning, const std::string &problem,
                              int64_t rows);

/// Empty where `tuning` holds on `machine`, else a sentence that says why not.
std::string tuningMismatch(const Tuning &tuning, const Machine &machine);

/// Rows and names of every record are possible.
Status validateTuning(const Tuning &tuning);

StatusOr<Tuning> readTuning(const std::string &path);
Status writeTuning(const Tuning &tuning, const std::string &path);

} // namespace ft::plan

#endif // FT_RUNTIME_PLAN_TUNING_H
