//===- Main.cpp - check every tile shape, then time the right ones -------===//
//
//   gemm-check [--type bf16|f16] [--only CONFIG] [--no-time | --quick |
//              --encoders | --decoders] [--no-check] [--json FILE]
//
// Kernels are checked in a child process, so that one that hangs or traps
// costs itself only; the exit status is 1 where any was wrong.
//
//===----------------------------------------------------------------------===//
#include "Harness.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

using namespace gemmtest;

namespace {

constexpr unsigned kSecondsPerVariant = 30;

struct Options {
  bool bf16 = true, check = true, time = true;
  Shapes shapes = Shapes::All;
  std::string only, json;
};

bool parse(int argc, char **argv, Options &o) {
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    bool more = i + 1 < argc;
    if (arg == "--type" && more)
      o.bf16 = std::string(argv[++i]) == "bf16";
    else if (arg == "--only" && more)
      o.only = argv[++i];
    else if (arg == "--json" && more)
      o.json = argv[++i];
    else if (arg == "--no-time")
      o.time = false;
    else if (arg == "--no-check")
      o.check = false;
    else if (arg == "--quick")
      o.shapes = Shapes::Quick;
    else if (arg == "--encoders")
      o.shapes = Shapes::Encoders;
    else if (arg == "--decoders")
      o.shapes = Shapes::Decoders;
    else
      return false;
  }
  return true;
}

/// Child: one byte a variant to `pipe`: 1 right, 0 wrong.
[[noreturn]] void checkFrom(const std::vector<const Variant *> &all,
                            size_t first, int pipe) {
  for (size_t i = first; i < all.size(); ++i) {
    alarm(kSecondsPerVariant);
    char right = checkVariant(*all[i]) ? 1 : 0;
    std::fflush(stdout);
    if (write(pipe, &right, 1) != 1)
      std::_Exit(4);
  }
  std::_Exit(0);
}

std::vector<const Variant *> checkAll(const std::vector<const Variant *> &all) {
  std::vector<const Variant *> fit;
  size_t done = 0;
  while (done < all.size()) {
    int ends[2];
    if (pipe(ends) != 0)
      std::exit(4);
    std::fflush(stdout);
    pid_t child = fork();
    if (child == 0)
      checkFrom(all, done, ends[1]);
    close(ends[1]);
    char right;
    while (read(ends[0], &right, 1) == 1) {
      if (right)
        fit.push_back(all[done]);
      ++done;
    }
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (done < all.size()) {
      std::printf("  WRONG %s: %s\n", all[done]->name().c_str(),
                  WIFSIGNALED(status) ? "ran out of time"
                                      : "ended the process");
      ++done;
    }
  }
  return fit;
}

} // namespace

int main(int argc, char **argv) {
  Options o;
  if (!parse(argc, argv, o)) {
    std::fprintf(stderr, "usage: gemm-check [--type bf16|f16] [--only CONFIG] "
                         "[--no-time | --quick | --encoders | --decoders] "
                         "[--no-check] [--json FILE]\n");
    return 2;
  }
  std::vector<const Variant *> chosen;
  for (const Variant &v : variants())
    if (v.bf16 == o.bf16 && (o.only.empty() || v.config == o.only))
      chosen.push_back(&v);
  if (chosen.empty()) {
    std::fprintf(stderr, "gemm-check: no kernel is called '%s'\n",
                 o.only.c_str());
    return 2;
  }
  std::vector<const Variant *> fit = o.check ? checkAll(chosen) : chosen;
  if (o.check)
    std::printf("%zu of %zu kernels are right (%s)\n", fit.size(),
                chosen.size(), o.bf16 ? "bf16" : "f16");
  std::fflush(stdout);
  if (o.time && !fit.empty())
    timeAll(fit, o.bf16, o.shapes, o.json);
  return fit.size() == chosen.size() ? 0 : 1;
}
