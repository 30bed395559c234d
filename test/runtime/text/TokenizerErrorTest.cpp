//===- TokenizerErrorTest.cpp - files that are wrong ----------------------===//
#include "Fixtures.h"

namespace ft::text {
namespace {

std::string errorOf(std::string_view json, std::string_view config = {}) {
  StatusOr<Tokenizer> tokenizer = Tokenizer::fromJson(json, config);
  return tokenizer.ok() ? "no error" : tokenizer.status().message();
}

/// The error for the small tokenizer with `members` merged in.
std::string errorWith(std::string_view members) {
  return errorOf(smallBpe(Json::parse(members)).dump());
}

TEST(TokenizerError, NamesPlaceExpectedAndFound) {
  struct {
    const char *members, *message;
  } cases[] = {
      {R"({"version": "2.0"})", R"(at /version: expected "1.0", found "2.0")"},
      {R"({"postprocessor": {}})", "at /postprocessor: this member is not "
                                   "known here"},
      {R"({"model": {"vocab": [1]}})", "at /model/vocab (BPE): expected an "
                                       "object, found array"},
      {R"({"model": {"vocab": {"x": -1}}})", R"(the id of "x" has to be)"},
      {R"({"model": {"vocab": {"x": 4294967296}}})", R"(the id of "x")"},
      {R"({"model": {"vocab": {"x": 1.5}}})", R"(the id of "x")"},
      {R"({"model": {"merges": ["a b c"]}})",
       R"(at /model/merges/0 (BPE): expected two tokens)"},
      {R"({"model": {"merges": [["a", 1]]}})", "at /model/merges/0"},
      {R"({"model": {"merges": [["a", "z"]]}})",
       R"(the token "z" is not in the vocabulary)"},
      {R"({"model": {"merges": [["a", "c"]]}})",
       R"(the token "ac" is not in the vocabulary)"},
      {R"({"model": {"continuing_subword_prefix": "####"}})",
       "is not in the vocabulary"},
      {R"({"model": {"dropout": 0.1}})", "at /model/dropout (BPE): expected "
                                         "null, found 0.1"},
      {R"({"model": {"fuse_unk": 1}})", "at /model/fuse_unk (BPE): expected "
                                        "true or false, found number"},
      {R"({"model": {"max_tokens": 1}})", "at /model/max_tokens (BPE): this "
                                          "member is not known here"},
      {R"({"model": {"type": "WordLevel"}})",
       R"(the model type "WordLevel" is not supported; supported are BPE)"},
      {R"({"model": {"type": "Unigram", "vocab": [["a", -1.5], ["b"]]}})",
       R"(at /model/vocab (Unigram): expected [token, score], found ["b"])"},
      {R"({"model": {"type": "Unigram", "vocab": [["a", -1]], "unk_id": 1}})",
       "at /model/unk_id (Unigram): expected an integer from 0 to 0"},
      {R"({"normalizer": {"type": "Precompiled",
          "precompiled_charsmap": "A-"}})",
       "at /normalizer/precompiled_charsmap (Precompiled): expected base64"},
      {R"({"normalizer": {"type": "Precompiled",
          "precompiled_charsmap": "CAAAAAAAAAA="}})",
       "expected a trie and its texts, found 8 bytes"},
      {R"({"normalizer": {"type": "Other"}})",
       R"(at /normalizer: the normalizer type "Other" is not supported)"},
      {R"({"normalizer": {"type": 1}})", R"(needs a "type" that is a string)"},
      {R"({"normalizer": {"type": "NFC", "x": 1}})", "at /normalizer/x (NFC)"},
      {R"({"normalizer": []})", "at /normalizer: expected an object"},
      {R"({"normalizer": {"type": "Sequence", "normalizers": [
          {"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "("},
           "content": ""}]}})",
       "at /normalizer/normalizers/1/pattern (Replace): the regular"},
      {R"({"normalizer": {"type": "Replace", "pattern": {"String": ""},
          "content": ""}})",
       "an empty pattern is not supported"},
      {R"({"normalizer": {"type": "Replace", "pattern": "x",
          "content": ""}})",
       "at /normalizer/pattern (Replace): expected an object, found string"},
      {R"({"pre_tokenizer": {"type": "UnicodeScripts"}})",
       R"(the pre-tokenizer type "UnicodeScripts" is not supported)"},
      {R"({"pre_tokenizer": {"type": "Split", "pattern": {"String": "a"},
          "behavior": "Joined", "invert": false}})",
       R"(at /pre_tokenizer/behavior (Split): expected Removed)"},
      {R"({"pre_tokenizer": {"type": "Metaspace", "replacement": "ab"}})",
       R"(expected one character, found "ab")"},
      {R"({"pre_tokenizer": {"type": "Metaspace", "replacement": "_",
          "prepend_scheme": "last"}})",
       "at /pre_tokenizer/prepend_scheme (Metaspace): expected always"},
      {R"({"pre_tokenizer": {"type": "FixedLength", "length": 0}})",
       "expected an integer from 1 to"},
      {R"({"post_processor": {"type": "Other"}})",
       R"(the post-processor type "Other" is not supported)"},
      {R"({"post_processor": {"type": "BertProcessing", "cls": ["x", -1],
          "sep": ["y", 1]}})",
       "at /post_processor/cls (BertProcessing): expected [token, id]"},
      {R"({"post_processor": {"type": "TemplateProcessing", "pair": [],
          "single": [{"SpecialToken": {"id": "x", "type_id": 0}}],
          "special_tokens": {}}})",
       R"(the template uses "x", which is missing here)"},
      {R"({"post_processor": {"type": "TemplateProcessing", "pair": [],
          "single": [{"Sequence": {"id": "B", "type_id": 0}}],
          "special_tokens": {}}})",
       R"(can only use "A", found "B")"},
      {R"({"post_processor": {"type": "TemplateProcessing", "single": [],
          "pair": [{"Sequence": {"id": "C", "type_id": 0}}],
          "special_tokens": {}}})",
       R"(two texts can only use "A" and "B", found "C")"},
      {R"({"post_processor": {"type": "Sequence", "processors": [
          {"type": "BertProcessing", "cls": ["x", 1], "sep": ["y", 1]},
          {"type": "BertProcessing", "cls": ["x", 1], "sep": ["y", 1]}]}})",
       "at /post_processor/processors/1 (Sequence): a sequence of "
       "post-processors can only hold one"},
      {R"({"decoder": {"type": "CTC"}})",
       R"(at /decoder: the decoder type "CTC" is not supported)"},
      {R"({"decoder": {"type": "Strip", "content": " ", "start": -1,
          "stop": 0}})",
       "at /decoder/start (Strip): expected an integer from 0"},
      {R"({"decoder": {"type": "Replace", "pattern": {"Regex": "a"},
          "content": ""}})",
       "a decoder can only replace"},
      {R"({"added_tokens": {}})", "at /added_tokens: expected an array"},
      {R"({"added_tokens": [{"content": "x"}]})",
       "at /added_tokens/0/single_word: expected true or false, found nothing"},
      {R"({"normalizer": {"type": "Strip", "strip_left": true,
          "strip_right": true}, "added_tokens": [{"content": " ",
          "single_word": false, "lstrip": false, "rstrip": false,
          "normalized": true, "special": false}]})",
       "is empty after normalization"},
  };
  for (auto &c : cases)
    EXPECT_NE(errorWith(c.members).find(c.message), std::string::npos)
        << c.members << "\n  gave: " << errorWith(c.members);
}

