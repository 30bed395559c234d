//===- Piece.h - a part of the text on its way to tokens --------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_PIECE_H
#define FT_RUNTIME_TEXT_PIECE_H

#include "runtime/text/Regex.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ft::text {

constexpr int32_t kNoToken = -1;

/// Valid UTF-8 that normalizers rewrite and pre-tokenizers split.
struct Piece {
  std::string text;
  /// How many leading bytes of `text` come from the first character of the
  /// whole input: Metaspace may treat the very first piece differently.
  size_t fromStart = 0;
  /// The token this piece is, if an added token matched; then it is final.
  int32_t token = kNoToken;
};

/// What becomes of the matches when a piece is split.
enum class SplitBehavior {
  Removed,
  Isolated,
  MergedWithPrevious,
  MergedWithNext,
  Contiguous
};

/// The part of `piece` from `begin` to `end`.
Piece slice(const Piece &piece, size_t begin, size_t end);

/// Append the parts of `piece` that `spans` and `behavior` ask for; empty ones
/// are dropped.
void splitPiece(const Piece &piece, std::vector<Span> spans,
                SplitBehavior behavior, std::vector<Piece> &out);

/// Each character that `matches` as a match of its own.
void splitByPredicate(std::string_view text,
                      const std::function<bool(char32_t)> &matches,
                      std::vector<Span> &spans);

/// The printable stand-in that byte-level tokenizers use for a byte.
void appendByteStandIn(uint8_t byte, std::string &out);
/// The byte that `c` stands for, or -1.
int byteOfStandIn(char32_t c);

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_PIECE_H
