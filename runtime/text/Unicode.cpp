//===- Unicode.cpp - UTF-8, categories and normal forms -------------------===//
#include "runtime/text/Unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <iterator>
#include <vector>

namespace ft::text {

namespace {
struct Range {
  char32_t first, last;
};
struct CategoryRange {
  char32_t first, last;
  const char *category;
};
struct DeltaRange {
  char32_t first, last;
  int32_t delta;
};
#include "runtime/text/UnicodeDeltas.inc"

template <typename T, size_t N>
const T *findRange(const T (&ranges)[N], char32_t c) {
  const T *it = std::lower_bound(
      std::begin(ranges), std::end(ranges), c,
      [](const T &range, char32_t value) { return range.last < value; });
  return it != std::end(ranges) && it->first <= c ? it : nullptr;
}

/// The property `library` corrected by the two lists of differences.
template <size_t N, size_t M>
bool corrected(bool library, char32_t c, const Range (&missing)[N],
               const Range (&extra)[M]) {
  return library ? !findRange(extra, c) : findRange(missing, c) != nullptr;
}

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(utf8proc_int32_t(c));
}
} // namespace

char32_t nextCodePoint(std::string_view text, size_t &pos) {
  auto byte = [&](size_t i) { return char32_t(uint8_t(text[pos + i])); };
  char32_t lead = byte(0), c;
  size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  assert(pos + size <= text.size() && "not valid UTF-8");
  switch (size) {
  case 1:
    c = lead;
    break;
  case 2:
    c = (lead & 0x1F) << 6 | (byte(1) & 0x3F);
    break;
  case 3:
    c = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    break;
  default:
    c = (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 |
        (byte(3) & 0x3F);
  }
  pos += size;
  return c;
}

size_t previousBoundary(std::string_view text, size_t pos) {
  do
    --pos;
  while (pos > 0 && (uint8_t(text[pos]) & 0xC0) == 0x80);
  return pos;
}

size_t nextGrapheme(std::string_view text, size_t pos) {
  utf8proc_int32_t state = 0;
  char32_t before = nextCodePoint(text, pos);
  while (pos < text.size()) {
    size_t next = pos;
    char32_t c = nextCodePoint(text, next);
    if (utf8proc_grapheme_break_stateful(utf8proc_int32_t(before),
                                         utf8proc_int32_t(c), &state))
      break;
    before = c;
    pos = next;
  }
  return pos;
}

void appendUtf8(char32_t c, std::string &out) {
  if (c < 0x80) {
    out += char(c);
  } else if (c < 0x800) {
    out += {char(0xC0 | c >> 6), char(0x80 | (c & 0x3F))};
  } else if (c < 0x10000) {
    out += {char(0xE0 | c >> 12), char(0x80 | (c >> 6 & 0x3F)),
            char(0x80 | (c & 0x3F))};
  } else {
    out += {char(0xF0 | c >> 18), char(0x80 | (c >> 12 & 0x3F)),
            char(0x80 | (c >> 6 & 0x3F)), char(0x80 | (c & 0x3F))};
  }
}

namespace {
/// How many bytes a sequence that starts with `lead` has (0: none does), and
/// the range of its second byte, which excludes overlong forms, surrogates
/// and values beyond U+10FFFF.
struct SequenceShape {
  size_t size;
  uint8_t low, high;
};
SequenceShape shapeOf(uint8_t lead) {
  if (lead < 0x80)
    return {1, 0, 0};
  if (lead < 0xC2 || lead > 0xF4)
    return {0, 0, 0};
  if (lead < 0xE0)
    return {2, 0x80, 0xBF};
  if (lead < 0xF0)
    return {3, uint8_t(lead == 0xE0 ? 0xA0 : 0x80),
            uint8_t(lead == 0xED ? 0x9F : 0xBF)};
  return {4, uint8_t(lead == 0xF0 ? 0x90 : 0x80),
          uint8_t(lead == 0xF4 ? 0x8F : 0xBF)};
}

/// Length of the longest prefix of `bytes` that starts a sequence of `shape`.
size_t matchingPrefix(std::string_view bytes, SequenceShape shape) {
  size_t length = 1;
  uint8_t low = shape.low, high = shape.high;
  while (length < shape.size && length < bytes.size()) {
    uint8_t next = uint8_t(bytes[length]);
    if (next < low || next > high)
      break;
    low = 0x80;
    high = 0xBF;
    ++length;
  }
  return length;
}
} // namespace

size_t appendLossy(std::string_view bytes, bool atEnd, std::string &out) {
  size_t pos = 0;
  while (pos < bytes.size()) {
    SequenceShape shape = shapeOf(uint8_t(bytes[pos]));
    size_t length = matchingPrefix(bytes.substr(pos), shape);
    if (length == shape.size) {
      out.append(bytes, pos, length);
    } else {
      if (!atEnd && shape.size && pos + length == bytes.size())
        return pos;
      appendUtf8(kReplacement, out);
    }
    pos += length;
  }
  return pos;
}

bool isValidUtf8(std::string_view bytes) {
  for (size_t pos = 0; pos < bytes.size();) {
    SequenceShape shape = shapeOf(uint8_t(bytes[pos]));
    if (!shape.size || matchingPrefix(bytes.substr(pos), shape) != shape.size)
      return false;
    pos += shape.size;
  }
  return true;
}

bool isWhitespace(char32_t c) {
  if (c < 0x80)
    return (c >= 9 && c <= 13) || c == ' ';
  utf8proc_category_t kind = category(c);
  return c == 0x85 || kind == UTF8PROC_CATEGORY_ZS ||
         kind == UTF8PROC_CATEGORY_ZL || kind == UTF8PROC_CATEGORY_ZP;
}

bool isPunctuation(char32_t c) {
  if (c < 0x80)
    return c > ' ' && c < 0x7F && !(c >= '0' && c <= '9') &&
           !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z');
  utf8proc_category_t kind = category(c);
  return corrected(kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO,
                   c, kPunctuationMissing, kPunctuationExtra);
}

bool isNumeric(char32_t c) {
  utf8proc_category_t kind = category(c);
  return corrected(kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO,
                   c, kNumericMissing, kNumericExtra);
}

bool isControl(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r')
    return false;
  utf8proc_category_t kind = category(c);
  return corrected(kind == UTF8PROC_CATEGORY_CC ||
                       kind == UTF8PROC_CATEGORY_CF ||
                       kind == UTF8PROC_CATEGORY_CO,
                   c, kControlMissing, kControlExtra);
}

bool isNonspacingMark(char32_t c) {
  return corrected(category(c) == UTF8PROC_CATEGORY_MN, c,
                   kNonspacingMarkMissing, kNonspacingMarkExtra);
}

bool isCombiningMark(char32_t c) {
  utf8proc_category_t kind = category(c);
  return corrected(kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME,
                   c, kCombiningMarkMissing, kCombiningMarkExtra);
}

bool isCjkIdeograph(char32_t c) {
  static constexpr Range kBlocks[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},
                                      {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
                                      {0x2A700, 0x2B81F}, {0x2B920, 0x2CEAF},
                                      {0x2F800, 0x2FA1F}};
  return findRange(kBlocks, c) != nullptr;
}

void appendLowercase(char32_t c, std::string &out) {
  constexpr char32_t kCapitalIWithDot = 0x130;
  if (c < 0x80) {
    out += char(c >= 'A' && c <= 'Z' ? c + 32 : c);
  } else if (c == kCapitalIWithDot) {
    // The only unconditional mapping to two code points.
    out += "i\xCC\x87";
  } else if (const DeltaRange *later = findRange(kLowerLater, c)) {
    appendUtf8(char32_t(int32_t(c) + later->delta), out);
  } else {
    appendUtf8(char32_t(utf8proc_tolower(utf8proc_int32_t(c))), out);
  }
}

namespace {
utf8proc_option_t optionsOf(NormalForm form) {
  switch (form) {
  case NormalForm::NFC:
    return utf8proc_option_t(UTF8PROC_STABLE | UTF8PROC_COMPOSE);
  case NormalForm::NFD:
    return utf8proc_option_t(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
  case NormalForm::NFKC:
    return utf8proc_option_t(UTF8PROC_STABLE | UTF8PROC_COMPOSE |
                             UTF8PROC_COMPAT);
  case NormalForm::NFKD:
    break;
  }
  return utf8proc_option_t(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE |
                           UTF8PROC_COMPAT);
}

void appendNormalized(utf8proc_option_t options, std::string_view text,
                      std::string &out) {
  auto *bytes = reinterpret_cast<const utf8proc_uint8_t *>(text.data());
  auto size = utf8proc_ssize_t(text.size());
  std::vector<utf8proc_int32_t> buffer(text.size() + 32);
  utf8proc_ssize_t count = utf8proc_decompose(
      bytes, size, buffer.data(), utf8proc_ssize_t(buffer.size()), options);
  if (count > utf8proc_ssize_t(buffer.size())) {
    buffer.resize(size_t(count));
    count = utf8proc_decompose(bytes, size, buffer.data(), count, options);
  }
  assert(count >= 0 && "the text was valid UTF-8");
  count = utf8proc_normalize_utf32(buffer.data(), count, options);
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    appendUtf8(char32_t(buffer[size_t(i)]), out);
}
} // namespace

std::string normalize(NormalForm form, std::string_view text) {
  if (std::all_of(text.begin(), text.end(),
                  [](char byte) { return uint8_t(byte) < 0x80; }))
    return std::string(text);
  // A code point that the reference does not know is a starter that neither
  // composes nor decomposes: the texts on both sides of it are independent.
  std::string out;
  size_t begin = 0;
  for (size_t pos = 0; pos < text.size();) {
    size_t start = pos;
    if (!findRange(kInert, nextCodePoint(text, pos)))
      continue;
    appendNormalized(optionsOf(form), text.substr(begin, start - begin), out);
    out.append(text, start, pos - start);
    begin = pos;
  }
  appendNormalized(optionsOf(form), text.substr(begin), out);
  return out;
}

namespace {
/// A code point of Unicode 14 with this category and 3 or 4 bytes of UTF-8;
/// 0 where there is none. "+": alphabetic, or for letters lower case.
char32_t representative(std::string_view category, bool fourBytes) {
  static constexpr struct {
    std::string_view category;
    char32_t three, four;
  } kTable[] = {{"Lu", 0x10A0, 0x10400},  {"Ll", 0x2D00, 0x10428},
                {"Lm", 0xA015, 0x16B40},  {"Lm+", 0x1D2C, 0x10780},
                {"Lo", 0xA000, 0x10280},  {"Mn", 0x1037, 0x101FD},
                {"Mn+", 0x102D, 0x10376}, {"Mc", 0x302E, 0x111C0},
                {"Mc+", 0x102B, 0x11000}, {"Nd", 0x0F20, 0x104A0},
                {"Nl", 0x16EE, 0x10140},  {"No", 0x1369, 0x10107},
                {"Pd", 0x2E17, 0x10EAD},  {"Po", 0x1360, 0x10100},
                {"Sm", 0x2A00, 0x1D6C1},  {"Sc", 0x20A0, 0x11FDD},
                {"Sk", 0x1FBD, 0x1F3FB},  {"So", 0x2800, 0x10137},
                {"Cf", 0x2060, 0x1BCA0}};
  for (auto &entry : kTable)
    if (entry.category == category)
      return fourBytes ? entry.four : entry.three;
  return 0;
}
} // namespace

std::string withKnownCodePoints(std::string_view text) {
  constexpr char32_t kFirstHan = 0x20000;
  std::string copy;
  for (size_t pos = 0; pos < text.size();) {
    size_t start = pos;
    char32_t c = nextCodePoint(text, pos);
    const CategoryRange *later =
        c < kAssignedLater[0].first ? nullptr : findRange(kAssignedLater, c);
    if (!later)
      continue;
    char32_t known = c > kFirstHan
                         ? kFirstHan
                         : representative(later->category, c >= 0x10000);
    if (!known)
      continue;
    if (copy.empty())
      copy = text;
    std::string bytes;
    appendUtf8(known, bytes);
    copy.replace(start, bytes.size(), bytes);
  }
  return copy;
}

} // namespace ft::text
