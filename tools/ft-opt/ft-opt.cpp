//===- ft-opt.cpp - run passes over ft IR ---------------------------------===//
#include "ir/Ft.h"

#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  registry.insert<ft::ir::FtDialect>();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "ft transformer compiler driver\n", registry));
}
