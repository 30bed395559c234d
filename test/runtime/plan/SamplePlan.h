//===- SamplePlan.h - a small plan that uses every field --------*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_PLAN_SAMPLEPLAN_H
#define FT_TEST_RUNTIME_PLAN_SAMPLEPLAN_H

#include "runtime/plan/Plan.h"

namespace ft::test {

/// A valid plan in which every member of every struct differs from its default
/// somewhere.
plan::Plan samplePlan();

} // namespace ft::test

#endif // FT_TEST_RUNTIME_PLAN_SAMPLEPLAN_H
