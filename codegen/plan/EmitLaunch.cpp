//===- EmitLaunch.cpp - launch attributes as plan structures --------------===//
#include "codegen/plan/EmitLaunch.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;
using plan::Arg;
using plan::Ref;
using plan::RefKind;

namespace {

/// Reads the dictionaries of one fused op's `launch`.
class LaunchEmitter {
public:
  LaunchEmitter(const PlanIndex &index, ArrayRef<LaunchRefs> refs)
      : index_(index), all_(refs) {}

  plan::Launch launch(DictionaryAttr dict);
  /// Whether every name and number so far stood for something.
  bool ok() const { return ok_; }

private:
  plan::GemmCall gemm(DictionaryAttr dict);
  plan::CollectiveCall collective(DictionaryAttr dict);
  plan::KernelLaunch kernel(DictionaryAttr dict);
  plan::Extent extent(Attribute attr);
  Arg argument(DictionaryAttr dict);

  int64_t integer(DictionaryAttr dict, StringRef key, int64_t missing = 0) {
    auto attr = dict.getAs<IntegerAttr>(key);
    return attr ? attr.getInt() : missing;
  }
  int32_t checked(int32_t value) {
    ok_ &= value >= 0;
    return value;
  }
  int32_t axis(DictionaryAttr dict, StringRef key) {
    auto name = dict.getAs<StringAttr>(key);
    return name ? index_.axis(name) : -1;
  }
  Ref ref(ArrayRef<Ref> list, int64_t number) {
    ok_ &= number >= 0 && number < int64_t(list.size());
    return ok_ ? list[number] : Ref();
  }

  const LaunchRefs &refs(int64_t behind) const {
    static const LaunchRefs none;
    return behind < int64_t(all_.size()) ? all_[behind] : none;
  }

  const PlanIndex &index_;
  ArrayRef<LaunchRefs> all_;
  int64_t behind_ = 0; // the op that the launch's numbers are of
  bool ok_ = true;
};

} // namespace

plan::Extent LaunchEmitter::extent(Attribute attr) {
  plan::Extent out;
  if (auto constant = dyn_cast<IntegerAttr>(attr)) {
    out.constant = constant.getInt();
    return out;
  }
  auto dict = dyn_cast<DictionaryAttr>(attr);
  ok_ &= bool(dict);
  if (!dict)
    return out;
  out.constant = integer(dict, "constant", 1);
  out.axis = axis(dict, "axis");
  out.divisor = integer(dict, "divisor", 1);
  out.plusAxis = axis(dict, "plus");
  return out;
}

Arg LaunchEmitter::argument(DictionaryAttr dict) {
  Arg arg;
  arg.kind = Arg::Kind::Pointer;
  if (auto input = dict.getAs<IntegerAttr>("in")) {
    arg.ref = ref(refs(behind_).inputs, input.getInt());
  } else if (auto output = dict.getAs<IntegerAttr>("out")) {
    arg.ref = ref(refs(behind_).outputs, output.getInt());
  } else if (auto behind = dict.getAs<IntegerAttr>("next_out")) {
    arg.ref = ref(refs(behind_ + 1).outputs, behind.getInt());
  } else if (auto weight = dict.getAs<FlatSymbolRefAttr>("weight")) {
    arg.ref = {RefKind::Weight, checked(index_.weight(weight))};
  } else if (auto cache = dict.getAs<FlatSymbolRefAttr>("cache")) {
    arg.kind = Arg::Kind::CachePage;
    arg.ref = {RefKind::Cache, checked(index_.cache(cache))};
    arg.layer = int32_t(integer(dict, "layer"));
    arg.plane = int32_t(integer(dict, "plane"));
  } else if (auto field = dict.getAs<StringAttr>("batch")) {
    arg.kind = Arg::Kind::Batch;
    arg.field = field.getValue();
    if (dict.contains("of"))
      arg.ref = ref(refs(behind_).inputs, integer(dict, "of"));
    else if (dict.contains("next_of"))
      arg.ref = ref(refs(behind_ + 1).inputs, integer(dict, "next_of"));
  } else if (dict.contains("workspace")) {
    arg.kind = Arg::Kind::Workspace;
    arg.value = integer(dict, "workspace");
  } else if (auto real = dict.getAs<FloatAttr>("f32")) {
    arg.kind = Arg::Kind::F32;
    arg.real = real.getValueAsDouble();
  } else if (dict.contains("i64")) {
    arg.kind = Arg::Kind::I64;
    arg.value = integer(dict, "i64");
  } else if (dict.contains("bound")) {
    arg.kind = Arg::Kind::Bound;
    arg.value = checked(axis(dict, "bound"));
  } else if (dict.contains("page_count")) {
    arg.kind = Arg::Kind::PageCount;
  } else {
    arg.kind = Arg::Kind::I32;
    ok_ &= dict.contains("i32");
    arg.value = integer(dict, "i32");
  }
  if (dict.contains("box_rows")) {
    arg.kind = Arg::Kind::TensorMap;
    arg.box = {integer(dict, "columns"), integer(dict, "heads"),
               integer(dict, "box_heads", 1), integer(dict, "box_rows")};
  }
  return arg;
}

