//===- DistilBert.cpp - DistilBERT ----------------------------------------===//
//
// BERT's graph without segments and pooler, under keys and names of its own.
//
//===----------------------------------------------------------------------===//
#include "frontends/hf/Families.h"
#include "frontends/hf/TextEncoder.h"

using namespace ft;
using namespace ft::hf;

static constexpr SummaryTensors kSummary = {.dense = "pre_classifier",
                                            .activation = "relu"};

static constexpr TextVariant kDistilBert = {
    .classes = "DistilBert",
    .prefix = "distilbert.",
    .layers = "transformer.layer",
    .layer = {"attention.q_lin", "attention.k_lin", "attention.v_lin",
              "attention.out_lin", "sa_layer_norm", "ffn.lin1", "ffn.lin2",
              "output_layer_norm"},
    .pooler = nullptr,
    .words = {.dense = "vocab_transform",
              .norm = "vocab_layer_norm",
              .activation = nullptr,
              .decoder = "vocab_projector",
              .bias = "vocab_projector.bias",
              .otherBias = "vocab_projector.bias"},
    .sequence = kSummary,
    .choice = kSummary};

static TextConfig read(Config &config) {
  TextConfig c;
  c.vocabulary = config.size("vocab_size");
  c.hidden = config.size("dim");
  c.embedding = c.hidden;
  c.inner = config.size("hidden_dim");
  c.layers = config.layers("n_layers");
  c.heads = config.size("n_heads");
  c.positions = config.size("max_position_embeddings");
  c.activation = config.activation("activation", "gelu");
  c.tied = config.flag("tie_word_embeddings", true);
  c.labels = readLabels(config);
  // Sines or learned: the checkpoint has the table.
  config.flag("sinusoidal_pos_embds", false);
  config.has("tie_weights_"); // which transformers does not read
  // Dropout.
  for (const char *key : {"dropout", "qa_dropout", "seq_classif_dropout"})
    config.number(key, 0);
  checkHeads(config, "n_heads", "dim", c);
  return c;
}

Status ft::hf::buildDistilBert(Config &config, GraphBuilder &builder) {
  TextConfig c = read(config);
  FT_RETURN_IF_ERROR(config.finish());
  return buildText(c, kDistilBert, builder);
}
