//===- VerifyModule.cpp - weights, caches, entries, steps -----------------===//
//
// Labels such as param_c1 are those of docs/spec.md.
//
//===----------------------------------------------------------------------===//
#include "ir/Verify.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace ft::ir;

RankedTensorType ft::ir::weightType(Operation *user, FlatSymbolRefAttr symbol,
                                    SymbolTableCollection &symbols) {
  auto param = symbols.lookupNearestSymbolFrom<ParamOp>(user, symbol);
  if (param)
    return param.getTensorType();
  user->emitOpError() << "symbol_c1: @" << symbol.getValue()
                      << " is no ft.param of this module";
  return nullptr;
}

CacheOp ft::ir::findCache(Operation *user, FlatSymbolRefAttr symbol,
                          SymbolTableCollection &symbols) {
  auto cache = symbols.lookupNearestSymbolFrom<CacheOp>(user, symbol);
  if (!cache)
    user->emitOpError() << "symbol_c2: @" << symbol.getValue()
                        << " is no ft.cache of this module";
  return cache;
}

LogicalResult ft::ir::verifyWeightShape(Operation *user, StringRef label,
                                        FlatSymbolRefAttr symbol,
                                        ArrayRef<int64_t> shape,
                                        SymbolTableCollection &symbols) {
  RankedTensorType type = weightType(user, symbol, symbols);
  if (!type)
    return failure();
  if (type.getShape() == shape)
    return success();
  InFlightDiagnostic error = user->emitOpError();
  error << label << ": expected @" << symbol.getValue() << " to be [";
  llvm::interleaveComma(shape, error);
  return error << "], found " << type;
}

bool ft::ir::isFloat(PackedType type) {
  return isa<FloatType>(type.getElementType());
}

//===----------------------------------------------------------------------===//
// Weights and caches
//===----------------------------------------------------------------------===//

static LogicalResult verifyRecipe(ParamOp param, RecipeAttr recipe) {
  static const llvm::StringSet<> kOps = {
      "tensor",  "literal", "generator", "slice",      "concat", "transpose",
      "reshape", "scale",   "offset",    "interleave", "pad",    "rotations"};
  // param_c4
  if (!kOps.contains(recipe.getOp().getValue()))
    return param.emitOpError()
           << "param_c4: unknown recipe operation " << recipe.getOp();
  if (!recipe.getArgs().getAs<DenseI64ArrayAttr>("shape"))
    return param.emitOpError() << "param_c4: recipe operation "
                               << recipe.getOp() << " has no shape";
  for (RecipeAttr child : recipe.getOf())
    if (failed(verifyRecipe(param, child)))
      return failure();
  return success();
}

LogicalResult ParamOp::verify() {
  // param_c1
  if (getRecipe().has_value() == getViewOf().has_value())
    return emitOpError("param_c1: needs either a recipe or view_of");
  // param_c2
  RankedTensorType type = getTensorType();
  Type element = type.getElementType();
  if (!type.hasStaticShape() || type.getRank() == 0 ||
      llvm::is_contained(type.getShape(), 0) ||
      !(element.isF32() || element.isF16() || element.isBF16()))
    return emitOpError() << "param_c2: expected a static shape of f32, f16 or "
                            "bf16, found "
                         << type;
  if (!getRecipe())
    return success();
  if (failed(verifyRecipe(*this, *getRecipe())))
    return failure();
  // param_c3
  if (ArrayRef(getRecipe()->getShape()) != type.getShape())
    return emitOpError() << "param_c3: recipe makes another shape than "
                         << type;
  return success();
}

