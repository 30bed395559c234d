//===- ConformanceMain.cpp - the device suite's main ----------------------===//
#include "test/runtime/device/Conformance.h"

#include <cstdio>
#include <cstdlib>

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  for (int i = 1; i < argc; i += 2) {
    std::string flag = argv[i];
    if (i + 1 < argc && flag == "--plans") {
      ft::test::plansDirectory = argv[i + 1];
    } else if (i + 1 < argc && flag == "--draws") {
      ft::test::draws = std::atoll(argv[i + 1]);
    } else {
      std::fprintf(stderr,
                   "usage: %s [gtest flags] [--plans DIR] [--draws N]\n",
                   argv[0]);
      return 2;
    }
  }
  return RUN_ALL_TESTS();
}
