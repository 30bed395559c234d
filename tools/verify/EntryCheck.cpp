//===- EntryCheck.cpp - one entry of a plan against its source ------------===//
#include "tools/verify/EntryCheck.h"

#include "runtime/device/Addressing.h"
#include "runtime/plan/Tuning.h"
#include "tools/source/Covers.h"
#include "tools/source/SourceNames.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace ft;
using namespace ft::verify;

/// Which tokens a run's rows are: (sequence, position) of each row of `axis`.
static std::vector<std::pair<int64_t, int64_t>>
rowsOf(const Call &call, const std::string &axis) {
  std::vector<std::pair<int64_t, int64_t>> rows;
  for (const Slice &slice : call.slices) {
    if (axis == "sequences") {
      rows.push_back({slice.sequence, 0});
      continue;
    }
    for (int64_t i = 0; i < slice.count; ++i)
      rows.push_back({slice.sequence, slice.begin + i});
  }
  return rows;
}

Status EntryCheck::mapPrograms(ModuleOp lowered) {
  for (const plan::Program &program : entry().programs) {
    ir::EntryOp clone = findClone(lowered, entry().name, program.minTokens);
    if (!clone)
      return internalError("no entry was lowered to a program of '" +
                           entry().name + "'");
    FT_ASSIGN_OR_RETURN(ProgramMap map, mapProgram(clone, program, source_));
    maps_.push_back(std::move(map));
  }
  return {};
}

/// Whether `op` chooses some of each row's elements.
static bool isChoice(Operation *op) {
  return isa<ir::PrimArgmaxOp, ir::ArgmaxOp, ir::SampleOp>(op);
}

/// How far apart in a row those lie that `op` chooses among.
static int64_t choiceStride(Operation *op) {
  auto argmax = dyn_cast<ir::PrimArgmaxOp>(op);
  int64_t stride = 1;
  if (argmax)
    for (ir::DimAttr extent : argmax.getInput().getType().getShape().drop_front(
             size_t(argmax.getAxis()) + 1))
      stride *= extent.getFactor();
  return stride;
}

Status EntryCheck::evaluate() {
  llvm::DenseSet<Value> wanted;
  for (const ProgramMap &map : maps_)
    for (const Landmark &landmark : map.landmarks)
      wanted.insert(landmark.source);
  // The choice of an argmax is judged by what it chose from.
  for (Operation *op : source_.operations())
    if (isChoice(op))
      wanted.insert(op->getOperand(0));
  evaluator_ = std::make_unique<Evaluator>(source_, weights_, batch_);
  return evaluator_->run([&](Value value) { return wanted.contains(value); },
                         [&](int64_t done, int64_t total) {
                           if (options_.progress)
                             options_.progress("evaluating " + entry().name,
                                               done, total);
                         });
}

/// Nothing for a value that is no row of a token or sequence, such as scores.
static std::optional<RowLayout::Axes> axesOf(Type type,
                                             const PaddedBatch &batch) {
  if (auto packed = dyn_cast<ir::PackedType>(type))
    return RowLayout::Axes{
        0, packed.getAxis().getValue() == "sequences" ? -1 : 1, false};
  RowLayout::Axes axes{-1, -1, false};
  for (auto [number, dim] :
       llvm::enumerate(cast<ir::PaddedType>(type).getShape())) {
    if (dim.isLiteral())
      continue;
    ArrayRef<StringAttr> symbols = dim.getSymbols();
    bool isBatch = symbols.front() == batch.batchSymbol;
    int &place = isBatch || symbols.size() > 1 ? axes.batch : axes.sequence;
    if (dim.getFactor() != 1 || place >= 0 || axes.joined)
      return std::nullopt;
    place = int(number);
    axes.joined = symbols.size() > 1;
  }
  return axes;
}

static bool isInteger(Type type) {
  auto packed = dyn_cast<ir::PackedType>(type);
  return isa<IntegerType>(packed ? packed.getElementType()
                                 : cast<ir::PaddedType>(type).getElementType());
}

const EntryCheck::Expected *EntryCheck::expect(Value value) {
  auto [found, isNew] = expected_.try_emplace(value.getAsOpaquePointer());
  std::optional<Expected> &expected = found->second;
  if (!isNew)
    return expected ? &*expected : nullptr;
  const Tensor *tensor = evaluator_->find(value);
  std::optional<RowLayout::Axes> axes = axesOf(value.getType(), batch_);
  if (!tensor || !axes)
    return nullptr;
  const plan::Plan &plan = runner_.model().plan();
  // TF32 keeps as many bits as f16.
  bool tf32 = plan::usesTf32(plan) && runner_.model().device().kind() != "cpu";
  DType dtype = tf32 ? DType::F16 : plan.dtype;
  RowLayout layout(tensor->shape, *axes, batch_.sequence);
  std::vector<double> norms;
  for (int64_t sequence = 0; sequence < batch_.batch(); ++sequence)
    for (int64_t at = 0; at < batch_.lengths[size_t(sequence)]; ++at)
      norms.push_back(norm(layout.row(*tensor, sequence, at)));
  std::nth_element(norms.begin(), norms.begin() + norms.size() / 2,
                   norms.end());
  Operation *op = value.getDefiningOp();
  bool argmax = op && isChoice(op);
  double tolerance = options_.tolerance.value_or(
      defaultTolerance(dtype, source_.depth(value)));
  if (isInteger(value.getType()) && !argmax)
    tolerance = 0;
  expected = Expected{tensor, std::move(layout), tolerance,
                      norms[norms.size() / 2], nullptr};
  if (argmax) {
    found->second->scores = expect(op->getOperand(0));
    found->second->apart = choiceStride(op);
  }
  return &*found->second;
}

