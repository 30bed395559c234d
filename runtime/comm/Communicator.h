//===- Communicator.h - exchanges between the ranks of a plan ---*- C++ -*-===//
//
// One communicator a rank. All ranks make the same calls in the same order; a
// call is enqueued on the rank's device, behind the work that makes its
// operand. An implementation may choose among methods by size and link.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_COMM_COMMUNICATOR_H
#define FT_RUNTIME_COMM_COMMUNICATOR_H

#include "runtime/base/DType.h"
#include "runtime/comm/RankBoard.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace ft {

enum class CollectiveOp { AllReduce, AllGather, ReduceScatter, Broadcast };

/// "all_reduce".
std::string_view collectiveName(CollectiveOp op);

/// One exchange of rows. With N ranks, for every row:
///   AllReduce      out[j] = sum over ranks of in[j]
///   AllGather      out = the ranks' rows after each other; what goes beyond
///                  outWidth is dropped
///   ReduceScatter  out[j] = sum over ranks of in[rank * outWidth + j]
///   Broadcast      out[j] = in[j] of rank `root`
/// Sums are of f32, f16 or bf16; on the host they are fp32 in the order of the
/// ranks, rounded once. `out` may be `in` where the widths are equal.
struct Collective {
  CollectiveOp op = CollectiveOp::AllReduce;
  std::string place; // "all_reduce 'layers.3.out'", for errors
  DType dtype = DType::F32;
  int64_t inWidth = 0, outWidth = 0;   // elements of a row
  int64_t inStride = 0, outStride = 0; // elements between rows
  const std::byte *in = nullptr;
  std::byte *out = nullptr;
  int root = 0;
  std::byte *scratch = nullptr; // scratchBytes() of the device's memory
};

/// Whether the widths, strides and type fit the op on `size` ranks; the error
/// says what is expected.
Status checkCollective(const Collective &collective, int size);

/// Bytes that a device may need beside the operands of `rows` rows, at most
/// INT64_MAX.
int64_t scratchBytes(const Collective &collective, int size, int64_t rows);

class Communicator {
public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Enqueues the exchange of `rows` rows. REQUIRES: checkCollective.
  /// The error of a wait names the rank that failed or is late, and the place.
  virtual Status run(const Collective &collective, int64_t rows) = 0;

  /// Ends the group because of `reason`: every rank's calls fail from now on.
  virtual void abort(const Status &reason) = 0;
};

} // namespace ft

#endif // FT_RUNTIME_COMM_COMMUNICATOR_H
