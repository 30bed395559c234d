//===- MPNet.cpp - MPNet --------------------------------------------------===//
//
// RoBERTa's graph without kinds of tokens, and a bias of the scores by
// distance: one table of buckets for all layers.
//
//===----------------------------------------------------------------------===//
#include "frontends/hf/Families.h"
#include "frontends/hf/TextEncoder.h"

using namespace ft;
using namespace ft::hf;

static constexpr TextVariant kMPNet = {
    .classes = "MPNet",
    .prefix = "mpnet.",
    .layers = "encoder.layer",
    .layer = {"attention.attn.q", "attention.attn.k", "attention.attn.v",
              "attention.attn.o", "attention.LayerNorm", "intermediate.dense",
              "output.dense", "output.LayerNorm"},
    .pooler = "pooler.dense",
    .words = {.dense = "lm_head.dense",
              .norm = "lm_head.layer_norm",
              .activation = "gelu",
              .decoder = "lm_head.decoder",
              .bias = "lm_head.decoder.bias",
              .otherBias = "lm_head.bias"},
    .sequence = {.dense = "classifier.dense", .out = "classifier.out_proj"},
    .choice = {.dense = "pooler.dense", .inEncoder = true},
    .distances = "encoder.relative_attention_bias.weight"};

Status ft::hf::buildMPNet(Config &config, GraphBuilder &builder) {
  TextConfig c = readTextConfig(config);
  c.firstPosition = 2; // whatever pad_token_id says
  // transformers computes buckets for 32 of them, whatever this says.
  if (int64_t buckets = config.size("relative_attention_num_buckets", 32);
      buckets != kDistanceBuckets)
    config.fail("relative_attention_num_buckets",
                "expected 32, found " + std::to_string(buckets));
  FT_RETURN_IF_ERROR(config.finish());
  return buildText(c, kMPNet, builder);
}
