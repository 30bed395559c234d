//===- Partition.cpp - one program for several ranks ----------------------===//
//
// SplitGroups says which values are split; this pass gives them their local
// types, asks for the parts of weights and caches that go with them, and puts
// the collectives. The program is the same on every rank: what differs are the
// `starts` in weight recipes.
//
//===----------------------------------------------------------------------===//
#include "passes/partition/Partition.h"

#include "passes/Passes.h"
#include "passes/partition/ParamShards.h"
#include "passes/partition/Reductions.h"
#include "passes/partition/SplitGroups.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_PARTITION
#include "passes/Passes.h.inc"

namespace {

/// The row type of a rank's part.
PackedType localType(PackedType type, const Shard &shard) {
  SmallVector<int64_t> shape(type.getShape());
  shape.front() = shard.local();
  return type.withShape(shape);
}

PackedType typeOf(Value value) { return cast<PackedType>(value.getType()); }

/// Rewrites one entry.
class EntryPartition {
public:
  EntryPartition(EntryOp entry, const SplitGroups &groups, ParamShards &params,
                 int64_t ranks, bool wide)
      : entry_(entry), groups_(groups), params_(params), ranks_(ranks),
        reductions_(entry, wide), builder_(entry.getContext()) {}

  int64_t run();

private:
  void splitLinear(LinearOp linear);
  void splitBroadcast(BroadcastOp broadcast);
  void splitEmbedding(EmbeddingOp embedding);
  void splitScore(AttentionOp attention);
  void splitArgmax(ArgmaxOp argmax);
  void gatherOperands(Operation *op);
  Value gather(Value value, int64_t extent);

  EntryOp entry_;
  const SplitGroups &groups_;
  ParamShards &params_;
  int64_t ranks_;
  Reductions reductions_;
  OpBuilder builder_;
  llvm::DenseMap<Value, Value> gathered_;
};

} // namespace

/// By rows of the weight where the result is split, by columns where the input
/// is: then every rank makes a summand.
void EntryPartition::splitLinear(LinearOp linear) {
  if (const Shard *out = groups_.shardOf(linear.getResult())) {
    int64_t rows = params_.typeOf(linear.getWeightAttr()).getDimSize(0);
    Shard shard = out->times(rows / out->whole);
    params_.request(linear, "weight", 0, shard);
    if (linear.getBiasAttr())
      params_.request(linear, "bias", 0, shard);
  }
  if (const Shard *in = groups_.shardOf(linear.getInput())) {
    int64_t columns = params_.typeOf(linear.getWeightAttr()).getDimSize(1);
    params_.request(linear, "weight", 1, in->times(columns / in->whole));
    reductions_.add(linear.getResult(), linear.getBiasAttr());
    linear.removeBiasAttr();
  }
}

/// A weight that has the split extent is split; one that is repeated is not.
void EntryPartition::splitBroadcast(BroadcastOp broadcast) {
  const Shard *shard = groups_.shardOf(broadcast.getResult());
  RankedTensorType weight = params_.typeOf(broadcast.getWeightAttr());
  if (shard &&
      weight.getRank() == int64_t(broadcast.getType().getShape().size()) &&
      weight.getDimSize(0) == shard->whole)
    params_.request(broadcast, "weight", 0, *shard);
}

void EntryPartition::splitEmbedding(EmbeddingOp embedding) {
  std::optional<Shard> shard = groups_.tableShard(embedding);
  if (!shard)
    return;
  params_.request(embedding, "table", 0, *shard);
  embedding.setFirstAttr(params_.rankTimes(shard->block));
  reductions_.add(embedding.getResult(), nullptr);
}

