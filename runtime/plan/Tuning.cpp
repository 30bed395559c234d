//===- Tuning.cpp - which way of running a GEMM is fastest ----------------===//
#include "runtime/plan/Tuning.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/base/Json.h"
#include "runtime/base/MappedFile.h"
#include "runtime/plan/PlanJson.h"
#include "runtime/plan/Validate.h"

#include <algorithm>

namespace ft::plan {

/// Of the file itself; its members are those of a plan's "tuning".
static constexpr const char *kFormat = "ft-tuning 1";
/// The bytes of a library's algorithm, in hexadecimal.
static constexpr size_t kMaxAlgorithm = 256;

static std::string dtypesOf(const Program &program, const Step &step) {
  std::string text;
  for (const std::vector<int32_t> *list : {&step.reads, &step.writes}) {
    if (!text.empty())
      text += " to ";
    std::string previous;
    for (int32_t buffer : *list) {
      std::string name(dtypeName(program.buffers[size_t(buffer)].dtype));
      if (name != previous)
        text += (previous.empty() ? "" : "+") + name;
      previous = name;
    }
  }
  return text;
}

bool usesTf32(const Step &step) {
  for (const Implementation &implementation : step.implementations)
    for (const Launch &launch : implementation.launches)
      if (auto *call = std::get_if<GemmCall>(&launch); call && call->tf32)
        return true;
  return false;
}

bool usesTf32(const Plan &plan) {
  for (const Entry &entry : plan.entries)
    for (const Program &program : entry.programs)
      for (const Step &step : program.steps)
        if (usesTf32(step))
          return true;
  return false;
}

std::string gemmProblem(const Plan &plan, const Program &program,
                        const Step &step) {
  if (step.pattern != "gemm")
    return "";
  int64_t n = 0, k = 0;
  bool bias = false;
  std::string ops;
  for (const MeaningOp &op : step.meaning) {
    std::string name = op.op;
    if (op.op == "linear" && op.in.size() >= 2 &&
        op.in[1].kind == RefKind::Weight) {
      k = plan.weights[size_t(op.in[1].index)].shape.back();
      n += product(plan.weights[size_t(op.in[1].index)].shape) / k;
      bias |= op.in.size() > 2;
    }
    auto form = op.attrs.find("approximate");
    if (form != op.attrs.end())
      if (auto *text = std::get_if<std::string>(&form->second))
        name += "_" + *text;
    ops += (ops.empty() ? "" : ", ") + name;
  }
  if (n == 0)
    return "";
  return dtypesOf(program, step) + (usesTf32(step) ? " by tf32" : "") + " [" +
         std::to_string(n) + ", " + std::to_string(k) + "] " + ops +
         (bias ? ", bias" : "");
}

bool isNearer(int64_t a, int64_t b, int64_t rows) {
  // max / min of both with rows, compared as products: exact, and below 2^62.
  int64_t left = std::max(a, rows) * std::min(b, rows);
  int64_t right = std::max(b, rows) * std::min(a, rows);
  return left != right ? left < right : a < b;
}

const TunedGemm *nearestTuned(const Tuning &tuning, const std::string &problem,
                              int64_t rows) {
  const TunedGemm *best = nullptr;
  for (const TunedGemm &gemm : tuning.gemms)
    if (gemm.problem == problem &&
        (!best || isNearer(gemm.rows, best->rows, rows)))
      best = &gemm;
  return best;
}

std::string tuningMismatch(const Tuning &tuning, const Machine &machine) {
  const Machine &from = tuning.machine;
  auto differs = [](const char *what, const std::string &there,
                    const std::string &here) {
    return "the tuning is for " + std::string(what) + " '" + there +
           "', this machine has '" + here +
           "': it is ignored; make one here with ft-run --tune";
  };
  if (from.device != machine.device)
    return differs("the device", from.device, machine.device);
  if (from.driver != machine.driver)
    return differs("driver", from.driver, machine.driver);
  if (from.library != machine.library)
    return differs("the library", from.library, machine.library);
  return "";
}

Status validateTuning(const Tuning &tuning) {
  for (size_t i = 0; i < tuning.gemms.size(); ++i) {
    const TunedGemm &gemm = tuning.gemms[i];
    Place at = Place("/tuning/gemms") / i;
    FT_RETURN_IF_ERROR((at / "rows").range(gemm.rows, 1, INT32_MAX));
    FT_RETURN_IF_ERROR((at / "choice")
                           .require(!gemm.choice.empty(),
                                    "expected an implementation's name"));
    FT_RETURN_IF_ERROR(
        (at / "algorithm")
            .require(gemm.algorithm.size() <= kMaxAlgorithm &&
                         gemm.algorithm.find_first_not_of("0123456789abcdef") ==
                             std::string::npos,
                     "expected at most 256 hexadecimal digits"));
  }
  return Status::success();
}

static StatusOr<Tuning> parseTuning(std::string_view text) {
  FT_ASSIGN_OR_RETURN(nlohmann::json json, parseJson(text));
  auto format = json.is_object() ? json.find("format") : json.end();
  if (format == json.end() || *format != kFormat)
    return corrupt("expected a tuning as ft-run --tune writes it, with "
                   "\"format\": \"" +
                   std::string(kFormat) + "\"");
  json.erase("format");
  FT_ASSIGN_OR_RETURN(Tuning tuning, tuningFromJson(json));
  FT_RETURN_IF_ERROR(validateTuning(tuning));
  return tuning;
}

StatusOr<Tuning> readTuning(const std::string &path) {
  FT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  StatusOr<Tuning> tuning = parseTuning(file.text());
  if (!tuning.ok())
    return tuning.status().withContext(path);
  return tuning;
}

Status writeTuning(const Tuning &tuning, const std::string &path) {
  nlohmann::ordered_json json = {{"format", kFormat}};
  json.update(tuningToJsonValue(tuning));
  std::string text = json.dump(
      1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return writeFileAtomically(path, text + "\n");
}

} // namespace ft::plan
