//===- Prompts.h - the prompts of a run, as tokens --------------*- C++ -*-===//
#ifndef FT_TOOLS_FT_RUN_PROMPTS_H
#define FT_TOOLS_FT_RUN_PROMPTS_H

#include "runtime/base/Status.h"
#include "runtime/engine/Padding.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/text/Tokenizer.h"
#include "tools/ft-run/RunOptions.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ft::run {

/// The plan's tokenizer; NotFound with a remedy if the plan carries none.
StatusOr<text::Tokenizer> planTokenizer(const plan::PlanFile &file);

/// The text a --prompt or --tokenize argument means: "-" is standard input.
StatusOr<std::string> readText(const std::string &argument);
StatusOr<std::string> readTextFile(const std::string &path);

/// "1,2,3" as ids; `flag` is for the error.
StatusOr<std::vector<int32_t>> parseTokens(const std::string &text,
                                           const std::string &flag);

/// Every --prompt, --prompt-file, --prompt-lines and --tokens of the command
/// line, in that order. `tokenizer` is only needed for text.
StatusOr<std::vector<std::vector<int32_t>>>
readPrompts(const RunOptions &options,
            const std::optional<text::Tokenizer> &tokenizer);

/// The same, each with its --pair where there are any.
StatusOr<std::vector<text::TokenPair>>
readTexts(const RunOptions &options,
          const std::optional<text::Tokenizer> &tokenizer);

/// An error where the entry takes no token ids.
Status expectTokenIds(const plan::Entry &entry);

/// Right-padded ids, mask and segments of `texts` under the entry's names; an
/// error where the entry takes no ids or a text has no token.
StatusOr<NamedArrays> padTexts(const plan::Entry &entry,
                               const std::vector<text::TokenPair> &texts);

/// Writes what --output asks for.
Status writeOutputs(const RunOptions &options, const NamedArrays &outputs);

} // namespace ft::run

#endif // FT_TOOLS_FT_RUN_PROMPTS_H
