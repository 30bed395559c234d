//===- Metaspace.h - spaces as a visible character --------------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_METASPACE_H
#define FT_RUNTIME_TEXT_METASPACE_H

#include "runtime/text/Fields.h"
#include "runtime/text/Piece.h"

namespace ft::text {

/// SentencePiece's marking of spaces, as pre-tokenizer and as decoder.
struct Metaspace {
  enum class Prepend { First, Never, Always };

  static StatusOr<Metaspace> parse(Fields &fields);

  /// Replace the spaces of `piece`, and prepend the mark where asked for.
  void mark(Piece &piece) const;

  std::string replacement; // one character
  Prepend prepend = Prepend::Always;
  bool split = true;
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_METASPACE_H
