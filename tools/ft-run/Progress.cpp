//===- Progress.cpp - a progress bar on a terminal ------------------------===//
#include "tools/ft-run/Progress.h"

#include <cstdio>
#include <memory>
#include <unistd.h>

namespace ft::run {

std::function<void(int64_t, int64_t)>
terminalProgress(const std::string &label) {
  if (!isatty(STDERR_FILENO))
    return [](int64_t, int64_t) {};
  auto last = std::make_shared<int>(-1);
  return [label, last](int64_t done, int64_t total) {
    int percent = total > 0 ? int(done * 100 / total) : 100;
    if (percent == *last)
      return;
    *last = percent;
    std::string bar(size_t(percent / 4), '#');
    bar.resize(25, '.');
    std::fprintf(stderr, "\r%s [%s] %3d %%", label.c_str(), bar.c_str(),
                 percent);
    if (done >= total)
      std::fprintf(stderr, "\r%*s\r", int(label.size()) + 36, "");
    std::fflush(stderr);
  };
}

} // namespace ft::run
