//===- StreamDecoderTest.cpp - text one token at a time -------------------===//
#include "Fixtures.h"

#include "runtime/text/Unicode.h"

namespace ft::text {
namespace {

/// What add() returned for each id, and last what flush() did.
std::vector<std::string> chunks(const Tokenizer &tokenizer, const Ids &ids,
                                bool skipSpecialTokens = true) {
  StreamDecoder stream(tokenizer, skipSpecialTokens);
  std::vector<std::string> result;
  for (int32_t id : ids)
    result.push_back(stream.add(id));
  result.push_back(stream.flush());
  return result;
}

std::string joined(const std::vector<std::string> &parts) {
  std::string text;
  for (const std::string &part : parts)
    text += part;
  return text;
}

class StreamTest : public testing::TestWithParam<const char *> {};

TEST_P(StreamTest, ChunksAreWholeCharactersOfTheWhole) {
  Tokenizer tokenizer = fixture(GetParam());
  for (const Json &entry : fixtureCases(GetParam())) {
    if (!entry.contains("emitted"))
      continue;
    auto parts = chunks(tokenizer, entry["emitted"].get<Ids>(), false);
    EXPECT_EQ(joined(parts), entry["spoken"]);
    for (const std::string &part : parts)
      EXPECT_TRUE(isValidUtf8(part)) << entry;
    parts = chunks(tokenizer, entry["ids"].get<Ids>());
    EXPECT_EQ(joined(parts), entry["decoded"]);
  }
}

INSTANTIATE_TEST_SUITE_P(All, StreamTest, testing::ValuesIn(kFixtures),
                         [](auto &info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

Ids idsOf(const Tokenizer &tokenizer, const std::vector<std::string> &tokens) {
  Ids ids;
  for (const std::string &token : tokens)
    ids.push_back(tokenizer.idOf(token).value());
  return ids;
}

TEST(StreamDecoder, ByteLevelHoldsBackTheStartOfACharacter) {
  Tokenizer tokenizer = fixture("gpt2");
  // The four bytes F0 9F 91 8D of a thumb, in stand-ins.
  Ids thumb = idsOf(tokenizer, {"ð", "Ł", "ĳ", "į"});
  EXPECT_EQ(chunks(tokenizer, thumb),
            (std::vector<std::string>{"", "", "", "\xF0\x9F\x91\x8D", ""}));
  thumb.pop_back();
  EXPECT_EQ(chunks(tokenizer, thumb),
            (std::vector<std::string>{"", "", "", "\xEF\xBF\xBD"}));
  // As soon as the next byte cannot continue it, it is known to be broken.
  Ids broken = idsOf(tokenizer, {"ð", "Ł", "a"});
  EXPECT_EQ(chunks(tokenizer, broken), (std::vector<std::string>{"", "",
                                                                 "\xEF\xBF\xBD"
                                                                 "a",
                                                                 ""}));
}

TEST(StreamDecoder, ByteLevelPassesEveryTokenOn) {
  Tokenizer tokenizer = fixture("gpt2");
  Ids ids = encoded(tokenizer, "the quick brown fox");
  std::vector<std::string> parts = chunks(tokenizer, ids);
  EXPECT_EQ(parts.back(), "");
  parts.pop_back();
  for (const std::string &part : parts)
    EXPECT_FALSE(part.empty());
}

TEST(StreamDecoder, ByteFallbackStreamsAndDropsOnlyTheFirstSpace) {
  Tokenizer tokenizer = fixture("llama2");
  Ids ids = idsOf(tokenizer, {"▁the", "<0xC3>", "<0xA9>", "▁a", "<0x80>"});
  // A run of bytes is only decided when it ends: it stands or falls as a whole.
  EXPECT_EQ(chunks(tokenizer, ids),
            (std::vector<std::string>{"the", "", "", "\xC3\xA9 a", "",
                                      "\xEF\xBF\xBD"}));
}

TEST(StreamDecoder, SkipsSpecialTokensIfAsked) {
  Tokenizer tokenizer = fixture("llama3");
  Ids ids = encoded(tokenizer, "a<|eot_id|>b");
  EXPECT_EQ(joined(chunks(tokenizer, ids)), "ab");
  EXPECT_EQ(joined(chunks(tokenizer, ids, false)),
            "<|begin_of_text|>a<|eot_id|>b");
}

TEST(StreamDecoder, WithoutDecoderTokensAreJoinedBySpaces) {
  Tokenizer tokenizer = makeTokenizer(smallBpe().dump());
  EXPECT_EQ(chunks(tokenizer, {6, 5, 0}),
            (std::vector<std::string>{"abc", " ab", " a", ""}));
}

TEST(StreamDecoder, StripsBothEndsOfEachToken) {
  Json strip = {{"type", "Strip"}, {"content", "b"}, {"start", 1}, {"stop", 1}};
  Tokenizer each = makeTokenizer(smallBpe({{"decoder", strip}}).dump());
  EXPECT_EQ(chunks(each, {5, 1, 1, 6}),
            (std::vector<std::string>{"a", "", "", "abc", ""}));
  // Behind a Fuse all is one token, of which only the end can tell.
  Json fused = {{"type", "Sequence"},
                {"decoders", {{{"type", "Fuse"}}, strip}}};
  Tokenizer whole = makeTokenizer(smallBpe({{"decoder", fused}}).dump());
  EXPECT_EQ(joined(chunks(whole, {1, 1, 6, 1, 1})), "babcb");
}

TEST(StreamDecoder, NothingAddedIsNothingFlushed) {
  for (const char *name : kFixtures)
    EXPECT_EQ(chunks(fixture(name), {}), std::vector<std::string>{""}) << name;
}

} // namespace
} // namespace ft::text
