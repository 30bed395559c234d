//===- Launch.cpp - modules and grids -------------------------------------===//
#include "Decoder.h"
#include "Machine.h"

#include <algorithm>
#include <atomic>
#include <thread>

using namespace ft;
using namespace ft::emulator;

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

std::string Program::line(uint32_t number) const {
  if (number == 0 || number > lines.size())
    return {};
  size_t begin = lines[number - 1];
  size_t end = std::min(text.find('\n', begin), text.size());
  std::string line = text.substr(begin, end - begin);
  size_t first = line.find_first_not_of(" \t"),
         last = line.find_last_not_of(" \t\r;");
  return first == std::string::npos || last < first
             ? ""
             : line.substr(first, last - first + 1);
}

static void addVariables(const ModuleText &text, Program &program) {
  for (const Variable &v : text.variables) {
    if (v.space == "shared")
      continue;
    GlobalVariable g;
    g.name = std::string(v.name);
    g.bytes = v.bytes;
    size_t align = std::max(v.align, 16u);
    g.storage = std::make_unique<uint8_t[]>(v.bytes + align);
    uint64_t begin = reinterpret_cast<uint64_t>(g.storage.get());
    g.data = g.storage.get() + (align - begin % align) % align;
    std::copy(v.initial.begin(), v.initial.end(), g.data);
    program.variables.push_back(std::move(g));
  }
}

Module::Module(std::unique_ptr<Program> program)
    : program_(std::move(program)) {}
Module::~Module() = default;

StatusOr<std::unique_ptr<Module>> Module::parse(std::string_view ptx) {
  auto program = std::make_unique<Program>();
  program->text = std::string(ptx);
  for (size_t at = 0; at < program->text.size(); ++at)
    if (at == 0 || program->text[at - 1] == '\n')
      program->lines.push_back(at);
  FT_ASSIGN_OR_RETURN(ModuleText text, parseText(program->text));
  addVariables(text, *program);
  for (const FunctionText &f : text.functions) {
    if (!f.entry)
      continue;
    auto function = std::make_unique<Function>();
    FT_RETURN_IF_ERROR(Decoder(text, *program, *function).run(f));
    program->functions.push_back(std::move(function));
  }
  return std::unique_ptr<Module>(new Module(std::move(program)));
}

const FunctionInfo *Module::find(std::string_view name) const {
  for (const auto &f : program_->functions)
    if (f->info.name == name)
      return &f->info;
  return nullptr;
}
std::vector<std::string> Module::functions() const {
  std::vector<std::string> names;
  for (const auto &f : program_->functions)
    names.push_back(f->info.name);
  return names;
}
void *Module::global(std::string_view name, size_t *bytes) const {
  for (const GlobalVariable &v : program_->variables)
    if (v.name == name) {
      if (bytes)
        *bytes = v.bytes;
      return v.data;
    }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

static Status checkShape(const Launch &launch) {
  const FunctionInfo &info = launch.function->info;
  const LaunchShape &s = launch.shape;
  auto wrong = [&](const std::string &what) {
    return invalidArgument("kernel " + info.name + ": " + what);
  };
  uint64_t threads = s.block.count();
  if (threads == 0 || threads > info.maxThreads || threads > 1024)
    return wrong("a CTA of " + std::to_string(threads) + " threads, at most " +
                 std::to_string(std::min(info.maxThreads, 1024u)));
  if (s.grid.count() == 0)
    return wrong("an empty grid");
  if (info.requiresCluster && !(s.cluster == info.cluster))
    return wrong("launched with another cluster than it requires");
  if (s.grid.x % s.cluster.x || s.grid.y % s.cluster.y ||
      s.grid.z % s.cluster.z || s.cluster.count() > 16)
    return wrong("the grid is no multiple of the cluster");
  if (info.staticShared + s.sharedBytes > 227 * 1024)
    return wrong(std::to_string(info.staticShared + s.sharedBytes) +
                 " bytes of shared memory, at most 232448");
  return Status::success();
}

static Status runEngines(const Launch &launch) {
  uint64_t count = launch.clusterCount();
  std::atomic<uint64_t> taken{0};
  uint32_t threads = uint32_t(
      std::min<uint64_t>(std::max(launch.options.hostThreads, 1u), count));
  std::vector<std::string> errors(threads);
  std::atomic<uint64_t> executed{0};
  auto work = [&](uint32_t thread) {
    Engine engine(launch, launch.options.seed * 1000003 + thread);
    engine.run([&](uint64_t &number) {
      number = taken++;
      return number < count;
    });
    errors[thread] = engine.error;
    executed += engine.executed;
    if (!engine.error.empty())
      taken = count;
  };
  std::vector<std::thread> others;
  for (uint32_t i = 1; i < threads; ++i)
    others.emplace_back(work, i);
  work(0);
  for (std::thread &thread : others)
    thread.join();
  if (launch.options.executed)
    *launch.options.executed += executed;
  for (const std::string &error : errors)
    if (!error.empty())
      return internalError(error);
  return Status::success();
}

Status emulator::launch(const Module &module, std::string_view function,
                        const LaunchShape &shape, const void *const *params,
                        const Memory &memory, const LaunchOptions &options) {
  Launch launch{&module.program(), nullptr, shape, options, {}, {}};
  launch.dependenciesEnded = !options.dependencies;
  for (const auto &f : module.program().functions)
    if (f->info.name == function)
      launch.function = f.get();
  if (!launch.function)
    return notFound("there is no kernel " + std::string(function));
  const FunctionInfo &info = launch.function->info;
  if (info.requiresCluster && launch.shape.cluster == Dim3{})
    launch.shape.cluster = info.cluster;
  FT_RETURN_IF_ERROR(checkShape(launch));
  // On 64 bytes, as tensor maps are.
  launch.params.resize(info.paramBytes + 64);
  uint64_t address = reinterpret_cast<uint64_t>(launch.params.data());
  launch.paramBegin = launch.params.data() + (64 - address % 64) % 64;
  for (size_t i = 0; i < info.paramSizes.size(); ++i)
    std::memcpy(launch.paramBegin + info.paramOffsets[i], params[i],
                info.paramSizes[i]);
  launch.ranges = memory.ranges();
  for (const GlobalVariable &v : module.program().variables)
    launch.ranges.push_back({reinterpret_cast<uint64_t>(v.data), v.bytes});
  launch.ranges.push_back(
      {reinterpret_cast<uint64_t>(launch.paramBegin), info.paramBytes});
  std::sort(launch.ranges.begin(), launch.ranges.end());
  return runEngines(launch);
}
