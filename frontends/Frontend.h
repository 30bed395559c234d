//===- Frontend.h - from a model on disk to the IR --------------*- C++ -*-===//
#ifndef FT_FRONTENDS_FRONTEND_H
#define FT_FRONTENDS_FRONTEND_H

#include "frontends/graph/ModelGraph.h"
#include "ir/Ft.h"
#include "runtime/base/Status.h"

#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace ft {

struct ImportOptions {
  /// Keys of an HF config.json to overlook, at the user's own risk.
  std::vector<std::string> ignoredConfigKeys;
};

/// The checked graph of a Hugging Face model directory or a model.json file.
/// Errors are one sentence and start with the file.
StatusOr<graph::ModelGraph> readModel(const std::string &path,
                                      const ImportOptions &options = {});

/// The module of phase import of either. Loads the ft dialect.
StatusOr<mlir::OwningOpRef<mlir::ModuleOp>>
importModel(const std::string &path, const ImportOptions &options,
            mlir::MLIRContext &context);

} // namespace ft

#endif // FT_FRONTENDS_FRONTEND_H
