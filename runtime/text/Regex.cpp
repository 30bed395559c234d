//===- Regex.cpp - the regular expressions of tokenizer.json --------------===//
#define PCRE2_CODE_UNIT_WIDTH 8
#include "runtime/text/Regex.h"

#include "runtime/text/RegexProperties.h"
#include "runtime/text/RegexSyntax.h"
#include "runtime/text/Unicode.h"

#include <pcre2.h>

namespace ft::text {

namespace {
pcre2_code *codeOf(const std::shared_ptr<void> &program) {
  return static_cast<pcre2_code *>(program.get());
}

std::string errorText(int code) {
  PCRE2_UCHAR text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<const char *>(text);
}

struct FreeMatchData {
  void operator()(pcre2_match_data *data) const { pcre2_match_data_free(data); }
};
struct FreeContext {
  void operator()(pcre2_compile_context *context) const {
    pcre2_compile_context_free(context);
  }
};
} // namespace

StatusOr<Regex> Regex::compile(std::string_view pattern) {
  FT_ASSIGN_OR_RETURN(std::string translated, pcreFromOniguruma(pattern));
  std::unique_ptr<pcre2_compile_context, FreeContext> context(
      pcre2_compile_context_create(nullptr));
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int code = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code *program = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &code, &offset, context.get());
  if (!program)
    return unsupported("the regular expression \"" + std::string(pattern) +
                       "\" is not one: " + errorText(code));
  // Without executable memory the interpreter does the same, more slowly.
  (void)pcre2_jit_compile(program, PCRE2_JIT_COMPLETE);
  Regex regex;
  regex.pattern_ = pattern;
  regex.program_ = std::shared_ptr<void>(program, [](void *code) {
    pcre2_code_free(static_cast<pcre2_code *>(code));
  });
  return regex;
}

Status Regex::split(std::string_view text, std::vector<Span> &spans) const {
  spans.clear();
  std::string known = withKnownCodePoints(text);
  std::string_view subject = known.empty() ? text : known;
  std::unique_ptr<pcre2_match_data, FreeMatchData> data(
      pcre2_match_data_create_from_pattern(codeOf(program_), nullptr));
  size_t covered = 0, from = 0;
  while (from <= subject.size() && !subject.empty()) {
    auto match = [&](uint32_t options) {
      return pcre2_match(codeOf(program_),
                         reinterpret_cast<PCRE2_SPTR>(subject.data()),
                         subject.size(), from, PCRE2_NO_UTF_CHECK | options,
                         data.get(), nullptr);
    };
    int found = match(0);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT)
      found = match(PCRE2_NO_JIT);
    if (found == PCRE2_ERROR_NOMATCH)
      break;
    if (found < 0)
      return resourceExhausted(
          "the regular expression \"" + pattern_ + "\" gave up on a text of " +
          std::to_string(text.size()) + " bytes: " + errorText(found));
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(data.get());
    size_t begin = at[0], end = at[1];
    if (begin == end && begin == covered && !spans.empty()) {
      if (from >= subject.size())
        break;
      (void)nextCodePoint(subject, from);
      continue;
    }
    if (covered != begin)
      spans.push_back({covered, begin, false});
    spans.push_back({begin, end, true});
    covered = from = end;
  }
  if (covered != subject.size())
    spans.push_back({covered, subject.size(), false});
  return Status::success();
}

void splitByLiteral(std::string_view text, std::string_view literal,
                    std::vector<Span> &spans) {
  spans.clear();
  size_t covered = 0;
  for (size_t at; (at = text.find(literal, covered)) != std::string_view::npos;
       covered = at + literal.size()) {
    if (covered != at)
      spans.push_back({covered, at, false});
    spans.push_back({at, at + literal.size(), true});
  }
  if (covered != text.size())
    spans.push_back({covered, text.size(), false});
}

bool isWordCharacter(std::string_view character) {
  static const StatusOr<Regex> word =
      Regex::compile("[" + std::string(kRustWordItems) + "]");
  assert(word.ok() && "our own pattern");
  std::vector<Span> spans;
  return word->split(character, spans).ok() && spans[0].isMatch;
}

} // namespace ft::text
