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
/// in sequences whose lengths lie around the page size; of images as many as
/// have so many tokens.
std::vector<TestBatch> batchesFor(const plan::Plan &plan, ProgramName name);

/// The plan with every 16-bit buffer and cache plane in fp32: what it computes
/// differs by the rounding of its stores alone. Meanings only.
plan::Plan widenedPlan(const plan::Plan &plan, ProgramName name);

/// The plan with every temporary that a linear with 16-bit weights takes stored
/// in their type, as tensor cores want it: a norm in front of a product.
/// Meanings only.
plan::Plan roundedOperandsPlan(const plan::Plan &plan, ProgramName name);

/// What a program's results may differ from exact arithmetic in fp32, relative
/// L2. A sum of k products of either sign has k partial sums, the j-th about
/// sqrt(j) terms in size, each rounded by u = 2^-24 of it at most, up or down:
/// u sqrt(k^2 / 2) terms in all, and the result has the size of sqrt(k) terms,
/// so that it is off by u sqrt(k / 2). A function such as exp is good to 4 u.
/// Ops pass on what their operands are off by, relative to their size; the
/// errors of all ops, independent of each other, add up as squares. Where an op
/// does not (differences, the exponents of a softmax) keeps within a factor of
/// four.
///
/// This is relative to the size that such results have. A single one can come
/// out near zero by chance, and its relative error as large as one likes.
double arithmeticError(const plan::Plan &plan, ProgramName name,
                       const TestBatch &batch);

/// Runs `file`'s program on `device` with random weights, cache and inputs,
/// and holds its float outputs and appended cache rows against `reference`'s
/// run of `referenceFile`, a CPU device. The bound, in relative L2 per value:
/// let e be the distance of the reference from its own run of widenedPlan,
/// that is what rounding the stores costs, and o the same of its run of
/// roundedOperandsPlan. A device that rounds as little as either (1.1 times as
/// much, as against any other implementation) is at most e + 1.1 max(e, o) from
/// the reference; fp32 arithmetic in another order adds arithmeticError on
/// either side. Values of few numbers are drawn again, with other weights and
/// inputs, until there are enough for their size to be no matter of chance.
testing::AssertionResult
compareProgram(Device &device, const plan::PlanFile &file, Device &reference,
               const plan::PlanFile &referenceFile, ProgramName name,
               const TestBatch &batch);

} // namespace ft::test

#endif // FT_TEST_RUNTIME_DEVICE_PROGRAMCOMPARISON_H
