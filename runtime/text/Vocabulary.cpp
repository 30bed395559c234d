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
    vocabulary.add(token, id.get<int32_t>());
  }
  return vocabulary;
}

StatusOr<Vocabulary> Vocabulary::parseScored(Fields &fields,
                                             std::vector<double> &scores) {
  FT_ASSIGN_OR_RETURN(const Json *json, fields.array("vocab"));
  Vocabulary vocabulary;
  vocabulary.ids_.reserve(json->size());
  vocabulary.tokens_.reserve(json->size());
  for (const Json &entry : *json) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() ||
        !entry[1].is_number())
      return fields.error("vocab", "expected [token, score], found " +
                                       entry.dump().substr(0, 80));
    vocabulary.add(entry[0].get<std::string>(), int32_t(scores.size()));
    scores.push_back(entry[1].get<double>());
  }
  return vocabulary;
}

} // namespace ft::text
