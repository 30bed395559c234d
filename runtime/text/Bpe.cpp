//===- Bpe.cpp - byte pair encoding ---------------------------------------===//
#include "runtime/text/Bpe.h"

#include "runtime/text/Unicode.h"

#include <algorithm>
#include <cstdio>
#include <queue>

namespace ft::text {

static uint64_t pairKey(int32_t left, int32_t right) {
  return uint64_t(uint32_t(left)) << 32 | uint32_t(right);
}

StatusOr<std::unique_ptr<const Model>> Bpe::parse(Fields &fields) {
  FT_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::parse(fields));
  std::unique_ptr<Bpe> bpe(new Bpe(std::move(vocabulary)));
  FT_RETURN_IF_ERROR(bpe->readOptions(fields));
  FT_RETURN_IF_ERROR(bpe->readMerges(fields));
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", unsigned(byte));
    bpe->byteTokens_[size_t(byte)] = bpe->vocabulary().find(name).value_or(-1);
  }
  return std::unique_ptr<const Model>(std::move(bpe));
}

Status Bpe::readOptions(Fields &fields) {
  const Json *dropout = fields.any("dropout");
  bool zero = dropout && dropout->is_number() && dropout->get<double>() == 0;
  if (dropout && !dropout->is_null() && !zero)
    return fields.error("dropout", "expected null, found " +
                                       dropout->dump().substr(0, 40) +
                                       "; random tokens are not supported");
  FT_ASSIGN_OR_RETURN(std::string unknown, fields.string("unk_token", ""));
  const Json *given = fields.any("unk_token");
  if (given && given->is_string())
    unknown_ = unknown;
  FT_ASSIGN_OR_RETURN(continuingPrefix_,
                      fields.string("continuing_subword_prefix", ""));
  FT_ASSIGN_OR_RETURN(endSuffix_, fields.string("end_of_word_suffix", ""));
  FT_ASSIGN_OR_RETURN(fuseUnknown_, fields.boolean("fuse_unk", false));
  FT_ASSIGN_OR_RETURN(byteFallback_, fields.boolean("byte_fallback", false));
  FT_ASSIGN_OR_RETURN(ignoreMerges_, fields.boolean("ignore_merges", false));
  return Status::success();
}

/// ["a b", ...], where a line "#version..." counts for nothing, or, since
/// tokens may hold spaces, [["a", "b"], ...].
Status Bpe::readMerges(Fields &fields) {
  FT_ASSIGN_OR_RETURN(const Json *list, fields.array("merges"));
  merges_.reserve(list->size());
  for (size_t i = 0; i < list->size(); ++i) {
    const Json &item = (*list)[i];
    if (item.is_array() && item.size() == 2 && item[0].is_string() &&
        item[1].is_string()) {
      FT_RETURN_IF_ERROR(addMerge(fields, i,
                                  item[0].get_ref<const std::string &>(),
                                  item[1].get_ref<const std::string &>()));
      continue;
    }
    std::string text = item.is_string() ? item.get<std::string>() : "";
    if (text.starts_with("#version"))
      continue;
    size_t space = text.find(' ');
    if (space == std::string::npos ||
        text.find(' ', space + 1) != std::string::npos)
      return fields.error("merges/" + std::to_string(i),
                          "expected two tokens, as \"a b\" or [\"a\", \"b\"], "
                          "found " +
                              item.dump().substr(0, 80));
    FT_RETURN_IF_ERROR(
        addMerge(fields, i, text.substr(0, space), text.substr(space + 1)));
  }
  return Status::success();
}

Status Bpe::addMerge(Fields &fields, size_t index, const std::string &left,
                     const std::string &right) {
  auto missing = [&](const std::string &token) {
    return fields.error("merges/" + std::to_string(index),
                        "the token \"" + token + "\" is not in the vocabulary");
  };
  if (right.size() < continuingPrefix_.size())
    return missing(left + right);
  std::string whole = left + right.substr(continuingPrefix_.size());
  std::optional<int32_t> leftId = vocabulary().find(left),
                         rightId = vocabulary().find(right),
                         wholeId = vocabulary().find(whole);
  if (!leftId || !rightId || !wholeId)
    return missing(!leftId ? left : !rightId ? right : whole);
  merges_[pairKey(*leftId, *rightId)] = {uint32_t(index), *wholeId};
  return Status::success();
}

