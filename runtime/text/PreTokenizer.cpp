//===- PreTokenizer.cpp - the "pre_tokenizer" of tokenizer.json -----------===//
#include "runtime/text/PreTokenizer.h"

#include "runtime/text/Metaspace.h"
#include "runtime/text/Pattern.h"
#include "runtime/text/RegexProperties.h"
#include "runtime/text/Unicode.h"

namespace ft::text {

Status PreTokenizer::apply(std::vector<Piece> &pieces) const {
  std::vector<Piece> out;
  out.reserve(pieces.size());
  for (Piece &piece : pieces) {
    if (piece.token != kNoToken)
      out.push_back(std::move(piece));
    else
      FT_RETURN_IF_ERROR(split(std::move(piece), out));
  }
  std::erase_if(out, [](const Piece &piece) {
    return piece.token == kNoToken && piece.text.empty();
  });
  pieces = std::move(out);
  return Status::success();
}

namespace {
using PreTokenizerPtr = std::shared_ptr<const PreTokenizer>;

StatusOr<SplitBehavior> parseBehavior(Fields &fields,
                                      std::optional<std::string> or_ = {}) {
  static constexpr std::pair<std::string_view, SplitBehavior> kBehaviors[] = {
      {"Removed", SplitBehavior::Removed},
      {"Isolated", SplitBehavior::Isolated},
      {"MergedWithPrevious", SplitBehavior::MergedWithPrevious},
      {"MergedWithNext", SplitBehavior::MergedWithNext},
      {"Contiguous", SplitBehavior::Contiguous}};
  FT_ASSIGN_OR_RETURN(std::string name, fields.string("behavior", or_));
  for (auto &[candidate, behavior] : kBehaviors)
    if (candidate == name)
      return behavior;
  return fields.error("behavior",
                      "expected Removed, Isolated, MergedWithPrevious, "
                      "MergedWithNext or Contiguous, found \"" +
                          name + "\"");
}

/// Splits at the characters that `matches`.
class PredicateSplit : public PreTokenizer {
public:
  PredicateSplit(std::function<bool(char32_t)> matches, SplitBehavior behavior)
      : matches_(std::move(matches)), behavior_(behavior) {}

private:
  Status split(Piece piece, std::vector<Piece> &out) const override {
    std::vector<Span> spans;
    splitByPredicate(piece.text, matches_, spans);
    splitPiece(piece, std::move(spans), behavior_, out);
    return Status::success();
  }

  std::function<bool(char32_t)> matches_;
  SplitBehavior behavior_;
};

/// Splits at the matches of a pattern, or, inverted, at what lies between.
class Split : public PreTokenizer {
public:
  static StatusOr<PreTokenizerPtr> parse(Fields &fields) {
    auto result = std::make_shared<Split>();
    FT_ASSIGN_OR_RETURN(result->pattern_, Pattern::parse(fields));
    FT_ASSIGN_OR_RETURN(result->behavior_, parseBehavior(fields));
    FT_ASSIGN_OR_RETURN(result->invert_, fields.boolean("invert"));
    return PreTokenizerPtr(result);
  }

private:
  Status split(Piece piece, std::vector<Piece> &out) const override {
    std::vector<Span> spans;
    FT_RETURN_IF_ERROR(pattern_.split(piece.text, spans));
    for (Span &span : spans)
      span.isMatch ^= invert_;
    splitPiece(piece, std::move(spans), behavior_, out);
    return Status::success();
  }

  Pattern pattern_;
  SplitBehavior behavior_ = SplitBehavior::Isolated;
  bool invert_ = false;
};

/// Keeps the matches of a regular expression and drops the rest.
class KeepMatches : public PreTokenizer {
public:
  explicit KeepMatches(Regex regex) : regex_(std::move(regex)) {}

