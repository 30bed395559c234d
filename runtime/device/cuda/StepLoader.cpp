//===- StepLoader.cpp - a program's steps, made ready to launch -----------===//
#include "runtime/device/cuda/StepLoader.h"

#include "runtime/device/Addressing.h"
#include "runtime/device/Collectives.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/Tuning.h"

#include <algorithm>
#include <bit>
#include <optional>

namespace ft {

namespace {

class StepLoader {
public:
  StepLoader(CudaContext &context, const plan::PlanFile &file,
             const plan::Program &program, const Binding &binding,
             const std::vector<int64_t> &bounds)
      : context_(context), file_(file), plan_(file.plan()), program_(program),
        binding_(binding), bounds_(bounds),
        architectures_(context.architectures()) {}

  StatusOr<ReadyProgram> run();

private:
  std::vector<const plan::Implementation *>
  findAll(const plan::Step &step, std::string &architecture) const;
  bool isFor(const plan::Implementation &implementation,
             const std::string &architecture) const;
  Status addStep(const plan::Step &step);
  StatusOr<ReadyKernel> ready(const plan::KernelLaunch &launch,
                              const std::string &architecture);
  StatusOr<ReadyWay> ready(const plan::Implementation &implementation,
                           const plan::Step &step,
                           const std::string &architecture);
  StatusOr<std::optional<size_t>> wayNamed(ReadyStep &ready,
                                           const std::string &name,
                                           const std::string &architecture);
  Status addChoices(ReadyStep &ready, const std::string &architecture);
  Status addSpecial(ReadyStep &ready, const std::string &architecture);
  StatusOr<ReadyCollective> ready(const plan::CollectiveCall &call,
                                  const plan::Step &step);
  Status loadCode(int32_t kernel, const std::string &architecture);
  StatusOr<uint64_t> cell(const plan::Arg &arg) const;
  StatusOr<CUtensorMap> tensorMap(const plan::Arg &arg) const;
  StatusOr<uint64_t> pointer(const plan::Ref &ref) const;

