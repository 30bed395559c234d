//===- Unicode.h - UTF-8, categories and normal forms -----------*- C++ -*-===//
//
// The character properties that Hugging Face's tokenizers use, from utf8proc
// and the differences between its Unicode version and theirs
// (UnicodeDeltas.inc, written by make_unicode_deltas.py).
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_TEXT_UNICODE_H
#define FT_RUNTIME_TEXT_UNICODE_H

#include <cstddef>
#include <string>
#include <string_view>

namespace ft::text {

constexpr char32_t kReplacement = 0xFFFD;

/// The code point at `pos` of valid UTF-8; `pos` moves behind it.
/// REQUIRES: pos < text.size(), `text` is valid and `pos` is a boundary.
char32_t nextCodePoint(std::string_view text, size_t &pos);

/// The byte offset of the code point that ends at `pos` of valid UTF-8.
/// REQUIRES: pos > 0.
size_t previousBoundary(std::string_view text, size_t pos);

/// Where the grapheme (extended grapheme cluster) that starts at `pos` ends.
/// REQUIRES: pos < text.size().
size_t nextGrapheme(std::string_view text, size_t pos);

void appendUtf8(char32_t codePoint, std::string &out);

/// Append `bytes` to `out` as valid UTF-8, each maximal invalid subpart as one
/// U+FFFD (what Python's errors="replace" and Rust's from_utf8_lossy give).
/// Unless `atEnd`, a tail that more bytes could complete is left alone.
/// Returns how many bytes were consumed.
size_t appendLossy(std::string_view bytes, bool atEnd, std::string &out);

bool isValidUtf8(std::string_view bytes);

bool isWhitespace(char32_t c);     // White_Space
bool isPunctuation(char32_t c);    // P*, and ASCII symbols
bool isNumeric(char32_t c);        // N*
bool isControl(char32_t c);        // Cc, Cf, Co without tab, LF and CR
bool isNonspacingMark(char32_t c); // Mn
bool isCombiningMark(char32_t c);  // M*
bool isCjkIdeograph(char32_t c);   // the blocks that BERT sets apart

/// Append the full lower-case mapping of one code point, without context.
void appendLowercase(char32_t c, std::string &out);

enum class NormalForm { NFC, NFD, NFKC, NFKD };

/// REQUIRES: `text` is valid UTF-8.
std::string normalize(NormalForm form, std::string_view text);

/// Copy of `text` in which code points younger than the regular expression
/// library's Unicode are replaced by older ones of the same category and the
/// same length in bytes. Empty when nothing had to be replaced.
std::string withKnownCodePoints(std::string_view text);

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_UNICODE_H
