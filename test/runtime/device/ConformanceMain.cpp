//===- ConformanceMain.cpp - the device suite's main ----------------------===//
#include "test/runtime/device/Conformance.h"

#include <cstdio>

int main(int argc, char **argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc == 3 && std::string(argv[1]) == "--plans") {
    ft::test::plansDirectory = argv[2];
  } else if (argc != 1) {
    std::fprintf(stderr, "usage: %s [gtest flags] [--plans DIR]\n", argv[0]);
    return 2;
  }
  return RUN_ALL_TESTS();
}
