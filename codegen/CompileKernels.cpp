//===- CompileKernels.cpp - machine code for a plan's kernels -------------===//
#include "codegen/CompileKernels.h"

#include "codegen/SelectKernels.h"
#include "codegen/cuda/KernelCache.h"
#include "codegen/cuda/Nvrtc.h"
#include "codegen/plan/EmitPlan.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

using namespace ft;
using namespace ft::codegen;

namespace {

struct Task {
  size_t kernel;
  std::string name, source, target;
  KernelImage image;
};

/// Runs the tasks on several threads; the first error ends the work.
class Compilation {
public:
  Compilation(std::vector<Task> &tasks, const CompileOptions &options)
      : tasks_(tasks), options_(options), cache_(options.cacheDirectory) {}

  Status run();

private:
  void work();
  Status compile(Task &task);
  StatusOr<std::shared_ptr<const Nvrtc>> compiler();

  std::vector<Task> &tasks_;
  const CompileOptions &options_;
  KernelCache cache_;
  std::shared_ptr<const Nvrtc> nvrtc_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  Status error_;
  int done_ = 0;
};

} // namespace

Status Compilation::compile(Task &task) {
  std::string key =
      KernelCache::key(task.source, task.target, nvrtc_->version());
  if (auto cached = cache_.load(key)) {
    task.image = std::move(*cached);
    return Status::success();
  }
  FT_ASSIGN_OR_RETURN(task.image,
                      nvrtc_->compile(task.source, task.name, task.target));
  cache_.store(key, task.image);
  return Status::success();
}

void Compilation::work() {
  for (size_t i = next_++; i < tasks_.size(); i = next_++) {
    Status status = compile(tasks_[i]);
    std::lock_guard<std::mutex> lock(mutex_);
    if (!status.ok()) {
      if (error_.ok())
        error_ = status;
      next_ = tasks_.size();
      return;
    }
    ++done_;
    if (options_.progress)
      options_.progress(done_, int(tasks_.size()));
  }
}

Status Compilation::run() {
  FT_ASSIGN_OR_RETURN(nvrtc_, Nvrtc::open());
  size_t count = options_.threads > 0 ? size_t(options_.threads)
                                      : std::thread::hardware_concurrency();
  count = std::clamp<size_t>(count, 1, tasks_.size());
  std::vector<std::thread> threads;
  for (size_t i = 1; i < count; ++i)
    threads.emplace_back([this] { work(); });
  work();
  for (std::thread &thread : threads)
    thread.join();
  return error_;
}

static void warn(const Task &task, std::vector<KernelWarning> &warnings) {
  const KernelResources &resources = task.image.resources;
  if (resources.spillBytes > 0)
    warnings.push_back({task.name, task.target,
                        "spills " + std::to_string(resources.spillBytes) +
                            " bytes of registers"});
  if (resources.serialised)
    warnings.push_back({task.name, task.target,
                        "its wgmma instructions run one after the other"});
}

/// Kernels that only some architectures use name them.
static bool isFor(ir::KernelOp kernel, llvm::StringRef target) {
  auto archs = kernel->getAttrOfType<mlir::ArrayAttr>(kArchsAttr);
  return !archs ||
         llvm::any_of(archs.getAsValueRange<mlir::StringAttr>(),
                      [&](llvm::StringRef arch) { return arch == target; });
}

Status codegen::compileKernels(mlir::ModuleOp module,
                               const CompileOptions &options, plan::Plan &plan,
                               std::vector<KernelWarning> &warnings) {
  plan.targets = options.targets;
  std::vector<Task> tasks;
  size_t number = 0;
  for (auto op : module.getOps<ir::KernelOp>()) {
    for (const std::string &target : options.targets)
      if (isFor(op, target))
        tasks.push_back(
            {number, op.getSymName().str(), op.getSource().str(), target, {}});
    ++number;
  }
  // Attention takes longest: begin with it, and no thread ends up alone.
  std::stable_sort(
      tasks.begin(), tasks.end(), [](const Task &a, const Task &b) {
        auto isLong = [](const Task &t) {
          return t.name.starts_with("attention") + !isPtxTarget(t.target);
        };
        return isLong(a) > isLong(b);
      });
  if (tasks.empty())
    return Status::success();
  FT_RETURN_IF_ERROR(Compilation(tasks, options).run());
  for (Task &task : tasks) {
    warn(task, warnings);
    plan::Kernel &kernel = plan.kernels[task.kernel];
    kernel.images[task.target] = addBlob(plan, std::move(task.image.bytes));
    if (kernel.images.size() == 1) { // of its first target
      kernel.registers = task.image.resources.registers;
      kernel.staticShared = task.image.resources.staticShared;
    }
  }
  return Status::success();
}
