//===- Bert.cpp - BERT ----------------------------------------------------===//
#include "frontends/hf/Families.h"
#include "frontends/hf/TextEncoder.h"

using namespace ft;
using namespace ft::hf;

static constexpr TextVariant kBert = {
    .classes = "Bert",
    .prefix = "bert.",
    .layers = "encoder.layer",
    .layer = kBertLayer,
    .pooler = "pooler.dense",
    .words = {.dense = "cls.predictions.transform.dense",
              .norm = "cls.predictions.transform.LayerNorm",
              .activation = nullptr,
              .decoder = "cls.predictions.decoder",
              .bias = "cls.predictions.bias",
              .otherBias = "cls.predictions.decoder.bias"},
    .sequence = {.dense = "pooler.dense", .inEncoder = true},
    .choice = {.dense = "pooler.dense", .inEncoder = true}};

Status ft::hf::buildBert(Config &config, GraphBuilder &builder) {
  TextConfig c = readTextConfig(config);
  c.segments = config.size("type_vocab_size", 2);
  // Of the release's own pooler; transformers does not read them.
  for (const char *key :
       {"directionality", "pooler_fc_size", "pooler_num_attention_heads",
        "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type"})
    config.has(key);
  FT_RETURN_IF_ERROR(config.finish());
  return buildText(c, kBert, builder);
}