  /// Runs of word characters, and runs of what is neither word nor space. The
  /// words are those of Rust's regular expressions.
  static StatusOr<PreTokenizerPtr> words() {
    std::string word(kRustWordItems);
    FT_ASSIGN_OR_RETURN(Regex regex,
                        Regex::compile("[" + word + "]+|[^" + word + "\\s]+"));
    return PreTokenizerPtr(std::make_shared<KeepMatches>(std::move(regex)));
  }

private:
  Status split(Piece piece, std::vector<Piece> &out) const override {
    std::vector<Span> spans;
    FT_RETURN_IF_ERROR(regex_.split(piece.text, spans));
    for (Span &span : spans)
      span.isMatch = !span.isMatch;
    splitPiece(piece, std::move(spans), SplitBehavior::Removed, out);
    return Status::success();
  }

  Regex regex_;
};

class ByteLevel : public PreTokenizer {
public:
  static StatusOr<PreTokenizerPtr> parse(Fields &fields) {
    constexpr std::string_view kGpt2Words =
        R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|)"
        R"(\s+(?!\S)|\s+)";
    auto result = std::make_shared<ByteLevel>();
    FT_ASSIGN_OR_RETURN(result->addPrefixSpace_,
                        fields.boolean("add_prefix_space"));
    // Offsets are not reported, so how they would be trimmed is irrelevant.
    FT_RETURN_IF_ERROR(fields.boolean("trim_offsets", true).status());
    FT_ASSIGN_OR_RETURN(bool useRegex, fields.boolean("use_regex", true));
    if (useRegex) {
      FT_ASSIGN_OR_RETURN(result->words_, Regex::compile(kGpt2Words));
    }
    return PreTokenizerPtr(result);
  }

private:
  Status split(Piece piece, std::vector<Piece> &out) const override {
    if (addPrefixSpace_ && !piece.text.starts_with(' ')) {
      piece.text.insert(0, 1, ' ');
      piece.fromStart += piece.fromStart ? 1 : 0;
    }
    std::vector<Span> spans{{0, piece.text.size(), false}};
    if (words_)
      FT_RETURN_IF_ERROR(words_->split(piece.text, spans));
    for (const Span &span : spans) {
      Piece word;
      for (size_t i = span.begin; i < span.end; ++i) {
        appendByteStandIn(uint8_t(piece.text[i]), word.text);
        if (i < piece.fromStart)
          word.fromStart = word.text.size();
      }
      out.push_back(std::move(word));
    }
    return Status::success();
  }

  bool addPrefixSpace_ = false;
  std::optional<Regex> words_;
};

class MetaspaceSplit : public PreTokenizer {
public:
  explicit MetaspaceSplit(Metaspace options) : options_(std::move(options)) {}

private:
  Status split(Piece piece, std::vector<Piece> &out) const override {
    options_.mark(piece);
    if (!options_.split) {
      out.push_back(std::move(piece));
      return Status::success();
    }
    std::vector<Span> spans;
    splitByLiteral(piece.text, options_.replacement, spans);
    splitPiece(piece, std::move(spans), SplitBehavior::MergedWithNext, out);
    return Status::success();
  }

  Metaspace options_;
};

/// Cuts every `length` characters.
class FixedLength : public PreTokenizer {
public:
  explicit FixedLength(int64_t length) : length_(length) {}

private:
  Status split(Piece piece, std::vector<Piece> &out) const override {
    for (size_t begin = 0, pos = 0; begin < piece.text.size(); begin = pos) {
      for (int64_t i = 0; i < length_ && pos < piece.text.size(); ++i)
        (void)nextCodePoint(piece.text, pos);
      out.push_back(slice(piece, begin, pos));
    }
    return Status::success();
  }

