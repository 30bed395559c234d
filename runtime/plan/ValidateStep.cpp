//===- ValidateStep.cpp - checking meanings and launches ------------------===//
#include "runtime/plan/Batch.h"
#include "runtime/plan/Validate.h"

#include <algorithm>
#include <string_view>

namespace ft::plan {

namespace {

// An SM of sm_90 and sm_100 gives a block at most this much.
constexpr int64_t kMaxShared = 227 * 1024;
// CUDA's 4 KB of parameters, 8 bytes each.
constexpr size_t kMaxArgs = 512;

/// Operands of each instruction of a score region; "table" has its own rule.
struct ScoreOp {
  std::string_view name;
  size_t args;
};
constexpr ScoreOp kScoreOps[] = {
    {"score", 0}, {"head", 0},  {"query", 0}, {"key", 0}, {"const", 0},
    {"add", 2},   {"sub", 2},   {"mul", 2},   {"div", 2}, {"max", 2},
    {"min", 2},   {"neg", 1},   {"abs", 1},   {"exp", 1}, {"log", 1},
    {"tanh", 1},  {"floor", 1}, {"lt", 2},    {"le", 2},  {"eq", 2},
    {"select", 3}};

constexpr std::string_view kSequenceFields[] = {
    batch::kPositions, batch::kSequenceIds, batch::kCuTokens,
    batch::kKvLengths, batch::kPageTable,   batch::kPacks};

class StepValidator {
public:
  StepValidator(const Plan &plan, const Entry &entry, const Program &program,
                const Step &step)
      : plan_(plan), entry_(entry), program_(program), step_(step),
        defined_(step.temps.size(), false) {}

  Status run(const Place &place);

private:
  Status validateTemps(const Place &place);
  Status validateMeaning(const MeaningOp &op, const Place &place);
  Status validateScore(const std::vector<ScoreInst> &score, const Place &place);
  Status validateRef(const Ref &ref, const Place &place);
  Status validateImplementation(const Implementation &impl, const Place &place);
  Status validateSpecial(const Implementation &impl, const Place &place);
  Status validateLaunch(const KernelLaunch &launch, const Place &place);
  Status validateCall(const GemmCall &call, const Place &place);
  Status validateTypes(const GemmCall &call, const Place &place);
  Status validateCollective(const CollectiveCall &call, const Place &place);
  Status validateExtent(const Extent &extent, const Place &place);
  Status validateArg(const Arg &arg, const Place &place);
  Status validateMap(const Arg &arg, const Place &place);
  Status validatePage(int64_t cache, int64_t layer, int64_t plane,
                      const Place &place);
  Status validateColumns(const Ref &ref, int64_t columns, const Place &place);

