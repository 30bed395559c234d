//===- PlanFile.h - reading and writing plan files --------------*- C++ -*-===//
#ifndef FT_RUNTIME_PLAN_PLANFILE_H
#define FT_RUNTIME_PLAN_PLANFILE_H

#include "runtime/base/MappedFile.h"
#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

#include <memory>
#include <string>
#include <string_view>

namespace ft::plan {

/// A loaded, checksummed and validated plan; its blobs stay mapped.
class PlanFile {
public:
  /// Opens, checks and validates; the error names the file, the place and the
  /// remedy. After success every index in plan() is in range.
  static StatusOr<std::unique_ptr<PlanFile>> open(const std::string &path);

  /// A plan made in memory, for tests: neither checked nor mapped; it has no
  /// blobs.
  static std::unique_ptr<PlanFile> fromPlan(Plan plan) {
    auto file = std::make_unique<PlanFile>();
    file->plan_ = std::move(plan);
    return file;
  }

  const Plan &plan() const { return plan_; }
  const std::string &path() const { return path_; }
  /// The bytes of a blob; valid as long as this object.
  std::string_view blob(int32_t index) const;

private:
  std::string path_;
  MappedFile file_;
  Plan plan_;
};

/// Writes `plan` with its blobBytes to a temporary file beside `path`, then
/// renames it: there is never a half-written plan.
Status writePlan(const Plan &plan, const std::string &path);

/// The JSON header, as `ft-run --describe --json` prints it.
std::string planToJson(const Plan &plan, int indent = -1);

/// Checks every index, size, range and offset of a plan; part of open().
Status validatePlan(const Plan &plan);

} // namespace ft::plan

#endif // FT_RUNTIME_PLAN_PLANFILE_H