  CudaContext &context_;
  const plan::PlanFile &file_;
  const plan::Plan &plan_;
  const plan::Program &program_;
  const Binding &binding_;
  const std::vector<int64_t> &bounds_;
  std::vector<std::string> architectures_;
  std::map<CUfunction, int32_t> sharedBytes_; // what each was allowed
  ReadyProgram result_;
};

} // namespace

bool StepLoader::isFor(const plan::Implementation &implementation,
                       const std::string &architecture) const {
  const auto &archs = implementation.archs;
  if (std::find(archs.begin(), archs.end(), architecture) == archs.end())
    return false;
  for (const plan::Launch &launch : implementation.launches)
    if (auto *kernel = std::get_if<plan::KernelLaunch>(&launch))
      if (!plan_.kernels[kernel->kernel].images.count(architecture))
        return false;
  return true;
}

/// Those for the best architecture that has one, but for special ones.
std::vector<const plan::Implementation *>
StepLoader::findAll(const plan::Step &step, std::string &architecture) const {
  std::vector<const plan::Implementation *> found;
  for (const std::string &candidate : architectures_) {
    for (const plan::Implementation &implementation : step.implementations)
      if (!implementation.isSpecial() && isFor(implementation, candidate))
        found.push_back(&implementation);
    architecture = candidate;
    if (!found.empty())
      break;
  }
  return found;
}

Status StepLoader::loadCode(int32_t kernel, const std::string &architecture) {
  if (result_.code.count(kernel))
    return Status::success();
  const plan::Kernel &description = plan_.kernels[kernel];
  // A copy, because PTX must end with a zero byte.
  std::string image(file_.blob(description.images.at(architecture)));
  FT_ASSIGN_OR_RETURN(
      LoadedCode code,
      LoadedCode::load(context_, image.c_str(), description.function.c_str()));
  result_.code.emplace(kernel, std::move(code));
  return Status::success();
}

StatusOr<uint64_t> StepLoader::pointer(const plan::Ref &ref) const {
  const std::byte *address = nullptr;
  switch (ref.kind) {
  case plan::RefKind::Buffer:
    address = bufferAddress(program_, ref.index, bounds_, binding_.arena);
    break;
  case plan::RefKind::Weight:
    address = binding_.weights[ref.index];
    break;
  case plan::RefKind::Input:
    if (binding_.layout.inputs[ref.index] < 0)
      return corrupt("a kernel reads a mask, which has no place in the batch");
    address = binding_.batch + binding_.layout.inputs[ref.index];
    break;
  case plan::RefKind::Rows:
    address = binding_.batch + binding_.layout.rows;
    break;
  default:
    return corrupt("a kernel argument has an operand without an address");
  }
  return uint64_t(reinterpret_cast<uintptr_t>(address));
}

StatusOr<uint64_t> StepLoader::cell(const plan::Arg &arg) const {
  auto bits = [](const void *address) {
    return uint64_t(reinterpret_cast<uintptr_t>(address));
  };
  switch (arg.kind) {
  case plan::Arg::Kind::Pointer:
    return pointer(arg.ref);
  case plan::Arg::Kind::CachePage:
    return bits(cacheLayerAddress(plan_, binding_, arg.ref.index, arg.plane,
                                  arg.layer));
  case plan::Arg::Kind::Batch: {
    const std::byte *field = batchField(binding_, arg.field, arg.ref.index);
    if (!field)
      return corrupt("batch field '" + arg.field +
                     "' of a kernel argument is "
                     "unknown");
    return bits(field);
  }
  case plan::Arg::Kind::Workspace:
    return bits(binding_.workspace + arg.value);
  case plan::Arg::Kind::I32:
    return uint64_t(uint32_t(int32_t(arg.value)));
  case plan::Arg::Kind::I64:
    return uint64_t(arg.value);
  case plan::Arg::Kind::F32:
    return uint64_t(std::bit_cast<uint32_t>(float(arg.real)));
  case plan::Arg::Kind::PageCount:
    return uint64_t(uint32_t(binding_.bounds.pageColumns));
  case plan::Arg::Kind::Bound:
    return uint64_t(0); // known at the launch
  case plan::Arg::Kind::TensorMap:
    return uint64_t(0); // passed as a whole
  }
  return corrupt("a kernel argument of an unknown kind");
}

namespace {
/// The memory behind a tensor map.
struct MappedRows {
  uint64_t address = 0;
  int64_t rows = 0;
  int64_t stride = 0; // elements
  DType dtype = DType::F32;
};
} // namespace

static MappedRows cacheRows(const plan::Plan &plan, const Binding &binding,
                            const plan::Arg &arg) {
  const plan::Cache &cache = plan.caches[arg.ref.index];
  const plan::CachePlane &plane = cache.planes[arg.plane];
  const std::byte *address =
      cacheLayerAddress(plan, binding, arg.ref.index, arg.plane, arg.layer);
  return {uint64_t(reinterpret_cast<uintptr_t>(address)),
          binding.cachePages * cache.pageSize, elementCount(plane.shape),
          plane.dtype};
}

StatusOr<CUtensorMap> StepLoader::tensorMap(const plan::Arg &arg) const {
  MappedRows from;
  if (arg.ref.kind == plan::RefKind::Cache) {
    from = cacheRows(plan_, binding_, arg);
  } else if (arg.ref.kind == plan::RefKind::Buffer) {
    const plan::Buffer &buffer = program_.buffers[arg.ref.index];
    from = {0, bounds_[buffer.axis], buffer.rowStride, buffer.dtype};
    FT_ASSIGN_OR_RETURN(from.address, pointer(arg.ref));
  } else {
    const plan::Weight &weight = plan_.weights[arg.ref.index];
    int64_t stride = arg.box.strideOfWeight(weight.shape.back());
    from = {0, elementCount(weight.shape) / stride, stride, weight.dtype};
    FT_ASSIGN_OR_RETURN(from.address, pointer(arg.ref));
  }
  const plan::TensorBox &box = arg.box;
  cuuint64_t size[3] = {cuuint64_t(box.columns), cuuint64_t(from.rows), 1};
  cuuint64_t strides[2] = {cuuint64_t(from.stride) * 2, 0};
  cuuint32_t boxSize[3] = {64, cuuint32_t(box.boxRows), 1};
  const cuuint32_t steps[3] = {1, 1, 1};
  if (box.heads > 0) {
    size[1] = cuuint64_t(box.heads), size[2] = cuuint64_t(from.rows);
    strides[0] = cuuint64_t(box.columns) * 2;
    strides[1] = cuuint64_t(from.stride) * 2;
    boxSize[1] = cuuint32_t(box.boxHeads), boxSize[2] = cuuint32_t(box.boxRows);
  }
  CUtensorMap map;
  FT_CUDA(context_.cu, cuTensorMapEncodeTiled, "a kernel argument", &map,
          from.dtype == DType::BF16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                    : CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
          box.heads > 0 ? 3 : 2,
          reinterpret_cast<void *>(uintptr_t(from.address)), size, strides,
          boxSize, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
          CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
          CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return map;
}

StatusOr<ReadyKernel> StepLoader::ready(const plan::KernelLaunch &launch,
                                        const std::string &architecture) {
  FT_RETURN_IF_ERROR(loadCode(launch.kernel, architecture));
  ReadyKernel kernel;
  kernel.launch = &launch;
  kernel.function = result_.code.at(launch.kernel).function();
  // Portable PTX is for compute capability 8.0, which has no such wait.
  kernel.waits = architecture != "ptx" && context_.major >= 9;
  int32_t &allowed = sharedBytes_[kernel.function];
  int32_t wanted =
      launch.sharedBytes + launch.sharedBytesPerRow * launch.sharedRows;
  if (wanted > allowed) {
    allowed = wanted;
    FT_CUDA(context_.cu, cuFuncSetAttribute,
            std::to_string(allowed) + " bytes of shared memory of kernel '" +
                plan_.kernels[launch.kernel].function + "'",
            kernel.function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
            allowed);
  }
  if (launch.prefersShared)
    FT_CUDA(context_.cu, cuFuncSetAttribute,
            "shared memory of kernel '" +
                plan_.kernels[launch.kernel].function + "'",
            kernel.function, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT,
            CU_SHAREDMEM_CARVEOUT_MAX_SHARED);
  for (const plan::Arg &arg : launch.args) {
    FT_ASSIGN_OR_RETURN(uint64_t value, cell(arg));
    kernel.cells.push_back(value);
    kernel.mapNumber.push_back(-1);
    if (arg.kind == plan::Arg::Kind::TensorMap) {
      kernel.mapNumber.back() = int32_t(kernel.maps.size());
      FT_ASSIGN_OR_RETURN(CUtensorMap map, tensorMap(arg));
      kernel.maps.push_back(map);
    }
    kernel.boundAxis.push_back(
        arg.kind == plan::Arg::Kind::Bound ? int32_t(arg.value) : -1);
  }
  return kernel;
}

StatusOr<ReadyCollective> StepLoader::ready(const plan::CollectiveCall &call,
                                            const plan::Step &step) {
  if (!binding_.communicator)
    return corrupt("ranks exchange rows in a plan for one");
  ReadyCollective ready;
  ready.axis = program_.buffers[size_t(call.in.index)].axis;
  Collective &c = ready.collective = describeCollective(call, step, program_);
  c.in = bufferAddress(program_, call.in.index, bounds_, binding_.arena);
  c.out = bufferAddress(program_, call.out.index, bounds_, binding_.arena);
  c.scratch = binding_.exchange;
  FT_RETURN_IF_ERROR(checkCollective(c, binding_.communicator->size()));
  // The rows of a split operand are put together in scratch; others are sent
  // as one range.
  bool gather = c.op == CollectiveOp::AllGather;
  bool scatter = c.op == CollectiveOp::ReduceScatter;
  if ((!scatter && c.inStride != c.inWidth) ||
      (!gather && c.outStride != c.outWidth))
    return unsupported("rows with gaps between them cannot be exchanged");
  return ready;
}

StatusOr<ReadyWay> StepLoader::ready(const plan::Implementation &implementation,
                                     const plan::Step &step,
                                     const std::string &architecture) {
  ReadyWay way;
  way.name = implementation.name;
  way.steps = size_t(implementation.steps);
  for (const plan::Launch &launch : implementation.launches) {
    if (auto *kernel = std::get_if<plan::KernelLaunch>(&launch)) {
      FT_ASSIGN_OR_RETURN(ReadyKernel made, ready(*kernel, architecture));
      way.launches.push_back(std::move(made));
    } else if (auto *gemm = std::get_if<plan::GemmCall>(&launch)) {
      FT_RETURN_IF_ERROR(context_.gemms().status());
      way.launches.push_back(
          readyGemm(program_, *gemm, step.axis, binding_, bounds_));
    } else {
      FT_ASSIGN_OR_RETURN(ReadyCollective made,
                          ready(std::get<plan::CollectiveCall>(launch), step));
      way.launches.push_back(std::move(made));
    }
  }
  return way;
}

/// The implementation `name` of `ready`, loaded; none where the plan has none.
StatusOr<std::optional<size_t>>
StepLoader::wayNamed(ReadyStep &ready, const std::string &name,
                     const std::string &architecture) {
  for (size_t way = 0; way < ready.ways.size(); ++way)
    if (ready.ways[way].name == name)
      return std::optional<size_t>(way);
  auto named = std::find_if(ready.known.begin(), ready.known.end(),
                            [&](const auto *i) { return i->name == name; });
  if (named == ready.known.end())
    return std::optional<size_t>();
  FT_ASSIGN_OR_RETURN(ReadyWay made,
                      this->ready(**named, *ready.step, architecture));
  ready.ways.push_back(std::move(made));
  return std::optional<size_t>(ready.ways.size() - 1);
}

/// Loads what the tuning names for this step, passing over names that the plan
/// has no implementation of; without a tuning of it, what the plan says.
Status StepLoader::addChoices(ReadyStep &ready,
                              const std::string &architecture) {
  std::string problem = plan::gemmProblem(plan_, program_, *ready.step);
  if (binding_.tuning && !problem.empty())
    for (const plan::TunedGemm &gemm : binding_.tuning->gemms) {
      if (gemm.problem != problem)
        continue;
      FT_ASSIGN_OR_RETURN(std::optional<size_t> way,
                          wayNamed(ready, gemm.choice, architecture));
      if (way)
        ready.choices.push_back({gemm.rows, *way, gemm.algorithm});
    }
  if (!ready.choices.empty() || ready.known.front()->rows.empty())
    return Status::success();
  for (const plan::Implementation *implementation : ready.known)
    for (int64_t rows : implementation->rows) {
      FT_ASSIGN_OR_RETURN(std::optional<size_t> way,
                          wayNamed(ready, implementation->name, architecture));
      ready.choices.push_back({rows, way.value_or(0), ""});
    }
  return Status::success();
}

/// The number of what `way` asks of a batch.
static size_t conditionOf(const plan::Implementation &way,
                          std::vector<BatchCondition> &conditions) {
  BatchCondition asked{way.packed, way.packedCtas, way.longest,
                       way.mostSequences, way.likeliest};
  auto found = std::find(conditions.begin(), conditions.end(), asked);
  size_t number = size_t(found - conditions.begin());
  if (found == conditions.end())
    conditions.push_back(asked);
  return number;
}

/// Special ones without numbers of rows first, then the numbers of all
/// implementations, as the plan lists them: where a special one is the nearest,
/// it is taken.
Status StepLoader::addSpecial(ReadyStep &ready,
                              const std::string &architecture) {
  bool some = false;
  for (const plan::Implementation &way : ready.step->implementations) {
    if (!isFor(way, architecture))
      continue;
    SpecialChoice choice;
    if (way.isSpecial()) {
      some = true;
      choice.condition = conditionOf(way, result_.conditions);
      FT_ASSIGN_OR_RETURN(ReadyWay made,
                          this->ready(way, *ready.step, architecture));
      choice.way = ready.ways.size();
      ready.ways.push_back(std::move(made));
    }
    for (int64_t rows : way.rows) {
      choice.rows = rows;
      ready.special.push_back(choice);
    }
    if (way.isSpecial() && way.rows.empty())
      ready.special.push_back(choice);
  }
  if (!some)
    ready.special.clear();
  std::stable_partition(
      ready.special.begin(), ready.special.end(),
      [](const SpecialChoice &choice) { return choice.rows == 0; });
  return Status::success();
}

Status StepLoader::addStep(const plan::Step &step) {
  std::string architecture;
  ReadyStep ready;
  ready.step = &step;
  ready.known = findAll(step, architecture);
  if (ready.known.empty()) {
    std::string wanted;
    for (const std::string &name : architectures_)
      wanted += (wanted.empty() ? "" : " or ") + name;
    return unsupported("the plan has no kernels for " + context_.name +
                       "; compile it with --target " + wanted);
  }
  FT_ASSIGN_OR_RETURN(ReadyWay first,
                      this->ready(*ready.known.front(), step, architecture));
  ready.ways.push_back(std::move(first));
  FT_RETURN_IF_ERROR(addChoices(ready, architecture));
  FT_RETURN_IF_ERROR(addSpecial(ready, architecture));
  result_.steps.push_back(std::move(ready));
  return Status::success();
}

StatusOr<ReadyProgram> StepLoader::run() {
  for (const plan::Step &step : program_.steps)
    FT_RETURN_IF_ERROR(addStep(step).withContext("step '" + step.name + "'"));
  return std::move(result_);
}

StatusOr<ReadyProgram> loadSteps(CudaContext &context,
                                 const plan::PlanFile &file,
                                 const plan::Program &program,
                                 const Binding &binding,
                                 const std::vector<int64_t> &bounds) {
  return StepLoader(context, file, program, binding, bounds).run();
}

} // namespace ft
