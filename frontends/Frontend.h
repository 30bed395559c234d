//===- Frontend.h - from a model on disk to the IR --------------*- C++ -*-===//
#ifndef FT_FRONTENDS_FRONTEND_H
#define FT_FRONTENDS_FRONTEND_H

#include "frontends/ImportOptions.h"
#include "frontends/graph/ModelGraph.h"
#include "ir/Ft.h"
#include "runtime/base/Status.h"

#include "mlir/IR/OwningOpRef.h"

#include <string>

namespace ft {

/// An error if `options` choose something of the file `path`, which is not a
/// Hugging Face directory.
Status refuseImportOptions(const std::string &path,
                           const ImportOptions &options);

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