/// Tables indexed by the head alone are split with the heads; other uses of the
/// head want its number among all heads.
void EntryPartition::splitScore(AttentionOp attention) {
  const Shard *shard = groups_.shardOf(attention.getQuery());
  if (!shard || attention.getScore().empty())
    return;
  Block &block = attention.getScore().front();
  Value head = block.getArgument(1);
  SmallVector<OpOperand *> others;
  for (OpOperand &use : head.getUses()) {
    auto table = dyn_cast<ScoreTableOp>(use.getOwner());
    int64_t axis = use.getOperandNumber();
    if (table &&
        params_.typeOf(table.getWeightAttr()).getDimSize(axis) == shard->whole)
      params_.request(table, "weight", axis, *shard);
    else
      others.push_back(&use);
  }
  if (others.empty())
    return;
  builder_.setInsertionPointToStart(&block);
  Location location = attention.getLoc();
  Type f32 = builder_.getF32Type();
  Value zero = ScoreConstOp::create(builder_, location, f32,
                                    builder_.getF64FloatAttr(0));
  Value first = ScoreTableOp::create(builder_, location, f32,
                                     params_.rankTimes(shard->block), zero);
  Value all =
      ScoreOp::create(builder_, location, f32, builder_.getStringAttr("add"),
                      ValueRange{head, first});
  for (OpOperand *use : others)
    use->set(all);
}

Value EntryPartition::gather(Value value, int64_t extent) {
  SmallVector<int64_t> shape(typeOf(value).getShape());
  shape.front() = extent;
  return AllGatherOp::create(builder_, value.getLoc(),
                             typeOf(value).withShape(shape), value,
                             builder_.getStringAttr(kTensorAxis));
}

/// The best of every rank's columns: 8 bytes a rank instead of the row.
void EntryPartition::splitArgmax(ArgmaxOp argmax) {
  if (!readsParts(argmax))
    return gatherOperands(argmax);
  const Shard *shard = groups_.shardOf(argmax.getInput());
  if (!shard)
    return;
  builder_.setInsertionPoint(argmax);
  auto pair = PackedType::get(typeOf(argmax.getInput()).getAxis(), {2},
                              builder_.getF32Type());
  Value best =
      LocalArgmaxOp::create(builder_, argmax.getLoc(), pair, argmax.getInput(),
                            params_.rankTimes(shard->block),
                            builder_.getI64IntegerAttr(shard->whole));
  Value merged = MergeArgmaxOp::create(
      builder_, argmax.getLoc(), argmax.getType(), gather(best, 2 * ranks_));
  argmax.replaceAllUsesWith(merged);
  argmax.erase();
}

/// For readers that need the whole row, such as the entry's caller.
void EntryPartition::gatherOperands(Operation *op) {
  for (OpOperand &operand : op->getOpOperands()) {
    const Shard *shard = groups_.shardOf(operand.get());
    if (!shard)
      continue;
    Value &whole = gathered_[operand.get()];
    builder_.setInsertionPointAfterValue(operand.get());
    if (!whole)
      whole = gather(operand.get(), shard->whole);
    operand.set(whole);
  }
}

int64_t EntryPartition::run() {
  SmallVector<Operation *> ops;
  for (Operation &op : entry_.getBody().getOps())
    ops.push_back(&op);
  for (Operation *op : ops)
    for (Value result : op->getResults())
      if (const Shard *shard = groups_.shardOf(result))
        result.setType(localType(typeOf(result), *shard));
  for (Operation *op : ops)
    llvm::TypeSwitch<Operation *>(op)
        .Case<LinearOp>([&](LinearOp linear) { splitLinear(linear); })
        .Case<BroadcastOp>([&](BroadcastOp op) { splitBroadcast(op); })
        .Case<EmbeddingOp>([&](EmbeddingOp op) { splitEmbedding(op); })
        .Case<AttentionOp>([&](AttentionOp op) { splitScore(op); })
        .Case<ArgmaxOp>([&](ArgmaxOp op) { splitArgmax(op); })
        .Default([&](Operation *op) {
          if (!readsParts(op))
            gatherOperands(op);
        });
  return reductions_.insert();
}

static std::string greedyName(EntryOp entry) {
  return (entry.getSymName() + "_greedy").str();
}

