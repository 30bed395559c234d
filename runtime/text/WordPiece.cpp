//===- WordPiece.cpp - longest match first --------------------------------===//
#include "runtime/text/WordPiece.h"

#include "runtime/text/Unicode.h"

#include <algorithm>

namespace ft::text {

StatusOr<std::unique_ptr<const Model>> WordPiece::parse(Fields &fields) {
  FT_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::parse(fields));
  std::unique_ptr<WordPiece> model(new WordPiece(std::move(vocabulary)));
  FT_ASSIGN_OR_RETURN(model->unknown_, fields.string("unk_token"));
  FT_ASSIGN_OR_RETURN(model->prefix_,
                      fields.string("continuing_subword_prefix"));
  FT_ASSIGN_OR_RETURN(model->maxCharacters_,
                      fields.integer("max_input_chars_per_word", 0, INT64_MAX));
  return std::unique_ptr<const Model>(std::move(model));
}

Status WordPiece::tokenize(std::string_view word,
                           std::vector<int32_t> &out) const {
  auto length = std::count_if(word.begin(), word.end(), [](char byte) {
    return (uint8_t(byte) & 0xC0) != 0x80;
  });
  size_t before = out.size(), start = 0;
  while (start < word.size() && length <= maxCharacters_) {
    std::string candidate = (start ? prefix_ : "");
    size_t skipped = candidate.size();
    candidate += word.substr(start);
    std::optional<int32_t> id;
    while (candidate.size() > skipped && !(id = vocabulary().find(candidate)))
      candidate.resize(previousBoundary(candidate, candidate.size()));
    if (!id)
      break;
    out.push_back(*id);
    start += candidate.size() - skipped;
  }
  if (start == word.size())
    return Status::success();
  out.resize(before);
  std::optional<int32_t> unknown = vocabulary().find(unknown_);
  if (!unknown)
    return corrupt("the text needs the unknown token \"" + unknown_ +
                   "\", which is not in the tokenizer's vocabulary");
  out.push_back(*unknown);
  return Status::success();
}

} // namespace ft::text
