//===- PlanFileTest.cpp - plan files, whole and damaged -------------------===//
#include "runtime/plan/PlanFile.h"

#include "runtime/base/Hash.h"
#include "runtime/plan/PlanLayout.h"
#include "test/runtime/TempDir.h"
#include "test/runtime/plan/SamplePlan.h"

#include <csignal>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>
#include <sys/resource.h>

using namespace ft;
using namespace ft::plan;
using ft::test::readBytes;
using ft::test::samplePlan;
using ft::test::TempDir;

static std::string sampleFile(const TempDir &dir) {
  Status status = writePlan(samplePlan(), dir / "sample.plan");
  EXPECT_TRUE(status.ok()) << status.message();
  return readBytes(dir / "sample.plan");
}

/// Makes the checksums of an edited file right again.
static std::string resealed(std::string file) {
  PlanPrefix prefix;
  std::memcpy(&prefix, file.data(), sizeof(prefix));
  std::string_view rest = std::string_view(file).substr(sizeof(prefix));
  prefix.headerHash = hash64(rest.substr(0, prefix.headerBytes));
  if (prefix.headerBytes <= rest.size())
    prefix.blobsHash = hash64(rest.substr(prefix.headerBytes));
  std::string_view bytes(reinterpret_cast<const char *>(&prefix),
                         sizeof(prefix));
  prefix.prefixHash = hash64(bytes.substr(0, kPrefixHashed));
  std::memcpy(file.data(), &prefix, sizeof(prefix));
  return file;
}

/// A file with this JSON header and these bytes after it.
static std::string fileOf(const std::string &header, const std::string &rest) {
  PlanPrefix prefix{};
  std::memcpy(prefix.magic, kPlanMagic.data(), kPlanMagic.size());
  prefix.version = kPlanVersion;
  prefix.headerBytes = header.size();
  prefix.fileBytes = sizeof(prefix) + header.size() + rest.size();
  std::string file(reinterpret_cast<const char *>(&prefix), sizeof(prefix));
  return resealed(file + header + rest);
}

static Status openStatus(const TempDir &dir, const std::string &bytes) {
  return PlanFile::open(dir.write("x.plan", bytes)).status();
}

TEST(PlanFile, RoundTripsWithItsBlobs) {
  TempDir dir;
  Plan plan = samplePlan();
  ASSERT_TRUE(writePlan(plan, dir / "a.plan").ok());
  auto file = PlanFile::open(dir / "a.plan");
  ASSERT_TRUE(file.ok()) << file.status().message();
  for (size_t i = 0; i < plan.blobBytes.size(); ++i) {
    EXPECT_EQ((*file)->blob(int32_t(i)), plan.blobBytes[i]);
    EXPECT_EQ((*file)->plan().blobs[i].offset % kBlobAlignment, 0u);
    plan.blobs.push_back({0, plan.blobBytes[i].size()});
  }
  EXPECT_EQ(planToJson((*file)->plan()), planToJson(plan));
  EXPECT_EQ(dir.files(), 1u);
}

TEST(PlanFile, RewritingALoadedPlanGivesTheSameBytes) {
  TempDir dir;
  std::string bytes = sampleFile(dir);
  auto file = PlanFile::open(dir / "sample.plan");
  ASSERT_TRUE(file.ok()) << file.status().message();
  Plan plan = (*file)->plan();
  for (size_t i = 0; i < plan.blobs.size(); ++i)
    plan.blobBytes.emplace_back((*file)->blob(int32_t(i)));
  ASSERT_TRUE(writePlan(plan, dir / "again.plan").ok());
  EXPECT_EQ(readBytes(dir / "again.plan"), bytes);
}

TEST(PlanFile, EveryFlippedByteIsFound) {
  TempDir dir;
  const std::string bytes = sampleFile(dir);
  for (size_t at = 0; at < bytes.size();
       at += at < sizeof(PlanPrefix) || at + 400 > bytes.size() ? 1 : 13) {
    std::string flipped = bytes;
    flipped[at] = char(flipped[at] ^ (1 << at % 8));
    Status status = openStatus(dir, flipped);
    ASSERT_FALSE(status.ok()) << at;
    EXPECT_EQ(status.code(), StatusCode::Corrupt) << at;
    EXPECT_NE(status.message().find("x.plan"), std::string::npos);
  }
}

TEST(PlanFile, EveryTruncationAndExtensionIsFound) {
  TempDir dir;
  const std::string bytes = sampleFile(dir);
  for (size_t size = 0; size < bytes.size(); size += size < 70 ? 1 : 97)
    EXPECT_FALSE(openStatus(dir, bytes.substr(0, size)).ok()) << size;
  EXPECT_FALSE(openStatus(dir, bytes + "x").ok());
}

TEST(PlanFile, ANewerVersionSaysSo) {
  TempDir dir;
  std::string bytes = sampleFile(dir);
  bytes[8] = char(kPlanVersion + 1);
  Status status = openStatus(dir, resealed(bytes));
  EXPECT_EQ(status.code(), StatusCode::Unsupported);
  std::string known = std::to_string(kPlanVersion),
              newer = std::to_string(kPlanVersion + 1);
  EXPECT_NE(status.message().find("made by a newer ftc (format " + newer +
                                  ", this ft-run reads up to " + known +
                                  "): recompile or upgrade"),
            std::string::npos)
      << status.message();
  bytes[8] = 0;
  EXPECT_EQ(openStatus(dir, resealed(bytes)).code(), StatusCode::Corrupt);
}