  int64_t length_;
};

/// One after the other.
class Sequence : public PreTokenizer {
public:
  static StatusOr<PreTokenizerPtr> parse(Fields &fields, int depth) {
    if (depth >= kMaxNesting)
      return fields.error("", "pre-tokenizers are nested too deeply");
    auto result = std::make_shared<Sequence>();
    FT_ASSIGN_OR_RETURN(const Json *items, fields.array("pretokenizers"));
    for (size_t i = 0; i < items->size(); ++i) {
      FT_ASSIGN_OR_RETURN(
          PreTokenizerPtr item,
          parsePreTokenizer(
              (*items)[i], fields.placeOf("pretokenizers/" + std::to_string(i)),
              depth + 1));
      result->items_.push_back(std::move(item));
    }
    return PreTokenizerPtr(result);
  }

private:
  Status split(Piece piece, std::vector<Piece> &out) const override {
    std::vector<Piece> parts;
    parts.push_back(std::move(piece));
    for (const PreTokenizerPtr &item : items_)
      FT_RETURN_IF_ERROR(item->apply(parts));
    std::move(parts.begin(), parts.end(), std::back_inserter(out));
    return Status::success();
  }

  std::vector<PreTokenizerPtr> items_;
};

class BertSplit : public PreTokenizer {
  Status split(Piece piece, std::vector<Piece> &out) const override {
    std::vector<Span> spans;
    std::vector<Piece> words;
    splitByPredicate(piece.text, isWhitespace, spans);
    splitPiece(piece, spans, SplitBehavior::Removed, words);
    for (const Piece &word : words) {
      splitByPredicate(word.text, isPunctuation, spans);
      splitPiece(word, spans, SplitBehavior::Isolated, out);
    }
    return Status::success();
  }
};

PreTokenizerPtr atCharacters(std::function<bool(char32_t)> matches,
                             SplitBehavior behavior) {
  return std::make_shared<PredicateSplit>(std::move(matches), behavior);
}

StatusOr<PreTokenizerPtr> parseKind(const std::string &type, Fields &fields,
                                    int depth) {
  if (type == "BertPreTokenizer")
    return PreTokenizerPtr(std::make_shared<BertSplit>());
  if (type == "ByteLevel")
    return ByteLevel::parse(fields);
  if (type == "CharDelimiterSplit") {
    FT_ASSIGN_OR_RETURN(std::string delimiter, fields.character("delimiter"));
    size_t pos = 0;
    return atCharacters(
        [c = nextCodePoint(delimiter, pos)](char32_t x) { return x == c; },
        SplitBehavior::Removed);
  }
  if (type == "Digits") {
    FT_ASSIGN_OR_RETURN(bool each, fields.boolean("individual_digits"));
    return atCharacters(isNumeric, each ? SplitBehavior::Isolated
                                        : SplitBehavior::Contiguous);
  }
  if (type == "FixedLength") {
    FT_ASSIGN_OR_RETURN(int64_t length,
                        fields.integer("length", 1, INT32_MAX, 5));
    return PreTokenizerPtr(std::make_shared<FixedLength>(length));
  }
  if (type == "Metaspace") {
    FT_ASSIGN_OR_RETURN(Metaspace options, Metaspace::parse(fields));
    return PreTokenizerPtr(std::make_shared<MetaspaceSplit>(options));
  }
  if (type == "Punctuation") {
    FT_ASSIGN_OR_RETURN(SplitBehavior behavior,
                        parseBehavior(fields, "Isolated"));
    return atCharacters(isPunctuation, behavior);
  }
  if (type == "Sequence")
    return Sequence::parse(fields, depth);
  if (type == "Split")
    return Split::parse(fields);
  if (type == "Whitespace")
    return KeepMatches::words();
  if (type == "WhitespaceSplit")
    return atCharacters(isWhitespace, SplitBehavior::Removed);
  return fields.unknownType(
      "pre-tokenizer", type,
      "BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, FixedLength, "
      "Metaspace, Punctuation, Sequence, Split, Whitespace, WhitespaceSplit");
}
} // namespace

StatusOr<PreTokenizerPtr>
parsePreTokenizer(const Json &json, const std::string &place, int depth) {
  FT_ASSIGN_OR_RETURN(Fields fields, Fields::of(json, place));
  FT_ASSIGN_OR_RETURN(std::string type, fields.type("pre-tokenizer"));
  FT_ASSIGN_OR_RETURN(PreTokenizerPtr result, parseKind(type, fields, depth));
  FT_RETURN_IF_ERROR(fields.noOthers());
  return result;
}

} // namespace ft::text
