//===- RegexProperties.h - names of character sets --------------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_REGEXPROPERTIES_H
#define FT_RUNTIME_TEXT_REGEXPROPERTIES_H

#include <string>
#include <string_view>

namespace ft::text {

/// Oniguruma's word characters as items of a PCRE2 class. Below U+0100 it goes
/// by its table of Latin-1, in which superscripts and fractions are among them.
inline constexpr std::string_view kWordItems =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";

/// The same for the word characters of Rust's regular expressions.
inline constexpr std::string_view kRustWordItems =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d})";

/// The items of a PCRE2 class for Oniguruma's \p{name}. A name that is no
/// category and no known property is passed on as a script, which PCRE2 refuses
/// if it is none.
std::string propertyItems(std::string_view name);

/// The same for [:name:]; empty if that is not supported.
std::string posixItems(std::string_view name);

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_REGEXPROPERTIES_H
