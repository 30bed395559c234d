//===- Frontend.cpp - from a model on disk to the IR ----------------------===//
#include "frontends/Frontend.h"

#include "frontends/graph/BuildModule.h"
#include "frontends/graph/CheckGraph.h"
#include "frontends/graph/WeightFiles.h"
#include "frontends/hf/Families.h"
#include "frontends/json/ModelJson.h"

#include <filesystem>

using namespace ft;

Status ft::refuseImportOptions(const std::string &path,
                               const ImportOptions &options) {
  const char *option = !options.architecture.empty() ? "--architecture"
                       : !options.part.empty()       ? "--part"
                                                     : nullptr;
  if (!option)
    return {};
  return invalidArgument(path + ": " + option +
                         " chooses what is built of a Hugging Face directory; "
                         "this file says itself what it computes");
}

static StatusOr<graph::ModelGraph> readGraph(const std::string &path,
                                             const ImportOptions &options) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return hf::importDirectory(path, options);
  FT_RETURN_IF_ERROR(refuseImportOptions(path, options));
  return json::readModelJson(path);
}

StatusOr<graph::ModelGraph> ft::readModel(const std::string &path,
                                          const ImportOptions &options) {
  FT_ASSIGN_OR_RETURN(graph::ModelGraph graph, readGraph(path, options));
  Status status = checkGraph(graph);
  if (status.ok())
    status = checkWeights(graph);
  if (!status.ok())
    return status.withContext(path);
  return graph;
}

StatusOr<mlir::OwningOpRef<mlir::ModuleOp>>
ft::importModel(const std::string &path, const ImportOptions &options,
                mlir::MLIRContext &context) {
  FT_ASSIGN_OR_RETURN(graph::ModelGraph graph, readModel(path, options));
  context.loadDialect<ir::FtDialect>();
  auto module = buildModule(graph, context);
  if (!module.ok())
    return module.status().withContext(path);
  return module;
}
