//===- OpSite.h - one meaning op, resolved against a binding ----*- C++ -*-===//
//
// load() turns every MeaningOp into an OpSite: operands with type, shape and
// address. An op's check sees the site once, at load; its run sees it again
// with a RunContext and may rely on everything the check established.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_DEVICE_CPU_OPSITE_H
#define FT_RUNTIME_DEVICE_CPU_OPSITE_H

#include "runtime/device/Addressing.h"
#include "runtime/device/cpu/Blas.h"
#include "runtime/device/cpu/Scratch.h"
#include "runtime/device/cpu/ThreadPool.h"
#include "runtime/plan/Sampling.h"

namespace ft {

/// What a plan::Ref stands for. Values (buffers, temps, inputs) have an axis
/// and the shape of one row; weights have their whole shape and axis -1.
struct Operand {
  plan::Ref ref;
  DType dtype = DType::F32;
  int32_t axis = -1;
  std::vector<int64_t> shape;
  int64_t rowStride = 0;        // elements
  std::byte *address = nullptr; // of a temp: set when its step starts

  bool isValue() const {
    return ref.kind == plan::RefKind::Buffer ||
           ref.kind == plan::RefKind::Temp || ref.kind == plan::RefKind::Input;
  }
  bool isWeight() const { return ref.kind == plan::RefKind::Weight; }
  int64_t width() const { return elementCount(shape); }
  int64_t lastExtent() const { return shape.empty() ? 1 : shape.back(); }
};

/// The batch fields of one Entry::sequences, on the host.
struct SequenceFields {
  int32_t tokensAxis = 0, sequencesAxis = 1, cache = -1;
  const int32_t *positions = nullptr, *sequenceIds = nullptr,
                *cuTokens = nullptr, *kvLengths = nullptr, *pageTable = nullptr;
  int64_t pageColumns = 0;
};

/// What sites of one program share.
struct ProgramSite {
  const plan::Plan *plan = nullptr;
  const plan::Entry *entry = nullptr;
  const plan::Program *program = nullptr;
  const Binding *binding = nullptr;
  std::vector<int64_t> bounds;
  std::vector<SequenceFields> sequences;
  const int32_t *rows = nullptr;
  const plan::SamplingRecord *sampling = nullptr; // of each wanted row
};

struct OpSpec;

struct OpSite {
  const ProgramSite *program = nullptr;
  const plan::Step *step = nullptr;
  const plan::MeaningOp *op = nullptr;
  const OpSpec *spec = nullptr;
  std::vector<Operand> in, out;

  /// Attributes; the default stands where the op has none.
  double real(const char *name, double otherwise) const;
  int64_t integer(const char *name, int64_t otherwise) const;
  bool flag(const char *name) const;
  std::string text(const char *name, const char *otherwise) const;
  bool has(const char *name) const { return op->attrs.count(name) != 0; }

  /// REQUIRES: in[operand] is a Sequences reference.
  const SequenceFields &sequences(size_t operand) const {
    return program->sequences[in[operand].ref.index];
  }

  /// "plan step 'l0.q', op linear: expected ..." for a plan whose meaning
  /// contradicts docs/spec.md.
  Status mismatch(const std::string &expected) const;
};

/// What a running op may use.
struct RunContext {
  ThreadPool &pool;
  const Blas *blas; // may be null
  const std::vector<int64_t> &counts;
  Scratch &scratch; // emptied after each op
};

/// Rows of fp32, `width` contiguous elements each.
struct Rows {
  float *data = nullptr;
  int64_t count = 0, width = 0, stride = 0;
  float *operator[](int64_t row) const { return data + row * stride; }
};

/// The true rows of a float value as fp32: in place, or widened in scratch.
Rows readRows(const RunContext &context, const Operand &value);

/// A float weight as fp32: in place, or widened in scratch.
const float *readWeight(const RunContext &context, const Operand &weight);

/// Where to put a result's fp32 rows before storeRows rounds them. An op that
/// reads a row only before it writes that row may share storage with it.
Rows resultRows(const RunContext &context, const OpSite &site);

/// Rounds `rows` into every result of the site.
void storeRows(const RunContext &context, const OpSite &site, const Rows &rows);

/// The element (row, 0) of an i32 value.
inline int32_t *intRow(const Operand &value, int64_t row) {
  return reinterpret_cast<int32_t *>(value.address) + row * value.rowStride;
}

/// Rows of work a thread takes at once, from the elements each costs.
inline int64_t rowGrain(int64_t elementsPerRow) {
  return std::max<int64_t>(1, 8192 / std::max<int64_t>(1, elementsPerRow));
}

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CPU_OPSITE_H
