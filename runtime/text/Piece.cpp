//===- Piece.cpp - a part of the text on its way to tokens ----------------===//
#include "runtime/text/Piece.h"

#include "runtime/text/Unicode.h"

#include <algorithm>
#include <array>

namespace ft::text {

Piece slice(const Piece &piece, size_t begin, size_t end) {
  size_t fromStart = piece.fromStart > begin ? piece.fromStart - begin : 0;
  return {piece.text.substr(begin, end - begin),
          std::min(fromStart, end - begin), kNoToken};
}

/// Merge each match into the span before it, unless that is a match, too.
static std::vector<Span> mergeMatches(const std::vector<Span> &spans) {
  std::vector<Span> merged;
  bool previousMatch = false;
  for (const Span &span : spans) {
    if (span.isMatch && !previousMatch && !merged.empty()) {
      merged.back().begin = std::min(merged.back().begin, span.begin);
      merged.back().end = std::max(merged.back().end, span.end);
    } else {
      merged.push_back(span);
    }
    previousMatch = span.isMatch;
  }
  return merged;
}

static std::vector<Span> joinEqual(const std::vector<Span> &spans) {
  std::vector<Span> joined;
  bool previousMatch = false;
  for (const Span &span : spans) {
    if (span.isMatch == previousMatch && !joined.empty())
      joined.back().end = span.end;
    else
      joined.push_back(span);
    previousMatch = span.isMatch;
  }
  return joined;
}

void splitPiece(const Piece &piece, std::vector<Span> spans,
                SplitBehavior behavior, std::vector<Piece> &out) {
  switch (behavior) {
  case SplitBehavior::Removed:
    std::erase_if(spans, [](const Span &span) { return span.isMatch; });
    break;
  case SplitBehavior::Isolated:
    break;
  case SplitBehavior::MergedWithPrevious:
    spans = mergeMatches(spans);
    break;
  case SplitBehavior::MergedWithNext:
    std::reverse(spans.begin(), spans.end());
    spans = mergeMatches(spans);
    std::reverse(spans.begin(), spans.end());
    break;
  case SplitBehavior::Contiguous:
    spans = joinEqual(spans);
    break;
  }
  for (const Span &span : spans)
    if (span.begin < span.end)
      out.push_back(slice(piece, span.begin, span.end));
}

void splitByPredicate(std::string_view text,
                      const std::function<bool(char32_t)> &matches,
                      std::vector<Span> &spans) {
  spans.clear();
  size_t covered = 0;
  for (size_t pos = 0; pos < text.size();) {
    size_t start = pos;
    if (!matches(nextCodePoint(text, pos)))
      continue;
    if (covered < start)
      spans.push_back({covered, start, false});
    spans.push_back({start, pos, true});
    covered = pos;
  }
  if (covered < text.size())
    spans.push_back({covered, text.size(), false});
}

namespace {
// GPT-2's alphabet: printable Latin-1 stands for itself, the other 68 bytes
// are U+0100 and up, in order.
struct Alphabet {
  std::array<char32_t, 256> standIn;
  std::array<int, 0x144> byte;

  Alphabet() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (int b = 0; b < 256; ++b) {
      bool printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b != 0xAD);
      standIn[size_t(b)] = printable ? char32_t(b) : next++;
      byte[standIn[size_t(b)]] = b;
    }
  }
};

const Alphabet &alphabet() {
  static const Alphabet instance;
  return instance;
}
} // namespace

void appendByteStandIn(uint8_t byte, std::string &out) {
  appendUtf8(alphabet().standIn[byte], out);
}

int byteOfStandIn(char32_t c) {
  return c < alphabet().byte.size() ? alphabet().byte[c] : -1;
}

} // namespace ft::text
