//===- PlanJsonTest.cpp - plans as JSON, both ways ------------------------===//
#include "runtime/plan/PlanJson.h"

#include "runtime/plan/PlanFile.h"
#include "test/runtime/plan/SamplePlan.h"

#include <gtest/gtest.h>

using namespace ft;
using namespace ft::plan;
using Json = nlohmann::json;

static Json sampleJson() {
  Plan plan = test::samplePlan();
  for (const std::string &bytes : plan.blobBytes)
    plan.blobs.push_back({0, bytes.size()});
  return Json::parse(planToJson(plan));
}

TEST(PlanJson, RoundTripsEveryField) {
  Json json = sampleJson();
  auto plan = planFromJson(json);
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  EXPECT_EQ(Json::parse(planToJson(*plan)), json);
}

// With the round trip this shows that no member is forgotten: each has a value
// of its own here, under the name that docs/plan-format.md gives it.
TEST(PlanJson, WritesEveryFieldUnderItsDocumentedName) {
  Json json = sampleJson();
  const std::string entry = "/entries/0", program = entry + "/programs/0",
                    step = program + "/steps/0", meaning = step + "/meaning/0",
                    launch = step + "/implementations/0/launches/0/kernel",
                    gemm = step + "/implementations/0/launches/1/gemm",
                    recipe = "/weights/0/recipe";
  const std::pair<std::string, Json> expected[] = {
      {"/name", "sample"},
      {"/architecture", "graph"},
      {"/dtype", "bf16"},
      {"/vocabulary", 100},
      {"/max_positions", 32},
      {"/weights_dir", "some/where"},
      {"/provenance", {{"ftc", "0.1"}}},
      {"/targets", {"sm_90a", "ptx"}},
      {"/axes/0", {{"name", "tokens"}, {"max", 1024}}},
      {"/mesh/0", {{"name", "tp"}, {"size", 2}}},
      {"/weights/5/recipe/starts", {0, 2}},
      {"/weights/5/recipe/of/0/op", "pad"},
      {step + "/implementations/0/launches/2/collective",
       {{"op", "all_gather"},
        {"in", "b2"},
        {"out", "b1"},
        {"elements", 4},
        {"out_elements", 7}}},
      {"/files/0",
       {{"name", "model.safetensors"}, {"header_hash", "fedcba9876543210"}}},
      {"/weights/1",
       {{"name", "h.0.v"},
        {"dtype", "f32"},
        {"shape", {8, 4}},
        {"view_of", 0},
        {"view_row", 8}}},
      {recipe + "/op", "concat"},
      {recipe + "/of/0/op", "scale"},
      {recipe + "/of/0/value", 0.5},
      {recipe + "/of/0/of/0/op", "transpose"},
      {recipe + "/of/0/of/0/of/0/op", "slice"},
      {recipe + "/of/0/of/0/of/0/axis", 1},
      {recipe + "/of/0/of/0/of/0/start", 8},
      {recipe + "/of/0/of/0/of/0/of/0",
       {{"op", "tensor"},
        {"shape", {4, 24}},
        {"file", 0},
        {"text", "h.0.c_attn"},
        {"stored", "bf16"}}},
      {recipe + "/of/1/op", "interleave"},
      {recipe + "/of/1/of/0/op", "offset"},
      {"/weights/2/recipe/numbers/theta", 10000.0},
      {"/weights/3/recipe/op", "reshape"},
      {"/weights/3/recipe/of/0/data/3", "-inf"},
      {"/caches/0",
       {{"name", "kv"},
        {"layers", 2},
        {"page_size", 16},
        {"planes",
         {{{"name", "k"}, {"dtype", "bf16"}, {"shape", {2, 4}}},
          {{"name", "v"}, {"dtype", "f16"}, {"shape", {2, 4}}}}}}},
      {"/kernels/0",
       {{"function", "ft_attention"},
        {"images", {{"ptx", 1}, {"sm_90a", 0}}},
        {"registers", 64},
        {"static_shared", 512}}},
      {"/text",
       {{"tokenizer", 2},
        {"tokenizer_config", 0},
        {"end_tokens", {1, 2}},
        {"start_token", 3}}},
      {"/image",
       {{"input", "pixels"},
        {"resize", {12}},
        {"filter", "bicubic"},
        {"crop", {8, 6}},
        {"scale", 1.0 / 255},
        {"mean", {0.5, 0.25, -0.5}},
        {"deviation", {0.5, 1.0, 2.0}}}},
      {"/entries/1/inputs/0",
       {{"name", "pixels"},
        {"role", "image"},
        {"dtype", "f32"},
        {"axis", 1},
        {"shape", {3, 8, 6}},
        {"tokens", 9}}},
      {"/blobs", {{{"size", 5}}, {{"size", 100}}, {{"size", 2}}}},
      {entry + "/name", "step"},
      {entry + "/causal", true},
      {entry + "/inputs/0",
       {{"name", "input_ids"},
        {"role", "tokens"},
        {"dtype", "i32"},
        {"axis", 0},
        {"limit", 100}}},
      {entry + "/inputs/2/shape", {3}},
      {entry + "/sequences/0",
       {{"name", "batch"},
        {"tokens_axis", 0},
        {"sequences_axis", 1},
        {"cache", 0}}},
      {entry + "/outputs/0",
       {{"name", "logits"}, {"dtype", "f32"}, {"axis", 2}, {"shape", {5}}}},
      {program + "/min_tokens", 1},
      {program + "/max_tokens", 8},
      {program + "/arena_bytes", {256, 160, 16, 32}},
      {program + "/workspace_bytes", 128},
      {program + "/outputs", {4}},
      {program + "/buffers/3",
       {{"name", "v"},
        {"dtype", "f32"},
        {"axis", 0},
        {"shape", {8}},
        {"row_stride", 16},
        {"offset", {32, 0, 0, 0}},
        {"view_of", 0}}},
      {step + "/name", "layers.0.attention"},
      {step + "/pattern", "attention"},
      {step + "/axis", 1},
      {step + "/temps/0", {{"dtype", "i32"}, {"axis", 1}, {"shape", {2}}}},
      {step + "/reads", {0}},
      {step + "/writes", {2}},
      {step + "/cost",
       {{"weight_bytes", 1},
        {"bytes_per_row", 2},
        {"flops_per_row", 3},
        {"cache_bytes_per_key", 4},
        {"flops_per_query_key", 5},
        {"link_bytes_per_row", 6}}},
      {meaning + "/op", "attention"},
      {meaning + "/in", {"b0", "s0", "c0", "i0", "r0"}},
      {meaning + "/out", {"t0"}},
      {meaning + "/attrs",
       {{"layer", 1},
        {"causal", true},
        {"scale", 0.125},
        {"window", {{"real", "-inf"}}},
        {"kind", "full"}}},
      {meaning + "/score/1", {{"op", "const"}, {"value", 2.5}}},
      {meaning + "/score/3", {{"op", "table"}, {"args", {2}}, {"weight", 3}}},
      {step + "/implementations/0/name", "main"},
      {step + "/implementations/0/rows", {256, 1024}},
      {step + "/implementations/0/archs", {"sm_90a", "ptx"}},
      {step + "/implementations/1/steps", 2},
      {step + "/implementations/1/packed", 128},
      {step + "/implementations/1/packed_ctas", 12},
      {step + "/implementations/1/longest", 208},
      {step + "/implementations/1/most_sequences", 3},
      {step + "/implementations/1/likeliest", true},
      {step + "/implementations/1/launches/0/kernel/behind", 1},
      {launch + "/grid/0",
       {{"constant", 2}, {"axis", 0}, {"divisor", 64}, {"plus_axis", 1}}},
      {launch + "/kernel", 0},
      {launch + "/cluster", 2},
      {launch + "/prefers_shared", true},
      {"/tuning/machine",
       {{"device", "a GPU"}, {"driver", "a driver"}, {"library", "a library"}}},
      {"/tuning/gemms/0",
       {{"problem", "bf16 [16, 4] linear"},
        {"rows", 64},
        {"choice", "library"},
        {"algorithm", "0f"},
        {"microseconds", 1.5},
        {"runner_up", "tiles"},
        {"runner_up_microseconds", 2.5}}},
      {launch + "/block", {128, 2, 1}},
      {launch + "/shared_bytes", 1024},
      {launch + "/dependent_launch", true},
      {launch + "/args/0", {{"kind", "pointer"}, {"ref", "w1"}}},
      {launch + "/args/1",
       {{"kind", "cache_page"}, {"ref", "c0"}, {"layer", 1}, {"plane", 1}}},
      {launch + "/args/2",
       {{"kind", "batch"}, {"ref", "s0"}, {"field", "cu_tokens"}}},
      {launch + "/args/3", {{"kind", "workspace"}, {"value", 64}}},
      {launch + "/args/5/kind", "i64"},
      {launch + "/args/6", {{"kind", "f32"}, {"real", 0.1}}},
      {launch + "/args/7", {{"kind", "bound"}, {"value", 1}}},
      {launch + "/args/8/kind", "page_count"},
      {gemm,
       {{"a", "b2"},
        {"weight", 0},
        {"out", "b0"},
        {"residual", 1},
        {"epilogue", "relu"},
        {"n", 16},
        {"k", 4},
        {"tf32", true}}},
      {"/labels",
       {{"names", {"a", "b", "c", "d", "e"}}, {"scores", "sigmoid"}}},
  };
  for (const auto &[pointer, value] : expected) {
    Json::json_pointer place(pointer);
    ASSERT_TRUE(json.contains(place)) << pointer;
    EXPECT_EQ(json[place], value) << pointer;
  }
}

