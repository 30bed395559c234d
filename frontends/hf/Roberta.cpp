//===- Roberta.cpp - RoBERTa, XLM-RoBERTa, CamemBERT ----------------------===//
//
// BERT's graph with positions that start behind the padding token's number, a
// single kind of token and heads of its own.
//
//===----------------------------------------------------------------------===//
#include "frontends/hf/Families.h"
#include "frontends/hf/TextEncoder.h"

using namespace ft;
using namespace ft::hf;

static TextVariant variant(const char *classes) {
  return {
      .classes = classes,
      .prefix = "roberta.",
      .layers = "encoder.layer",
      .layer = kBertLayer,
      .pooler = "pooler.dense",
      .words = {.dense = "lm_head.dense",
                .norm = "lm_head.layer_norm",
                .activation = "gelu",
                .decoder = "lm_head.decoder",
                .bias = "lm_head.bias",
                .otherBias = "lm_head.decoder.bias"},
      .sequence = {.dense = "classifier.dense", .out = "classifier.out_proj"},
      .choice = {.dense = "pooler.dense", .inEncoder = true}};
}

static Status build(Config &config, GraphBuilder &builder,
                    const char *classes) {
  TextConfig c = readTextConfig(config);
  c.segments = config.size("type_vocab_size", 2);
  readPadding(config, c);
  FT_RETURN_IF_ERROR(config.finish());
  return buildText(c, variant(classes), builder);
}

Status ft::hf::buildRoberta(Config &config, GraphBuilder &builder) {
  return build(config, builder, "Roberta");
}

Status ft::hf::buildXlmRoberta(Config &config, GraphBuilder &builder) {
  return build(config, builder, "XLMRoberta");
}

Status ft::hf::buildCamembert(Config &config, GraphBuilder &builder) {
  return build(config, builder, "Camembert");
}
