//===- TempDir.h - a folder for one test ------------------------*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_TEMPDIR_H
#define FT_TEST_RUNTIME_TEMPDIR_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

namespace ft::test {

/// A fresh folder, removed with its contents at the end of the test.
class TempDir {
public:
  TempDir() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "ft-test-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }

  std::string operator/(const std::string &name) const {
    return path_ + "/" + name;
  }
  const std::string &path() const { return path_; }

  /// Writes a file and returns its path.
  std::string write(const std::string &name, std::string_view bytes) const {
    std::string path = *this / name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }
  size_t files() const {
    size_t count = 0;
    for (const auto &entry : std::filesystem::directory_iterator(path_))
      count += !entry.path().empty();
    return count;
  }

private:
  std::string path_;
};

inline std::string readBytes(const std::string &path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

} // namespace ft::test

#endif // FT_TEST_RUNTIME_TEMPDIR_H
