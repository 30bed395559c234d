//===- PlanMap.h - which source values a program's buffers hold -*- C++ -*-===//
#ifndef FT_TOOLS_VERIFY_PLANMAP_H
#define FT_TOOLS_VERIFY_PLANMAP_H

#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"
#include "tools/verify/SourceIndex.h"

namespace ft::verify {

/// After step `step`, `buffer` holds `source`, a value of the imported entry.
struct Landmark {
  int32_t step = 0;
  int32_t buffer = 0;
  mlir::Value source;
  std::string name;
};

struct ProgramMap {
  std::vector<Landmark> landmarks;              // in the order of steps
  std::vector<std::vector<std::string>> covers; // per step: source names
};

/// Matches a program with the module it was made of, by the names that
/// operations keep as locations through every pass. `clone` is the entry of the
/// module after phase kernels that `program` was emitted from.
StatusOr<ProgramMap> mapProgram(ir::EntryOp clone, const plan::Program &program,
                                const SourceIndex &source);

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_PLANMAP_H
