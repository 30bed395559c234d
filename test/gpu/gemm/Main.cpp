//===- Main.cpp - check every tile shape, then time the right ones -------===//
//
//   gemm_check [--only CONFIG] [--no-check]
//              [--time all|quick|encoders|decoders] [--json FILE]
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
#include <utility>

using namespace gemmtest;

namespace {

/// Under a tool, where a share of the cases runs, all take longer.
unsigned secondsPerVariant() {
  return std::getenv("FT_CHECK_SHARE") ? 180 : 30;
}

struct Options {
  bool check = true;
  Shapes shapes = Shapes::None;
  std::string only, json;
};

bool parseShapes(const std::string &name, Shapes &shapes) {
  constexpr std::pair<const char *, Shapes> known[] = {
      {"all", Shapes::All},
      {"quick", Shapes::Quick},
      {"encoders", Shapes::Encoders},
      {"decoders", Shapes::Decoders}};
  for (const auto &[text, value] : known)
    if (name == text) {
      shapes = value;
      return true;
    }
  return false;
}

bool parse(int argc, char **argv, Options &o) {
  for (int i = 1; i < argc; ++i) {
    std::string arg = argv[i];
    bool more = i + 1 < argc;
    if (arg == "--only" && more)
      o.only = argv[++i];
    else if (arg == "--json" && more)
      o.json = argv[++i];
    else if (arg == "--no-check")
      o.check = false;
    else if (arg != "--time" || !more || !parseShapes(argv[++i], o.shapes))
      return false;
  }
  return o.json.empty() || o.shapes != Shapes::None; // a file of times
}

/// Child: one byte a variant to `pipe`: 1 right, 0 wrong.
[[noreturn]] void checkFrom(const std::vector<const Variant *> &all,
                            size_t first, int pipe) {
  for (size_t i = first; i < all.size(); ++i) {
    alarm(secondsPerVariant());
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
    std::fprintf(stderr,
                 "usage: gemm_check [--only CONFIG] [--no-check] "
                 "[--time all|quick|encoders|decoders] [--json FILE]\n");
    return 2;
  }
  std::vector<const Variant *> chosen;
  for (const Variant &v : variants())
    if (o.only.empty() || v.config == o.only)
      chosen.push_back(&v);
  if (chosen.empty()) {
    std::fprintf(stderr, "gemm_check: no kernel is called '%s'\n",
                 o.only.c_str());
    return 2;
  }
  bool bf16 = chosen[0]->bf16; // of a program all have one type
  std::vector<const Variant *> fit = o.check ? checkAll(chosen) : chosen;
  if (o.check)
    std::printf("%zu of %zu kernels are right (%s)\n", fit.size(),
                chosen.size(), bf16 ? "bf16" : "f16");
  std::fflush(stdout);
  if (o.shapes != Shapes::None && !fit.empty())
    timeAll(fit, bf16, o.shapes, o.json);
  return fit.size() == chosen.size() ? 0 : 1;
}