TEST(PlanFile, OtherFilesAreNoPlans) {
  TempDir dir;
  Status status = openStatus(dir, "{\"a\": 1}");
  EXPECT_NE(status.message().find("not a plan"), std::string::npos);
  EXPECT_EQ(PlanFile::open(dir / "none").status().code(), StatusCode::NotFound);
}

TEST(PlanFile, HeadersThatClaimTooMuchAreRefused) {
  TempDir dir;
  std::string bytes = sampleFile(dir);
  uint64_t claimed = uint64_t(1) << 40;
  std::memcpy(bytes.data() + 16, &claimed, 8);
  Status status = openStatus(dir, resealed(bytes));
  EXPECT_NE(status.message().find("claims"), std::string::npos)
      << status.message();
}

TEST(PlanFile, BlobsMustFillTheFile) {
  TempDir dir;
  std::string bytes = sampleFile(dir);
  PlanPrefix prefix;
  std::memcpy(&prefix, bytes.data(), sizeof(prefix));
  std::string header = bytes.substr(sizeof(prefix), prefix.headerBytes);
  std::string rest = bytes.substr(sizeof(prefix) + prefix.headerBytes);
  EXPECT_TRUE(openStatus(dir, fileOf(header, rest)).ok());
  Status longer = openStatus(dir, fileOf(header, rest + "x"));
  EXPECT_NE(longer.message().find("after the last blob"), std::string::npos);
  Status shorter =
      openStatus(dir, fileOf(header, rest.substr(0, rest.size() - 1)));
  EXPECT_NE(shorter.message().find("/blobs/2"), std::string::npos);
}

TEST(PlanFile, AnInvalidPlanIsNotWritten) {
  TempDir dir;
  Plan plan = samplePlan();
  plan.entries[0].programs[0].outputs[0] = 99;
  EXPECT_EQ(writePlan(plan, dir / "a.plan").code(), StatusCode::Internal);
  EXPECT_EQ(dir.files(), 0u);
}

TEST(PlanFile, AFullDiskLeavesNothing) {
  TempDir dir;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small{1024, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  Status status = writePlan(samplePlan(), dir / "a.plan");
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(status.code(), StatusCode::ResourceExhausted);
  EXPECT_EQ(dir.files(), 0u);
}

//===----------------------------------------------------------------------===//
// Hostile plans: right checksums, wrong contents
//===----------------------------------------------------------------------===//

using Json = nlohmann::json;

static void collect(Json &json, std::vector<Json *> &values) {
  values.push_back(&json);
  if (json.is_structured())
    for (Json &item : json)
      collect(item, values);
}

static Json randomValue(std::mt19937 &random) {
  static const Json values[] = {
      -1,    0,      1,       2147483647,     -9223372036854775807 - 1,
      1e300, true,   nullptr, "b2147483647",  18446744073709551615u,
      "",    "../x", "inf",   Json::object(), Json::array({1, 2}),
      3,     65536,  7,       1099511627775};
  return values[random() % std::size(values)];
}

/// Replaces, removes or repeats one value somewhere.
static void mutate(Json &json, std::mt19937 &random) {
  std::vector<Json *> values;
  collect(json, values);
  Json &target = *values[random() % values.size()];
  if (target.is_structured() && !target.empty() && random() % 2) {
    size_t at = random() % target.size();
    if (target.is_array() && random() % 2)
      target.push_back(Json(target[at]));
    else if (target.is_array())
      target.erase(at);
    else
      target.erase(std::next(target.begin(), int64_t(at)));
    return;
  }
  if (target.is_number_integer() && random() % 2)
    target = target.get<int64_t>() + int64_t(random() % 5) - 2;
  else
    target = randomValue(random);
}

TEST(PlanFile, MutatedPlansNeverCrash) {
  TempDir dir;
  std::string bytes = sampleFile(dir);
  PlanPrefix prefix;
  std::memcpy(&prefix, bytes.data(), sizeof(prefix));
  const Json original =
      Json::parse(bytes.substr(sizeof(prefix), prefix.headerBytes));
  std::mt19937 random(1);
  int refused = 0;
  constexpr int kRounds = 3000;
  for (int round = 0; round < kRounds; ++round) {
    Json json = original;
    for (unsigned i = 0; i <= random() % 3; ++i)
      mutate(json, random);
    std::string header = json.dump();
    std::string rest = bytes.substr(sizeof(prefix) + prefix.headerBytes);
    // Blobs start where the header's new length puts them.
    uint64_t end = sizeof(prefix) + header.size();
    rest = std::string(alignBlob(end) - end, '\0') +
           rest.substr(rest.find("cubin"));
    Status status = openStatus(dir, fileOf(header, rest));
    refused += !status.ok();
    EXPECT_EQ(status.message().find('\n'), std::string::npos);
  }
  // Most damage is found; what passes (a name, a cost) is a valid plan.
  EXPECT_GT(refused, kRounds / 2);
}

TEST(PlanFile, MutatedHeaderTextNeverCrashes) {
  TempDir dir;
  std::string bytes = sampleFile(dir);
  PlanPrefix prefix;
  std::memcpy(&prefix, bytes.data(), sizeof(prefix));
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    std::string edited = bytes;
    for (unsigned i = 0; i <= random() % 3; ++i)
      edited[sizeof(prefix) + random() % prefix.headerBytes] = char(random());
    auto file = PlanFile::open(dir.write("x.plan", resealed(edited)));
    if (file.ok())
      planToJson((*file)->plan());
  }
}
