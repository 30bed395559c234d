//===- AddedTokens.cpp - tokens matched before the model sees text --------===//
#include "runtime/text/AddedTokens.h"

#include "runtime/text/Unicode.h"

#include <algorithm>

namespace ft::text {

StatusOr<AddedToken> AddedToken::parse(const Json &json,
                                       const std::string &place) {
  FT_ASSIGN_OR_RETURN(Fields fields, Fields::of(json, place));
  FT_RETURN_IF_ERROR(fields.integer("id", 0, INT32_MAX, 0).status());
  AddedToken token;
  FT_ASSIGN_OR_RETURN(token.content, fields.string("content"));
  FT_ASSIGN_OR_RETURN(token.singleWord, fields.boolean("single_word"));
  FT_ASSIGN_OR_RETURN(token.lstrip, fields.boolean("lstrip"));
  FT_ASSIGN_OR_RETURN(token.rstrip, fields.boolean("rstrip"));
  FT_ASSIGN_OR_RETURN(token.normalized, fields.boolean("normalized"));
  FT_ASSIGN_OR_RETURN(token.special, fields.boolean("special"));
  FT_RETURN_IF_ERROR(fields.noOthers());
  return token;
}

uint32_t StringMatcher::child(uint32_t node, char byte) const {
  for (auto [label, next] : nodes_[node].next)
    if (label == byte)
      return next;
  return 0;
}

void StringMatcher::add(std::string_view text, int32_t value) {
  uint32_t node = 0;
  for (char byte : text) {
    uint32_t next = child(node, byte);
    if (!next) {
      next = uint32_t(nodes_.size());
      nodes_.emplace_back();
      nodes_[node].next.emplace_back(byte, next);
    }
    node = next;
  }
  if (nodes_[node].value == kNoToken)
    nodes_[node].value = value;
}

size_t StringMatcher::longestAt(std::string_view text, size_t pos,
                                int32_t &value) const {
  size_t longest = 0;
  uint32_t node = 0;
  for (size_t i = pos; i < text.size(); ++i) {
    node = child(node, text[i]);
    if (!node)
      break;
    if (nodes_[node].value != kNoToken) {
      longest = i + 1 - pos;
      value = nodes_[node].value;
    }
  }
  return longest;
}

Status AddedTokens::add(const std::vector<AddedToken> &tokens,
                        const Model &model, const Normalizer *normalizer) {
  int32_t free = int32_t(model.vocabulary().size());
  if (!tokens_.empty())
    free = std::max(free, tokens_.rbegin()->first + 1);
  for (const AddedToken &token : tokens) {
    if (token.content.empty())
      continue;
    std::optional<int32_t> id = find(token.content);
    if (id && tokens_.at(*id) == token)
      continue;
    if (!id)
      id = model.vocabulary().find(token.content);
    if (!id)
      id = free++;
    if (token.normalized && normalizer) {
      Piece piece{token.content};
      FT_RETURN_IF_ERROR(normalizer->apply(piece));
      if (piece.text.empty())
        return unsupported("the added token \"" + token.content +
                           "\" is empty after normalization, so it would "
                           "match everywhere; remove it or set its "
                           "\"normalized\" to false");
      if (piece.text != token.content)
        normalizedText_[*id] = piece.text;
    }
    ids_[token.content] = *id;
    if (token.special)
      special_.insert(token.content);
    tokens_[*id] = token;
  }
  verbatim_ = normalized_ = {};
  for (auto &[id, token] : tokens_)
    if (token.normalized)
      normalized_.add(*decodedText(id), id);
    else
      verbatim_.add(token.content, id);
  return Status::success();
}

const AddedToken *AddedTokens::find(int32_t id) const {
  auto it = tokens_.find(id);
  return it == tokens_.end() ? nullptr : &it->second;
}

std::optional<int32_t> AddedTokens::find(const std::string &content) const {
  auto it = ids_.find(content);
  return it == ids_.end() ? std::nullopt : std::optional(it->second);
}

const std::string *AddedTokens::decodedText(int32_t id) const {
  auto it = normalizedText_.find(id);
  if (it != normalizedText_.end())
    return &it->second;
  const AddedToken *token = find(id);
  return token ? &token->content : nullptr;
}

bool AddedTokens::standsAlone(std::string_view text, size_t begin,
                              size_t end) const {
  if (begin > 0) {
    size_t pos = previousBoundary(text, begin);
    if (isWordCharacter(text.substr(pos, begin - pos)))
      return false;
  }
  if (end == text.size())
    return true;
  size_t next = end;
  (void)nextCodePoint(text, next);
  return !isWordCharacter(text.substr(end, next - end));
}

static size_t leftOfSpaces(std::string_view text, size_t pos) {
  while (pos > 0) {
    size_t start = previousBoundary(text, pos), at = start;
    if (!isWhitespace(nextCodePoint(text, at)))
      break;
    pos = start;
  }
  return pos;
}

static size_t rightOfSpaces(std::string_view text, size_t pos) {
  for (size_t next = pos; pos < text.size(); pos = next)
    if (!isWhitespace(nextCodePoint(text, next)))
      break;
  return pos;
}

void AddedTokens::findMatches(const Piece &piece, const StringMatcher &matcher,
                              std::vector<Piece> &out) const {
  std::string_view text = piece.text;
  size_t covered = 0;
  for (size_t pos = 0; pos < text.size();) {
    int32_t id = kNoToken;
    size_t length = matcher.longestAt(text, pos, id);
    if (!length) {
      ++pos;
      continue;
    }
    size_t begin = pos, end = pos + length;
    pos = end; // even if the match is refused
    const AddedToken &token = tokens_.at(id);
    if (token.singleWord && !standsAlone(text, begin, end))
      continue;
    if (token.lstrip)
      begin = std::max(leftOfSpaces(text, begin), covered);
    if (token.rstrip)
      end = rightOfSpaces(text, end);
    if (covered < begin)
      out.push_back(slice(piece, covered, begin));
    // A token that begins in the spaces another one took still counts, unless
    // nothing of it is left.
    if (begin < end)
      out.push_back({{}, 0, id});
    covered = end;
  }
  if (covered < text.size())
    out.push_back(slice(piece, covered, text.size()));
}

Status AddedTokens::extract(std::string_view text, const Normalizer *normalizer,
                            std::vector<Piece> &pieces) const {
  Piece whole{std::string(text)};
  if (!text.empty())
    (void)nextCodePoint(text, whole.fromStart);
  std::vector<Piece> parts;
  findMatches(whole, verbatim_, parts);
  for (Piece &part : parts) {
    if (part.token != kNoToken) {
      pieces.push_back(std::move(part));
      continue;
    }
    if (normalizer)
      FT_RETURN_IF_ERROR(normalizer->apply(part));
    findMatches(part, normalized_, pieces);
  }
  return Status::success();
}

} // namespace ft::text
