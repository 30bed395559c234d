//===- Vocabulary.cpp - tokens and their ids ------------------------------===//
#include "runtime/text/Vocabulary.h"

namespace ft::text {

StatusOr<Vocabulary> Vocabulary::parse(Fields &fields) {
  FT_ASSIGN_OR_RETURN(const Json *json, fields.object("vocab"));
  Vocabulary vocabulary;
  vocabulary.ids_.reserve(json->size());
  vocabulary.tokens_.reserve(json->size());
  for (auto &[token, id] : json->items()) {
    bool valid = id.is_number_unsigned() && id.get<uint64_t>() <= INT32_MAX;
    if (!valid)
      return fields.error("vocab", "the id of \"" + token +
                                       "\" has to be an integer from 0 to " +
                                       std::to_string(INT32_MAX) + ", found " +
                                       id.dump().substr(0, 40));
    int32_t value = id.get<int32_t>();
    auto entry = vocabulary.ids_.emplace(token, value).first;
    vocabulary.tokens_[value] = &entry->first;
  }
  return vocabulary;
}

} // namespace ft::text
