//===- Electra.cpp - ELECTRA ----------------------------------------------===//
//
// BERT's graph without a pooler; its embeddings may be narrower than its
// layers.
//
//===----------------------------------------------------------------------===//
#include "frontends/hf/Families.h"
#include "frontends/hf/TextEncoder.h"

using namespace ft;
using namespace ft::hf;

static constexpr TextVariant kElectra = {
    .classes = "Electra",
    .prefix = "electra.",
    .layers = "encoder.layer",
    .layer = kBertLayer,
    .pooler = nullptr,
    .words = {.dense = "generator_predictions.dense",
              .norm = "generator_predictions.LayerNorm",
              .activation = "gelu",
              .decoder = "generator_lm_head",
              .bias = "generator_lm_head.bias",
              .otherBias = "generator_lm_head.bias"},
    .sequence = {.dense = "classifier.dense",
                 .activation = "gelu",
                 .out = "classifier.out_proj"},
    .replaced = "discriminator_predictions"};

Status ft::hf::buildElectra(Config &config, GraphBuilder &builder) {
  TextConfig c = readTextConfig(config);
  c.embedding = config.size("embedding_size", 128);
  c.segments = config.size("type_vocab_size", 2);
  FT_RETURN_IF_ERROR(config.finish());
  return buildText(c, kElectra, builder);
}
