//===- Validate.h - the parts of validatePlan -------------------*- C++ -*-===//
//
// Each checks one subject of a plan and may rely on those before it. Errors
// carry the JSON pointer of the place; docs/plan-format.md lists the rules.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_PLAN_VALIDATE_H
#define FT_RUNTIME_PLAN_VALIDATE_H

#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

#include <string>

namespace ft::plan {

/// No value, weight or arena coefficient is larger: products with any bound an
/// axis can have (< 2^31, at most 8 axes) stay far from overflow in 128 bits,
/// and byte counts of statics in 64.
inline constexpr int64_t kMaxElements = int64_t(1) << 40;

/// Ranks of a mesh.
inline constexpr int64_t kMaxRanks = 1024;

/// A place and the checks made there.
class Place {
public:
  Place(std::string pointer) : pointer_(std::move(pointer)) {}
  Place operator/(const std::string &member) const {
    return {pointer_ + "/" + member};
  }
  Place operator/(size_t index) const { return *this / std::to_string(index); }

  Status error(const std::string &sentence) const {
    return corrupt(pointer_ + ": " + sentence);
  }
  Status require(bool good, const char *sentence) const {
    return good ? Status::success() : error(sentence);
  }
  /// `value` is an index of a list of `size`, or -1 where `orNone`.
  Status index(int64_t value, size_t size, bool orNone = false) const;
  Status range(int64_t value, int64_t low, int64_t high) const;
  /// Positive extents, at most 8, fewer than kMaxElements elements.
  Status shape(const std::vector<int64_t> &extents) const;
  /// Not empty and made of letters, digits and _ only, no digit first.
  Status identifier(const std::string &name) const;

private:
  std::string pointer_;
};

/// Product of a shape that Place::shape accepted.
int64_t product(const std::vector<int64_t> &shape);

/// Blobs of a loaded plan or of one being made.
size_t blobCount(const Plan &plan);

Status validateWeights(const Plan &plan);
Status validateProgram(const Plan &plan, const Entry &entry,
                       const Program &program, const Place &place);
Status validateStep(const Plan &plan, const Entry &entry,
                    const Program &program, const Step &step,
                    const Place &place);

/// Elements from the start of a row of `buffer` to the end of the row stride of
/// the buffer whose columns it takes: what a kernel may touch from there on.
int64_t columnsFrom(const Program &program, const Buffer &buffer);

} // namespace ft::plan

#endif // FT_RUNTIME_PLAN_VALIDATE_H
