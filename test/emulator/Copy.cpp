//===- Copy.cpp - cp.async, cp.async.bulk, st.async -----------------------===//
#include "Lanes.h"

#include <algorithm>

using namespace ft;
using namespace ft::emulator;

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

static void make(const AsyncCopy &copy) {
  std::memcpy(copy.to, copy.from, copy.read);
  std::memset(copy.to + copy.read, 0, copy.bytes - copy.read);
}

void AsyncCopies::reset() {
  pending.clear();
  std::fill(std::begin(committed), std::end(committed), 0u);
}
void AsyncCopies::complete(uint32_t mask, uint32_t left) {
  std::erase_if(pending, [&](const AsyncCopy &copy) {
    if (!(mask >> copy.lane & 1) || copy.group + left >= committed[copy.lane])
      return false;
    make(copy);
    return true;
  });
}
void AsyncCopies::completeOne(uint32_t index) {
  make(pending[index]);
  pending[index] = pending.back();
  pending.pop_back();
}

/// a: target (imm on top), b: source (Inst::target on top), c: bytes to read.
template <typename A>
static Flow copyAsync(Warp &w, const Inst &i, uint32_t mask) {
  const A *to = w.lanes<A>(i.a);
  const uint64_t *from = w.lanes<uint64_t>(i.b);
  const uint32_t *read = w.lanes<uint32_t>(i.c);
  uint32_t bytes = i.count;
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    uint64_t target = A(to[lane] + A(i.imm));
    uint64_t source = from[lane] + uint64_t(int64_t(int32_t(i.target)));
    AsyncCopy copy;
    copy.bytes = bytes;
    copy.read = std::min(read[lane], bytes);
    copy.to = w.at(Space::Shared, target, bytes, lane);
    if (!copy.to)
      return w.failAddress(i, lane, target, bytes, Space::Shared);
    copy.from = copy.read ? w.global(source, copy.read) : copy.to;
    if (!copy.from || source % bytes)
      return w.failAddress(i, lane, source, bytes, Space::Global);
    copy.lane = lane;
    copy.group = w.copies.committed[lane];
    if (!w.issues(i, copy))
      return Flow::Fail;
    w.copies.pending.push_back(copy);
  }
  return Flow::Next;
}

static Flow commitCopies(Warp &w, const Inst &, uint32_t mask) {
  for (uint32_t m = mask; m; m &= m - 1)
    ++w.copies.committed[std::countr_zero(m)];
  return Flow::Next;
}
static Flow waitCopies(Warp &w, const Inst &i, uint32_t mask) {
  w.copies.complete(mask, uint32_t(i.imm));
  w.waitedForCopies(mask, uint32_t(i.imm));
  return Flow::Next;
}
static Flow waitAllCopies(Warp &w, const Inst &i, uint32_t mask) {
  commitCopies(w, i, mask);
  w.copies.complete(mask, 0);
  w.waitedForCopies(mask, 0);
  return Flow::Next;
}

static Status decodeCopyAsync(Decoder &d) {
  if (d.take("commit_group"))
    return d.emit(commitCopies);
  if (d.take("wait_all"))
    return d.emit(waitAllCopies);
  if (d.take("wait_group")) {
    d.inst.imm = d.integer(d.operand(0)).value_or(0);
    return d.emit(waitCopies);
  }
  d.takeOneOf({"ca", "cg"});
  d.takeOneOf({"shared", "shared::cta"});
  d.take("global");
  d.takeOneOf({"L2::64B", "L2::128B", "L2::256B"});
  bool hint = d.take("L2::cache_hint"), narrow = false;
  d.address(d.operand(1), narrow);
  if (narrow)
    return d.unknown();
  d.inst.b = d.inst.a;
  d.inst.target = uint32_t(int32_t(d.inst.imm));
  d.address(d.operand(0), narrow);
  auto bytes = d.integer(d.operand(2));
  if (!bytes || (*bytes != 4 && *bytes != 8 && *bytes != 16))
    return d.wrong("4, 8 or 16 bytes");
  d.inst.c = d.operandCount() > (hint ? 4 : 3)
                 ? d.source(3, 4)
                 : d.constant(uint64_t(*bytes), 4);
  d.inst.count = uint32_t(*bytes);
  return d.emit(narrow ? copyAsync<uint32_t> : copyAsync<uint64_t>);
}

