//===- PlanReader.cpp - opening plan files --------------------------------===//
#include "runtime/base/Hash.h"
#include "runtime/base/Json.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/PlanJson.h"
#include "runtime/plan/PlanLayout.h"

#include <cstring>

namespace ft::plan {

static Status damaged(const std::string &what) {
  return corrupt(what + "; the file is damaged, compile the plan again");
}

/// Checks magic, version, sizes and checksums; the JSON header's text.
static StatusOr<std::string_view> checkFile(std::string_view file) {
  if (file.substr(0, kPlanMagic.size()) != kPlanMagic)
    return corrupt("it is not a plan (it does not start with FTPLAN); make one "
                   "with 'ftc compile'");
  PlanPrefix prefix;
  if (file.size() < sizeof(prefix))
    return damaged("it ends inside its first " +
                   std::to_string(sizeof(prefix)) + " bytes");
  std::memcpy(&prefix, file.data(), sizeof(prefix));
  if (hash64(file.substr(0, kPrefixHashed)) != prefix.prefixHash)
    return damaged("the checksum of its prefix is wrong");
  if (prefix.version > kPlanVersion)
    return unsupported(
        "made by a newer ftc (format " + std::to_string(prefix.version) +
        ", this ft-run reads up to " + std::to_string(kPlanVersion) +
        "): recompile or upgrade");
  if (prefix.version == 0 || prefix.reserved != 0)
    return damaged("format version " + std::to_string(prefix.version) +
                   " does not exist");
  if (prefix.fileBytes != file.size())
    return damaged("it should have " + std::to_string(prefix.fileBytes) +
                   " bytes, it has " + std::to_string(file.size()));
  if (prefix.headerBytes > kMaxHeaderBytes ||
      prefix.headerBytes > file.size() - sizeof(prefix))
    return damaged("its header claims " + std::to_string(prefix.headerBytes) +
                   " bytes of " + std::to_string(file.size()));
  std::string_view header = file.substr(sizeof(prefix), prefix.headerBytes);
  if (hash64(header) != prefix.headerHash)
    return damaged("the checksum of its header is wrong");
  if (hash64(file.substr(sizeof(prefix) + header.size())) != prefix.blobsHash)
    return damaged("the checksum of its blobs is wrong");
  return header;
}

/// Blobs follow each other, each on the next multiple of 64, to the file's end.
static Status placeBlobs(std::vector<Blob> &blobs, uint64_t headerEnd,
                         uint64_t fileBytes) {
  uint64_t at = headerEnd;
  for (Blob &blob : blobs) {
    blob.offset = alignBlob(at);
    if (blob.offset > fileBytes || blob.size > fileBytes - blob.offset)
      return damaged("/blobs/" + std::to_string(&blob - blobs.data()) +
                     ": its " + std::to_string(blob.size) +
                     " bytes are outside the file");
    at = blob.offset + blob.size;
  }
  if (at != fileBytes)
    return damaged("there are " + std::to_string(fileBytes - at) +
                   " bytes after the last blob");
  return Status::success();
}

static StatusOr<Plan> readPlan(std::string_view file) {
  FT_ASSIGN_OR_RETURN(std::string_view header, checkFile(file));
  FT_ASSIGN_OR_RETURN(nlohmann::json json, parseJson(header));
  FT_ASSIGN_OR_RETURN(Plan plan, planFromJson(json));
  FT_RETURN_IF_ERROR(
      placeBlobs(plan.blobs, sizeof(PlanPrefix) + header.size(), file.size()));
  FT_RETURN_IF_ERROR(validatePlan(plan));
  return plan;
}

StatusOr<std::unique_ptr<PlanFile>> PlanFile::open(const std::string &path) {
  auto result = std::make_unique<PlanFile>();
  result->path_ = path;
  FT_ASSIGN_OR_RETURN(result->file_, MappedFile::open(path));
  auto plan = readPlan(result->file_.text());
  if (!plan.ok())
    return plan.status().withContext("plan '" + path + "'");
  result->plan_ = *std::move(plan);
  return result;
}

std::string_view PlanFile::blob(int32_t index) const {
  assert(index >= 0 && size_t(index) < plan_.blobs.size());
  const Blob &blob = plan_.blobs[size_t(index)];
  return file_.text().substr(blob.offset, blob.size);
}

} // namespace ft::plan
