//===- RunEmbed.cpp - --embed: sentence embeddings ------------------------===//
#include "runtime/engine/Evaluate.h"
#include "tools/ft-run/Prompts.h"
#include "tools/ft-run/RunOptions.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace ft::run {

/// Right-padded ids and mask of `prompts` under the entry's input names.
static NamedArrays
padPrompts(const plan::Entry &entry,
           const std::vector<std::vector<int32_t>> &prompts) {
  size_t length = 0;
  for (const auto &prompt : prompts)
    length = std::max(length, prompt.size());
  std::vector<int32_t> ids(prompts.size() * length), mask(ids.size());
  for (size_t row = 0; row < prompts.size(); ++row)
    for (size_t i = 0; i < prompts[row].size(); ++i) {
      ids[row * length + i] = prompts[row][i];
      mask[row * length + i] = 1;
    }
  auto array = [&](const std::vector<int32_t> &values) {
    Array result;
    result.dtype = DType::I32;
    result.shape = {int64_t(prompts.size()), int64_t(length)};
    result.bytes.resize(values.size() * sizeof(int32_t));
    std::memcpy(result.bytes.data(), values.data(), result.bytes.size());
    return result;
  };
  NamedArrays inputs;
  for (const plan::Input &input : entry.inputs) {
    if (input.role == plan::InputRole::Tokens)
      inputs[input.name] = array(ids);
    if (input.role == plan::InputRole::Mask)
      inputs[input.name] = array(mask);
  }
  return inputs;
}

static void printEmbeddings(const RunOptions &options, const Array &array) {
  const auto *values = reinterpret_cast<const float *>(array.bytes.data());
  int64_t width = array.shape[1];
  for (int64_t row = 0; row < array.shape[0]; ++row) {
    std::vector<float> one(values + row * width, values + (row + 1) * width);
    if (options.json) {
      nlohmann::ordered_json line = {{"embedding", one}};
      std::printf("%s\n", line.dump().c_str());
      continue;
    }
    for (size_t i = 0; i < one.size(); ++i)
      std::printf("%s%.8g", i ? " " : "", one[i]);
    std::printf("\n");
  }
}

StatusOr<int> runEmbed(RunOptions &options) {
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(options.plan));
  const plan::Plan &plan = file->plan();
  int entry = -1;
  for (size_t i = 0; i < plan.entries.size(); ++i)
    if (plan.entries[i].name == "embed")
      entry = int(i);
  if (entry < 0)
    return unsupported("the plan '" + plan.name +
                       "' has no entry 'embed': sentence embeddings need a "
                       "model whose directory says how its tokens are pooled "
                       "(modules.json)");
  FT_ASSIGN_OR_RETURN(std::optional<text::Tokenizer> tokenizer,
                      planTokenizer(*file));
  FT_ASSIGN_OR_RETURN(auto prompts, readPrompts(options, tokenizer));
  if (prompts.empty())
    return invalidArgument("--embed needs at least one --prompt");
  for (auto &prompt : prompts)
    if (prompt.empty())
      return invalidArgument("--embed: a prompt without a token");
  NamedArrays inputs = padPrompts(plan.entries[size_t(entry)], prompts);
  FT_ASSIGN_OR_RETURN(PaddedBatch padded,
                      readPadding(plan.entries[size_t(entry)], inputs));
  fitOptions(plan, padded, options.model);
  FT_ASSIGN_OR_RETURN(auto model, openModel(options, std::move(file)));
  FT_ASSIGN_OR_RETURN(NamedArrays outputs, evaluate(*model, entry, inputs));
  auto found = outputs.find("sentence_embedding");
  if (found == outputs.end())
    return unsupported("the entry 'embed' has no output 'sentence_embedding'");
  for (const std::string &text : options.outputs) {
    FT_ASSIGN_OR_RETURN(auto binding, splitBinding("--output", text));
    auto output = outputs.find(binding.first);
    if (output == outputs.end())
      return notFound("the entry 'embed' has no output '" + binding.first +
                      "'");
    FT_RETURN_IF_ERROR(writeNpy(binding.second, output->second));
  }
  printEmbeddings(options, found->second);
  return 0;
}

} // namespace ft::run