//===----------------------------------------------------------------------===//
// Bulk copies
//===----------------------------------------------------------------------===//

/// Into one CTA's shared memory, which is there: the target was checked.
static void copyInto(Cta &cta, const BulkCopy &copy) {
  uint8_t *memory = cta.shared.data() - kSharedBase;
  if (copy.from || copy.ofValues) {
    const void *from = copy.from;
    std::memcpy(memory + copy.target, copy.ofValues ? copy.values : from,
                copy.bytes);
    return;
  }
  std::memset(memory + copy.target, 0, copy.bytes);
  eachBoxRow(copy, [&](uint64_t address, uint32_t place, uint32_t bytes) {
    const auto *from = reinterpret_cast<const uint8_t *>(address);
    for (uint32_t done = 0; done < bytes;) { // 16-byte pieces stay whole
      uint32_t at = copy.target + place + done;
      uint32_t piece = std::min(16 - at % 16, bytes - done);
      std::memcpy(memory + swizzled(at, copy.map.swizzle), from + done, piece);
      done += piece;
    }
  });
}

/// What those who wait for the copy learn.
static void finish(const BulkCopy &copy, const Participants &all, Clock &to) {
  to.grow(all.count());
  if (copy.ofValues) {
    all.joinReads(to, *copy.known);
    to.raise(copy.issuer.row + all.readRow(), copy.issuer.mask,
             copy.issuer.time);
  }
  to.raise(copy.self.row, copy.self.time);
}

void emulator::completeBulkCopy(Cluster &cluster, uint32_t index) {
  BulkCopy copy = cluster.copies[index];
  cluster.copies[index] = cluster.copies.back();
  cluster.copies.pop_back();
  Engine &engine = *cluster.engine;
  auto fail = [&](const std::string &what) {
    engine.error = "kernel " + engine.launch.function->info.name +
                   ": the copy of PTX line " + std::to_string(copy.line) +
                   " `" + engine.launch.program->line(copy.line) + "` " + what;
  };
  for (uint32_t rank = 0; rank < cluster.ctas.size(); ++rank) {
    if (!(copy.ctas >> rank & 1))
      continue;
    Cta &cta = *cluster.ctas[rank];
    if (cta.liveThreads == 0)
      return fail("ends when CTA " + std::to_string(rank) +
                  " of the cluster has ended");
    auto *barrier = reinterpret_cast<Mbarrier *>(cta.place(copy.barrier, 8));
    if (!barrier->valid())
      return fail("counts on a barrier that is not initialised");
    if (copy.bytes > barrier->bytes)
      return fail("brings more bytes than a barrier can count");
    copyInto(cta, copy);
    barrier->bytes -= copy.bytes;
    finish(copy, cluster.participants,
           cta.clocksOf(reinterpret_cast<uint8_t *>(barrier)).pending);
    checkPhase(cta, *barrier);
  }
}

/// Places in shared memory and what they belong to; false after an error.
static bool placeCopy(Warp &w, const Inst &i, uint32_t lane, uint32_t target,
                      uint32_t barrier, BulkCopy &copy) {
  auto at = [&](uint32_t address, uint32_t bytes, uint32_t align) {
    bool good = address % align == 0 && w.shared(address, bytes, true);
    if (!good)
      w.failAddress(i, lane, address, bytes, Space::Cluster);
    return good;
  };
  uint32_t align = copy.ofValues ? copy.bytes : copy.from ? 16 : 128;
  if (!at(target, copy.bytes, align) || !at(barrier, 8, 8))
    return false;
  auto owner = [&](uint32_t address) {
    uint32_t rank = address >> kRankShift;
    return rank ? rank - 1 : w.cta->rank;
  };
  if (copy.ctas == 0) {
    if (owner(target) != owner(barrier)) {
      w.fail(i, lane, "its barrier is in another CTA than its target");
      return false;
    }
    copy.ctas = 1u << owner(target);
  } else if (copy.ctas >> w.cta->cluster->ctas.size()) {
    w.fail(i, lane, "its mask names CTAs that the cluster does not have");
    return false;
  }
  copy.target = target & kPlaceMask;
  copy.barrier = barrier & kPlaceMask;
  copy.line = i.line;
  return true;
}

