//===- RunEmbed.cpp - --embed: sentence embeddings ------------------------===//
#include "runtime/engine/Evaluate.h"
#include "tools/ft-run/Prompts.h"
#include "tools/ft-run/RunOptions.h"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace ft::run {

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
  FT_ASSIGN_OR_RETURN(auto texts, readTexts(options, tokenizer));
  if (texts.empty())
    return invalidArgument("--embed needs at least one --prompt");
  FT_ASSIGN_OR_RETURN(NamedArrays inputs,
                      padTexts(plan.entries[size_t(entry)], texts));
  FT_ASSIGN_OR_RETURN(PaddedBatch padded,
                      readPadding(plan.entries[size_t(entry)], inputs));
  fitOptions(plan, padded, options.model);
  FT_ASSIGN_OR_RETURN(auto model, openModel(options, std::move(file)));
  FT_ASSIGN_OR_RETURN(NamedArrays outputs, evaluate(*model, entry, inputs));
  auto found = outputs.find("sentence_embedding");
  if (found == outputs.end())
    return unsupported("the entry 'embed' has no output 'sentence_embedding'");
  FT_RETURN_IF_ERROR(writeOutputs(options, outputs));
  printEmbeddings(options, found->second);
  return 0;
}

} // namespace ft::run
