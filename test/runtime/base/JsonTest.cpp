//===- JsonTest.cpp -------------------------------------------------------===//
#include "runtime/base/Json.h"

#include <gtest/gtest.h>

using namespace ft;

TEST(Json, BracketsInStringsAreNotNesting) {
  auto json = parseJson(R"({"a": "[[[\"[[", "b": [1]})", 2);
  ASSERT_TRUE(json.ok()) << json.status().message();
  EXPECT_EQ((*json)["a"], "[[[\"[[");
}

TEST(Json, DeepTextIsRefusedBeforeItIsParsed) {
  std::string deep(100000, '[');
  auto json = parseJson(deep);
  ASSERT_FALSE(json.ok());
  EXPECT_NE(json.status().message().find("100000 levels"), std::string::npos);
}

TEST(Json, SaysWhereTheTextStopsBeingJson) {
  auto json = parseJson("{\"a\": 1,\n  oops}");
  ASSERT_FALSE(json.ok());
  EXPECT_NE(json.status().message().find("line 2, column 3"), std::string::npos)
      << json.status().message();
  EXPECT_FALSE(parseJson("").ok());
  EXPECT_FALSE(parseJson("{\"a\":").ok());
  EXPECT_FALSE(parseJson("\"\xff\"").ok());
}