TEST(TokenizerError, FilesThatAreNotJsonObjects) {
  EXPECT_NE(errorOf("").find("tokenizer.json is not valid JSON"),
            std::string::npos);
  EXPECT_NE(errorOf("[]").find("at /: expected an object, found array"),
            std::string::npos);
  EXPECT_NE(errorOf("{}").find("at /model: expected an object, found nothing"),
            std::string::npos);
  EXPECT_NE(errorOf(smallBpe().dump(), "{").find("tokenizer_config.json is"),
            std::string::npos);
  EXPECT_NE(errorOf(smallBpe().dump(), "3").find("expected an object, found"),
            std::string::npos);
}

TEST(TokenizerError, EveryTruncationIsOne) {
  std::string json = readFixture("bert-cased.json");
  while (json.back() != '}')
    json.pop_back();
  for (size_t size = 0; size < json.size(); size += 397)
    EXPECT_NE(errorOf(std::string_view(json).substr(0, size)), "no error");
}

/// Every value in `json`, replaced in turn by values of other types.
void spoil(Json &root, Json &value, int &accepted, int &refused) {
  if (value.is_structured() && value.size() < 40)
    for (Json &child : value)
      spoil(root, child, accepted, refused);
  Json saved = value;
  for (const Json &wrong :
       {Json(), Json(true), Json(-1), Json(1e300), Json("\u00e9x"),
        Json::array({Json::object()}), Json({{"type", "NFC"}})}) {
    value = wrong;
    StatusOr<Tokenizer> tokenizer = Tokenizer::fromJson(root.dump());
    ++(tokenizer.ok() ? accepted : refused);
    if (tokenizer.ok())
      (void)tokenizer->decode(encoded(*tokenizer, " ab'S\u00e9<s>[MASK] "));
  }
  value = std::move(saved);
}

