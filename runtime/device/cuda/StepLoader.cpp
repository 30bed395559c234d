//===- StepLoader.cpp - a program's steps, made ready to launch -----------===//
#include "runtime/device/cuda/StepLoader.h"

#include "runtime/device/Addressing.h"
#include "runtime/device/Collectives.h"
#include "runtime/plan/PlanFile.h"

#include <algorithm>
#include <bit>
#include <cstring>

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
  const plan::Implementation *choose(const plan::Step &step,
                                     std::string &architecture) const;
  bool hasImages(const plan::Implementation &implementation,
                 const std::string &architecture) const;
  Status addStep(const plan::Step &step);
  StatusOr<ReadyKernel> ready(const plan::KernelLaunch &launch,
                              const std::string &architecture);
  StatusOr<ReadyGemm> ready(const plan::GemmCall &call, const plan::Step &step);
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

bool StepLoader::hasImages(const plan::Implementation &implementation,
                           const std::string &architecture) const {
  for (const plan::Launch &launch : implementation.launches)
    if (auto *kernel = std::get_if<plan::KernelLaunch>(&launch))
      if (!plan_.kernels[kernel->kernel].images.count(architecture))
        return false;
  return true;
}

const plan::Implementation *
StepLoader::choose(const plan::Step &step, std::string &architecture) const {
  for (const std::string &candidate : architectures_)
    for (const plan::Implementation &implementation : step.implementations) {
      const auto &archs = implementation.archs;
      if (std::find(archs.begin(), archs.end(), candidate) != archs.end() &&
          hasImages(implementation, candidate)) {
        architecture = candidate;
        return &implementation;
      }
    }
  return nullptr;
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
    int64_t columns = weight.shape.back();
    from = {0, elementCount(weight.shape) / columns, columns, weight.dtype};
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
  // PTX is for compute capability 8.0, which has no such wait.
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

StatusOr<ReadyGemm> StepLoader::ready(const plan::GemmCall &call,
                                      const plan::Step &step) {
  auto bytes = [](uint64_t address) {
    return reinterpret_cast<std::byte *>(uintptr_t(address));
  };
  if (call.a.kind != plan::RefKind::Buffer ||
      call.out.kind != plan::RefKind::Buffer)
    return corrupt("a library GEMM reads or writes something that is not a "
                   "buffer");
  const plan::Buffer &a = program_.buffers[call.a.index];
  const plan::Buffer &out = program_.buffers[call.out.index];
  const plan::Weight &weight = plan_.weights[call.weight];
  ReadyGemm gemm;
  gemm.axis = step.axis;
  GemmProblem &p = gemm.problem;
  p.type = a.dtype;
  p.outType = out.dtype;
  p.n = call.n;
  p.k = call.k;
  p.aStride = a.rowStride;
  p.outStride = out.rowStride;
  p.a = bufferAddress(program_, call.a.index, bounds_, binding_.arena);
  p.out = bufferAddress(program_, call.out.index, bounds_, binding_.arena);
  p.weight = binding_.weights[call.weight];
  if (weight.dtype != a.dtype)
    return corrupt("a library GEMM mixes " + std::string(dtypeName(a.dtype)) +
                   " rows and " + std::string(dtypeName(weight.dtype)) +
                   " weights");
  if (call.epilogue != "none" && call.epilogue != "relu" &&
      call.epilogue != "gelu_tanh")
    return corrupt("GEMM epilogue '" + call.epilogue + "' is unknown");
  p.epilogue = call.epilogue == "relu"        ? GemmEpilogue::Relu
               : call.epilogue == "gelu_tanh" ? GemmEpilogue::GeluTanh
                                              : GemmEpilogue::None;
  if (call.bias >= 0) {
    p.bias = binding_.weights[call.bias];
    p.biasType = plan_.weights[call.bias].dtype;
  }
  if (call.residual >= 0) {
    const plan::Buffer &residual = program_.buffers[call.residual];
    if (residual.dtype != out.dtype)
      return corrupt("a library GEMM adds a residual of another dtype");
    p.residualStride = residual.rowStride;
    FT_ASSIGN_OR_RETURN(uint64_t from,
                        pointer({plan::RefKind::Buffer, call.residual}));
    p.residual = bytes(from);
  }
  FT_RETURN_IF_ERROR(context_.gemms().status());
  return gemm;
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

Status StepLoader::addStep(const plan::Step &step) {
  std::string architecture;
  const plan::Implementation *implementation = choose(step, architecture);
  if (!implementation) {
    std::string wanted;
    for (const std::string &name : architectures_)
      wanted += (wanted.empty() ? "" : " or ") + name;
    return unsupported("the plan has no kernels for " + context_.name +
                       "; compile it with --target " + wanted);
  }
  ReadyStep ready;
  ready.step = &step;
  for (const plan::Launch &launch : implementation->launches) {
    if (auto *kernel = std::get_if<plan::KernelLaunch>(&launch)) {
      FT_ASSIGN_OR_RETURN(ReadyKernel made, this->ready(*kernel, architecture));
      ready.launches.push_back(std::move(made));
    } else if (auto *gemm = std::get_if<plan::GemmCall>(&launch)) {
      FT_ASSIGN_OR_RETURN(ReadyGemm made, this->ready(*gemm, step));
      ready.launches.push_back(std::move(made));
    } else {
      FT_ASSIGN_OR_RETURN(
          ReadyCollective made,
          this->ready(std::get<plan::CollectiveCall>(launch), step));
      ready.launches.push_back(std::move(made));
    }
  }
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
