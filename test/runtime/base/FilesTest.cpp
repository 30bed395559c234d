//===- FilesTest.cpp - mapped and atomic files ----------------------------===//
#include "runtime/base/AtomicFile.h"
#include "runtime/base/MappedFile.h"
#include "test/runtime/TempDir.h"

#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace ft;
using ft::test::readBytes;
using ft::test::TempDir;

TEST(MappedFile, HoldsTheBytesAndMoves) {
  TempDir dir;
  auto file = MappedFile::open(dir.write("a", "hello"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  MappedFile moved = *std::move(file);
  MappedFile again = std::move(moved);
  EXPECT_EQ(again.text(), "hello");
  EXPECT_EQ(moved.size(), 0u);
}

TEST(MappedFile, SaysWhatIsWrong) {
  TempDir dir;
  auto missing = MappedFile::open(dir / "none");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.status().code(), StatusCode::NotFound);
  EXPECT_NE(missing.status().message().find("none"), std::string::npos);
  auto directory = MappedFile::open(dir.path());
  ASSERT_FALSE(directory.ok());
  EXPECT_NE(directory.status().message().find("is a directory"),
            std::string::npos);
  auto empty = MappedFile::open(dir.write("empty", ""));
  ASSERT_FALSE(empty.ok());
  EXPECT_NE(empty.status().message().find("empty"), std::string::npos);
  EXPECT_FALSE(MappedFile::open("/dev/null").ok());
}

TEST(AtomicFile, JoinsPiecesAndReplaces) {
  TempDir dir;
  std::string path = dir.write("out", "old contents");
  std::string_view pieces[] = {"new ", "", "contents!"};
  ASSERT_TRUE(writeFileAtomically(path, pieces).ok());
  EXPECT_EQ(readBytes(path), "new contents!");
  EXPECT_EQ(dir.files(), 1u);
}

TEST(AtomicFile, KeepsASymbolicLink) {
  TempDir dir;
  std::string target = dir.write("target", "old");
  std::filesystem::create_symlink(target, dir / "link");
  ASSERT_TRUE(writeFileAtomically(dir / "link", "new").ok());
  EXPECT_TRUE(std::filesystem::is_symlink(dir / "link"));
  EXPECT_EQ(readBytes(target), "new");
}

TEST(AtomicFile, MissingFolderIsNotFound) {
  TempDir dir;
  Status status = writeFileAtomically(dir / "none/out", "x");
  EXPECT_EQ(status.code(), StatusCode::NotFound);
}

TEST(AtomicFile, FullDeviceIsReported) {
  Status status = writeFileAtomically("/dev/full", "x");
  EXPECT_EQ(status.code(), StatusCode::ResourceExhausted);
  EXPECT_NE(status.message().find("/dev/full"), std::string::npos);
}

// A limit on file sizes fails in the middle of a write, as a full disk does.
TEST(AtomicFile, FullDiskLeavesTheOldFileAndNothingElse) {
  TempDir dir;
  std::string path = dir.write("out", "old");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small{4096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  Status status = writeFileAtomically(path, std::string(10000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(status.code(), StatusCode::ResourceExhausted);
  EXPECT_EQ(readBytes(path), "old");
  EXPECT_EQ(dir.files(), 1u);
}

// SIGXFSZ, left to kill, ends the process in the middle of the write.
TEST(AtomicFile, AKilledWriterLeavesTheOldFileAndNothingElse) {
  TempDir dir;
  std::string path = dir.write("out", "old");
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_DFL);
    rlimit small{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &small);
    (void)writeFileAtomically(path, std::string(10000, 'x'));
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the write was not interrupted";
  EXPECT_EQ(readBytes(path), "old");
  // A file system without unnamed files keeps the unfinished one.
  int probe =
      open(path.substr(0, path.rfind('/')).c_str(), O_TMPFILE | O_WRONLY, 0600);
  if (probe >= 0) {
    close(probe);
    EXPECT_EQ(dir.files(), 1u);
  }
  ASSERT_TRUE(writeFileAtomically(path, "new").ok());
  EXPECT_EQ(readBytes(path), "new");
}
