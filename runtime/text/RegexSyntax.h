//===- RegexSyntax.h - Oniguruma patterns for PCRE2 -------------*- C++ -*-===//
//
// tokenizer.json holds regular expressions in Oniguruma's syntax. The two
// dialects share most of their spelling; where one spelling means two things
// (\s, \w, \b, \h, \v, ^, (?m), nested classes, scripts), the pattern is
// rewritten, and what has no equivalent is refused.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_TEXT_REGEXSYNTAX_H
#define FT_RUNTIME_TEXT_REGEXSYNTAX_H

#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace ft::text {

/// The PCRE2 pattern (for UTF, MULTILINE and newline LF) that matches what
/// Oniguruma's default syntax matches with `pattern`.
StatusOr<std::string> pcreFromOniguruma(std::string_view pattern);

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_REGEXSYNTAX_H
