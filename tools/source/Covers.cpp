//===- Covers.cpp - which source values a step computes -------------------===//
#include "tools/source/Covers.h"

#include "tools/source/SourceNames.h"

#include <algorithm>

using namespace ft;

std::vector<std::string> ft::coversOf(ir::FusedOp step) {
  std::vector<std::string> names;
  for (mlir::Operation &op : step.getBody().front().without_terminator()) {
    std::string name = nameOf(op.getLoc());
    if (!name.empty() &&
        std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(std::move(name));
  }
  return names;
}

ir::EntryOp ft::findClone(mlir::ModuleOp lowered, const std::string &entry,
                          int64_t minTokens) {
  for (auto clone : lowered.getOps<ir::EntryOp>()) {
    int64_t first = clone.getKind() ? clone.getKind()->getMinTokens() : 1;
    if (clone.getEntryName() == entry && first == minTokens)
      return clone;
  }
  return {};
}
