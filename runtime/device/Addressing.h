//===- Addressing.h - where a program's operands lie ------------*- C++ -*-===//
//
// The one place that turns plan offsets, batch fields and cache coordinates
// into addresses, so that every device sees the same arena and batch block.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_DEVICE_ADDRESSING_H
#define FT_RUNTIME_DEVICE_ADDRESSING_H

#include "runtime/device/Device.h"

namespace ft {

/// Upper bounds at which a program's offsets and extents are evaluated, per
/// axis: the binding's bound, at most Program::maxTokens on axis 0 (tokens),
/// rounded up to plan::kAxisQuantum, more than 64 tokens to a multiple of 128.
std::vector<int64_t> programBounds(const plan::Plan &plan,
                                   const plan::Program &program,
                                   const Bounds &bounds);

/// The value of `affine` at `axisBounds`, in bytes; nothing on overflow.
std::optional<int64_t> evaluate(const plan::Affine &affine,
                                const std::vector<int64_t> &axisBounds);

/// Bytes a caller must allocate for Binding::arena to run `program`.
StatusOr<int64_t> arenaBytes(const plan::Plan &plan,
                             const plan::Program &program,
                             const Bounds &bounds);

/// Logits of a row that `entry` samples from; 0 where it does not sample.
int64_t sampledColumns(const plan::Entry &entry);

/// Whether implementations of `entry` read plan::batch::kPacks.
bool readsPacks(const plan::Entry &entry);

/// Fills `packs`, of sequences + 2 elements, as plan::batch::kPacks has it,
/// from the sequences + 1 elements of `cuTokens`. Returns the number of tiles.
int64_t packTiles(const int32_t *cuTokens, int64_t sequences, int32_t *packs);

/// Number of elements of one row; 1 for an empty shape.
int64_t elementCount(const std::vector<int64_t> &shape);

/// Element (0, 0) of a buffer. REQUIRES: checkBinding succeeded.
std::byte *bufferAddress(const plan::Program &program, int32_t buffer,
                         const std::vector<int64_t> &axisBounds,
                         std::byte *arena);

/// A batch field by its name in runtime/plan/Batch.h, for Entry::sequences
/// number `sequences` (only fields of sequences heed it); null for another
/// name.
std::byte *batchField(const Binding &binding, const std::string &name,
                      int32_t sequences);

/// Bytes of one token of a cache plane.
int64_t cacheTokenBytes(const plan::CachePlane &plane);

/// Page 0 of `layer` in plane `plane`; page p follows at p * pageSize tokens.
std::byte *cacheLayerAddress(const plan::Plan &plan, const Binding &binding,
                             int32_t cache, int32_t plane, int64_t layer);

/// Bytes of one plane of a cache over all its layers, for allocation.
StatusOr<int64_t> cachePlaneBytes(const plan::Cache &cache, int32_t plane,
                                  int64_t pages);

/// The last door before addresses are used: one bound an axis, no overflow,
/// every buffer inside the arena at the program's bounds, one address for each
/// weight and plane.
Status checkBinding(const plan::Plan &plan, const plan::Entry &entry,
                    const plan::Program &program, const Binding &binding);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_ADDRESSING_H