plan::KernelLaunch LaunchEmitter::kernel(DictionaryAttr dict) {
  plan::KernelLaunch out;
  auto kernel = dict.getAs<FlatSymbolRefAttr>("kernel");
  out.kernel = checked(kernel ? index_.kernel(kernel) : -1);
  if (auto grid = dict.getAs<ArrayAttr>("grid"))
    for (auto [slot, attr] : llvm::zip(out.grid, grid))
      slot = extent(attr);
  if (auto block = dict.getAs<DenseI64ArrayAttr>("block"))
    for (auto [slot, size] : llvm::zip(out.block, block.asArrayRef()))
      slot = int32_t(size);
  out.sharedBytes = int32_t(integer(dict, "shared"));
  out.sharedBytesPerRow = int32_t(integer(dict, "shared_per_row"));
  out.sharedRows = int32_t(integer(dict, "shared_rows"));
  out.residentGrid = dict.contains("resident");
  out.prefersShared = dict.contains("prefers_shared");
  out.cluster = int32_t(integer(dict, "cluster", 1));
  out.dependentLaunch = dict.contains("dependent");
  out.behind = int32_t(behind_);
  if (auto args = dict.getAs<ArrayAttr>("args"))
    for (auto arg : args.getAsRange<DictionaryAttr>())
      out.args.push_back(argument(arg));
  return out;
}

plan::GemmCall LaunchEmitter::gemm(DictionaryAttr dict) {
  plan::GemmCall out;
  out.weight = checked(index_.weight(dict.getAs<FlatSymbolRefAttr>("gemm")));
  out.a = ref(refs(behind_).inputs, integer(dict, "in"));
  out.out = ref(refs(behind_).outputs, integer(dict, "out"));
  if (auto bias = dict.getAs<FlatSymbolRefAttr>("bias"))
    out.bias = checked(index_.weight(bias));
  if (dict.contains("residual")) {
    plan::Ref residual = ref(refs(behind_).inputs, integer(dict, "residual"));
    assert(residual.kind == plan::RefKind::Buffer &&
           "set-precision copies inputs that are added to products");
    out.residual = residual.index;
  }
  if (auto epilogue = dict.getAs<StringAttr>("epilogue"))
    out.epilogue = epilogue.getValue();
  out.n = integer(dict, "n");
  out.k = integer(dict, "k");
  out.tf32 = dict.contains("tf32");
  return out;
}

plan::CollectiveCall LaunchEmitter::collective(DictionaryAttr dict) {
  using Op = plan::CollectiveCall::Op;
  plan::CollectiveCall out;
  auto name = dict.getAs<StringAttr>("collective");
  auto op = llvm::StringSwitch<std::optional<Op>>(name.getValue())
                .Case("all_reduce", Op::AllReduce)
                .Case("all_gather", Op::AllGather)
                .Case("reduce_scatter", Op::ReduceScatter)
                .Default(std::nullopt);
  ok_ &= op.has_value();
  out.op = op.value_or(Op::AllReduce);
  out.in = ref(refs(behind_).inputs, integer(dict, "in"));
  out.out = ref(refs(behind_).outputs, integer(dict, "out"));
  auto mesh = dict.getAs<StringAttr>("mesh");
  out.mesh = checked(mesh ? index_.mesh(mesh) : -1);
  out.elements = integer(dict, "elements");
  out.outElements = integer(dict, "out_elements");
  return out;
}

plan::Launch LaunchEmitter::launch(DictionaryAttr dict) {
  behind_ = integer(dict, "behind");
  if (dict.contains("collective"))
    return collective(dict);
  if (dict.contains("gemm"))
    return gemm(dict);
  return kernel(dict);
}

LogicalResult codegen::emitLaunch(ir::FusedOp fused, const PlanIndex &index,
                                  ArrayRef<LaunchRefs> refs, plan::Step &step) {
  if (!fused.getLaunch())
    return success();
  for (auto dict : fused.getLaunch()->getAsRange<DictionaryAttr>()) {
    plan::Implementation implementation;
    if (auto name = dict.getAs<StringAttr>("name"))
      implementation.name = name.getValue();
    if (auto rows = dict.getAs<DenseI64ArrayAttr>("rows"))
      implementation.rows.assign(rows.asArrayRef().begin(),
                                 rows.asArrayRef().end());
    for (auto arch : dict.getAs<ArrayAttr>("archs").getAsRange<StringAttr>())
      implementation.archs.push_back(arch.getValue().str());
    if (auto steps = dict.getAs<IntegerAttr>("steps"))
      implementation.steps = int32_t(steps.getInt());
    if (auto packed = dict.getAs<IntegerAttr>("packed"))
      implementation.packed = int32_t(packed.getInt());
    if (auto ctas = dict.getAs<IntegerAttr>("packed_ctas"))
      implementation.packedCtas = int32_t(ctas.getInt());
    if (auto longest = dict.getAs<IntegerAttr>("longest"))
      implementation.longest = int32_t(longest.getInt());
    if (auto most = dict.getAs<IntegerAttr>("most_sequences"))
      implementation.mostSequences = int32_t(most.getInt());
    implementation.likeliest = dict.contains("likeliest");
    LaunchEmitter emitter(index, refs);
    for (auto one :
         dict.getAs<ArrayAttr>("launches").getAsRange<DictionaryAttr>())
      implementation.launches.push_back(emitter.launch(one));
    if (!emitter.ok())
      return fused.emitError("launch names a kernel, weight, operand or axis "
                             "that does not exist");
    step.implementations.push_back(std::move(implementation));
  }
  return success();
}