/// Drawing a token takes whole rows of logits, the likeliest one does not: an
/// entry that samples gets a twin with argmax that does not return the logits.
static void addArgmaxTwin(EntryOp entry) {
  if (entry.getBody().getOps<SampleOp>().empty())
    return;
  OpBuilder builder(entry->getBlock(), std::next(entry->getIterator()));
  auto twin = cast<EntryOp>(builder.clone(*entry));
  twin.setSymName(greedyName(entry));
  Operation *terminator = twin.getBody().front().getTerminator();
  BitVector logits(terminator->getNumOperands());
  for (SampleOp sample : llvm::to_vector(twin.getBody().getOps<SampleOp>())) {
    for (auto [number, value] : llvm::enumerate(terminator->getOperands()))
      if (value == sample.getInput())
        logits.set(unsigned(number));
    OpBuilder at(sample);
    sample.replaceAllUsesWith(Value(ArgmaxOp::create(
        at, sample.getLoc(), sample.getType(), sample.getInput())));
    sample.erase();
  }
  terminator->eraseOperands(logits);
  (void)twin.eraseResults(logits);
}

/// An entry whose results need gathered rows gets a twin without those results:
/// greedy decoding reads the token alone.
static void addGreedyTwin(EntryOp entry) {
  if (!entry.getBody().getOps<SampleOp>().empty())
    return;
  Operation *terminator = entry.getBody().front().getTerminator();
  BitVector gathered(terminator->getNumOperands());
  for (auto [number, value] : llvm::enumerate(terminator->getOperands()))
    gathered[number] = bool(value.getDefiningOp<AllGatherOp>());
  if (gathered.none() || gathered.all())
    return;
  OpBuilder builder(entry);
  builder.setInsertionPointAfter(entry);
  auto twin = cast<EntryOp>(builder.clone(*entry));
  twin.setSymName(greedyName(entry));
  SmallVector<Value> dropped;
  terminator = twin.getBody().front().getTerminator();
  for (unsigned number : gathered.set_bits())
    dropped.push_back(terminator->getOperand(number));
  terminator->eraseOperands(gathered);
  (void)twin.eraseResults(gathered);
  for (Value value : dropped)
    if (value.use_empty())
      value.getDefiningOp()->erase();
}

static void splitCache(CacheOp cache, const Shard &shard) {
  SmallVector<Attribute> planes;
  for (PlaneAttr plane : cache.getPlanes().getAsRange<PlaneAttr>()) {
    SmallVector<int64_t> shape(plane.getShape());
    shape.front() = shard.local();
    planes.push_back(PlaneAttr::get(plane.getContext(), plane.getName(), shape,
                                    plane.getElementType()));
  }
  cache.setPlanesAttr(ArrayAttr::get(cache.getContext(), planes));
}

namespace {
struct Partition : impl::PartitionBase<Partition> {
  using PartitionBase::PartitionBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    int64_t ranks = tp;
    if (ranks < 1 || ranks > kMaxRanks) {
      module.emitError("tp must be 1 to ") << kMaxRanks << ", found " << ranks;
      return signalPassFailure();
    }
    if (ranks == 1)
      return;
    for (EntryOp entry : llvm::make_early_inc_range(module.getOps<EntryOp>()))
      addArgmaxTwin(entry);
    SplitGroups groups(module, ranks);
    if (failed(groups.decide()))
      return signalPassFailure();
    Builder builder(&getContext());
    module->setAttr(kMeshAttr,
                    builder.getDictionaryAttr(builder.getNamedAttr(
                        kTensorAxis, builder.getI64IntegerAttr(ranks))));
    ParamShards params(module, ranks);
    // Summands rounded to fp16 have been seen to exceed the bound of errors.
    auto dtype = module->getAttrOfType<TypeAttr>(kDTypeAttr);
    bool wide = dtype && dtype.getValue().isF16();
    for (EntryOp entry : module.getOps<EntryOp>())
      numReductions += EntryPartition(entry, groups, params, ranks, wide).run();
    for (CacheOp cache : module.getOps<CacheOp>())
      if (const Shard *shard = groups.shardOf(cache))
        splitCache(cache, *shard);
    params.apply();
    for (EntryOp entry : llvm::make_early_inc_range(module.getOps<EntryOp>()))
      addGreedyTwin(entry);
  }
};
} // namespace
} // namespace ft::passes
