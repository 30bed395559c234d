//===- Prompts.cpp - the prompts of a run, as tokens ----------------------===//
#include "tools/ft-run/Prompts.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

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
  std::vector<std::vector<int32_t>> prompts;
  auto addText = [&](const std::string &text) -> Status {
    FT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, tokenizer->encode(text));
    prompts.push_back(std::move(ids));
    return Status::success();
  };
  for (const std::string &argument : options.prompts) {
    FT_ASSIGN_OR_RETURN(std::string text, readText(argument));
    FT_RETURN_IF_ERROR(addText(text));
  }
  for (const std::string &path : options.promptFiles) {
    FT_ASSIGN_OR_RETURN(std::string text, readTextFile(path));
    FT_RETURN_IF_ERROR(addText(text));
  }
  for (const std::string &text : options.tokens) {
    FT_ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                        parseTokens(text, "--tokens"));
    prompts.push_back(std::move(ids));
  }
  return prompts;
}

} // namespace ft::run
