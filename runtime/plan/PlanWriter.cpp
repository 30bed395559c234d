//===- PlanWriter.cpp - writing plan files --------------------------------===//
#include "runtime/base/AtomicFile.h"
#include "runtime/base/Hash.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/PlanLayout.h"

#include <array>
#include <cstring>

namespace ft::plan {

/// Everything after the JSON header, which ends at `headerEnd`.
static std::string joinBlobs(const Plan &plan, uint64_t headerEnd) {
  std::string joined;
  for (const std::string &bytes : plan.blobBytes) {
    uint64_t at = headerEnd + joined.size();
    joined.append(alignBlob(at) - at, '\0');
    joined += bytes;
  }
  return joined;
}

Status writePlan(const Plan &plan, const std::string &path) {
  Plan sized = plan;
  sized.blobs.clear();
  for (const std::string &bytes : plan.blobBytes)
    sized.blobs.push_back({0, bytes.size()});
  if (Status valid = validatePlan(sized); !valid.ok())
    return internalError("cannot write '" + path +
                         "': the plan made is invalid: " + valid.message());
  std::string header = planToJson(sized);
  if (header.size() > kMaxHeaderBytes)
    return resourceExhausted(
        "cannot write '" + path + "': the plan's header would have " +
        std::to_string(header.size()) + " bytes, the format allows " +
        std::to_string(kMaxHeaderBytes));
  std::string blobs = joinBlobs(plan, sizeof(PlanPrefix) + header.size());
  PlanPrefix prefix{};
  std::memcpy(prefix.magic, kPlanMagic.data(), kPlanMagic.size());
  prefix.version = kPlanVersion;
  prefix.headerBytes = header.size();
  prefix.fileBytes = sizeof(prefix) + header.size() + blobs.size();
  prefix.headerHash = hash64(header);
  prefix.blobsHash = hash64(blobs);
  std::string_view prefixBytes(reinterpret_cast<const char *>(&prefix),
                               sizeof(prefix));
  prefix.prefixHash = hash64(prefixBytes.substr(0, kPrefixHashed));
  return writeFileAtomically(
      path, std::array<std::string_view, 3>{prefixBytes, header, blobs});
}

} // namespace ft::plan
