//===- SafetensorsFile.h - making small checkpoints -------------*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_SAFETENSORSFILE_H
#define FT_TEST_RUNTIME_SAFETENSORSFILE_H

#include <cstdint>
#include <string>

namespace ft::test {

/// The bytes of a safetensors file with this header and data.
inline std::string safetensors(const std::string &header,
                               const std::string &data) {
  std::string length;
  for (int i = 0; i < 8; ++i)
    length += char(uint64_t(header.size()) >> (8 * i) & 0xff);
  return length + header + data;
}

} // namespace ft::test

#endif // FT_TEST_RUNTIME_SAFETENSORSFILE_H
