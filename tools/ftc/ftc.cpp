//===- ftc.cpp - the transformer graph compiler ---------------------------===//
#include "tools/ftc/CompileCommand.h"
#include "tools/ftc/ExplainCommand.h"
#include "tools/ftc/ImportCommand.h"
#include "tools/ftc/VerifyCommand.h"

#include <csignal>

int main(int argc, char **argv) {
  // A file beyond the user's limit is an error of write(), not a death.
  std::signal(SIGXFSZ, SIG_IGN);
  CLI::App app("ftc: compiles transformer models to plans");
  app.set_version_flag("--version", FT_VERSION);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App *, const CLI::Error &error) {
    return std::string("ftc: error: ") + error.what() +
           "; ftc --help and ftc COMMAND --help list the options\n";
  });
  using Run = std::function<int()>;
  const std::pair<const char *, Run> commands[] = {
      {"compile", ft::addCompileCommand(app)},
      {"import", ft::addImportCommand(app)},
      {"explain", ft::addExplainCommand(app)},
#ifdef FT_HAVE_VERIFY
      {"verify", ft::addVerifyCommand(app)},
#endif
  };
  CLI11_PARSE(app, argc, argv);
  for (const auto &[name, run] : commands)
    if (app.got_subcommand(name))
      return run();
  return 1;
}
