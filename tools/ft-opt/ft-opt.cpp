//===- ft-opt.cpp - run passes over ft IR ---------------------------------===//
#include "codegen/SelectKernels.h"
#include "ir/Ft.h"
#include "passes/Pipelines.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<ft::ir::FtDialect>();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  ft::passes::registerPassesAndPipelines();
  ft::codegen::registerCodegenPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "ft transformer compiler driver\n", registry));
}
