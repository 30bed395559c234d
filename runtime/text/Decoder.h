//===- Decoder.h - the "decoder" of tokenizer.json --------------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_DECODER_H
#define FT_RUNTIME_TEXT_DECODER_H

#include "runtime/text/Fields.h"

#include <functional>
#include <memory>

namespace ft::text {

/// A step from tokens to text. Text arrives in pieces that hold whole
/// characters; a token is one or more pieces, the last of which ends it. What
/// can be decided early is passed on early: that is what makes streaming work.
class DecodeStage {
public:
  virtual ~DecodeStage() = default;
  virtual void push(std::string_view text, bool endsToken) = 0;
  /// No more tokens will come.
  virtual void finish() { next_->finish(); }
  /// REQUIRES: `next` outlives this.
  void setNext(DecodeStage *next) { next_ = next; }

protected:
  DecodeStage *next_ = nullptr;
};

/// Makes text of tokens. Immutable: the state of a run is in its stages.
class Decoder {
public:
  using Factory = std::function<std::unique_ptr<DecodeStage>()>;

  /// The decoder that `json`, found at `place`, describes.
  static StatusOr<Decoder> parse(const Json &json, const std::string &place);
  /// What is done without a decoder: tokens with spaces between.
  static Decoder joinedBySpaces();

  /// Afterwards, remove spaces before punctuation and English contractions,
  /// in which case nothing can be passed on before the end.
  void addCleanUp();

  const std::vector<Factory> &stages() const { return stages_; }

private:
  Status append(const Json &json, const std::string &place, int depth);

  std::vector<Factory> stages_;
};

/// Transformers' clean_up_tokenization.
std::string cleanUpSpaces(std::string text);

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_DECODER_H
