//===- EmitSignature.cpp - what an entry takes and gives ------------------===//
#include "codegen/plan/EmitProgram.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;
using plan::InputRole;

static InputRole inputRole(StringRef role) {
  return llvm::StringSwitch<InputRole>(role)
      .Case("tokens", InputRole::Tokens)
      .Case("mask", InputRole::Mask)
      .Case("positions", InputRole::Positions)
      .Case("segments", InputRole::Segments)
      .Case("image", InputRole::Image)
      .Default(InputRole::Data);
}

/// The cache that ops reading the sequences `argument` address, or -1. Inside
/// fused ops the argument is known by the number of the operand.
static int32_t cacheOf(BlockArgument argument, const PlanIndex &index) {
  for (OpOperand &use : argument.getUses()) {
    auto fused = dyn_cast<ir::FusedOp>(use.getOwner());
    if (!fused)
      continue;
    Value inner = fused.getBody().getArgument(use.getOperandNumber());
    for (Operation *user : inner.getUsers()) {
      if (auto append = dyn_cast<ir::CacheAppendOp>(user))
        return index.cache(append.getCacheAttr());
      if (auto attention = dyn_cast<ir::AttentionOp>(user))
        if (attention.getCacheAttr())
          return index.cache(attention.getCacheAttr());
    }
  }
  return -1;
}

static StringRef nameOf(DictionaryAttr attrs, StringRef fallback) {
  auto name = attrs ? attrs.getAs<StringAttr>(ir::kNameAttr) : StringAttr();
  return name ? name.getValue() : fallback;
}

static plan::Input makeInput(ir::PackedType type, DictionaryAttr attrs,
                             const PlanIndex &index) {
  plan::Input input;
  input.name = nameOf(attrs, "input").str();
  if (auto role = attrs ? attrs.getAs<StringAttr>(ir::kRoleAttr) : StringAttr())
    input.role = inputRole(role.getValue());
  input.dtype = dtypeOf(type.getElementType());
  input.axis = index.axis(type.getAxis());
  input.shape.assign(type.getShape().begin(), type.getShape().end());
  if (auto limit =
          attrs ? attrs.getAs<IntegerAttr>(ir::kLimitAttr) : IntegerAttr())
    input.limit = limit.getInt();
  if (auto tokens =
          attrs ? attrs.getAs<IntegerAttr>(ir::kTokensAttr) : IntegerAttr())
    input.tokens = tokens.getInt();
  return input;
}

/// The mask is no value of the IR: packing has already used it up. It stands
/// in the signature so that the engine knows what to do with the caller's.
static void addMask(ir::EntryOp entry, plan::Entry &out) {
  auto name = entry->getAttrOfType<StringAttr>("ft.mask");
  if (!name)
    return;
  plan::Input mask;
  mask.name = name.getValue();
  mask.role = InputRole::Mask;
  mask.dtype = DType::I32;
  for (const plan::Input &input : out.inputs)
    if (input.role == InputRole::Tokens)
      mask.axis = input.axis;
  out.inputs.push_back(std::move(mask));
}

FailureOr<plan::Entry> codegen::emitSignature(ir::EntryOp entry,
                                              const PlanIndex &index) {
  plan::Entry out;
  out.name = entry.getEntryName();
  out.causal = entry.getCausal();
  for (BlockArgument argument : entry.getBody().getArguments()) {
    DictionaryAttr attrs =
        function_interface_impl::getArgAttrDict(entry, argument.getArgNumber());
    if (auto type = dyn_cast<ir::PackedType>(argument.getType()))
      out.inputs.push_back(makeInput(type, attrs, index));
    else if (auto type = dyn_cast<ir::SequencesType>(argument.getType()))
      out.sequences.push_back({.name = nameOf(attrs, "sequences").str(),
                               .tokensAxis = index.axis(type.getTokens()),
                               .sequencesAxis = index.axis(type.getSequences()),
                               .cache = cacheOf(argument, index)});
  }
  addMask(entry, out);
  for (auto [number, type] : llvm::enumerate(entry.getResultTypes())) {
    DictionaryAttr attrs =
        function_interface_impl::getResultAttrDict(entry, number);
    auto packed = dyn_cast<ir::PackedType>(type);
    if (!packed)
      return entry.emitError("result ") << number << " is no packed value";
    plan::Output output;
    output.name = nameOf(attrs, "output");
    output.dtype = dtypeOf(packed.getElementType());
    output.axis = index.axis(packed.getAxis());
    output.shape.assign(packed.getShape().begin(), packed.getShape().end());
    out.outputs.push_back(std::move(output));
  }
  return out;
}