RowError EntryCheck::compareOne(const Expected &expected,
                                std::span<const double> found, int64_t sequence,
                                int64_t at) const {
  std::vector<double> row = expected.layout.row(*expected.value, sequence, at);
  if (!expected.scores)
    return compareRow(row, found, expected.floor);
  // As good a choice: its score is the largest but for the scores' error.
  const Expected &scores = *expected.scores;
  std::vector<double> from = scores.layout.row(*scores.value, sequence, at);
  RowError worst{0, 0, row[0], found[0]};
  auto apart = size_t(expected.apart), width = from.size() / row.size();
  double scale = std::max(norm(from), scores.floor);
  for (size_t i = 0; i < row.size(); ++i) {
    size_t first = i / apart * apart * width + i % apart;
    bool inRange = found[i] >= 0 && found[i] < double(width);
    double lost = inRange ? from[first + size_t(row[i]) * apart] -
                                from[first + size_t(found[i]) * apart]
                          : INFINITY;
    // Both scores may be off by a row's whole error.
    double error = lost == 0 ? 0 : lost / (2 * scale);
    if (error > worst.error)
      worst = {error, int64_t(i), row[i], found[i]};
  }
  return worst;
}

void EntryCheck::note(Value source, double tolerance, const RowError &error) {
  agreements_.push_back(source);
  ++outcome_.compared;
  if (seen_.insert(source.getAsOpaquePointer()).second)
    ++outcome_.values;
  double share = error.error == 0 ? 0 : error.error / tolerance;
  if (share <= outcome_.worst)
    return;
  outcome_.worst = share;
  outcome_.worstValue = nameOf(source.getLoc());
  outcome_.worstError = error.error;
  outcome_.worstTolerance = tolerance;
}

void EntryCheck::report(Value source, double tolerance, const RowError &error,
                        const Call &call, const plan::Program &program,
                        std::optional<int32_t> step,
                        std::pair<int64_t, int64_t> row) {
  Difference difference;
  difference.entry = entry().name;
  difference.call = call.what;
  difference.minTokens = program.minTokens;
  difference.maxTokens = program.maxTokens;
  difference.value = nameOf(source.getLoc());
  difference.place = placeOf(source.getLoc());
  if (Operation *op = source.getDefiningOp())
    difference.operation = op->getName().stripDialect();
  if (step) {
    difference.step = program.steps[size_t(*step)].name;
    auto number = size_t(&program - entry().programs.data());
    difference.covers = maps_[number].covers[size_t(*step)];
  }
  difference.error = error.error;
  difference.tolerance = tolerance;
  difference.sequence = row.first;
  difference.position = row.second;
  difference.element = error.element;
  difference.expected = error.expected;
  difference.found = error.found;
  differences_.push_back({source, std::move(difference)});
}

Status EntryCheck::compare(Value source, int32_t buffer, const Call &call,
                           const plan::Program &program,
                           std::optional<int32_t> step) {
  const Expected *expected = expect(source);
  // Of packed values the first difference is the one to name.
  bool settled =
      stored_ && !differences_.empty() && isa<ir::PackedType>(source.getType());
  if (!expected || settled)
    return {};
  const plan::Buffer &shape = program.buffers[size_t(buffer)];
  int64_t width = elementCount(shape.shape);
  bool same = width == expected->layout.elements();
  // What raising computes instead of a padded value may have other rows.
  if (!same && isa<ir::PaddedType>(source.getType()) && step)
    return {};
  if (!same)
    return internalError("value '" + nameOf(source.getLoc()) + "' has " +
                         std::to_string(expected->layout.elements()) +
                         " elements a row in the source and " +
                         std::to_string(width) + " in the plan");
  auto rows =
      rowsOf(call, runner_.model().plan().axes[size_t(shape.axis)].name);
  FT_ASSIGN_OR_RETURN(std::vector<double> found,
                      runner_.read(shape, buffer, int64_t(rows.size())));
  RowsError error = compareRows(*expected, found, rows);
  double tolerance = expected->tolerance;
  bool agrees = error.worst.error <= tolerance;
  if (!agrees && stored_) {
    FT_ASSIGN_OR_RETURN(auto derived,
                        compareDerived(source, *expected, found, rows));
    std::tie(error, tolerance) = derived;
    agrees = error.worst.error <= tolerance;
    if (agrees && derived_.insert(source.getAsOpaquePointer()).second)
      ++outcome_.derived;
  }
  if (!agrees) {
    report(source, tolerance, error.worst, call, program, step,
           rows[error.row]);
    return {};
  }
  note(source, tolerance, error.worst);
  if (stored_)
    store(source, *expected, found, rows);
  return {};
}