  const Plan &plan_;
  const Entry &entry_;
  const Program &program_;
  const Step &step_;
  std::vector<bool> defined_; // temps that an earlier op of the step made
};

Status StepValidator::run(const Place &place) {
  FT_RETURN_IF_ERROR((place / "axis").index(step_.axis, plan_.axes.size()));
  FT_RETURN_IF_ERROR(validateTemps(place / "temps"));
  for (size_t i = 0; i < step_.reads.size(); ++i)
    FT_RETURN_IF_ERROR(
        (place / "reads" / i).index(step_.reads[i], program_.buffers.size()));
  for (size_t i = 0; i < step_.writes.size(); ++i)
    FT_RETURN_IF_ERROR(
        (place / "writes" / i).index(step_.writes[i], program_.buffers.size()));
  for (int64_t cost : {step_.cost.weightBytes, step_.cost.bytesPerRow,
                       step_.cost.flopsPerRow, step_.cost.cacheBytesPerKey,
                       step_.cost.flopsPerQueryKey, step_.cost.linkBytesPerRow})
    FT_RETURN_IF_ERROR((place / "cost").range(cost, 0, int64_t(1) << 56));
  for (size_t i = 0; i < step_.meaning.size(); ++i)
    FT_RETURN_IF_ERROR(
        validateMeaning(step_.meaning[i], place / "meaning" / i));
  for (size_t i = 0; i < step_.implementations.size(); ++i)
    FT_RETURN_IF_ERROR(validateImplementation(step_.implementations[i],
                                              place / "implementations" / i));
  return Status::success();
}

Status StepValidator::validateTemps(const Place &place) {
  for (size_t i = 0; i < step_.temps.size(); ++i) {
    const Temp &temp = step_.temps[i];
    Place at = place / i;
    FT_RETURN_IF_ERROR((at / "axis").index(temp.axis, plan_.axes.size()));
    FT_RETURN_IF_ERROR((at / "shape").shape(temp.shape));
    FT_RETURN_IF_ERROR(
        (at / "dtype")
            .require(temp.dtype == DType::F32 || temp.dtype == DType::I32,
                     "a temporary is f32 or i32"));
  }
  return Status::success();
}

Status StepValidator::validateRef(const Ref &ref, const Place &place) {
  switch (ref.kind) {
  case RefKind::Buffer:
    return place.index(ref.index, program_.buffers.size());
  case RefKind::Temp:
    return place.index(ref.index, step_.temps.size());
  case RefKind::Weight:
    return place.index(ref.index, plan_.weights.size());
  case RefKind::Input:
    return place.index(ref.index, entry_.inputs.size());
  case RefKind::Sequences:
    return place.index(ref.index, entry_.sequences.size());
  case RefKind::Rows:
    return place.index(ref.index, 1);
  case RefKind::Cache:
    return place.index(ref.index, plan_.caches.size());
  }
  return place.error("unknown reference");
}

Status StepValidator::validateMeaning(const MeaningOp &op, const Place &place) {
  FT_RETURN_IF_ERROR((place / "op").identifier(op.op));
  for (size_t i = 0; i < op.in.size(); ++i) {
    const Ref &ref = op.in[i];
    Place at = place / "in" / i;
    FT_RETURN_IF_ERROR(validateRef(ref, at));
    FT_RETURN_IF_ERROR(
        at.require(ref.kind != RefKind::Temp || defined_[size_t(ref.index)],
                   "the temporary is read before an op of the step made it"));
    auto layer = op.attrs.find("layer");
    if (ref.kind == RefKind::Cache && layer != op.attrs.end()) {
      const int64_t *number = std::get_if<int64_t>(&layer->second);
      FT_RETURN_IF_ERROR(validatePage(ref.index, number ? *number : -1, 0,
                                      place / "attrs" / "layer"));
    }
  }
  for (size_t i = 0; i < op.out.size(); ++i) {
    const Ref &ref = op.out[i];
    Place at = place / "out" / i;
    FT_RETURN_IF_ERROR(validateRef(ref, at));
    FT_RETURN_IF_ERROR(
        at.require(ref.kind == RefKind::Buffer || ref.kind == RefKind::Temp,
                   "an op writes buffers and temporaries"));
    if (ref.kind == RefKind::Temp)
      defined_[size_t(ref.index)] = true;
  }
  return validateScore(op.score, place / "score");
}

Status StepValidator::validateScore(const std::vector<ScoreInst> &score,
                                    const Place &place) {
  FT_RETURN_IF_ERROR(place.range(int64_t(score.size()), 0, 256));
  for (size_t i = 0; i < score.size(); ++i) {
    const ScoreInst &inst = score[i];
    Place at = place / i;
    for (int32_t arg : inst.args)
      FT_RETURN_IF_ERROR((at / "args").index(arg, i));
    if (inst.op == "table") {
      FT_RETURN_IF_ERROR(
          (at / "weight").index(inst.weight, plan_.weights.size()));
      size_t rank = plan_.weights[size_t(inst.weight)].shape.size();
      FT_RETURN_IF_ERROR(
          (at / "args")
              .require(
                  rank <= 2 && inst.args.size() == rank,
                  "a table has one index for each of its one or two extents"));
      continue;
    }
    auto known = std::find_if(
        std::begin(kScoreOps), std::end(kScoreOps),
        [&](const ScoreOp &candidate) { return candidate.name == inst.op; });
    FT_RETURN_IF_ERROR((at / "op").require(known != std::end(kScoreOps),
                                           "unknown score instruction"));
    FT_RETURN_IF_ERROR((at / "args")
                           .require(inst.args.size() == known->args,
                                    "wrong number of operands"));
  }
  return Status::success();
}

Status StepValidator::validatePage(int64_t cache, int64_t layer, int64_t plane,
                                   const Place &place) {
  const Cache &resource = plan_.caches[size_t(cache)];
  FT_RETURN_IF_ERROR(place.index(layer, size_t(resource.layers)));
  return place.index(plane, resource.planes.size());
}

Status StepValidator::validateImplementation(const Implementation &impl,
                                             const Place &place) {
  FT_RETURN_IF_ERROR((place / "archs")
                         .require(!impl.archs.empty(),
                                  "an implementation names an architecture"));
  for (size_t i = 0; i < impl.rows.size(); ++i)
    FT_RETURN_IF_ERROR((place / "rows" / i).range(impl.rows[i], 1, INT32_MAX));
  FT_RETURN_IF_ERROR(validateSpecial(impl, place));
  int32_t behind = 0; // the launch before
  for (size_t i = 0; i < impl.launches.size(); ++i) {
    Place at = place / "launches" / i;
    if (auto *launch = std::get_if<KernelLaunch>(&impl.launches[i])) {
      FT_RETURN_IF_ERROR(validateLaunch(*launch, at / "kernel"));
      FT_RETURN_IF_ERROR((at / "kernel" / "behind")
                             .range(launch->behind, behind, impl.steps - 1));
      behind = launch->behind;
    } else if (auto *call = std::get_if<GemmCall>(&impl.launches[i]))
      FT_RETURN_IF_ERROR(validateCall(*call, at / "gemm"));
    else
      FT_RETURN_IF_ERROR(validateCollective(
          std::get<CollectiveCall>(impl.launches[i]), at / "collective"));
  }
  return Status::success();
}

/// Whether `step` has an implementation for `arch` that runs it alone and takes
/// any batch.
static bool hasPlain(const Step &step, const std::string &arch) {
  return std::any_of(step.implementations.begin(), step.implementations.end(),
                     [&](const Implementation &impl) {
                       return !impl.isSpecial() &&
                              std::find(impl.archs.begin(), impl.archs.end(),
                                        arch) != impl.archs.end();
                     });
}

/// Several steps, or some batches only: the program must run without it, too.
Status StepValidator::validateSpecial(const Implementation &impl,
                                      const Place &place) {
  // The step is one of the program's, which loaders rely on.
  auto number = &step_ - program_.steps.data();
  FT_RETURN_IF_ERROR(
      (place / "steps")
          .range(impl.steps, 1, int64_t(program_.steps.size()) - number));
  FT_RETURN_IF_ERROR(
      (place / "packed")
          .require(impl.packed == 0 || impl.packed == batch::kPackTokens,
                   "expected 0 or 128, as the tiles of a batch have"));
  FT_RETURN_IF_ERROR(
      (place / "packed_ctas").range(impl.packedCtas, 0, INT32_MAX));
  FT_RETURN_IF_ERROR((place / "longest").range(impl.longest, 0, INT32_MAX));
  FT_RETURN_IF_ERROR(
      (place / "most_sequences").range(impl.mostSequences, 0, INT32_MAX));
  if (!impl.isSpecial())
    return Status::success();
  for (int32_t behind = 0; behind < impl.steps; ++behind)
    for (const std::string &arch : impl.archs)
      FT_RETURN_IF_ERROR(
          (place / "archs")
              .require(hasPlain(program_.steps[size_t(number + behind)], arch),
                       "a step that it runs has no implementation for the "
                       "architecture that runs it alone, for any batch"));
  return Status::success();
}

Status StepValidator::validateExtent(const Extent &extent, const Place &place) {
  int64_t axes = int64_t(plan_.axes.size());
  FT_RETURN_IF_ERROR(place.range(extent.constant, 0, INT32_MAX));
  FT_RETURN_IF_ERROR(place.range(extent.divisor, 1, INT32_MAX));
  FT_RETURN_IF_ERROR(place.range(extent.axis, -1, axes - 1));
  return place.range(extent.plusAxis, -1, axes - 1);
}

Status StepValidator::validateLaunch(const KernelLaunch &launch,
                                     const Place &place) {
  FT_RETURN_IF_ERROR(
      (place / "kernel").index(launch.kernel, plan_.kernels.size()));
  int64_t threads = 1;
  for (size_t i = 0; i < 3; ++i) {
    FT_RETURN_IF_ERROR(validateExtent(launch.grid[i], place / "grid" / i));
    FT_RETURN_IF_ERROR((place / "block" / i).range(launch.block[i], 1, 1024));
    threads *= launch.block[i];
  }
  FT_RETURN_IF_ERROR((place / "block").range(threads, 1, 1024));
  FT_RETURN_IF_ERROR(
      (place / "shared_bytes").range(launch.sharedBytes, 0, kMaxShared));
  FT_RETURN_IF_ERROR((place / "shared_rows").range(launch.sharedRows, 0, 4096));
  int64_t perRow = launch.sharedBytesPerRow;
  FT_RETURN_IF_ERROR(
      (place / "shared_bytes_per_row").range(perRow, 0, kMaxShared));
  FT_RETURN_IF_ERROR((place / "shared_bytes")
                         .range(launch.sharedBytes + perRow * launch.sharedRows,
                                0, kMaxShared));
  FT_RETURN_IF_ERROR((place / "args")
                         .require(launch.args.size() <= kMaxArgs,
                                  "a kernel takes at most 512 arguments"));
  // The least that every device with clusters runs.
  FT_RETURN_IF_ERROR((place / "cluster").range(launch.cluster, 1, 8));
  for (size_t i = 0; i < launch.args.size(); ++i)
    FT_RETURN_IF_ERROR(validateArg(launch.args[i], place / "args" / i));
  return Status::success();
}

Status StepValidator::validateArg(const Arg &arg, const Place &place) {
  switch (arg.kind) {
  case Arg::Kind::Pointer:
    FT_RETURN_IF_ERROR(
        (place / "ref")
            .require(
                arg.ref.kind == RefKind::Buffer ||
                    arg.ref.kind == RefKind::Weight ||
                    arg.ref.kind == RefKind::Input ||
                    arg.ref.kind == RefKind::Rows,
                "a pointer is to a buffer, a weight, an input or the rows"));
    return validateRef(arg.ref, place / "ref");
  case Arg::Kind::CachePage:
    FT_RETURN_IF_ERROR(
        (place / "ref")
            .require(arg.ref.kind == RefKind::Cache, "expected a cache"));
    FT_RETURN_IF_ERROR(validateRef(arg.ref, place / "ref"));
    return validatePage(arg.ref.index, arg.layer, arg.plane, place);
  case Arg::Kind::Batch: {
    if (arg.field == batch::kCounts || arg.field == batch::kRows ||
        arg.field == batch::kSampling || arg.field == batch::kSamplingState)
      return Status::success();
    FT_RETURN_IF_ERROR(
        (place / "field")
            .require(std::find(std::begin(kSequenceFields),
                               std::end(kSequenceFields),
                               arg.field) != std::end(kSequenceFields),
                     "unknown batch field"));
    return (place / "ref").index(arg.ref.index, entry_.sequences.size());
  }
  case Arg::Kind::Workspace:
    return (place / "value").range(arg.value, 0, program_.workspaceBytes);
  case Arg::Kind::I32:
    return (place / "value").range(arg.value, INT32_MIN, INT32_MAX);
  case Arg::Kind::Bound:
    return (place / "value").index(arg.value, plan_.axes.size());
  case Arg::Kind::TensorMap:
    return validateMap(arg, place);
  case Arg::Kind::I64:
  case Arg::Kind::F32:
  case Arg::Kind::PageCount:
    return Status::success();
  }
  return place.error("unknown kind of argument");
}

/// What the copy engine can fetch: 16-byte strides, boxes of at most 256.
Status StepValidator::validateMap(const Arg &arg, const Place &place) {
  FT_RETURN_IF_ERROR(validateRef(arg.ref, place / "ref"));
  const TensorBox &box = arg.box;
  Place at = place / "box";
  FT_RETURN_IF_ERROR((at / "columns").range(box.columns, 8, INT32_MAX));
  FT_RETURN_IF_ERROR((at / "heads").range(box.heads, 0, INT16_MAX));
  FT_RETURN_IF_ERROR((at / "box_heads").range(box.boxHeads, 1, 256));
  FT_RETURN_IF_ERROR((at / "box_rows").range(box.boxRows, 1, 256));
  FT_RETURN_IF_ERROR(
      (at / "columns").require(box.columns % 8 == 0, "a multiple of 8 wanted"));
  int64_t width = box.width();
  int64_t row = 0, stride = 0;
  DType dtype = DType::F32;
  if (arg.ref.kind == RefKind::Buffer) {
    const Buffer &buffer = program_.buffers[size_t(arg.ref.index)];
    row = columnsFrom(program_, buffer);
    stride = buffer.rowStride;
    dtype = buffer.dtype;
  } else if (arg.ref.kind == RefKind::Weight) {
    const Weight &weight = plan_.weights[size_t(arg.ref.index)];
    row = stride = box.strideOfWeight(weight.shape.back());
    dtype = weight.dtype;
    FT_RETURN_IF_ERROR(
        (at / "columns")
            .require(product(weight.shape) % stride == 0,
                     "the weight's rows do not make whole rows of the map"));
  } else if (arg.ref.kind == RefKind::Cache) {
    FT_RETURN_IF_ERROR(
        validatePage(arg.ref.index, arg.layer, arg.plane, place));
    const CachePlane &plane =
        plan_.caches[size_t(arg.ref.index)].planes[size_t(arg.plane)];
    row = stride = product(plane.shape);
    dtype = plane.dtype;
  }
  FT_RETURN_IF_ERROR(
      (place / "ref")
          .require(
              dtype == DType::F16 || dtype == DType::BF16,
              "a tensor map is of a buffer, weight or cache of f16 or bf16"));
  return (at / "columns")
      .require(width <= row && stride % 8 == 0,
               "the operand's rows are too short or not on 16 bytes");
}

Status StepValidator::validateColumns(const Ref &ref, int64_t columns,
                                      const Place &place) {
  FT_RETURN_IF_ERROR(
      place.require(ref.kind == RefKind::Buffer, "expected a buffer"));
  FT_RETURN_IF_ERROR(validateRef(ref, place));
  int64_t room = columnsFrom(program_, program_.buffers[size_t(ref.index)]);
  return place.require(columns <= room, "the buffer's rows are too short");
}

Status StepValidator::validateCall(const GemmCall &call, const Place &place) {
  size_t weights = plan_.weights.size();
  FT_RETURN_IF_ERROR((place / "n").range(call.n, 1, INT32_MAX));
  FT_RETURN_IF_ERROR((place / "k").range(call.k, 1, INT32_MAX));
  FT_RETURN_IF_ERROR((place / "weight").index(call.weight, weights));
  const Weight &weight = plan_.weights[size_t(call.weight)];
  FT_RETURN_IF_ERROR((place / "weight")
                         .require(product(weight.shape) == call.n * call.k &&
                                      weight.shape.back() == call.k,
                                  "the weight is not [n, k]"));
  FT_RETURN_IF_ERROR((place / "bias").index(call.bias, weights, true));
  if (call.bias >= 0)
    FT_RETURN_IF_ERROR(
        (place / "bias")
            .require(product(plan_.weights[size_t(call.bias)].shape) == call.n,
                     "the bias is not [n]"));
  FT_RETURN_IF_ERROR(validateColumns(call.a, call.k, place / "a"));
  FT_RETURN_IF_ERROR(validateColumns(call.out, call.n, place / "out"));
  if (call.residual != -1)
    FT_RETURN_IF_ERROR(validateColumns({RefKind::Buffer, call.residual}, call.n,
                                       place / "residual"));
  FT_RETURN_IF_ERROR(validateTypes(call, place));
  return (place / "epilogue")
      .require(call.epilogue == "none" || call.epilogue == "relu" ||
                   call.epilogue == "gelu_tanh",
               "expected none, relu or gelu_tanh");
}

/// What GEMM libraries multiply: two factors of one type, into that type or
/// f32; what is added to the product has the type of the result.
Status StepValidator::validateTypes(const GemmCall &call, const Place &place) {
  auto typeOf = [&](int32_t buffer) {
    return program_.buffers[size_t(buffer)].dtype;
  };
  DType a = typeOf(call.a.index), out = typeOf(call.out.index);
  FT_RETURN_IF_ERROR(
      (place / "weight")
          .require(plan_.weights[size_t(call.weight)].dtype == a,
                   "the weight has another dtype than the rows"));
  FT_RETURN_IF_ERROR(
      (place / "out")
          .require(
              out == a || out == DType::F32,
              "a product is stored in the dtype of its factors or in f32"));
  FT_RETURN_IF_ERROR(
      (place / "bias")
          .require(call.bias < 0 ||
                       plan_.weights[size_t(call.bias)].dtype == out,
                   "the bias has another dtype than the result"));
  return (place / "residual")
      .require(call.residual < 0 || typeOf(call.residual) == out,
               "the residual has another dtype than the result");
}

Status StepValidator::validateCollective(const CollectiveCall &call,
                                         const Place &place) {
  FT_RETURN_IF_ERROR((place / "mesh").index(call.mesh, plan_.mesh.size()));
  FT_RETURN_IF_ERROR(
      (place / "elements").range(call.elements, 1, kMaxElements));
  FT_RETURN_IF_ERROR(
      (place / "out_elements").range(call.outElements, 1, kMaxElements));
  FT_RETURN_IF_ERROR(validateColumns(call.in, call.elements, place / "in"));
  FT_RETURN_IF_ERROR(
      validateColumns(call.out, call.outElements, place / "out"));
  const Buffer &in = program_.buffers[size_t(call.in.index)];
  const Buffer &out = program_.buffers[size_t(call.out.index)];
  FT_RETURN_IF_ERROR(
      place.require(in.dtype == out.dtype && in.axis == out.axis,
                    "the buffers of a collective have one dtype and one axis"));
  int64_t ranks = plan_.mesh[size_t(call.mesh)].size;
  bool good = false;
  switch (call.op) {
  case CollectiveCall::Op::AllReduce:
    good = call.outElements == call.elements;
    break;
  case CollectiveCall::Op::AllGather: // below 2^40 elements, 2^10 ranks
    good = call.outElements <= call.elements * ranks;
    break;
  case CollectiveCall::Op::ReduceScatter:
    good = call.outElements * ranks == call.elements;
    break;
  }
  return (place / "out_elements")
      .require(good, "the rows do not fit the operation and the ranks");
}

} // namespace

Status validateStep(const Plan &plan, const Entry &entry,
                    const Program &program, const Step &step,
                    const Place &place) {
  return StepValidator(plan, entry, program, step).run(place);
}

} // namespace ft::plan
