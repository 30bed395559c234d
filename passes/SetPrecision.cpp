//===- SetPrecision.cpp - storage types of values, weights and caches -----===//
#include "passes/Passes.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_SETPRECISION
#include "passes/Passes.h.inc"

namespace {

constexpr llvm::StringLiteral kModelAttr = "ft.model";

/// The option's name, or what the model prefers.
std::string resolveName(ModuleOp module, StringRef option) {
  if (option != "auto")
    return option.str();
  if (auto model = module->getAttrOfType<DictionaryAttr>(kModelAttr))
    if (auto preferred = model.getAs<StringAttr>("dtype"))
      return preferred.str();
  return "f32";
}

Type parseDType(MLIRContext *context, StringRef name) {
  return llvm::StringSwitch<Type>(name)
      .Case("f32", Float32Type::get(context))
      .Case("tf32", Float32Type::get(context))
      .Case("f16", Float16Type::get(context))
      .Case("bf16", BFloat16Type::get(context))
      .Default(nullptr);
}

/// Whether every reader of `value` wants it as an entry result.
bool onlyMakesResults(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) {
    return isa<ReturnOp, ArgmaxOp, SampleOp>(user);
  });
}

struct SetPrecision : impl::SetPrecisionBase<SetPrecision> {
  using SetPrecisionBase::SetPrecisionBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::string name = resolveName(module, dtype);
    type_ = parseDType(&getContext(), name);
    if (!type_) {
      module.emitError("dtype must be auto, f32, tf32, f16 or bf16, found '")
          << name << "'";
      return signalPassFailure();
    }
    module->setAttr(kDTypeAttr, TypeAttr::get(type_));
    if (name == "tf32") // stored as f32; only the library's products differ
      module->setAttr(kTf32Attr, UnitAttr::get(&getContext()));
    if (type_.isF32()) {
      for (EntryOp entry : module.getOps<EntryOp>())
        copyFactors(entry);
      return;
    }
    findStoredBiases(module);
    for (EntryOp entry : module.getOps<EntryOp>())
      setEntry(entry);
    setParams(module);
    for (CacheOp cache : module.getOps<CacheOp>())
      setCache(cache);
  }

private:
  /// The biases of linears that write the stored type. GEMM libraries want a
  /// bias in the type of what the linear writes, so all that share one write
  /// the same.
  void findStoredBiases(ModuleOp module) {
    module.walk([&](LinearOp linear) {
      if (linear.getBiasAttr() && !onlyMakesResults(linear.getResult()))
        storedBiases_.insert(linear.getBiasAttr().getAttr());
    });
  }

  /// Whether `op` is a linear that writes an entry result itself, in fp32,
  /// without a rounding in between.
  bool writesResult(Operation *op) const {
    auto linear = dyn_cast<LinearOp>(op);
    return linear && onlyMakesResults(linear.getResult()) &&
           !(linear.getBiasAttr() &&
             storedBiases_.contains(linear.getBiasAttr().getAttr()));
  }

  /// Element types of values; casts at the borders of the entry.
  void setEntry(EntryOp entry) {
    OpBuilder builder(entry.getContext());
    Block &block = entry.getBody().front();
    for (Operation &op : block)
      for (OpResult result : op.getResults())
        if (auto packed = dyn_cast<PackedType>(result.getType()))
          if (packed.getElementType().isF32() && !writesResult(&op))
            result.setType(packed.withElementType(type_));
    builder.setInsertionPointToStart(&block);
    for (BlockArgument argument : block.getArguments())
      castArgument(argument, builder);
    Operation *terminator = block.getTerminator();
    builder.setInsertionPoint(terminator);
    for (OpOperand &operand : terminator->getOpOperands())
      castResult(operand, entry, builder);
  }

  /// A product reads its factor, and the sum behind it its other summand, from
  /// buffers, not from an input of the batch: the cast that other types have is
  /// a copy in fp32.
  void copyFactors(EntryOp entry) {
    OpBuilder builder(entry.getContext());
    builder.setInsertionPointToStart(&entry.getBody().front());
    for (BlockArgument argument : entry.getBody().getArguments()) {
      if (llvm::none_of(argument.getUsers(), llvm::IsaPred<LinearOp, AddOp>))
        continue;
      auto copy = CastOp::create(builder, argument.getLoc(), argument.getType(),
                                 argument);
      argument.replaceAllUsesExcept(copy.getResult(), copy);
      ++numCasts;
    }
  }

  void castArgument(BlockArgument argument, OpBuilder &builder) {
    auto packed = dyn_cast<PackedType>(argument.getType());
    if (!packed || !packed.getElementType().isF32() || argument.use_empty())
      return;
    // Patches round what they take from an image themselves.
    if (llvm::all_of(argument.getUsers(), llvm::IsaPred<PatchesOp>))
      return;
    auto cast = CastOp::create(builder, argument.getLoc(),
                               packed.withElementType(type_), argument);
    argument.replaceAllUsesExcept(cast.getResult(), cast);
    ++numCasts;
  }

  void castResult(OpOperand &operand, EntryOp entry, OpBuilder &builder) {
    Type wanted = entry.getResultTypes()[operand.getOperandNumber()];
    if (operand.get().getType() == wanted)
      return;
    operand.set(
        CastOp::create(builder, operand.get().getLoc(), wanted, operand.get()));
    ++numCasts;
  }

  /// Matrices and biases of linears, tables of embeddings. A bias has the type
  /// of what the linear writes.
  void setParams(ModuleOp module) {
    llvm::DenseMap<StringAttr, Type> types;
    module.walk([&](Operation *op) {
      if (auto embedding = dyn_cast<EmbeddingOp>(op))
        types[embedding.getTableAttr().getAttr()] = type_;
      if (auto linear = dyn_cast<LinearOp>(op)) {
        types[linear.getWeightAttr().getAttr()] = type_;
        if (linear.getBiasAttr())
          types[linear.getBiasAttr().getAttr()] =
              linear.getResult().getType().getElementType();
      }
    });
    for (ParamOp param : module.getOps<ParamOp>())
      if (Type type = types.lookup(param.getSymNameAttr()))
        param.setType(param.getTensorType().clone(type));
  }

  void setCache(CacheOp cache) {
    SmallVector<Attribute> planes;
    for (PlaneAttr plane : cache.getPlanes().getAsRange<PlaneAttr>())
      planes.push_back(PlaneAttr::get(plane.getContext(), plane.getName(),
                                      plane.getShape(), type_));
    cache.setPlanesAttr(ArrayAttr::get(cache.getContext(), planes));
  }

  Type type_;
  llvm::DenseSet<StringAttr> storedBiases_;
};

} // namespace
} // namespace ft::passes