TEST(PlanJson, KeepsRealsApartFromIntegers) {
  Plan plan = test::samplePlan();
  auto &attrs = plan.entries[0].programs[0].steps[0].meaning[0].attrs;
  attrs = {{"int", int64_t(2)}, {"real", 2.0}};
  auto read = planFromJson(Json::parse(planToJson(plan)));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->entries[0].programs[0].steps[0].meaning[0].attrs, attrs);
}

TEST(PlanJson, NamesThePlaceOfAWrongMember) {
  struct Case {
    const char *place;
    Json value;
    const char *message;
  };
  const Case cases[] = {
      {"/name", 3, "/name: expected a string, found 3"},
      {"/dtype", "f31", "/dtype: expected a dtype"},
      {"/axes", "x", "/axes: expected an array"},
      {"/axes/0", Json::array(), "/axes/0: expected an object"},
      {"/axes/0/nmae", 1, "/axes/0: expected only members"},
      {"/provenance/a~0b~1c", 1, "/provenance/a~0b~1c"},
      {"/files/0/header_hash", "xyz", "16 hexadecimal digits"},
      {"/files/0/header_hash", "0x12345678901234", "16 hexadecimal digits"},
      {"/weights/0/recipe/op", "convolve", "one of tensor, literal"},
      {"/weights/0/shape/0", 1.5, "/weights/0/shape/0: expected a 64-bit"},
      {"/weights/0/view_of", 3000000000, "expected a 32-bit integer"},
      {"/vocabulary", 18446744073709551615u, "expected a 64-bit integer"},
      {"/blobs/0/size", -1, "expected a 64-bit integer"},
      {"/weights/3/recipe/of/0/data/0", "x", "expected a number"},
      {"/entries/0/causal", 1, "expected true or false"},
      {"/entries/0/programs/0/arena_bytes", Json::array(), "expected a const"},
      {"/entries/0/programs/0/steps/0/meaning/0/in/0", "b", "a reference"},
      {"/entries/0/programs/0/steps/0/meaning/0/in/0", "x1", "a reference"},
      {"/entries/0/programs/0/steps/0/meaning/0/in/0", "b-1", "a reference"},
      {"/entries/0/programs/0/steps/0/meaning/0/in/0", "b1x", "a reference"},
      {"/entries/0/programs/0/steps/0/meaning/0/attrs/k", Json::array(),
       "attrs/k: expected a bool"},
      {"/entries/0/programs/0/steps/0/implementations/0/launches/0",
       Json::object(), "\"kernel\", \"gemm\" or \"collective\""},
      {"/entries/0/programs/0/steps/0/implementations/0/launches/0/kernel/"
       "block",
       {1, 1},
       "an array of 3"},
  };
  for (const Case &c : cases) {
    Json json = sampleJson();
    json[Json::json_pointer(c.place)] = c.value;
    auto plan = planFromJson(json);
    ASSERT_FALSE(plan.ok()) << c.place;
    EXPECT_NE(plan.status().message().find(c.message), std::string::npos)
        << plan.status().message();
  }
  Json json = sampleJson();
  json.erase("entries");
  EXPECT_NE(planFromJson(json).status().message().find("\"entries\""),
            std::string::npos);
  EXPECT_FALSE(planFromJson(Json(3)).ok());
}

TEST(PlanJson, DeepRecipesAreRefused) {
  Json json = sampleJson();
  Json recipe = json["/weights/4/recipe"_json_pointer];
  auto nest = [&](int levels) {
    Json nested = recipe;
    for (int i = 1; i < levels; ++i)
      nested = {{"op", "scale"},
                {"shape", recipe["shape"]},
                {"value", 1.0},
                {"of", Json::array({nested})}};
    json["/weights/4/recipe"_json_pointer] = nested;
    return planFromJson(json);
  };
  EXPECT_TRUE(nest(kMaxRecipeDepth).ok());
  EXPECT_FALSE(nest(kMaxRecipeDepth + 1).ok());
}