TEST(TokenizerError, NoWrongValueCrashes) {
  for (const char *name : {"llama3", "mistral", "bert-uncased"}) {
    Json json = Json::parse(readFixture(std::string(name) + ".json"));
    int accepted = 0, refused = 0;
    spoil(json, json, accepted, refused);
    EXPECT_GT(refused, 10 * 7) << name;
    EXPECT_GT(accepted, 0) << name; // null is a value that many may have
  }
}

TEST(TokenizerError, DeepNestingIsRefused) {
  for (auto [kind, list] : {std::pair("normalizer", "normalizers"),
                            std::pair("pre_tokenizer", "pretokenizers"),
                            std::pair("post_processor", "processors"),
                            std::pair("decoder", "decoders")}) {
    Json nested = {{"type", "Sequence"}, {list, Json::array()}};
    for (int i = 0; i < 1000; ++i) {
      Json outer = {{"type", "Sequence"}};
      outer[list].push_back(std::move(nested));
      nested = std::move(outer);
    }
    Json json = smallBpe();
    json[kind] = std::move(nested);
    EXPECT_NE(errorOf(json.dump()).find("nested too deeply"), std::string::npos)
        << kind;
  }
}

TEST(TokenizerError, AMissingUnknownTokenIsReportedWhenNeeded) {
  Tokenizer tokenizer = makeTokenizer(
      smallBpe(Json::parse(R"({"model": {"unk_token": "<none>"}})")).dump());
  EXPECT_EQ(encoded(tokenizer, "abc"), (Ids{6}));
  StatusOr<Ids> ids = tokenizer.encode("x");
  ASSERT_FALSE(ids.ok());
  EXPECT_EQ(ids.status().message(),
            "the text needs the unknown token \"<none>\", which is not in the "
            "tokenizer's vocabulary");
  std::vector<std::string> texts(100, "abc");
  texts[70] = "x";
  EXPECT_EQ(tokenizer.encodeAll(texts).status().message(),
            ids.status().message());
  texts.erase(texts.begin() + 70);
  EXPECT_EQ(*tokenizer.encodeAll(texts), (std::vector<Ids>(99, Ids{6})));
}

TEST(TokenizerError, ConfigurationsThatDoNotFit) {
  std::string json = smallBpe().dump();
  EXPECT_NE(errorOf(json, R"({"added_tokens_decoder": {"x": "y"}})")
                .find("at /added_tokens_decoder/x: expected a token id"),
            std::string::npos);
  EXPECT_NE(errorOf(json, R"({"add_bos_token": true, "bos_token": 3})")
                .find("at /bos_token: expected a token of the vocabulary"),
            std::string::npos);
  EXPECT_EQ(errorOf(json, R"({"add_bos_token": true, "bos_token": null})"),
            "no error");
}

} // namespace
} // namespace ft::text
