//===- Fixtures.h - tokenizers made by make_fixtures.py ---------*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_TEXT_FIXTURES_H
#define FT_TEST_RUNTIME_TEXT_FIXTURES_H

#include "runtime/text/Tokenizer.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace ft::text {

using Json = nlohmann::json;
using Ids = std::vector<int32_t>;

inline const char *const kFixtures[] = {
    "gpt2",    "llama3",       "qwen2",      "roberta",     "llama2",
    "mistral", "bert-uncased", "bert-cased", "xlm-roberta", "unigram-bytes"};

inline std::string readFixture(const std::string &name) {
  std::ifstream file(std::string(FT_TEXT_FIXTURES) + "/" + name,
                     std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

inline Tokenizer makeTokenizer(std::string_view json,
                               std::string_view config = {}) {
  StatusOr<Tokenizer> tokenizer = Tokenizer::fromJson(json, config);
  if (!tokenizer.ok()) {
    ADD_FAILURE() << tokenizer.status().message();
    std::abort();
  }
  return *std::move(tokenizer);
}

inline Tokenizer fixture(const std::string &name,
                         std::string_view config = {}) {
  return makeTokenizer(readFixture(name + ".json"), config);
}

/// The JSON objects of a file that has one a line.
inline std::vector<Json> fixtureLines(const std::string &file) {
  std::istringstream lines(readFixture(file));
  std::vector<Json> objects;
  for (std::string line; std::getline(lines, line);)
    objects.push_back(Json::parse(line));
  return objects;
}

/// Each with text, ids, decoded, and of every fourth also plain
/// (ids without special tokens), emitted (any ids) and spoken (their text).
inline std::vector<Json> fixtureCases(const std::string &name) {
  return fixtureLines(name + ".cases");
}

inline Ids encoded(const Tokenizer &tokenizer, std::string_view text,
                   bool addSpecialTokens = true) {
  StatusOr<Ids> ids = tokenizer.encode(text, addSpecialTokens);
  EXPECT_TRUE(ids.ok()) << ids.status().message();
  return ids.ok() ? *ids : Ids();
}

/// A tokenizer.json around a byte pair encoding of the letters a to e, which
/// knows "ab" and "abc", with `members` replaced or added.
inline Json smallBpe(const Json &members = Json::object()) {
  Json json = {{"model",
                {{"type", "BPE"},
                 {"vocab",
                  {{"a", 0},
                   {"b", 1},
                   {"c", 2},
                   {"d", 3},
                   {"e", 4},
                   {"ab", 5},
                   {"abc", 6},
                   {" ", 7},
                   {"?", 8}}},
                 {"unk_token", "?"},
                 {"merges", Json::array({"a b", "ab c"})}}}};
  json.merge_patch(members);
  return json;
}

} // namespace ft::text

#endif // FT_TEST_RUNTIME_TEXT_FIXTURES_H
