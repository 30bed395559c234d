//===- Tokenizer.cpp - text to token ids and back -------------------------===//
#include "runtime/text/Tokenizer.h"

#include "runtime/text/TokenizerParts.h"
#include "runtime/text/Unicode.h"

namespace ft::text {

Tokenizer::Tokenizer(std::unique_ptr<const Parts> parts)
    : parts_(std::move(parts)) {}
Tokenizer::Tokenizer(Tokenizer &&) noexcept = default;
Tokenizer &Tokenizer::operator=(Tokenizer &&) noexcept = default;
Tokenizer::~Tokenizer() = default;

static StatusOr<Json> parseJson(std::string_view text, const char *file) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    return corrupt(std::string(file) + " is not valid JSON (" +
                   std::to_string(text.size()) +
                   " bytes); it may be truncated or the pointer of a file "
                   "that was not downloaded");
  return json;
}

StatusOr<Tokenizer> Tokenizer::fromJson(std::string_view tokenizerJson,
                                        std::string_view tokenizerConfigJson) {
  auto parts = std::make_unique<Parts>();
  FT_ASSIGN_OR_RETURN(Json json, parseJson(tokenizerJson, "tokenizer.json"));
  FT_RETURN_IF_ERROR(parts->read(json));
  if (!tokenizerConfigJson.empty()) {
    FT_ASSIGN_OR_RETURN(
        Json config, parseJson(tokenizerConfigJson, "tokenizer_config.json"));
    FT_RETURN_IF_ERROR(parts->configure(config));
  }
  return Tokenizer(std::move(parts));
}

StatusOr<std::vector<int32_t>>
Tokenizer::encodeText(std::string_view text) const {
  std::string valid;
  if (!isValidUtf8(text)) {
    appendLossy(text, /*atEnd=*/true, valid);
    text = valid;
  }
  std::vector<Piece> pieces;
  FT_RETURN_IF_ERROR(
      parts_->added.extract(text, parts_->normalizer.get(), pieces));
  if (parts_->preTokenizer)
    FT_RETURN_IF_ERROR(parts_->preTokenizer->apply(pieces));
  std::vector<int32_t> ids;
  for (const Piece &piece : pieces) {
    if (piece.token != kNoToken)
      ids.push_back(piece.token);
    else if (!piece.text.empty())
      FT_RETURN_IF_ERROR(parts_->model->tokenize(piece.text, ids));
  }
  return ids;
}

StatusOr<std::vector<int32_t>> Tokenizer::encode(std::string_view text,
                                                 bool addSpecialTokens) const {
  FT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, encodeText(text));
  return parts_->postProcessor.apply(ids, addSpecialTokens);
}

StatusOr<TokenPair> Tokenizer::encodePair(std::string_view first,
                                          std::string_view second) const {
  FT_ASSIGN_OR_RETURN(std::vector<int32_t> a, encodeText(first));
  FT_ASSIGN_OR_RETURN(std::vector<int32_t> b, encodeText(second));
  return parts_->postProcessor.applyPair(a, b);
}

std::string Tokenizer::decode(std::span<const int32_t> ids,
                              bool skipSpecialTokens) const {
  StreamDecoder stream(*this, skipSpecialTokens);
  std::string text;
  for (int32_t id : ids)
    text += stream.add(id);
  return text + stream.flush();
}

size_t Tokenizer::vocabularySize() const {
  size_t size = parts_->model->vocabulary().size();
  for (auto &[content, id] : parts_->added.ids())
    size += !parts_->model->vocabulary().find(content);
  return size;
}

std::optional<int32_t> Tokenizer::idOf(std::string_view token) const {
  return parts_->idOf(std::string(token));
}

std::optional<std::string> Tokenizer::tokenOf(int32_t id) const {
  if (const AddedToken *token = parts_->added.find(id))
    return token->content;
  const std::string *text = parts_->model->vocabulary().token(id);
  return text ? std::optional(*text) : std::nullopt;
}

std::optional<int32_t> Tokenizer::maskToken() const { return parts_->mask; }

bool Tokenizer::isSpecial(int32_t id) const {
  const std::string *text = parts_->decodedText(id);
  return text && parts_->added.isSpecialText(*text);
}

namespace {
/// The end of the chain.
class Collect : public DecodeStage {
public:
  void push(std::string_view text, bool endsToken) override { text_ += text; }
  void finish() override {}
  std::string take() {
    std::string text;
    text.swap(text_);
    return text;
  }

private:
  std::string text_;
};
} // namespace

struct StreamDecoder::Run {
  const Tokenizer::Parts &parts;
  bool skipSpecialTokens;
  Collect collect;
  std::vector<std::unique_ptr<DecodeStage>> stages;

  DecodeStage &first() { return stages.empty() ? collect : *stages.front(); }
};

StreamDecoder::StreamDecoder(const Tokenizer &tokenizer, bool skipSpecialTokens)
    : run_(new Run{*tokenizer.parts_, skipSpecialTokens, {}, {}}) {
  for (const Decoder::Factory &make : run_->parts.decoder.stages())
    run_->stages.push_back(make());
  DecodeStage *next = &run_->collect;
  for (size_t i = run_->stages.size(); i-- > 0;) {
    run_->stages[i]->setNext(next);
    next = run_->stages[i].get();
  }
}
StreamDecoder::StreamDecoder(StreamDecoder &&) noexcept = default;
StreamDecoder::~StreamDecoder() = default;

std::string StreamDecoder::add(int32_t id) {
  const std::string *text = run_->parts.decodedText(id);
  if (!text ||
      (run_->skipSpecialTokens && run_->parts.added.isSpecialText(*text)))
    return {};
  run_->first().push(*text, /*endsToken=*/true);
  return run_->collect.take();
}

std::string StreamDecoder::flush() {
  run_->first().finish();
  return run_->collect.take();
}

} // namespace ft::text
