//===- ftc.cpp - the transformer graph compiler ---------------------------===//
#include "tools/ftc/ImportCommand.h"

int main(int argc, char **argv) {
  CLI::App app("ftc: compiles transformer models to plans");
  app.require_subcommand(1);
  std::function<int()> runImport = ft::addImportCommand(app);
  CLI11_PARSE(app, argc, argv);
  return runImport();
}
