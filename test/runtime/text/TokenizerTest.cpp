//===- TokenizerTest.cpp - ids and text as the reference gives them -------===//
#include "Fixtures.h"

namespace ft::text {
namespace {

class FixtureTest : public testing::TestWithParam<const char *> {};

TEST_P(FixtureTest, EncodesAsTheReference) {
  Tokenizer tokenizer = fixture(GetParam());
  std::vector<Json> cases = fixtureCases(GetParam());
  ASSERT_GE(cases.size(), 500u);
  for (const Json &entry : cases) {
    std::string text = entry["text"];
    EXPECT_EQ(encoded(tokenizer, text), entry["ids"].get<Ids>()) << entry;
    if (entry.contains("plain")) {
      EXPECT_EQ(encoded(tokenizer, text, false), entry["plain"].get<Ids>())
          << entry;
    }
  }
}

TEST_P(FixtureTest, EncodesManyTextsInTheirOrder) {
  Tokenizer tokenizer = fixture(GetParam());
  std::vector<Json> cases = fixtureCases(GetParam());
  std::vector<std::string> texts;
  for (const Json &entry : cases)
    texts.push_back(entry["text"]);
  StatusOr<std::vector<Ids>> all = tokenizer.encodeAll(texts);
  ASSERT_TRUE(all.ok()) << all.status().message();
  ASSERT_EQ(all->size(), cases.size());
  for (size_t i = 0; i < cases.size(); ++i)
    EXPECT_EQ((*all)[i], cases[i]["ids"].get<Ids>()) << cases[i];
  EXPECT_TRUE(tokenizer.encodeAll({})->empty());
}

TEST_P(FixtureTest, JoinsTwoTextsAsTheReference) {
  Tokenizer tokenizer = fixture(GetParam());
  for (const Json &entry : fixtureLines(std::string(GetParam()) + ".pairs")) {
    std::string first = entry["first"], second = entry["second"];
    StatusOr<TokenPair> pair = tokenizer.encodePair(first, second);
    ASSERT_TRUE(pair.ok()) << pair.status().message();
    EXPECT_EQ(pair->ids, entry["ids"].get<Ids>()) << entry;
    EXPECT_EQ(pair->segments, entry["segments"].get<Ids>()) << entry;
    // Byte pairs of a first word may depend on what is before it, but not here.
    Ids alone = encoded(tokenizer, second, false);
    Ids found(pair->ids.begin() + int64_t(pair->secondBegin),
              pair->ids.begin() + int64_t(pair->secondEnd));
    EXPECT_EQ(found, alone) << entry;
  }
}

TEST(Tokenizer, KnowsTheMaskThatItsConfigurationNames) {
  std::string json = readFixture("bert-uncased.json");
  EXPECT_EQ(Tokenizer::fromJson(json)->maskToken(), std::nullopt);
  StatusOr<Tokenizer> named =
      Tokenizer::fromJson(json, R"({"mask_token": "[MASK]"})");
  ASSERT_TRUE(named.ok()) << named.status().message();
  EXPECT_EQ(named->maskToken(), named->idOf("[MASK]"));
  EXPECT_NE(named->maskToken(), std::nullopt);
}

TEST_P(FixtureTest, DecodesAsTheReference) {
  Tokenizer tokenizer = fixture(GetParam());
  for (const Json &entry : fixtureCases(GetParam())) {
    EXPECT_EQ(tokenizer.decode(entry["ids"].get<Ids>()), entry["decoded"]);
    if (entry.contains("emitted")) {
      EXPECT_EQ(tokenizer.decode(entry["emitted"].get<Ids>(), false),
                entry["spoken"])
          << entry;
    }
  }
}

TEST_P(FixtureTest, KnowsItsVocabulary) {
  Tokenizer tokenizer = fixture(GetParam());
  Json json = Json::parse(readFixture(std::string(GetParam()) + ".json"));
  Json vocab = json["model"]["vocab"];
  if (vocab.is_array()) { // [token, score] each
    Json ids = Json::object();
    for (const Json &entry : vocab)
      ids[entry[0].get<std::string>()] = int32_t(ids.size());
    vocab = ids;
  }
  size_t added = 0;
  for (const Json &token : json["added_tokens"]) {
    EXPECT_EQ(tokenizer.idOf(token["content"].get<std::string>()),
              token["id"].get<int32_t>());
    EXPECT_EQ(tokenizer.isSpecial(token["id"]), token["special"].get<bool>())
        << token;
    added += !vocab.contains(token["content"]);
  }
  for (auto &[token, id] : vocab.items()) {
    EXPECT_EQ(tokenizer.idOf(token), id.get<int32_t>());
    EXPECT_EQ(tokenizer.tokenOf(id.get<int32_t>()), token);
  }
  size_t size = vocab.size() + added;
  EXPECT_EQ(tokenizer.vocabularySize(), size);
  EXPECT_EQ(tokenizer.tokenOf(int32_t(size)), std::nullopt);
  EXPECT_EQ(tokenizer.tokenOf(-1), std::nullopt);
  EXPECT_EQ(tokenizer.idOf("no such token"), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(All, FixtureTest, testing::ValuesIn(kFixtures),
                         [](auto &info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(Tokenizer, ReadsInvalidUtf8AsReplacementCharacters) {
  Tokenizer tokenizer = fixture("gpt2");
  // One U+FFFD for each maximal invalid subpart: a stray continuation byte, a
  // truncated sequence, an overlong form, a surrogate and a value too large.
  std::string_view broken = "a\x80 \xE4\xBD \xC0\xAF \xED\xA0\x80 "
                            "\xF4\x90\x80\x80 \xF0\x9F\x98";
  std::string u = "\xEF\xBF\xBD";
  std::string repaired = "a" + u + " " + u + " " + u + u + " " + u + u + u +
                         " " + u + u + u + u + " " + u;
  EXPECT_EQ(encoded(tokenizer, broken), encoded(tokenizer, repaired));
  EXPECT_EQ(tokenizer.decode(encoded(tokenizer, broken)), repaired);
  EXPECT_NE(encoded(tokenizer, broken), encoded(tokenizer, "a"));
}

TEST(Tokenizer, LeavesOutIdsWithoutToken) {
  Tokenizer tokenizer = fixture("gpt2");
  Ids ids = encoded(tokenizer, "hello");
  ids.push_back(1 << 30);
  ids.push_back(-7);
  EXPECT_EQ(tokenizer.decode(ids), "hello");
}

TEST(Tokenizer, MergesByRankNotByPlace) {
  Tokenizer tokenizer = makeTokenizer(smallBpe().dump());
  EXPECT_EQ(encoded(tokenizer, "abcab"), (Ids{6, 5}));
  EXPECT_EQ(encoded(tokenizer, "aabcx"), (Ids{0, 6, 8}));
  // The later of two merges counts if it has the lower rank: b c before a b.
  Json other = smallBpe();
  other["model"]["vocab"]["bc"] = 9;
  other["model"]["merges"] = Json::parse(R"([["b", "c"], ["a", "b"]])");
  EXPECT_EQ(encoded(makeTokenizer(other.dump()), "abcab"), (Ids{0, 9, 5}));
}

TEST(Tokenizer, EncodesAnyLengthInOneWord) {
  // Quadratic time would not come to an end here.
  Tokenizer tokenizer = makeTokenizer(smallBpe().dump());
  std::string text;
  constexpr size_t kCopies = 300000;
  for (size_t i = 0; i < kCopies; ++i)
    text += "abc";
  EXPECT_EQ(encoded(tokenizer, text), Ids(kCopies, 6));
}

TEST(Tokenizer, FusesUnknownCharactersOnlyIfAsked) {
  Json json = smallBpe();
  EXPECT_EQ(encoded(makeTokenizer(json.dump()), "axyb"), (Ids{0, 8, 8, 1}));
  json["model"]["fuse_unk"] = true;
  EXPECT_EQ(encoded(makeTokenizer(json.dump()), "axyb"), (Ids{0, 8, 1}));
  json["model"]["unk_token"] = nullptr;
  EXPECT_EQ(encoded(makeTokenizer(json.dump()), "axyb"), (Ids{5}));
}

TEST(Tokenizer, ReadsModelsWithoutType) {
  Json json = smallBpe();
  json["model"].erase("type");
  EXPECT_EQ(encoded(makeTokenizer(json.dump()), "abc"), (Ids{6}));
  Json wordPiece = {{"model",
                     {{"vocab", {{"ab", 0}, {"##c", 1}, {"[UNK]", 2}}},
                      {"unk_token", "[UNK]"},
                      {"continuing_subword_prefix", "##"},
                      {"max_input_chars_per_word", 4}}}};
  Tokenizer tokenizer = makeTokenizer(wordPiece.dump());
  EXPECT_EQ(encoded(tokenizer, "abcc"), (Ids{0, 1, 1}));
  EXPECT_EQ(encoded(tokenizer, "abccc"), (Ids{2})); // beyond four characters
  EXPECT_EQ(encoded(tokenizer, "abd"), (Ids{2}));
}

TEST(TokenizerConfig, BosAndEosReplaceThePostProcessor) {
  EXPECT_EQ(encoded(fixture("llama2"), "")[0], 1);
  std::string_view eos = R"({"add_bos_token": false, "add_eos_token": true,
      "bos_token": "<s>", "eos_token": {"content": "</s>"}})";
  Ids plain = encoded(fixture("llama2"), "hello", false);
  Ids expected = plain;
  expected.push_back(2);
  EXPECT_EQ(encoded(fixture("llama2", eos), "hello"), expected);
  EXPECT_EQ(encoded(fixture("llama2", eos), "hello", false), plain);
  // Without either key the file's post-processor stays.
  Ids own = encoded(fixture("llama2"), "hello");
  EXPECT_EQ(encoded(fixture("llama2", R"({"bos_token": "</s>"})"), "hello"),
            own);
}

TEST(TokenizerConfig, AddsTokensThatTheFileLacks) {
  std::string_view config = R"({"pad_token": "<pad>", "unk_token": null,
      "additional_special_tokens": ["<x>"],
      "added_tokens_decoder": {"601": {"content": "<late>", "special": false},
                               "600": {"content": "<early>", "special": true,
                                       "lstrip": true}}})";
  Tokenizer before = fixture("gpt2"), after = fixture("gpt2", config);
  int32_t next = int32_t(before.vocabularySize());
  EXPECT_EQ(encoded(after, "<late>  <early><pad><x>"),
            (Ids{next + 1, next, next + 2, next + 3}));
  EXPECT_TRUE(after.isSpecial(next));
  EXPECT_FALSE(after.isSpecial(next + 1));
  EXPECT_TRUE(after.isSpecial(next + 3));
  EXPECT_EQ(before.idOf("<late>"), std::nullopt);
}

TEST(TokenizerConfig, CleansSpacesUpButNotForBpe) {
  std::string_view config = R"({"clean_up_tokenization_spaces": true})";
  // The decoder of WordPiece cleans within tokens; this is about the seams.
  Tokenizer plain = fixture("bert-uncased");
  Tokenizer cleaned = fixture("bert-uncased", config);
  Ids ids = encoded(plain, "a 's b ' c", false);
  EXPECT_EQ(plain.decode(ids), "a ' s b ' c");
  EXPECT_EQ(cleaned.decode(ids), "a's b'c");
  Tokenizer bpe = fixture("gpt2", config);
  EXPECT_EQ(bpe.decode(encoded(bpe, "a 's .")), "a 's .");
}

} // namespace
} // namespace ft::text
