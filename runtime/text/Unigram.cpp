//===- Unigram.cpp - the likeliest tokens of a word -----------------------===//
#include "runtime/text/Unigram.h"

#include "runtime/text/Unicode.h"

#include <algorithm>
#include <cstdio>

namespace ft::text {

StatusOr<std::unique_ptr<const Model>> Unigram::parse(Fields &fields) {
  // What an unknown character costs beyond the unlikeliest token.
  constexpr double kPenalty = 10;
  std::vector<double> scores;
  FT_ASSIGN_OR_RETURN(Vocabulary vocabulary,
                      Vocabulary::parseScored(fields, scores));
  std::unique_ptr<Unigram> model(new Unigram(std::move(vocabulary)));
  FT_ASSIGN_OR_RETURN(
      int64_t unknown,
      fields.integer("unk_id", 0, int64_t(scores.size()) - 1, -1));
  FT_ASSIGN_OR_RETURN(model->byteFallback_,
                      fields.boolean("byte_fallback", false));
  model->unknown_ = int32_t(unknown);
  for (size_t id = 0; id < scores.size(); ++id)
    if (const std::string *token = model->vocabulary().token(int32_t(id)))
      model->longest_ = std::max(model->longest_, token->size());
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof(name), "<0x%02X>", unsigned(byte));
    model->byteTokens_[size_t(byte)] =
        model->vocabulary().find(name).value_or(-1);
  }
  double least =
      scores.empty() ? 0 : *std::min_element(scores.begin(), scores.end());
  model->unknownScore_ = least - kPenalty;
  model->scores_ = std::move(scores);
  return std::unique_ptr<const Model>(std::move(model));
}

/// The best way to every place between characters.
StatusOr<std::vector<Unigram::Node>>
Unigram::search(std::string_view word) const {
  std::vector<Node> nodes(word.size() + 1);
  auto offer = [&](size_t from, size_t to, int32_t token, double score) {
    Node &node = nodes[to];
    double sum = score + nodes[from].score;
    if (!node.reached || sum > node.score)
      node = {sum, token, from, true};
  };
  for (size_t start = 0, next = 0; start < word.size(); start = next) {
    nextCodePoint(word, next);
    bool isToken = false;
    for (size_t end = next; end - start <= longest_;) {
      std::optional<int32_t> id =
          vocabulary().find(word.substr(start, end - start));
      if (id) {
        offer(start, end, *id, scores_[size_t(*id)]);
        isToken |= end == next;
      }
      if (end == word.size())
        break;
      nextCodePoint(word, end);
    }
    if (isToken)
      continue;
    if (unknown_ < 0)
      return corrupt("the text needs an unknown token, and the tokenizer's "
                     "unk_id names none");
    offer(start, next, unknown_, unknownScore_);
  }
  return nodes;
}

/// A token's text, or that of unknown characters in a row.
Status Unigram::append(std::string_view part, std::vector<int32_t> &out) const {
  if (std::optional<int32_t> id = vocabulary().find(part)) {
    out.push_back(*id);
    return Status::success();
  }
  auto hasToken = [&](char byte) { return byteTokens_[uint8_t(byte)] >= 0; };
  if (byteFallback_ && std::all_of(part.begin(), part.end(), hasToken)) {
    for (char byte : part)
      out.push_back(byteTokens_[uint8_t(byte)]);
    return Status::success();
  }
  out.push_back(unknown_);
  return Status::success();
}

Status Unigram::tokenize(std::string_view word,
                         std::vector<int32_t> &out) const {
  FT_ASSIGN_OR_RETURN(std::vector<Node> nodes, search(word));
  std::vector<std::string_view> parts; // last first
  bool joins = false;                  // the part before is unknown, too
  for (size_t end = word.size(); end > 0; end = nodes[end].start) {
    const Node &node = nodes[end];
    std::string_view part = word.substr(node.start, end - node.start);
    bool isUnknown = unknown_ >= 0 && node.token == unknown_;
    if (isUnknown && joins)
      parts.back() = word.substr(node.start, part.size() + parts.back().size());
    else
      parts.push_back(part);
    joins = isUnknown;
  }
  for (size_t i = parts.size(); i-- > 0;)
    FT_RETURN_IF_ERROR(append(parts[i], out));
  return Status::success();
}

} // namespace ft::text