/// The registers of a bulk copy, in Inst::lists.
enum { kBarrier, kMask, kBytes, kCoordinates };

/// a: source (imm on top), b: target.
static Flow copyBulk(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *extra = &w.function->lists[i.list];
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    BulkCopy copy;
    copy.bytes = w.lanes<uint32_t>(extra[kBytes])[lane];
    copy.ctas = w.lanes<uint16_t>(extra[kMask])[lane];
    uint64_t from = w.lanes<uint64_t>(i.a)[lane] + uint64_t(i.imm);
    if (copy.bytes % 16)
      return w.fail(i, lane,
                    "copies " + std::to_string(copy.bytes) +
                        " bytes, which is no multiple of 16");
    if (copy.bytes == 0)
      continue;
    copy.from = w.global(from, copy.bytes);
    if (!copy.from || from % 16)
      return w.failAddress(i, lane, from, copy.bytes, Space::Global);
    if (!placeCopy(w, i, lane, w.lanes<uint32_t>(i.b)[lane],
                   w.lanes<uint32_t>(extra[kBarrier])[lane], copy))
      return Flow::Fail;
    if (!w.issues(i, copy, lane))
      return Flow::Fail;
    w.cta->cluster->copies.push_back(copy);
  }
  return Flow::Next;
}

static std::string mapProblem(const TensorMap &map, uint32_t rank) {
  if (map.magic != kTensorMapMagic)
    return "there is no tensor map";
  if (map.rank != rank)
    return "the tensor map has " + std::to_string(map.rank) + " dimensions";
  uint32_t row = map.box[0] * elementBytes(map.type);
  if (row % 16)
    return "the box has rows of " + std::to_string(row) + " bytes";
  if (map.swizzle != Swizzle::None && row > 16u << uint32_t(map.swizzle))
    return "the box's rows are longer than the swizzle";
  for (uint32_t d = 0; d < rank; ++d)
    if (map.elementStrides[d] != 1)
      return "element strides are not known to the emulator";
  if (map.nanFill)
    return "a fill with NaN is not known to the emulator";
  return {};
}

static Flow copyTensor(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *extra = &w.function->lists[i.list];
  uint32_t rank = i.count - kCoordinates;
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    uint64_t address = w.lanes<uint64_t>(i.a)[lane] + uint64_t(i.imm);
    const uint8_t *map = w.at(Space::Generic, address, 64, lane);
    if (!map || !w.global(address, sizeof(TensorMap)))
      return w.failAddress(i, lane, address, 128, Space::Generic);
    BulkCopy copy;
    std::memcpy(static_cast<void *>(&copy.map), map, sizeof(TensorMap));
    if (std::string problem = mapProblem(copy.map, rank); !problem.empty())
      return w.fail(i, lane, problem);
    copy.bytes = elementBytes(copy.map.type);
    for (uint32_t d = 0; d < rank; ++d) {
      copy.bytes *= copy.map.box[d];
      copy.coordinates[d] = w.lanes<int32_t>(extra[kCoordinates + d])[lane];
    }
    copy.ctas = w.lanes<uint16_t>(extra[kMask])[lane];
    bool inside = true;
    eachBoxRow(copy, [&](uint64_t from, uint32_t, uint32_t bytes) {
      inside &= w.global(from, bytes) != nullptr;
    });
    if (!inside)
      return w.fail(i, lane, "the tensor map reaches beyond its memory");
    if (!placeCopy(w, i, lane, w.lanes<uint32_t>(i.b)[lane],
                   w.lanes<uint32_t>(extra[kBarrier])[lane], copy))
      return Flow::Fail;
    if (!w.issues(i, copy, lane))
      return Flow::Fail;
    w.cta->cluster->copies.push_back(copy);
  }
  return Flow::Next;
}

/// a: source (imm on top), b: bytes. Nothing but what it must not do.
static Flow prefetchBulk(Warp &w, const Inst &i, uint32_t mask) {
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    uint32_t bytes = w.lanes<uint32_t>(i.b)[lane];
    uint64_t from = w.lanes<uint64_t>(i.a)[lane] + uint64_t(i.imm);
    if (bytes % 16 || from % 16 || (bytes && !w.global(from, bytes)))
      return w.failAddress(i, lane, from, bytes, Space::Global);
  }
  return Flow::Next;
}