LogicalResult ParamOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!getViewOf())
    return success();
  auto parent =
      symbols.lookupNearestSymbolFrom<ParamOp>(*this, getViewOfAttr());
  // param_c5
  if (!parent || !parent.getRecipe())
    return emitOpError() << "param_c5: @" << *getViewOf()
                         << " is no weight with a recipe";
  RankedTensorType own = getTensorType(), whole = parent.getTensorType();
  int64_t row = getRow();
  if (own.getRank() != whole.getRank() ||
      own.getElementType() != whole.getElementType() ||
      own.getShape().drop_front() != whole.getShape().drop_front() || row < 0 ||
      row > whole.getDimSize(0) - own.getDimSize(0))
    return emitOpError() << "param_c5: rows " << row << " to "
                         << row + own.getDimSize(0) << " of " << own
                         << " are no rows of " << whole;
  return success();
}

LogicalResult CacheOp::verify() {
  // cache_c1
  if (static_cast<int64_t>(getLayers()) <= 0 ||
      static_cast<int64_t>(getPageSize()) <= 0)
    return emitOpError("cache_c1: layers and page size must be positive");
  // cache_c2
  llvm::StringSet<> names;
  for (PlaneAttr plane : getPlanes().getAsRange<PlaneAttr>()) {
    if (!names.insert(plane.getName().getValue()).second)
      return emitOpError() << "cache_c2: two planes are named "
                           << plane.getName();
    bool positive =
        llvm::all_of(plane.getShape(), [](int64_t e) { return e > 0; });
    if (!positive || !isa<FloatType>(plane.getElementType()))
      return emitOpError() << "cache_c2: plane " << plane.getName()
                           << " needs positive extents and a float type";
  }
  if (names.empty())
    return emitOpError("cache_c2: has no plane");
  return success();
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

/// Whether a value of `type` can have `role`.
static bool roleFits(StringRef role, Type type) {
  auto packed = dyn_cast<PackedType>(type);
  auto padded = dyn_cast<PaddedType>(type);
  bool ids = (packed && packed.getElementType().isInteger(32)) ||
             (padded && padded.getElementType().isInteger(32));
  return llvm::StringSwitch<bool>(role)
      .Cases({"tokens", "segments", "positions"}, ids)
      .Case("mask", padded && ids)
      .Case("data", packed || padded)
      .Case("image", packed && isFloat(packed) && packed.getShape().size() == 3)
      .Case("sequences", isa<SequencesType>(type))
      .Case("rows", isa<RowsType>(type))
      .Default(false);
}

/// entry_c1 of one list: names differ.
static LogicalResult verifyNames(EntryOp entry,
                                 std::optional<ArrayAttr> attrs) {
  llvm::StringSet<> names;
  if (!attrs)
    return success();
  for (DictionaryAttr dict : attrs->getAsRange<DictionaryAttr>())
    if (auto name = dict.getAs<StringAttr>(kNameAttr))
      if (!names.insert(name.getValue()).second)
        return entry.emitOpError() << "entry_c1: two values are named " << name;
  return success();
}

LogicalResult EntryOp::verify() {
  // entry_c1
  if (failed(verifyNames(*this, getArgAttrs())) ||
      failed(verifyNames(*this, getResAttrs())))
    return failure();
  // entry_c2
  for (auto [index, type] : llvm::enumerate(getArgumentTypes()))
    if (auto role = getArgAttrOfType<StringAttr>(index, kRoleAttr))
      if (!roleFits(role.getValue(), type))
        return emitOpError() << "entry_c2: argument " << index << " of " << type
                             << " cannot have the role " << role;
  // entry_c8
  for (auto [index, type] : llvm::enumerate(getArgumentTypes())) {
    auto role = getArgAttrOfType<StringAttr>(index, kRoleAttr);
    auto tokens = getArgAttrOfType<IntegerAttr>(index, kTokensAttr);
    bool image = role && role.getValue() == "image";
    if (image != bool(tokens) || (tokens && tokens.getInt() < 1))
      return emitOpError() << "entry_c8: images, and nothing else, say how "
                              "many tokens one makes, found argument "
                           << index << " of " << type << " with "
                           << (tokens ? tokens.getInt() : 0);
  }
  // entry_c3
  bool padded = llvm::any_of(getArgumentTypes(), llvm::IsaPred<PaddedType>);
  for (Type type : getResultTypes())
    if (padded ? !isa<PaddedType>(type) : !isa<PackedType>(type))
      return emitOpError() << "entry_c3: results must be "
                           << (padded ? "padded" : "packed")
                           << " values, found " << type;
  // entry_c6
  for (Type type : getArgumentTypes())
    if (padded && !isa<PaddedType>(type))
      return emitOpError() << "entry_c6: a padded entry has padded arguments "
                              "only, found "
                           << type;
  // entry_c4
  if (getKind().has_value() != getEntry().has_value())
    return emitOpError("entry_c4: kind and entry go together");
  if (auto kind = getKindAttr())
    if (kind.getMinTokens() < 1 ||
        (kind.getMaxTokens() != 0 && kind.getMaxTokens() < kind.getMinTokens()))
      return emitOpError() << "entry_c4: empty token range " << kind;
  return success();
}

LogicalResult EntryOp::verifyRegions() {
  llvm::DenseSet<StringAttr> known;
  auto padded = [](Type type) {
    auto tensor = dyn_cast<PaddedType>(type);
    return tensor ? tensor.getShape() : ArrayRef<DimAttr>();
  };
  for (Type type : getArgumentTypes())
    for (DimAttr dim : padded(type))
      known.insert_range(dim.getSymbols());
  WalkResult result = getBody().walk([&](Operation *op) {
    for (Type type : op->getResultTypes())
      for (DimAttr dim : padded(type))
        for (StringAttr name : dim.getSymbols())
          // entry_c7
          if (!known.contains(name)) {
            op->emitOpError() << "entry_c7: no argument of the entry has the "
                                 "symbol '"
                              << name.getValue() << "' of " << type;
            return WalkResult::interrupt();
          }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

static void collectAxes(Type type, SmallVectorImpl<StringAttr> &axes) {
  if (auto packed = dyn_cast<PackedType>(type))
    axes.push_back(packed.getAxis());
  if (auto sequences = dyn_cast<SequencesType>(type))
    axes.append({sequences.getTokens(), sequences.getSequences()});
  if (auto rows = dyn_cast<RowsType>(type))
    axes.append({rows.getTokens(), rows.getRows()});
}

LogicalResult EntryOp::verifySymbolUses(SymbolTableCollection &) {
  // entry_c5
  auto known = (*this)->getParentOp()->getAttrOfType<ArrayAttr>(kAxesAttr);
  SmallVector<StringAttr> axes;
  for (Type type : getArgumentTypes())
    collectAxes(type, axes);
  for (Type type : getResultTypes())
    collectAxes(type, axes);
  for (StringAttr axis : axes)
    if (!known || !llvm::is_contained(known, axis))
      return emitOpError() << "entry_c5: axis '" << axis.getValue()
                           << "' is not in the module's ft.axes";
  return success();
}

LogicalResult ReturnOp::verify() {
  // return_c1
  ArrayRef<Type> wanted =
      cast<EntryOp>((*this)->getParentOp()).getResultTypes();
  if (TypeRange(wanted) != TypeRange(getOperandTypes()))
    return emitOpError() << "return_c1: returns " << getOperandTypes()
                         << ", but the entry's results are " << wanted;
  return success();
}

LogicalResult FusedOp::verify() {
  Block &block = getBody().front();
  // fused_c1
  if (TypeRange(block.getArgumentTypes()) != TypeRange(getInputs().getTypes()))
    return emitOpError("fused_c1: region arguments differ from the inputs");
  // fused_c2
  auto yield = dyn_cast<YieldOp>(block.back());
  if (!yield ||
      TypeRange(yield.getOperandTypes()) != TypeRange(getResultTypes()))
    return emitOpError("fused_c2: must yield values of its result types");
  // fused_c3
  if (getSlots() && getSlots()->size() != getNumResults())
    return emitOpError() << "fused_c3: has " << getSlots()->size()
                         << " slots for " << getNumResults() << " results";
  return success();
}
