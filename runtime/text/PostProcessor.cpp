//===- PostProcessor.cpp - the "post_processor" of tokenizer.json ---------===//
#include "runtime/text/PostProcessor.h"

namespace ft::text {

PostProcessor PostProcessor::around(std::vector<int32_t> before,
                                    std::vector<int32_t> after) {
  PostProcessor result;
  result.parts_ = {
      {false, std::move(before)}, {true, {}}, {false, std::move(after)}};
  result.pair_ = result.parts_;
  for (Part part : result.parts_) {
    part.isSecond = part.isText;
    part.segment = 1;
    result.pair_.push_back(std::move(part));
  }
  return result;
}

TokenPair PostProcessor::applyPair(const std::vector<int32_t> &first,
                                   const std::vector<int32_t> &second) const {
  TokenPair result;
  for (const Part &part : pair_) {
    const std::vector<int32_t> &tokens = !part.isText    ? part.tokens
                                         : part.isSecond ? second
                                                         : first;
    if (part.isText && part.isSecond)
      result.secondBegin = result.ids.size();
    result.ids.insert(result.ids.end(), tokens.begin(), tokens.end());
    if (part.isText && part.isSecond)
      result.secondEnd = result.ids.size();
    result.segments.resize(result.ids.size(), part.segment);
  }
  return result;
}

std::vector<int32_t> PostProcessor::apply(const std::vector<int32_t> &text,
                                          bool addSpecialTokens) const {
  std::vector<int32_t> result;
  for (const Part &part : parts_) {
    if (part.isText)
      result.insert(result.end(), text.begin(), text.end());
    else if (addSpecialTokens)
      result.insert(result.end(), part.tokens.begin(), part.tokens.end());
  }
  return result;
}

static bool isTokenId(const Json &json) {
  return json.is_number_unsigned() && json.get<uint64_t>() <= INT32_MAX;
}

/// ["[SEP]", 102]
static StatusOr<int32_t> tokenPair(Fields &fields, const char *key) {
  FT_ASSIGN_OR_RETURN(const Json *pair, fields.array(key));
  if (pair->size() != 2 || !(*pair)[0].is_string() || !isTokenId((*pair)[1]))
    return fields.error(key, "expected [token, id], found " +
                                 pair->dump().substr(0, 80));
  return (*pair)[1].get<int32_t>();
}

/// The ids of entry `name` of a template's "special_tokens".
static StatusOr<std::vector<int32_t>>
specialIds(Fields &fields, const Json &table, const std::string &name) {
  auto entry = table.find(name);
  if (entry == table.end())
    return fields.error("special_tokens", "the template uses \"" + name +
                                              "\", which is missing here");
  FT_ASSIGN_OR_RETURN(
      Fields token,
      Fields::of(*entry, fields.placeOf("special_tokens/" + name)));
  FT_ASSIGN_OR_RETURN(const Json *ids, token.array("ids"));
  std::vector<int32_t> result;
  for (const Json &id : *ids) {
    if (!isTokenId(id))
      return token.error("ids", "expected token ids, found " +
                                    ids->dump().substr(0, 80));
    result.push_back(id.get<int32_t>());
  }
  return result;
}

StatusOr<std::vector<PostProcessor::Part>>
PostProcessor::parseParts(Fields &fields, const char *key) {
  bool single = std::string_view(key) == "single";
  FT_ASSIGN_OR_RETURN(const Json *list, fields.array(key));
  FT_ASSIGN_OR_RETURN(const Json *table, fields.object("special_tokens"));
  std::vector<Part> parts;
  for (size_t i = 0; i < list->size(); ++i) {
    const Json &piece = (*list)[i];
    std::string at = std::string(key) + "/" + std::to_string(i);
    const auto *members = piece.get_ptr<const Json::object_t *>();
    std::string kind =
        members && members->size() == 1 ? members->begin()->first : "";
    if (kind != "Sequence" && kind != "SpecialToken")
      return fields.error(at, "expected {\"Sequence\": ...} or "
                              "{\"SpecialToken\": ...}, found " +
                                  piece.dump().substr(0, 80));
    FT_ASSIGN_OR_RETURN(
        Fields body,
        Fields::of(members->begin()->second, fields.placeOf(at + "/" + kind)));
    FT_ASSIGN_OR_RETURN(std::string id, body.string("id"));
    FT_ASSIGN_OR_RETURN(int64_t segment,
                        body.integer("type_id", 0, INT32_MAX, 0));
    Part part;
    part.isText = kind == "Sequence";
    part.isSecond = part.isText && id == "B";
    part.segment = int32_t(segment);
    if (part.isText && id != "A" && (single || id != "B"))
      return body.error(
          "id", std::string("the template for ") +
                    (single ? "one text can only use \"A\""
                            : "two texts can only use \"A\" and \"B\"") +
                    ", found \"" + id + "\"");
    if (!part.isText) {
      FT_ASSIGN_OR_RETURN(part.tokens, specialIds(fields, *table, id));
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

StatusOr<PostProcessor> PostProcessor::parseTemplate(Fields &fields) {
  PostProcessor result;
  FT_ASSIGN_OR_RETURN(result.parts_, parseParts(fields, "single"));
  FT_ASSIGN_OR_RETURN(result.pair_, parseParts(fields, "pair"));
  return result;
}

/// Of a sequence only one member may add tokens: the reference gives a second
/// one no meaning.
StatusOr<PostProcessor> PostProcessor::parseSequence(Fields &fields,
                                                     int depth) {
  if (depth >= kMaxNesting)
    return fields.error("", "post-processors are nested too deeply");
  FT_ASSIGN_OR_RETURN(const Json *items, fields.array("processors"));
  PostProcessor result;
  auto plain = [](const PostProcessor &processor) {
    return processor.parts_.size() == 1 && processor.parts_[0].isText;
  };
  for (size_t i = 0; i < items->size(); ++i) {
    std::string at = "processors/" + std::to_string(i);
    FT_ASSIGN_OR_RETURN(PostProcessor item,
                        parse((*items)[i], fields.placeOf(at), depth + 1));
    if (plain(item))
      continue;
    if (!plain(result))
      return fields.error(at, "a sequence of post-processors can only hold one "
                              "that adds tokens");
    result = std::move(item);
  }
  return result;
}

StatusOr<PostProcessor>
PostProcessor::parse(const Json &json, const std::string &place, int depth) {
  FT_ASSIGN_OR_RETURN(Fields fields, Fields::of(json, place));
  FT_ASSIGN_OR_RETURN(std::string type, fields.type("post-processor"));
  PostProcessor result;
  if (type == "TemplateProcessing") {
    FT_ASSIGN_OR_RETURN(result, parseTemplate(fields));
  } else if (type == "Sequence") {
    FT_ASSIGN_OR_RETURN(result, parseSequence(fields, depth));
  } else if (type == "BertProcessing" || type == "RobertaProcessing") {
    FT_ASSIGN_OR_RETURN(int32_t first, tokenPair(fields, "cls"));
    FT_ASSIGN_OR_RETURN(int32_t last, tokenPair(fields, "sep"));
    result = around({first}, {last});
    // Of two texts, [CLS] A [SEP] B [SEP] or <s> A </s> </s> B </s>.
    bool isBert = type == "BertProcessing";
    result.pair_[3].tokens = {isBert ? std::vector<int32_t>()
                                     : std::vector<int32_t>{last}};
    for (Part &part : result.pair_)
      part.segment *= isBert;
  } else if (type != "ByteLevel") {
    return fields.unknownType("post-processor", type,
                              "BertProcessing, ByteLevel, RobertaProcessing, "
                              "Sequence, TemplateProcessing");
  }
  // These two only trim offsets, which are not reported.
  if (type == "ByteLevel" || type == "RobertaProcessing")
    for (const char *key : {"trim_offsets", "add_prefix_space", "use_regex"})
      FT_RETURN_IF_ERROR(fields.boolean(key, true).status());
  FT_RETURN_IF_ERROR(fields.noOthers());
  return result;
}

} // namespace ft::text
