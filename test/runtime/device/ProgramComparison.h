//===- ProgramComparison.h - one program on two devices ---------*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_DEVICE_PROGRAMCOMPARISON_H
#define FT_TEST_RUNTIME_DEVICE_PROGRAMCOMPARISON_H

#include "test/runtime/device/BoundProgram.h"

#include <gtest/gtest.h>

#include <string>

namespace ft::test {

/// A program of a plan, by its indices.
struct ProgramName {
  int32_t entry = 0, program = 0;
};

/// Ragged batches that a program takes: its fewest tokens, and up to 70 more,
/// in sequences whose lengths lie around the page size.
std::vector<TestBatch> batchesFor(const plan::Plan &plan, ProgramName name);

/// The plan with every 16-bit buffer and cache plane in fp32: what it computes
/// differs by the rounding of its stores alone. Meanings only.
plan::Plan widenedPlan(const plan::Plan &plan, ProgramName name);

/// Runs `file`'s program on `device` with random weights, cache and inputs,
/// and holds its float outputs and appended cache rows against `reference`'s
/// run of `referenceFile`, a CPU device. The bound, in relative L2 per value:
/// let e be the distance of the reference from its own run of widenedPlan,
/// that is what rounding the stores costs. A device whose stores round as
/// little (1.1 e, as against any other implementation) is at most 2.1 e from
/// the reference; fp32 arithmetic in another order adds 1e-5 on either side.
testing::AssertionResult
compareProgram(Device &device, const plan::PlanFile &file, Device &reference,
               const plan::PlanFile &referenceFile, ProgramName name,
               const TestBatch &batch);

} // namespace ft::test

#endif // FT_TEST_RUNTIME_DEVICE_PROGRAMCOMPARISON_H