static Status decodePrefetchBulk(Decoder &d) {
  if (!d.take("L2") || !d.take("global"))
    return d.unknown();
  bool narrow = false;
  d.address(d.operand(0), narrow);
  if (narrow)
    return d.unknown();
  d.inst.b = d.source(1, 4);
  return d.emit(prefetchBulk);
}

static Status decodeBulk(Decoder &d) {
  if (d.take("prefetch"))
    return decodePrefetchBulk(d);
  bool tensor = d.take("tensor"), multicast = d.take("multicast::cluster");
  std::string_view rank = d.takeOneOf({"1d", "2d", "3d", "4d", "5d"});
  d.take("tile");
  d.take("L2::cache_hint");
  if (d.takeOneOf({"shared::cluster", "shared::cta"}).empty() ||
      !d.take("global") || !d.take("mbarrier::complete_tx::bytes"))
    return d.unknown();
  // target, source, [bytes,] barrier, [mask,] [policy]
  size_t next = 2;
  bool narrow = true;
  std::vector<uint32_t> extra(kCoordinates);
  d.address(d.operand(0), narrow);
  if (!narrow || d.inst.imm)
    return d.unknown();
  d.inst.b = d.inst.a;
  extra[kBytes] = tensor ? d.constant(0, 4) : d.source(next++, 4);
  d.address(d.operand(next++), narrow);
  if (!narrow || d.inst.imm)
    return d.unknown();
  extra[kBarrier] = d.inst.a;
  extra[kMask] = multicast ? d.source(next++, 2) : d.constant(0, 2);
  d.address(d.operand(1), narrow);
  if (narrow)
    return d.unknown();
  for (const Operand &o : d.operand(1).parts)
    extra.push_back(d.source(o, 4));
  if (tensor &&
      (rank.empty() || extra.size() - kCoordinates != size_t(rank[0] - '0')))
    return d.wrong("the coordinates do not fit the rank");
  d.list(extra);
  return d.emit(tensor ? copyTensor : copyBulk);
}

//===----------------------------------------------------------------------===//
// st.async
//===----------------------------------------------------------------------===//

/// a: target (imm on top), b: barrier; the values in Inst::lists.
static Flow storeAsync(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *values = &w.function->lists[i.list];
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t lane = uint32_t(std::countr_zero(m));
    BulkCopy copy;
    copy.ofValues = true;
    copy.bytes = i.count * 4;
    for (uint32_t v = 0; v < i.count; ++v)
      copy.values[v] = w.lanes<uint32_t>(values[v])[lane];
    uint32_t target = w.lanes<uint32_t>(i.a)[lane] + uint32_t(i.imm);
    if (!placeCopy(w, i, lane, target, w.lanes<uint32_t>(i.b)[lane], copy))
      return Flow::Fail;
    if (!w.issues(i, copy, lane))
      return Flow::Fail;
    w.cta->cluster->copies.push_back(copy);
  }
  return Flow::Next;
}

Status emulator::decodeStoreAsync(Decoder &d) {
  if (!d.take("shared::cluster") || !d.take("mbarrier::complete_tx::bytes"))
    return d.unknown();
  d.take("weak");
  std::string_view width = d.takeOneOf({"v2", "v4"});
  if (typeBytes(d.takeType()) != 4)
    return d.unknown();
  bool narrow = true;
  d.address(d.operand(2), narrow);
  if (!narrow || d.inst.imm)
    return d.unknown();
  d.inst.b = d.inst.a;
  std::vector<uint32_t> values;
  if (width.empty())
    values.push_back(d.source(1, 4, true));
  for (const Operand &o : d.operand(1).parts)
    values.push_back(d.source(o, 4, true));
  d.address(d.operand(0), narrow);
  if (!narrow ||
      values.size() != (width.empty() ? 1u : uint32_t(width[1] - '0')))
    return d.unknown();
  d.list(values);
  return d.emit(storeAsync);
}

static Status decodeCopy(Decoder &d) {
  if (!d.take("async"))
    return d.unknown();
  return d.take("bulk") ? decodeBulk(d) : decodeCopyAsync(d);
}

std::span<const Opcode> emulator::copyOpcodes() {
  static const Opcode table[] = {{"cp", decodeCopy}};
  return table;
}
