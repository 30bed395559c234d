//===- TokenizerParts.h - what a tokenizer consists of ----------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_TOKENIZERPARTS_H
#define FT_RUNTIME_TEXT_TOKENIZERPARTS_H

#include "runtime/text/AddedTokens.h"
#include "runtime/text/Decoder.h"
#include "runtime/text/Model.h"
#include "runtime/text/Normalizer.h"
#include "runtime/text/PostProcessor.h"
#include "runtime/text/PreTokenizer.h"
#include "runtime/text/Tokenizer.h"

namespace ft::text {

struct Tokenizer::Parts {
  std::unique_ptr<const Model> model;
  std::shared_ptr<const Normalizer> normalizer;     // may be null
  std::shared_ptr<const PreTokenizer> preTokenizer; // may be null
  AddedTokens added;
  PostProcessor postProcessor;
  Decoder decoder;
  std::optional<int32_t> mask; // the token of a word to be guessed

  std::optional<int32_t> idOf(const std::string &token) const {
    std::optional<int32_t> id = added.find(token);
    return id ? id : model->vocabulary().find(token);
  }
  /// The text that decoders see; null for an id that no token has.
  const std::string *decodedText(int32_t id) const {
    const std::string *text = added.decodedText(id);
    return text ? text : model->vocabulary().token(id);
  }

  /// Set everything from the contents of tokenizer.json.
  Status read(const Json &json);
  /// Apply tokenizer_config.json as Transformers does.
  Status configure(const Json &config);

private:
  Status addConfigured(const Json &config);
  StatusOr<std::vector<int32_t>> boundary(const Json &config, const char *flag,
                                          const char *name) const;
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_TOKENIZERPARTS_H
