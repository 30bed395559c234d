//===- DecodeStages.cpp - the kinds of decoders ---------------------------===//
#include "runtime/text/DecodeStages.h"

#include "runtime/text/Piece.h"
#include "runtime/text/Unicode.h"

#include <cctype>

namespace ft::text {

static void replaceAll(std::string &text, std::string_view from,
                       std::string_view to) {
  std::string out;
  size_t done = 0;
  for (size_t at; (at = text.find(from, done)) != std::string::npos;
       done = at + from.size())
    out.append(text, done, at - done).append(to);
  if (done)
    text = out.append(text, done);
}

void TokenStage::push(std::string_view text, bool endsToken) {
  pending_ += text;
  if (!endsToken)
    return;
  std::string whole;
  whole.swap(pending_);
  token(std::move(whole));
}

void ReplaceStage::token(std::string text) {
  replaceAll(text, from_, to_);
  emit(text);
}

/// The byte of "<0xNN>", or -1. The reference's parser of hexadecimal numbers
/// takes a sign, so "<0x+A>" is a byte, too.
static int byteOfToken(std::string_view text) {
  if (text.size() != 6 || !text.starts_with("<0x") || text.back() != '>')
    return -1;
  std::string_view digits = text.substr(text[3] == '+' ? 4 : 3);
  int value = 0;
  for (char c : digits.substr(0, digits.size() - 1)) {
    if (!std::isxdigit(uint8_t(c)))
      return -1;
    int letter = std::tolower(uint8_t(c));
    value = value * 16 + (letter <= '9' ? letter - '0' : letter - 'a' + 10);
  }
  return value;
}

void ByteFallbackStage::token(std::string text) {
  int byte = byteOfToken(text);
  if (byte >= 0) {
    bytes_ += char(byte);
    return;
  }
  flushBytes();
  emit(text);
}

void ByteFallbackStage::flushBytes() {
  std::string bytes;
  bytes.swap(bytes_);
  if (bytes.empty())
    return;
  if (isValidUtf8(bytes)) {
    emit(bytes);
    return;
  }
  for (size_t i = 0; i < bytes.size(); ++i)
    emit("\xEF\xBF\xBD");
}

void ByteFallbackStage::finish() {
  flushBytes();
  next_->finish();
}

void MetaspaceStage::token(std::string text) {
  bool drop = first_ && options_.prepend != Metaspace::Prepend::Never;
  replaceAll(text, options_.replacement, drop ? "" : " ");
  first_ = false;
  emit(text);
}

void WordPieceStage::token(std::string text) {
  if (!first_) {
    if (text.starts_with(prefix_))
      text.erase(0, prefix_.size());
    else
      text.insert(0, 1, ' ');
  }
  first_ = false;
  if (cleanUp_) {
    // The order matters: the reference has one rule more than Transformers.
    static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
    for (auto [from, to] : kRules)
      replaceAll(text, from, to);
  }
  emit(text);
}

void SuffixStage::token(std::string text) {
  if (held_) {
    replaceAll(*held_, suffix_, " ");
    emit(*held_);
  }
  held_ = std::move(text);
}

void SuffixStage::finish() {
  if (held_) {
    replaceAll(*held_, suffix_, "");
    emit(*held_);
  }
  next_->finish();
}

void ByteLevelStage::token(std::string text) {
  std::string bytes;
  for (size_t pos = 0; pos < text.size();) {
    int byte = byteOfStandIn(nextCodePoint(text, pos));
    if (byte < 0) { // an added token that is spelled as it is
      bytes = text;
      break;
    }
    bytes += char(byte);
  }
  bytes_ += bytes;
  std::string out;
  bytes_.erase(0, appendLossy(bytes_, /*atEnd=*/false, out));
  next_->push(out, false);
}

void ByteLevelStage::finish() {
  std::string out;
  appendLossy(bytes_, /*atEnd=*/true, out);
  next_->push(out, true);
  next_->finish();
}

void FuseStage::push(std::string_view text, bool endsToken) {
  next_->push(text, false);
}

void FuseStage::finish() {
  next_->push("", true);
  next_->finish();
}

void StripStage::push(std::string_view text, bool endsToken) {
  // Once another character came, `cut_` is at its limit.
  while (cut_ < start_ && !text.empty()) {
    if (!text.starts_with(content_)) {
      cut_ = start_;
      break;
    }
    text.remove_prefix(content_.size());
    ++cut_;
  }
  if (stop_) {
    pending_ += text;
    if (!endsToken)
      return;
    text = pending_;
    for (size_t i = 0; i < stop_ && text.ends_with(content_); ++i)
      text.remove_suffix(content_.size());
  }
  next_->push(text, endsToken);
  if (endsToken) {
    cut_ = 0;
    pending_.clear();
  }
}

void JoinStage::push(std::string_view text, bool endsToken) {
  if (afterToken_)
    next_->push(" ", false);
  afterToken_ = endsToken;
  next_->push(text, endsToken);
}

std::string cleanUpSpaces(std::string text) {
  static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},     {" ?", "?"},     {" !", "!"},   {" ,", ","},
      {" ' ", "'"},    {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"},
      {" 've", "'ve"}, {" 're", "'re"}};
  for (auto [from, to] : kRules)
    replaceAll(text, from, to);
  return text;
}

void CleanUpStage::finish() {
  next_->push(cleanUpSpaces(std::move(all_)), true);
  next_->finish();
}

} // namespace ft::text
