//===- TokenizerParts.cpp - what a tokenizer consists of ------------------===//
#include "runtime/text/TokenizerParts.h"

#include <algorithm>

namespace ft::text {

Status Tokenizer::Parts::read(const Json &json) {
  FT_ASSIGN_OR_RETURN(Fields fields, Fields::of(json, ""));
  FT_ASSIGN_OR_RETURN(std::string version, fields.string("version", "1.0"));
  if (version != "1.0")
    return fields.error("version",
                        "expected \"1.0\", found \"" + version + "\"");
  auto given = [&](const char *key) {
    const Json *value = fields.any(key);
    return value && !value->is_null() ? value : nullptr;
  };
  FT_ASSIGN_OR_RETURN(const Json *modelJson, fields.object("model"));
  FT_ASSIGN_OR_RETURN(model, parseModel(*modelJson, "/model"));
  if (const Json *value = given("normalizer")) {
    FT_ASSIGN_OR_RETURN(normalizer, parseNormalizer(*value, "/normalizer"));
  }
  if (const Json *value = given("pre_tokenizer")) {
    FT_ASSIGN_OR_RETURN(preTokenizer,
                        parsePreTokenizer(*value, "/pre_tokenizer"));
  }
  if (const Json *value = given("post_processor")) {
    FT_ASSIGN_OR_RETURN(postProcessor,
                        PostProcessor::parse(*value, "/post_processor"));
  }
  decoder = Decoder::joinedBySpaces();
  if (const Json *value = given("decoder")) {
    FT_ASSIGN_OR_RETURN(decoder, Decoder::parse(*value, "/decoder"));
  }
  std::vector<AddedToken> tokens;
  if (given("added_tokens")) {
    FT_ASSIGN_OR_RETURN(const Json *list, fields.array("added_tokens"));
    for (size_t i = 0; i < list->size(); ++i) {
      FT_ASSIGN_OR_RETURN(
          AddedToken token,
          AddedToken::parse((*list)[i], "/added_tokens/" + std::to_string(i)));
      tokens.push_back(std::move(token));
    }
  }
  FT_RETURN_IF_ERROR(added.add(tokens, *model, normalizer.get()));
  // Both only count where a call asks for them.
  for (const char *key : {"truncation", "padding"})
    (void)fields.any(key);
  return fields.noOthers();
}

/// A special token is written as its text or as an object with "content".
static std::optional<AddedToken> specialToken(const Json &json) {
  AddedToken token;
  token.special = true;
  if (json.is_string()) {
    token.content = json.get<std::string>();
    return token;
  }
  if (!json.is_object() || !json.contains("content") ||
      !json["content"].is_string())
    return std::nullopt;
  auto flag = [&](const char *key) {
    auto it = json.find(key);
    return it != json.end() && it->is_boolean() && it->get<bool>();
  };
  token.content = json["content"].get<std::string>();
  token.singleWord = flag("single_word");
  token.lstrip = flag("lstrip");
  token.rstrip = flag("rstrip");
  token.normalized = flag("normalized");
  return token;
}

/// The tokens of "added_tokens_decoder" in order of id, then the named special
/// tokens that are still missing.
Status Tokenizer::Parts::addConfigured(const Json &config) {
  std::vector<AddedToken> missing;
  auto table = config.find("added_tokens_decoder");
  if (table != config.end() && table->is_object()) {
    std::vector<std::pair<int64_t, AddedToken>> listed;
    for (auto &[id, json] : table->items()) {
      std::optional<AddedToken> token = specialToken(json);
      if (!token || id.empty() || id.size() > 9 ||
          id.find_first_not_of("0123456789") != std::string::npos)
        return corrupt("tokenizer_config.json at /added_tokens_decoder/" + id +
                       ": expected a token id and its token, found " +
                       json.dump().substr(0, 80));
      token->special = json.value("special", Json()) == true;
      listed.emplace_back(std::stoll(id), *token);
    }
    std::sort(listed.begin(), listed.end(),
              [](auto &a, auto &b) { return a.first < b.first; });
    for (auto &[id, token] : listed)
      missing.push_back(std::move(token));
  }
  FT_RETURN_IF_ERROR(added.add(missing, *model, normalizer.get()));
  missing.clear();
  auto addNamed = [&](const Json &json) {
    std::optional<AddedToken> token = specialToken(json);
    if (token && !added.find(token->content))
      missing.push_back(*token);
  };
  for (const char *key : {"bos_token", "eos_token", "unk_token", "sep_token",
                          "pad_token", "cls_token", "mask_token"})
    if (config.contains(key))
      addNamed(config[key]);
  for (const char *key : {"additional_special_tokens", "extra_special_tokens"})
    if (config.contains(key) && config[key].is_array())
      for (const Json &json : config[key])
        addNamed(json);
  return added.add(missing, *model, normalizer.get());
}

/// The token `name` if `flag` is set.
StatusOr<std::vector<int32_t>>
Tokenizer::Parts::boundary(const Json &config, const char *flag,
                           const char *name) const {
  if (config.value(flag, Json()) != true || !config.contains(name))
    return std::vector<int32_t>();
  std::optional<AddedToken> token = specialToken(config[name]);
  std::optional<int32_t> id = token ? idOf(token->content) : std::nullopt;
  if (!id && config[name].is_null())
    return std::vector<int32_t>();
  if (!id)
    return corrupt(std::string("tokenizer_config.json at /") + name +
                   ": expected a token of the vocabulary, found " +
                   config[name].dump().substr(0, 80));
  return std::vector<int32_t>{*id};
}

Status Tokenizer::Parts::configure(const Json &config) {
  if (!config.is_object())
    return corrupt("tokenizer_config.json: expected an object, found " +
                   std::string(config.type_name()));
  FT_RETURN_IF_ERROR(addConfigured(config));
  if (config.contains("mask_token"))
    if (std::optional<AddedToken> token = specialToken(config["mask_token"]))
      mask = idOf(token->content);
  if (config.contains("add_bos_token") || config.contains("add_eos_token")) {
    FT_ASSIGN_OR_RETURN(std::vector<int32_t> before,
                        boundary(config, "add_bos_token", "bos_token"));
    FT_ASSIGN_OR_RETURN(std::vector<int32_t> after,
                        boundary(config, "add_eos_token", "eos_token"));
    postProcessor = PostProcessor::around(before, after);
  }
  if (config.value("clean_up_tokenization_spaces", Json()) == true &&
      !model->isBpe())
    decoder.addCleanUp();
  return Status::success();
}

} // namespace ft::text
