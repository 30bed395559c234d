//===- Run.h - small PTX texts for tests ------------------------*- C++ -*-===//
#ifndef FT_TEST_EMULATOR_RUN_H
#define FT_TEST_EMULATOR_RUN_H

#include "Emulator.h"

#include <bit>
#include <cstring>
#include <gtest/gtest.h>

namespace ft::emulator {

/// A kernel `test(.param .u64 in, .param .u64 out)` of `body`. Registers: %p,
/// %h (16 bits), %r, %f (32), %d (64), 32 of each; %d0 = in, %d1 = out, %r0 =
/// %tid.x; `declarations` come first.
inline std::string kernelText(const std::string &body,
                              const std::string &declarations = "",
                              const std::string &directives = "") {
  return ".version 8.5\n.target sm_90a\n.address_size 64\n" + declarations +
         "\n.visible .entry test(.param .u64 in, .param .u64 out)\n" +
         directives +
         "\n{\n.reg .pred %p<32>;\n.reg .b16 %h<32>;\n.reg .b32 %r<32>;\n"
         ".reg .f32 %f<32>;\n.reg .b64 %d<32>;\n"
         "ld.param.u64 %d0, [in];\nld.param.u64 %d1, [out];\n"
         "mov.u32 %r0, %tid.x;\n" +
         body + "\nret;\n}\n";
}

/// Runs it over `in` and `out`.
inline Status runText(const std::string &text, LaunchShape shape,
                      std::vector<uint32_t> &in, std::vector<uint32_t> &out,
                      const LaunchOptions &options = {}) {
  FT_ASSIGN_OR_RETURN(auto module, Module::parse(text));
  Memory memory;
  memory.add(in.data(), 4 * in.size());
  memory.add(out.data(), 4 * out.size());
  void *pointers[] = {in.data(), out.data()};
  const void *params[] = {&pointers[0], &pointers[1]};
  return launch(*module, "test", shape, params, memory, options);
}

/// One warp: `body` gets %r1 (and %f1) = in[lane], %r2 (%f2) = in[32 + lane],
/// %r3 (%f3) = in[64 + lane]; what it leaves in %r4 goes to out[lane].
inline std::vector<uint32_t> mapLanes(const std::string &body,
                                      std::vector<uint32_t> in) {
  in.resize(96);
  std::vector<uint32_t> out(32, 0xdeadbeef);
  std::string text = kernelText(
      "mul.wide.u32 %d2, %r0, 4;\nadd.s64 %d0, %d0, %d2;\n"
      "add.s64 %d1, %d1, %d2;\n"
      "ld.global.u32 %r1, [%d0];\nld.global.u32 %r2, [%d0+128];\n"
      "ld.global.u32 %r3, [%d0+256];\nmov.b32 %f1, %r1;\nmov.b32 %f2, %r2;\n"
      "mov.b32 %f3, %r3;\n" +
      body + "\nst.global.u32 [%d1], %r4;");
  Status status = runText(text, {{}, {32, 1, 1}, {}, 0}, in, out);
  EXPECT_TRUE(status.ok()) << status.message();
  return out;
}

inline uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_RUN_H