const Bpe::Merge *Bpe::findMerge(int32_t left, int32_t right) const {
  auto it = merges_.find(pairKey(left, right));
  return it == merges_.end() ? nullptr : &it->second;
}

bool Bpe::fallBackToBytes(std::string_view text,
                          std::vector<int32_t> &out) const {
  for (char byte : text)
    if (byteTokens_[uint8_t(byte)] < 0)
      return false;
  for (char byte : text)
    out.push_back(byteTokens_[uint8_t(byte)]);
  return true;
}

/// The tokens of the single characters of `word`.
Status Bpe::startSymbols(std::string_view word,
                         std::vector<int32_t> &out) const {
  // An unknown token is only written when a known character or the end
  // follows, or when another unknown one does and they are not fused. Byte
  // tokens do not write it: it then comes after them, as in the reference.
  bool pendingUnknown = false;
  int32_t unknownId = unknown_ ? vocabulary().find(*unknown_).value_or(-1) : -1;
  for (size_t pos = 0; pos < word.size();) {
    size_t start = pos;
    (void)nextCodePoint(word, pos);
    std::string text(word.substr(start, pos - start));
    if (start > 0)
      text.insert(0, continuingPrefix_);
    if (pos == word.size())
      text += endSuffix_;
    if (std::optional<int32_t> id = vocabulary().find(text)) {
      if (pendingUnknown)
        out.push_back(unknownId);
      pendingUnknown = false;
      out.push_back(*id);
      continue;
    }
    if (byteFallback_ && fallBackToBytes(text, out))
      continue;
    if (!unknown_)
      continue;
    if (unknownId < 0)
      return corrupt("the text needs the unknown token \"" + *unknown_ +
                     "\", which is not in the tokenizer's vocabulary");
    if (pendingUnknown && !fuseUnknown_)
      out.push_back(unknownId);
    pendingUnknown = true;
  }
  if (pendingUnknown)
    out.push_back(unknownId);
  return Status::success();
}

/// Merge neighbours, lowest rank first, leftmost first among equals.
void Bpe::mergeAll(std::vector<Symbol> &symbols) const {
  struct Candidate {
    uint32_t rank;
    int32_t at, token;
    bool operator<(const Candidate &other) const { // for a max-heap
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  std::vector<Candidate> candidates;
  auto candidate = [&](int32_t at) -> std::optional<Candidate> {
    int32_t next = at < 0 ? -1 : symbols[size_t(at)].next;
    if (next < 0)
      return std::nullopt;
    const Merge *merge =
        findMerge(symbols[size_t(at)].token, symbols[size_t(next)].token);
    if (!merge)
      return std::nullopt;
    return Candidate{merge->rank, at, merge->token};
  };
  for (size_t i = 0; i < symbols.size(); ++i)
    if (auto found = candidate(int32_t(i)))
      candidates.push_back(*found);
  std::priority_queue<Candidate> queue({}, std::move(candidates));
  while (!queue.empty()) {
    Candidate top = queue.top();
    queue.pop();
    Symbol &left = symbols[size_t(top.at)];
    // The pair may have changed since it was queued.
    std::optional<Candidate> now =
        left.merged ? std::nullopt : candidate(top.at);
    if (!now || now->token != top.token)
      continue;
    Symbol &right = symbols[size_t(left.next)];
    right.merged = true;
    left.token = top.token;
    left.next = right.next;
    if (left.next >= 0)
      symbols[size_t(left.next)].previous = top.at;
    for (int32_t at : {left.previous, top.at})
      if (auto found = candidate(at))
        queue.push(*found);
  }
}

Status Bpe::tokenize(std::string_view word, std::vector<int32_t> &out) const {
  if (ignoreMerges_)
    if (std::optional<int32_t> whole = vocabulary().find(word)) {
      out.push_back(*whole);
      return Status::success();
    }
  if (word.size() > size_t(INT32_MAX) / 2)
    return resourceExhausted("a word of " + std::to_string(word.size()) +
                             " bytes is too long to be tokenized");
  std::vector<int32_t> tokens;
  FT_RETURN_IF_ERROR(startSymbols(word, tokens));
  std::vector<Symbol> symbols(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i)
    symbols[i] = {tokens[i], int32_t(i) - 1,
                  i + 1 < tokens.size() ? int32_t(i) + 1 : -1};
  mergeAll(symbols);
  for (const Symbol &symbol : symbols)
    if (!symbol.merged)
      out.push_back(symbol.token);
  return Status::success();
}

} // namespace ft::text
