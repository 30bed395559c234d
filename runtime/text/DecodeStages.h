//===- DecodeStages.h - the kinds of decoders -------------------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_DECODESTAGES_H
#define FT_RUNTIME_TEXT_DECODESTAGES_H

#include "runtime/text/Decoder.h"
#include "runtime/text/Metaspace.h"

namespace ft::text {

/// A stage that looks at one whole token at a time.
class TokenStage : public DecodeStage {
public:
  void push(std::string_view text, bool endsToken) final;

protected:
  virtual void token(std::string text) = 0;
  void emit(std::string_view text) { next_->push(text, true); }

private:
  std::string pending_;
};

/// Replaces a string in every token.
class ReplaceStage : public TokenStage {
public:
  ReplaceStage(std::string from, std::string to)
      : from_(std::move(from)), to_(std::move(to)) {}

private:
  void token(std::string text) override;
  std::string from_, to_;
};

/// Runs of tokens <0xNN> become the text they spell, or, if it is none, one
/// U+FFFD each.
class ByteFallbackStage : public TokenStage {
public:
  void finish() override;

private:
  void token(std::string text) override;
  void flushBytes();
  std::string bytes_;
};

/// The marks of Metaspace become spaces; the one it prepended goes.
class MetaspaceStage : public TokenStage {
public:
  explicit MetaspaceStage(Metaspace options) : options_(std::move(options)) {}

private:
  void token(std::string text) override;
  Metaspace options_;
  bool first_ = true;
};

/// Tokens without the prefix start a word.
class WordPieceStage : public TokenStage {
public:
  WordPieceStage(std::string prefix, bool cleanUp)
      : prefix_(std::move(prefix)), cleanUp_(cleanUp) {}

private:
  void token(std::string text) override;
  std::string prefix_;
  bool cleanUp_, first_ = true;
};

/// The suffix that ends a word becomes a space, but not in the last token.
class SuffixStage : public TokenStage {
public:
  explicit SuffixStage(std::string suffix) : suffix_(std::move(suffix)) {}
  void finish() override;

private:
  void token(std::string text) override;
  std::string suffix_;
  std::optional<std::string> held_;
};

/// Tokens spelled in stand-ins for bytes become one text.
class ByteLevelStage : public TokenStage {
public:
  void finish() override;

private:
  void token(std::string text) override;
  std::string bytes_; // the start of a character
};

/// All tokens become one.
class FuseStage : public DecodeStage {
public:
  void push(std::string_view text, bool endsToken) override;
  void finish() override;
};

/// Removes up to `start` and `stop` copies of a character from the ends.
class StripStage : public DecodeStage {
public:
  StripStage(std::string content, size_t start, size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}
  void push(std::string_view text, bool endsToken) override;

private:
  std::string content_; // one character
  size_t start_, stop_;
  size_t cut_ = 0;      // copies removed from the start of this token
  std::string pending_; // all of this token, if its end matters
};

/// A space between tokens.
class JoinStage : public DecodeStage {
public:
  void push(std::string_view text, bool endsToken) override;

private:
  bool afterToken_ = false;
};

/// cleanUpSpaces of everything.
class CleanUpStage : public DecodeStage {
public:
  void push(std::string_view text, bool endsToken) override { all_ += text; }
  void finish() override;

private:
  std::string all_;
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_DECODESTAGES_H
