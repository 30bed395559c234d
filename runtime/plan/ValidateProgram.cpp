//===- ValidateProgram.cpp - checking buffers and the arena ---------------===//
#include "runtime/plan/Validate.h"

#include <algorithm>

namespace ft::plan {

namespace {

int64_t coefficient(const Affine &affine, size_t axis) {
  return axis < affine.perAxis.size() ? affine.perAxis[axis] : 0;
}

/// Non-negative and bounded, so that evaluation at any bounds cannot go below
/// the arena's start.
Status validateAffine(const Plan &plan, const Affine &affine,
                      const Place &place) {
  FT_RETURN_IF_ERROR(place.require(affine.perAxis.size() <= plan.axes.size(),
                                   "more coefficients than axes"));
  FT_RETURN_IF_ERROR(place.range(affine.constant, 0, kMaxElements));
  for (int64_t perAxis : affine.perAxis)
    FT_RETURN_IF_ERROR(place.range(perAxis, 0, kMaxElements));
  return Status::success();
}

/// The sufficient rule of docs/plan-format.md: offset plus the whole of the
/// buffer is, coefficient by coefficient, at most the arena.
Status validateRoot(const Program &program, const Buffer &buffer,
                    const Place &place) {
  int64_t size = dtypeSize(buffer.dtype);
  bool inside = buffer.offset.constant <= program.arenaBytes.constant;
  bool aligned = buffer.offset.constant % size == 0;
  size_t axes =
      std::max({buffer.offset.perAxis.size(), program.arenaBytes.perAxis.size(),
                size_t(buffer.axis) + 1});
  for (size_t axis = 0; axis < axes; ++axis) {
    int64_t rows = axis == size_t(buffer.axis) ? buffer.rowStride * size : 0;
    inside &= coefficient(buffer.offset, axis) + rows <=
              coefficient(program.arenaBytes, axis);
    // Bounds are multiples of kAxisQuantum, which no element's size exceeds,
    // so the coefficients keep the alignment of any element.
  }
  FT_RETURN_IF_ERROR(
      (place / "offset")
          .require(inside, "the buffer does not fit the arena at every bound"));
  return (place / "offset").require(aligned, "the buffer is not aligned");
}

Status validateView(const Program &program, const Buffer &buffer,
                    const Place &place) {
  FT_RETURN_IF_ERROR(
      (place / "view_of").index(buffer.viewOf, program.buffers.size()));
  const Buffer &root = program.buffers[size_t(buffer.viewOf)];
  FT_RETURN_IF_ERROR(
      (place / "view_of")
          .require(root.viewOf < 0, "a view's root is no view itself"));
  FT_RETURN_IF_ERROR(
      place.require(buffer.dtype == root.dtype && buffer.axis == root.axis &&
                        buffer.rowStride == root.rowStride,
                    "a view has its root's dtype, axis and row_stride"));
  bool sameRows = true;
  for (size_t axis = 0; axis < 8; ++axis)
    sameRows &=
        coefficient(buffer.offset, axis) == coefficient(root.offset, axis);
  int64_t start = buffer.offset.constant - root.offset.constant;
  int64_t size = dtypeSize(buffer.dtype);
  return (place / "offset")
      .require(sameRows && start >= 0 && start % size == 0 &&
                   start / size + product(buffer.shape) <= root.rowStride,
               "a view is a column range of its root");
}

Status validateBuffer(const Plan &plan, const Buffer &buffer,
                      const Place &place) {
  FT_RETURN_IF_ERROR((place / "axis").index(buffer.axis, plan.axes.size()));
  FT_RETURN_IF_ERROR((place / "shape").shape(buffer.shape));
  FT_RETURN_IF_ERROR(
      (place / "row_stride")
          .range(buffer.rowStride, product(buffer.shape), kMaxElements));
  return validateAffine(plan, buffer.offset, place / "offset");
}

Status validateOutputs(const Entry &entry, const Program &program,
                       const Place &place) {
  FT_RETURN_IF_ERROR(
      (place / "outputs")
          .require(program.outputs.size() == entry.outputs.size(),
                   "expected one buffer for each output of the entry"));
  for (size_t i = 0; i < program.outputs.size(); ++i) {
    Place at = place / "outputs" / i;
    FT_RETURN_IF_ERROR(at.index(program.outputs[i], program.buffers.size()));
    const Buffer &buffer = program.buffers[size_t(program.outputs[i])];
    const Output &output = entry.outputs[i];
    FT_RETURN_IF_ERROR(
        at.require(buffer.dtype == output.dtype && buffer.axis == output.axis &&
                       product(buffer.shape) == product(output.shape),
                   "the buffer's dtype, axis or size is not the output's"));
  }
  return Status::success();
}

} // namespace

int64_t columnsFrom(const Program &program, const Buffer &buffer) {
  if (buffer.viewOf < 0)
    return buffer.rowStride;
  const Buffer &root = program.buffers[size_t(buffer.viewOf)];
  return root.rowStride - (buffer.offset.constant - root.offset.constant) /
                              dtypeSize(buffer.dtype);
}

Status validateProgram(const Plan &plan, const Entry &entry,
                       const Program &program, const Place &place) {
  FT_RETURN_IF_ERROR(
      validateAffine(plan, program.arenaBytes, place / "arena_bytes"));
  FT_RETURN_IF_ERROR((place / "workspace_bytes")
                         .range(program.workspaceBytes, 0, kMaxElements));
  for (size_t i = 0; i < program.buffers.size(); ++i)
    FT_RETURN_IF_ERROR(
        validateBuffer(plan, program.buffers[i], place / "buffers" / i));
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const Buffer &buffer = program.buffers[i];
    Place at = place / "buffers" / i;
    FT_RETURN_IF_ERROR(buffer.viewOf == -1 ? validateRoot(program, buffer, at)
                                           : validateView(program, buffer, at));
  }
  FT_RETURN_IF_ERROR(validateOutputs(entry, program, place));
  for (size_t i = 0; i < program.steps.size(); ++i)
    FT_RETURN_IF_ERROR(validateStep(plan, entry, program, program.steps[i],
                                    place / "steps" / i));
  return Status::success();
}

} // namespace ft::plan
