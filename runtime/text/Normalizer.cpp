//===- Normalizer.cpp - the "normalizer" of tokenizer.json ----------------===//
#include "runtime/text/Normalizer.h"

#include "runtime/text/Charsmap.h"
#include "runtime/text/Pattern.h"
#include "runtime/text/Unicode.h"

#include <functional>

namespace ft::text {

namespace {
using NormalizerPtr = std::shared_ptr<const Normalizer>;

/// Rewrite each code point on its own: `rewrite` appends what replaces it.
template <typename Rewrite>
void rewriteEach(Piece &piece, const Rewrite &rewrite) {
  std::string out;
  out.reserve(piece.text.size());
  size_t fromStart = 0;
  for (size_t pos = 0; pos < piece.text.size();) {
    bool first = pos < piece.fromStart;
    rewrite(nextCodePoint(piece.text, pos), out);
    if (first)
      fromStart = out.size();
  }
  piece.text = std::move(out);
  piece.fromStart = fromStart;
}

/// A rewriting code point by code point.
class EachNormalizer : public Normalizer {
public:
  using Rewrite = void (*)(char32_t, std::string &);
  explicit EachNormalizer(Rewrite rewrite) : rewrite_(rewrite) {}
  Status apply(Piece &piece) const override {
    rewriteEach(piece, rewrite_);
    return Status::success();
  }

private:
  Rewrite rewrite_;
};

void dropAccent(char32_t c, std::string &out) {
  if (!isCombiningMark(c))
    appendUtf8(c, out);
}

/// SentencePiece's cleaning: control characters go, odd spaces become plain.
void cleanLikeNmt(char32_t c, std::string &out) {
  if ((c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) ||
      c == 0x7F || c == 0x8F || c == 0x9F)
    return;
  bool space = c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
               (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
               c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
  appendUtf8(space ? U' ' : c, out);
}

/// Every byte of a character as its stand-in.
void spellBytes(char32_t c, std::string &out) {
  std::string bytes;
  appendUtf8(c, bytes);
  for (char byte : bytes)
    appendByteStandIn(uint8_t(byte), out);
}

void applyForm(NormalForm form, Piece &piece) {
  std::string_view text = piece.text;
  size_t fromStart = normalize(form, text.substr(0, piece.fromStart)).size();
  piece.text = normalize(form, text);
  // What the first character composes to may be longer than itself.
  while (fromStart && fromStart < piece.text.size() &&
         (uint8_t(piece.text[fromStart]) & 0xC0) == 0x80)
    ++fromStart;
  piece.fromStart = std::min(fromStart, piece.text.size());
}

class FormNormalizer : public Normalizer {
public:
  explicit FormNormalizer(NormalForm form) : form_(form) {}
  Status apply(Piece &piece) const override {
    applyForm(form_, piece);
    return Status::success();
  }

private:
  NormalForm form_;
};

class BertNormalizer : public Normalizer {
public:
  static StatusOr<NormalizerPtr> parse(Fields &fields) {
    auto result = std::make_shared<BertNormalizer>();
    FT_ASSIGN_OR_RETURN(result->clean_, fields.boolean("clean_text"));
    FT_ASSIGN_OR_RETURN(result->spaceCjk_,
                        fields.boolean("handle_chinese_chars"));
    FT_ASSIGN_OR_RETURN(result->lowercase_, fields.boolean("lowercase"));
    FT_ASSIGN_OR_RETURN(result->stripAccents_,
                        fields.boolean("strip_accents", result->lowercase_));
    return NormalizerPtr(result);
  }

  Status apply(Piece &piece) const override {
    if (clean_)
      rewriteEach(piece, [](char32_t c, std::string &out) {
        if (c != 0 && c != kReplacement && !isControl(c))
          appendUtf8(isWhitespace(c) ? U' ' : c, out);
      });
    if (spaceCjk_)
      rewriteEach(piece, [](char32_t c, std::string &out) {
        const char *space = isCjkIdeograph(c) ? " " : "";
        out += space;
        appendUtf8(c, out);
        out += space;
      });
    if (stripAccents_) {
      applyForm(NormalForm::NFD, piece);
      rewriteEach(piece, [](char32_t c, std::string &out) {
        if (!isNonspacingMark(c))
          appendUtf8(c, out);
      });
    }
    if (lowercase_)
      rewriteEach(piece, appendLowercase);
    return Status::success();
  }

private:
  bool clean_ = false, spaceCjk_ = false, stripAccents_ = false,
       lowercase_ = false;
};

class Strip : public Normalizer {
public:
  static StatusOr<NormalizerPtr> parse(Fields &fields) {
    auto result = std::make_shared<Strip>();
    FT_ASSIGN_OR_RETURN(result->left_, fields.boolean("strip_left"));
    FT_ASSIGN_OR_RETURN(result->right_, fields.boolean("strip_right"));
    return NormalizerPtr(result);
  }

  Status apply(Piece &piece) const override {
    std::string_view text = piece.text;
    size_t begin = 0, end = text.size();
    for (size_t next = 0; left_ && begin < end; begin = next)
      if (!isWhitespace(nextCodePoint(text, next)))
        break;
    while (right_ && end > begin) {
      size_t start = previousBoundary(text, end), pos = start;
      if (!isWhitespace(nextCodePoint(text, pos)))
        break;
      end = start;
    }
    piece = slice(piece, begin, end);
    return Status::success();
  }

private:
  bool left_ = false, right_ = false;
};

class Prepend : public Normalizer {
public:
  static StatusOr<NormalizerPtr> parse(Fields &fields) {
    auto result = std::make_shared<Prepend>();
    FT_ASSIGN_OR_RETURN(result->prefix_, fields.string("prepend"));
    return NormalizerPtr(result);
  }
  Status apply(Piece &piece) const override {
    if (!piece.text.empty()) {
      piece.text.insert(0, prefix_);
      piece.fromStart += piece.fromStart ? prefix_.size() : 0;
    }
    return Status::success();
  }

private:
  std::string prefix_;
};

class Replace : public Normalizer {
public:
  static StatusOr<NormalizerPtr> parse(Fields &fields) {
    auto result = std::make_shared<Replace>();
    FT_ASSIGN_OR_RETURN(result->pattern_, Pattern::parse(fields));
    FT_ASSIGN_OR_RETURN(result->content_, fields.string("content"));
    return NormalizerPtr(result);
  }

  Status apply(Piece &piece) const override {
    std::vector<Span> spans;
    FT_RETURN_IF_ERROR(pattern_.split(piece.text, spans));
    std::string out;
    size_t fromStart = 0;
    for (const Span &span : spans) {
      size_t before = out.size();
      if (span.isMatch)
        out += content_;
      else
        out.append(piece.text, span.begin, span.end - span.begin);
      // What replaces a match belongs to the last character of it.
      if (span.end <= piece.fromStart)
        fromStart = out.size();
      else if (!span.isMatch && span.begin < piece.fromStart)
        fromStart = before + piece.fromStart - span.begin;
    }
    piece.text = std::move(out);
    piece.fromStart = fromStart;
    return Status::success();
  }

private:
  Pattern pattern_;
  std::string content_;
};

/// SentencePiece's own rules: a short grapheme that the table knows is replaced
/// whole, others character by character.
class Precompiled : public Normalizer {
public:
  static StatusOr<NormalizerPtr> parse(Fields &fields) {
    FT_ASSIGN_OR_RETURN(std::string text,
                        fields.string("precompiled_charsmap"));
    auto result = std::make_shared<Precompiled>();
    StatusOr<Charsmap> map = Charsmap::decode(text);
    if (!map.ok())
      return fields.error("precompiled_charsmap", map.status().message());
    result->map_ = std::move(*map);
    return NormalizerPtr(result);
  }

  Status apply(Piece &piece) const override {
    constexpr size_t kShort = 6;
    std::string_view text = piece.text;
    std::string out;
    size_t fromStart = 0;
    for (size_t begin = 0, end = 0; begin < text.size(); begin = end) {
      end = nextGrapheme(text, begin);
      std::string_view whole = text.substr(begin, end - begin);
      auto found = whole.size() < kShort ? map_.find(whole) : std::nullopt;
      if (found)
        out += *found;
      else
        rewrite(whole, out);
      if (begin < piece.fromStart)
        fromStart = out.size();
    }
    piece.text = std::move(out);
    piece.fromStart = fromStart;
    return Status::success();
  }

private:
  void rewrite(std::string_view whole, std::string &out) const {
    for (size_t begin = 0, end = 0; begin < whole.size(); begin = end) {
      nextCodePoint(whole, end);
      std::string_view part = whole.substr(begin, end - begin);
      out += map_.find(part).value_or(part);
    }
  }

  Charsmap map_;
};

class Sequence : public Normalizer {
public:
  static StatusOr<NormalizerPtr> parse(Fields &fields, int depth) {
    if (depth >= kMaxNesting)
      return fields.error("", "normalizers are nested too deeply");
    auto result = std::make_shared<Sequence>();
    FT_ASSIGN_OR_RETURN(const Json *items, fields.array("normalizers"));
    for (size_t i = 0; i < items->size(); ++i) {
      FT_ASSIGN_OR_RETURN(
          NormalizerPtr item,
          parseNormalizer((*items)[i],
                          fields.placeOf("normalizers/" + std::to_string(i)),
                          depth + 1));
      result->items_.push_back(std::move(item));
    }
    return NormalizerPtr(result);
  }
  Status apply(Piece &piece) const override {
    for (const NormalizerPtr &item : items_)
      FT_RETURN_IF_ERROR(item->apply(piece));
    return Status::success();
  }

private:
  std::vector<NormalizerPtr> items_;
};

StatusOr<NormalizerPtr> parseKind(const std::string &type, Fields &fields,
                                  int depth) {
  static const std::pair<std::string_view, NormalForm> kForms[] = {
      {"NFC", NormalForm::NFC},
      {"NFD", NormalForm::NFD},
      {"NFKC", NormalForm::NFKC},
      {"NFKD", NormalForm::NFKD}};
  static const std::pair<std::string_view, EachNormalizer::Rewrite> kEach[] = {
      {"Lowercase", appendLowercase},
      {"StripAccents", dropAccent},
      {"Nmt", cleanLikeNmt},
      {"ByteLevel", spellBytes}};
  for (auto &[name, form] : kForms)
    if (name == type)
      return NormalizerPtr(std::make_shared<FormNormalizer>(form));
  for (auto &[name, rewrite] : kEach)
    if (name == type)
      return NormalizerPtr(std::make_shared<EachNormalizer>(rewrite));
  if (type == "BertNormalizer")
    return BertNormalizer::parse(fields);
  if (type == "Strip")
    return Strip::parse(fields);
  if (type == "Prepend")
    return Prepend::parse(fields);
  if (type == "Replace")
    return Replace::parse(fields);
  if (type == "Precompiled")
    return Precompiled::parse(fields);
  if (type == "Sequence")
    return Sequence::parse(fields, depth);
  return fields.unknownType(
      "normalizer", type,
      "BertNormalizer, ByteLevel, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, "
      "Precompiled, Prepend, Replace, Sequence, Strip, StripAccents");
}
} // namespace

StatusOr<NormalizerPtr> parseNormalizer(const Json &json,
                                        const std::string &place, int depth) {
  FT_ASSIGN_OR_RETURN(Fields fields, Fields::of(json, place));
  FT_ASSIGN_OR_RETURN(std::string type, fields.type("normalizer"));
  FT_ASSIGN_OR_RETURN(NormalizerPtr result, parseKind(type, fields, depth));
  FT_RETURN_IF_ERROR(fields.noOthers());
  return result;
}

} // namespace ft::text
