//===- RunTensors.cpp - --input, --output, --expect -----------------------===//
#include "runtime/engine/Evaluate.h"
#include "tools/ft-run/Images.h"
#include "tools/ft-run/RunOptions.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <cstdio>
#include <cstring>

namespace ft::run {

namespace {

/// How far an output is from what was expected, over unmasked places.
struct Difference {
  double relativeL2 = 0, largest = 0;
  bool badNan = false;
};

/// Element `index` as a double; f32, f64, i32 and i64 arrays.
double numberAt(const Array &array, int64_t index) {
  const std::byte *at = array.bytes.data() + index * dtypeSize(array.dtype);
  auto as = [&](auto zero) {
    std::memcpy(&zero, at, sizeof(zero));
    return zero;
  };
  switch (array.dtype) {
  case DType::F64:
    return as(double());
  case DType::I32:
    return as(int32_t());
  case DType::I64:
    return double(as(int64_t()));
  case DType::F16:
    return f16ToF32(as(uint16_t()));
  default:
    return as(float());
  }
}

int64_t elements(const Array &array) {
  int64_t count = 1;
  for (int64_t extent : array.shape)
    count *= extent;
  return count;
}

/// True where element `index` of [batch, length, ...] is a padded place.
bool isPadding(const PaddedBatch &padded, const Array &array, int64_t index,
               int64_t perPlace) {
  if (array.shape.size() < 2 || array.shape[1] != padded.length ||
      perPlace == 0)
    return false;
  int64_t place = index / perPlace;
  auto [first, count] = padded.spans[size_t(place / padded.length)];
  int64_t column = place % padded.length;
  return column < first || column >= first + count;
}

Difference compare(const Array &found, const Array &expected,
                   const PaddedBatch &padded, bool perToken) {
  Difference result;
  double squares = 0, reference = 0;
  int64_t total = elements(expected);
  int64_t perPlace = perToken ? total / (padded.batch * padded.length) : 0;
  for (int64_t i = 0; i < total; ++i) {
    if (isPadding(padded, expected, i, perPlace))
      continue;
    double a = numberAt(found, i), b = numberAt(expected, i);
    if (std::isnan(a) || std::isnan(b)) {
      result.badNan |= std::isnan(a) != std::isnan(b);
      continue;
    }
    squares += (a - b) * (a - b);
    reference += b * b;
    result.largest = std::max(result.largest, std::fabs(a - b));
  }
  result.relativeL2 =
      reference > 0 ? std::sqrt(squares / reference) : std::sqrt(squares);
  return result;
}

std::string shapeText(const Array &array) {
  std::string text = "[";
  for (size_t i = 0; i < array.shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(array.shape[i]);
  return text + "]";
}

bool isPerToken(const Model &model, int entry, const std::string &name) {
  for (const plan::Output &output : model.entry(entry).outputs)
    if (output.name == name)
      return output.axis != model.entry(entry).sequences[0].sequencesAxis;
  return false;
}

StatusOr<const Array *> findOutput(const NamedArrays &outputs,
                                   const std::string &name) {
  auto found = outputs.find(name);
  if (found != outputs.end())
    return &found->second;
  std::string names;
  for (const auto &[known, array] : outputs)
    names += (names.empty() ? "" : ", ") + known;
  return notFound("no output '" + name + "'; the entry's outputs are " + names);
}

void report(const RunOptions &options, const std::string &name,
            const Difference &difference, bool pass) {
  if (options.json) {
    nlohmann::ordered_json line = {{"output", name},
                                   {"relative_l2", difference.relativeL2},
                                   {"largest", difference.largest},
                                   {"unexpected_nan", difference.badNan},
                                   {"tolerance", options.tolerance},
                                   {"pass", pass}};
    std::printf("%s\n", line.dump().c_str());
    return;
  }
  std::printf("%s: relative L2 %.3g, largest error %.3g, tolerance %.3g%s: "
              "%s\n",
              name.c_str(), difference.relativeL2, difference.largest,
              options.tolerance,
              difference.badNan ? ", a NaN where none is expected" : "",
              pass ? "ok" : "FAILED");
}

/// The entry that takes these inputs and has these outputs.
StatusOr<int> chooseEntry(const plan::Plan &plan, const RunOptions &options,
                          const std::vector<std::string> &wanted) {
  std::string names;
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    const plan::Entry &entry = plan.entries[i];
    names += (names.empty() ? "" : ", ") + entry.name;
    if (!options.entry.empty()) {
      if (entry.name == options.entry)
        return int(i);
      continue;
    }
    auto has = [&](const std::string &name) {
      for (const plan::Output &output : entry.outputs)
        if (output.name == name)
          return true;
      return false;
    };
    bool fits = true;
    for (const std::string &name : wanted)
      fits &= has(name);
    if (fits)
      return int(i);
  }
  return notFound(options.entry.empty()
                      ? "no entry of the plan has the outputs asked for; its "
                        "entries are " +
                            names
                      : "no entry '" + options.entry +
                            "'; the plan's entries are " + names);
}

using Bindings = std::vector<std::pair<std::string, std::string>>;

StatusOr<Bindings> splitAll(const std::string &flag,
                            const std::vector<std::string> &texts) {
  Bindings bindings;
  for (const std::string &text : texts) {
    FT_ASSIGN_OR_RETURN(auto binding, splitBinding(flag, text));
    bindings.push_back(std::move(binding));
  }
  return bindings;
}

StatusOr<NamedArrays> readArrays(const Bindings &bindings) {
  NamedArrays arrays;
  for (const auto &[name, file] : bindings) {
    FT_ASSIGN_OR_RETURN(arrays[name], readNpy(file));
  }
  return arrays;
}

StatusOr<bool> checkExpectations(const RunOptions &options, const Model &model,
                                 int entry, const PaddedBatch &padded,
                                 const NamedArrays &outputs,
                                 const NamedArrays &expected) {
  bool pass = true;
  for (const auto &[name, array] : expected) {
    FT_ASSIGN_OR_RETURN(const Array *found, findOutput(outputs, name));
    if (found->shape != array.shape)
      return invalidArgument("--expect " + name + ": the output has shape " +
                             shapeText(*found) + ", the file " +
                             shapeText(array));
    Difference difference =
        compare(*found, array, padded, isPerToken(model, entry, name));
    bool ok = !difference.badNan && difference.relativeL2 <= options.tolerance;
    report(options, name, difference, ok);
    pass &= ok;
  }
  return pass;
}

} // namespace

StatusOr<int> runTensors(RunOptions &options) {
  FT_ASSIGN_OR_RETURN(Bindings inputFiles, splitAll("--input", options.inputs));
  FT_ASSIGN_OR_RETURN(Bindings outputFiles,
                      splitAll("--output", options.outputs));
  FT_ASSIGN_OR_RETURN(Bindings expectFiles,
                      splitAll("--expect", options.expects));
  FT_ASSIGN_OR_RETURN(NamedArrays inputs, readArrays(inputFiles));
  FT_ASSIGN_OR_RETURN(NamedArrays expected, readArrays(expectFiles));
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(options.plan));
  FT_RETURN_IF_ERROR(addImages(file->plan(), options.images, inputs));
  std::vector<std::string> wanted;
  for (const auto &[name, path] : outputFiles)
    wanted.push_back(name);
  for (const auto &[name, path] : expectFiles)
    wanted.push_back(name);
  FT_ASSIGN_OR_RETURN(int entry, chooseEntry(file->plan(), options, wanted));
  FT_ASSIGN_OR_RETURN(PaddedBatch padded,
                      readPadding(file->plan().entries[size_t(entry)], inputs));
  fitOptions(file->plan(), padded, options.model);
  FT_ASSIGN_OR_RETURN(auto model, openModel(options, std::move(file)));
  FT_ASSIGN_OR_RETURN(NamedArrays outputs, evaluate(*model, entry, inputs));
  for (const auto &[name, path] : outputFiles) {
    FT_ASSIGN_OR_RETURN(const Array *array, findOutput(outputs, name));
    FT_RETURN_IF_ERROR(writeNpy(path, *array));
  }
  FT_ASSIGN_OR_RETURN(bool pass, checkExpectations(options, *model, entry,
                                                   padded, outputs, expected));
  bool asked = !outputFiles.empty() || !expectFiles.empty();
  if (!asked && !options.images.empty() &&
      printImageLabels(options, model->plan(), outputs))
    return 0;
  if (!asked && !options.json)
    for (const auto &[name, array] : outputs)
      std::printf("%s: %s\n", name.c_str(), shapeText(array).c_str());
  return pass ? 0 : 1;
}

} // namespace ft::run
