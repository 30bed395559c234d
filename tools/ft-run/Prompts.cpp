//===- Prompts.cpp - the prompts of a run, as tokens ----------------------===//
#include "tools/ft-run/Prompts.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <sstream>

namespace ft::run {

StatusOr<text::Tokenizer> planTokenizer(const plan::PlanFile &file) {
  const plan::Text &text = file.plan().text;
  if (text.tokenizer < 0)
    return notFound("the plan '" + file.path() +
                    "' carries no tokenizer: put tokenizer.json beside the "
                    "model and compile again, or use --tokens");
  std::string_view config;
  if (text.tokenizerConfig >= 0)
    config = file.blob(text.tokenizerConfig);
  return text::Tokenizer::fromJson(file.blob(text.tokenizer), config);
}

static StatusOr<std::string> readStream(FILE *stream, const std::string &name) {
  std::string text;
  char buffer[1 << 16];
  while (size_t count = std::fread(buffer, 1, sizeof(buffer), stream))
    text.append(buffer, count);
  if (std::ferror(stream))
    return internalError("cannot read " + name + ": " + std::strerror(errno));
  return text;
}

StatusOr<std::string> readText(const std::string &argument) {
  if (argument == "-")
    return readStream(stdin, "standard input");
  return argument;
}

StatusOr<std::string> readTextFile(const std::string &path) {
  std::unique_ptr<FILE, int (*)(FILE *)> file(std::fopen(path.c_str(), "rb"),
                                              std::fclose);
  if (!file)
    return notFound("cannot open '" + path + "': " + std::strerror(errno));
  return readStream(file.get(), "'" + path + "'");
}

StatusOr<std::vector<int32_t>> parseTokens(const std::string &text,
                                           const std::string &flag) {
  std::vector<int32_t> tokens;
  const char *at = text.data(), *end = at + text.size();
  while (true) {
    int32_t token = 0;
    auto [next, error] = std::from_chars(at, end, token);
    if (error != std::errc() || (next != end && *next != ','))
      return invalidArgument(flag + ": expected ids such as 1,2,3, found '" +
                             text + "'");
    tokens.push_back(token);
    if (next == end)
      return tokens;
    at = next + 1;
  }
}

StatusOr<std::vector<std::vector<int32_t>>>
readPrompts(const RunOptions &options,
            const std::optional<text::Tokenizer> &tokenizer) {
  std::vector<std::string> texts;
  for (const std::string &argument : options.prompts) {
    FT_ASSIGN_OR_RETURN(std::string text, readText(argument));
    texts.push_back(std::move(text));
  }
  for (const std::string &path : options.promptFiles) {
    FT_ASSIGN_OR_RETURN(std::string text, readTextFile(path));
    texts.push_back(std::move(text));
  }
  for (const std::string &path : options.promptLines) {
    FT_ASSIGN_OR_RETURN(std::string text, readTextFile(path));
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
      if (!line.empty())
        texts.push_back(std::move(line));
  }
  std::vector<std::vector<int32_t>> prompts;
  if (!texts.empty()) {
    FT_ASSIGN_OR_RETURN(prompts, tokenizer->encodeAll(texts));
  }
  for (const std::string &text : options.tokens) {
    FT_ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                        parseTokens(text, "--tokens"));
    prompts.push_back(std::move(ids));
  }
  return prompts;
}

StatusOr<std::vector<text::TokenPair>>
readTexts(const RunOptions &options,
          const std::optional<text::Tokenizer> &tokenizer) {
  std::vector<text::TokenPair> texts;
  if (options.pairs.empty()) {
    FT_ASSIGN_OR_RETURN(auto prompts, readPrompts(options, tokenizer));
    for (std::vector<int32_t> &ids : prompts) {
      std::vector<int32_t> segments(ids.size(), 0);
      texts.push_back({std::move(ids), std::move(segments), 0, 0});
    }
    return texts;
  }
  if (options.pairs.size() != options.prompts.size() ||
      !options.promptFiles.empty() || !options.promptLines.empty() ||
      !options.tokens.empty())
    return invalidArgument("--pair: expected one for each --prompt and no "
                           "other texts, found " +
                           std::to_string(options.pairs.size()) + " for " +
                           std::to_string(options.prompts.size()));
  for (size_t i = 0; i < options.pairs.size(); ++i) {
    FT_ASSIGN_OR_RETURN(std::string first, readText(options.prompts[i]));
    FT_ASSIGN_OR_RETURN(std::string second, readText(options.pairs[i]));
    FT_ASSIGN_OR_RETURN(text::TokenPair text,
                        tokenizer->encodePair(first, second));
    texts.push_back(std::move(text));
  }
  return texts;
}

Status expectTokenIds(const plan::Entry &entry) {
  bool picture = false;
  for (const plan::Input &input : entry.inputs) {
    if (input.role == plan::InputRole::Tokens)
      return Status::success();
    picture |= input.role == plan::InputRole::Image;
  }
  return unsupported("the entry '" + entry.name +
                     "' takes no token ids, so it reads no text; give its "
                     "inputs by " +
                     (picture ? "--image, or " : "") +
                     "--input NAME=@FILE.npy");
}

StatusOr<NamedArrays> padTexts(const plan::Entry &entry,
                               const std::vector<text::TokenPair> &texts) {
  FT_RETURN_IF_ERROR(expectTokenIds(entry));
  size_t length = 0;
  for (const text::TokenPair &text : texts) {
    if (text.ids.empty())
      return invalidArgument("a prompt without a token");
    length = std::max(length, text.ids.size());
  }
  NamedArrays inputs;
  for (const plan::Input &input : entry.inputs) {
    std::vector<int32_t> values(texts.size() * length);
    for (size_t row = 0; row < texts.size(); ++row)
      for (size_t i = 0; i < texts[row].ids.size(); ++i)
        values[row * length + i] =
            input.role == plan::InputRole::Tokens     ? texts[row].ids[i]
            : input.role == plan::InputRole::Segments ? texts[row].segments[i]
                                                      : 1;
    if (input.role != plan::InputRole::Tokens &&
        input.role != plan::InputRole::Segments &&
        input.role != plan::InputRole::Mask)
      continue;
    Array &array = inputs[input.name];
    array.dtype = DType::I32;
    array.shape = {int64_t(texts.size()), int64_t(length)};
    array.bytes.resize(values.size() * sizeof(int32_t));
    std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  }
  return inputs;
}

Status writeOutputs(const RunOptions &options, const NamedArrays &outputs) {
  for (const std::string &text : options.outputs) {
    FT_ASSIGN_OR_RETURN(auto binding, splitBinding("--output", text));
    auto output = outputs.find(binding.first);
    if (output == outputs.end())
      return notFound("the entry has no output '" + binding.first + "'");
    FT_RETURN_IF_ERROR(writeNpy(binding.second, output->second));
  }
  return Status::success();
}

} // namespace ft::run
