//===- ExplainSource.cpp - the graph before, beside the plan --------------===//
#include "tools/ftc/ExplainReport.h"
#include "tools/source/Covers.h"
#include "tools/source/SourceNames.h"

#include "llvm/ADT/StringMap.h"

using namespace ft;

/// "tokens x 4x16", "batch x sequence x 64"; no element type: all is f32.
static std::string typeText(mlir::Operation &op) {
  if (op.getNumResults() == 0)
    return "";
  std::string text;
  auto add = [&text](const std::string &extent) {
    text += (text.empty() ? "" : " x ") + extent;
  };
  mlir::Type type = op.getResult(0).getType();
  if (auto packed = mlir::dyn_cast<ir::PackedType>(type)) {
    add(packed.getAxis().str());
    for (int64_t extent : packed.getShape())
      add(std::to_string(extent));
  } else if (auto padded = mlir::dyn_cast<ir::PaddedType>(type)) {
    for (ir::DimAttr dim : padded.getShape())
      add(dim.str());
  }
  return text;
}

/// Weights, the region's included.
static void addSymbols(mlir::Operation &op, std::vector<std::string> &inputs) {
  op.walk([&](mlir::Operation *inner) {
    for (mlir::NamedAttribute attr : inner->getAttrs())
      if (auto symbol =
              mlir::dyn_cast<mlir::FlatSymbolRefAttr>(attr.getValue()))
        inputs.push_back("@" + symbol.getValue().str());
  });
}

static SourceOp describe(mlir::Operation &op, ir::EntryOp entry) {
  SourceOp out;
  out.name = nameOf(op.getLoc());
  out.place = placeOf(op.getLoc());
  out.operation = op.getName().stripDialect();
  out.type = typeText(op);
  for (mlir::Value operand : op.getOperands()) {
    if (mlir::Operation *maker = operand.getDefiningOp()) {
      out.inputs.push_back(nameOf(maker->getLoc()));
    } else {
      auto argument = mlir::cast<mlir::BlockArgument>(operand);
      if (auto name = entry.getArgAttrOfType<mlir::StringAttr>(
              argument.getArgNumber(), ir::kNameAttr))
        out.inputs.push_back(name.str());
    }
  }
  addSymbols(op, out.inputs);
  // An operation without a result has its own name only: the layer of what it
  // reads.
  out.layer = layerOf(
      op.getNumResults() || out.inputs.empty() ? out.name : out.inputs.front());
  return out;
}

/// What each step of one program covers.
static void addCovers(ProgramReport &program, mlir::ModuleOp lowered) {
  ir::EntryOp clone = findClone(lowered, program.entry, program.minTokens);
  size_t number = 0;
  if (clone)
    for (auto step : clone.getBody().front().getOps<ir::FusedOp>())
      if (number < program.steps.size())
        program.steps[number++].covers = coversOf(step);
}

void ft::addSource(Report &report, mlir::ModuleOp source,
                   mlir::ModuleOp lowered) {
  for (auto entry : source.getOps<ir::EntryOp>()) {
    SourceEntry out{entry.getSymName().str(), {}};
    for (mlir::Operation &op : entry.getBody().front().without_terminator())
      out.operations.push_back(describe(op, entry));
    for (ProgramReport &program : report.programs) {
      if (program.entry != out.name)
        continue;
      addCovers(program, lowered);
      llvm::StringMap<std::string> stepOf;
      for (const StepReport &step : program.steps)
        for (const std::string &name : step.covers)
          stepOf.try_emplace(name, step.name);
      for (SourceOp &op : out.operations)
        op.steps.push_back(stepOf.lookup(op.name));
    }
    report.source.push_back(std::move(out));
  }
}