EntryCheck::RowsError EntryCheck::compareRows(const Expected &expected,
                                              std::span<const double> found,
                                              const Rows &rows) const {
  RowsError result;
  auto width = size_t(expected.layout.elements());
  for (size_t i = 0; i < rows.size(); ++i) {
    RowError error = compareOne(expected, found.subspan(i * width, width),
                                rows[i].first, rows[i].second);
    if (error.error > result.worst.error)
      result = {error, i};
  }
  return result;
}

Status EntryCheck::compareOutputs(const Call &call,
                                  const plan::Program &program) {
  for (const SourceIndex::Output &output : source_.outputs()) {
    const auto &list = entry().outputs;
    auto place = std::find_if(list.begin(), list.end(), [&](const auto &other) {
      return other.name == output.name;
    });
    bool twin = entry().name != source_.entry().getSymName();
    if (place == list.end() && twin)
      continue;
    if (place == list.end())
      return internalError("the plan has no result '" + output.name + "'");
    FT_RETURN_IF_ERROR(compare(output.value,
                               program.outputs[size_t(place - list.begin())],
                               call, program, std::nullopt));
  }
  return {};
}

/// Settles a call. Of a padded source, names are those that raising gave, and
/// what it computes in another form may bear the name of a value that it is
/// not: such a difference counts only where nothing agrees that is computed
/// from the value.
void EntryCheck::judge() {
  llvm::DenseSet<Value> right;
  std::vector<Value> work = agreements_;
  while (!work.empty()) {
    Value value = work.back();
    work.pop_back();
    Operation *op = value.getDefiningOp();
    bool padded = isa<ir::PaddedType>(value.getType());
    if (!padded || !right.insert(value).second || !op)
      continue;
    work.insert(work.end(), op->operand_begin(), op->operand_end());
  }
  for (auto &[value, difference] : differences_)
    if (!difference_ && !right.contains(value))
      difference_ = std::move(difference);
  differences_.clear();
  agreements_.clear();
}

Status EntryCheck::runCall(const Call &call) {
  FT_ASSIGN_OR_RETURN(int number,
                      runner_.model().programIndex(entry_, call.tokens()));
  const plan::Program &program = entry().programs[size_t(number)];
  const std::vector<Landmark> &landmarks = maps_[size_t(number)].landmarks;
  size_t next = 0;
  auto after = [&](int32_t step) -> Status {
    // Steps that ran in one with this have stored nothing.
    while (next < landmarks.size() && landmarks[next].step < step)
      ++next;
    for (; next < landmarks.size() && landmarks[next].step == step; ++next)
      FT_RETURN_IF_ERROR(compare(landmarks[next].source, landmarks[next].buffer,
                                 call, program, step));
    return {};
  };
  // Ranks hold slices and parts of sums: only results are comparable there.
  bool alone = runner_.model().plan().ranks() == 1;
  if (alone) {
    FT_RETURN_IF_ERROR(runner_.run(entry_, batch_, call, after));
    FT_RETURN_IF_ERROR(compareOutputs(call, program));
  }
  if (!alone || runner_.model().device().kind() != "cpu") {
    FT_RETURN_IF_ERROR(runner_.runAtOnce(entry_, batch_, call));
    FT_RETURN_IF_ERROR(compareOutputs(call, program));
  }
  judge();
  ++outcome_.calls;
  programsRun_.insert(number);
  outcome_.programsRun = int64_t(programsRun_.size());
  return {};
}

Status EntryCheck::run(ModuleOp lowered, const std::vector<int64_t> &lengths) {
  outcome_.entry = entry().name;
  outcome_.programs = int64_t(entry().programs.size());
  batch_ = makeBatch(source_, runner_.model().plan(), entry(), lengths,
                     options_.seed);
  FT_RETURN_IF_ERROR(mapPrograms(lowered));
  FT_RETURN_IF_ERROR(evaluate());
  std::vector<Call> calls = chooseCalls(lengths, entry().causal);
  FT_RETURN_IF_ERROR(runCalls(calls));
  // Ranks store parts of values.
  if (!difference_ || runner_.model().plan().ranks() > 1)
    return {};
  // Once more, each value by what was stored before it.
  stored_.emplace(source_, weights_, batch_, runner_.model().plan().dtype);
  difference_.reset();
  outcome_ = {.entry = outcome_.entry, .programs = outcome_.programs};
  seen_.clear();
  return runCalls(calls);
}

Status EntryCheck::runCalls(const std::vector<Call> &calls) {
  for (size_t i = 0; i < calls.size() && !difference_; ++i) {
    if (options_.progress)
      options_.progress("running " + entry().name, int64_t(i),
                        int64_t(calls.size()));
    FT_RETURN_IF_ERROR(runCall(calls[i]));
  }
  return {};
}
