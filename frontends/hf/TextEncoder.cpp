//===- TextEncoder.cpp - encoders of text in BERT's form ------------------===//
#include "frontends/hf/TextEncoder.h"

#include <cmath>

using namespace ft;
using namespace ft::hf;

TextConfig ft::hf::readTextConfig(Config &config) {
  TextConfig c;
  c.vocabulary = config.size("vocab_size");
  c.hidden = config.size("hidden_size");
  c.embedding = c.hidden;
  c.inner = config.size("intermediate_size");
  c.layers = config.layers("num_hidden_layers");
  c.heads = config.size("num_attention_heads");
  c.positions = config.size("max_position_embeddings");
  c.eps = config.number("layer_norm_eps", 1e-12);
  c.activation = config.activation("hidden_act", "gelu");
  c.tied = config.flag("tie_word_embeddings", true);
  c.labels = readLabels(config);
  std::string kind = config.text("position_embedding_type", "absolute");
  if (kind != "absolute")
    config.fail("position_embedding_type",
                "expected \"absolute\", found \"" + kind + "\"");
  if (config.flag("is_decoder", false))
    config.fail("is_decoder", "this model generates text with BERT's layers; "
                              "only its encoders are supported");
  checkHeads(config, "num_attention_heads", "hidden_size", c);
  return c;
}

void ft::hf::checkHeads(Config &config, const std::string &headsKey,
                        const std::string &sizeKey, const TextConfig &c) {
  if (c.hidden % c.heads)
    config.fail(headsKey, "expected a divisor of " + sizeKey + ", " +
                              std::to_string(c.hidden) + ", found " +
                              std::to_string(c.heads));
}

void ft::hf::readPadding(Config &config, TextConfig &c) {
  c.firstPosition = config.count("pad_token_id", 1) + 1;
  if (c.positions <= c.firstPosition)
    config.fail("max_position_embeddings",
                "positions start at " + std::to_string(c.firstPosition) +
                    " (pad_token_id + 1), found " +
                    std::to_string(c.positions) + " of them");
}

TextEncoder::TextEncoder(const TextConfig &config, const TextVariant &variant,
                         GraphBuilder &builder)
    : c_(config), v_(variant), b_(builder) {
  prefix_ = b_.findPrefix("embeddings.word_embeddings.weight", {"", v_.prefix});
}

void TextEncoder::declareInputs() {
  if (b_.part() == Part::Encoder) {
    b_.dataInput("hidden_states", {c_.hidden});
    b_.input("attention_mask", plan::InputRole::Mask);
    inputs_ = {"hidden_states", "attention_mask"};
    return;
  }
  b_.graph().vocabulary = c_.vocabulary;
  b_.graph().maxPositions = c_.positions - c_.firstPosition;
  b_.input("input_ids", plan::InputRole::Tokens, c_.vocabulary);
  b_.input("attention_mask", plan::InputRole::Mask);
  inputs_ = {"input_ids", "attention_mask"};
  if (!c_.segments)
    return;
  b_.input("token_type_ids", plan::InputRole::Segments, c_.segments);
  inputs_.push_back("token_type_ids");
}

std::string TextEncoder::build(const std::string &entry) {
  b_.entry(entry, /*causal=*/false, inputs_);
  bool whole = b_.part() == Part::Model;
  std::string x = whole ? embeddings() : "hidden_states";
  for (int64_t i = 0; i < c_.layers; ++i)
    x = layer(i, x);
  return x;
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

std::string TextEncoder::linear(const std::string &out, const std::string &in,
                                const std::string &name,
                                const std::string &tensor, int64_t n, int64_t k,
                                int64_t heads) {
  std::string weight = b_.param(name, tensor + ".weight", {n, k});
  std::string bias = b_.param(name + ".bias", tensor + ".bias", {n});
  return b_.linear(out, in, weight, bias, heads);
}

/// Older files call weight and bias gamma and beta.
std::string TextEncoder::norm(const std::string &out, const std::string &in,
                              const std::string &name,
                              const std::string &tensor, int64_t size) {
  auto weight = b_.tensor(tensor + ".weight", {size}, {tensor + ".gamma"});
  auto bias = b_.tensor(tensor + ".bias", {size}, {tensor + ".beta"});
  return b_.node("layer_norm", out,
                 {in, b_.param(name, weight), b_.param(name + ".bias", bias)},
                 {{"eps", c_.eps}});
}

std::string TextEncoder::first(const std::string &x) {
  return b_.node("segment_reduce", "first", {x}, {{"kind", "first"}});
}

std::string TextEncoder::table(const std::string &name,
                               const std::string &tensor, int64_t rows) {
  return b_.param(name, own("embeddings." + tensor + ".weight"),
                  {rows, c_.embedding});
}

std::string TextEncoder::embeddings() {
  auto embed = [&](const char *name, const std::string &ids, const char *tensor,
                   int64_t rows) {
    return b_.node("embedding", name, {ids, table(name, tensor, rows)});
  };
  std::string x = embed("words", "input_ids", "word_embeddings", c_.vocabulary);
  if (c_.segments) {
    std::string kinds = embed("segments", "token_type_ids",
                              "token_type_embeddings", c_.segments);
    x = b_.node("add", "words+segments", {x, kinds});
  }
  GraphBuilder::Attrs from;
  if (c_.firstPosition)
    from["offset"] = c_.firstPosition;
  std::string position = b_.node("positions", "position", {}, from);
  std::string places =
      embed("places", position, "position_embeddings", c_.positions);
  x = b_.node("add", "embeddings", {x, places});
  std::string out = c_.embedding == c_.hidden ? "x" : "narrow";
  x = norm(out, x, "norm", own("embeddings.LayerNorm"), c_.embedding);
  if (c_.embedding == c_.hidden)
    return x;
  return linear("x", x, "project", own("embeddings_project"), c_.hidden,
                c_.embedding);
}

std::string TextEncoder::attention(int64_t i, const std::string &x) {
  std::string p = "l" + std::to_string(i) + ".";
  std::string at = own(v_.layers) + "." + std::to_string(i) + ".";
  const char *names[] = {"q", "k", "v"};
  const char *tensors[] = {v_.layer.query, v_.layer.key, v_.layer.value};
  std::vector<std::string> qkv;
  for (int part = 0; part < 3; ++part)
    qkv.push_back(linear(p + names[part], x, p + names[part],
                         at + tensors[part], c_.hidden, c_.hidden, c_.heads));
  double scale = 1.0 / std::sqrt(double(c_.hidden / c_.heads));
  std::string a = b_.node("attention", p + "a", qkv, {{"scale", scale}});
  if (v_.distances)
    b_.graph().entries.back().nodes.back().score =
        distanceScore(own(v_.distances), c_.heads, b_);
  return linear(p + "o", a, p + "o", at + v_.layer.out, c_.hidden, c_.hidden);
}

std::string TextEncoder::layer(int64_t i, const std::string &x) {
  std::string p = "l" + std::to_string(i) + ".";
  std::string at = own(v_.layers) + "." + std::to_string(i) + ".";
  std::string x1 = b_.node("add", p + "x1", {attention(i, x), x});
  std::string h =
      norm(p + "h", x1, p + "norm1", at + v_.layer.attentionNorm, c_.hidden);
  std::string up =
      linear(p + "up", h, p + "up", at + v_.layer.up, c_.inner, c_.hidden);
  std::string act = b_.activation(p + "act", up, c_.activation);
  std::string down = linear(p + "down", act, p + "down", at + v_.layer.down,
                            c_.hidden, c_.inner);
  return norm(p + "x", b_.node("add", p + "x2", {down, h}), p + "norm2",
              at + v_.layer.outputNorm, c_.hidden);
}

bool TextEncoder::hasPooler() const {
  if (!v_.pooler)
    return false;
  return !b_.checkpoint().weights ||
         b_.checkpoint().hasTensor(own(v_.pooler) + ".weight");
}

std::string TextEncoder::pooler(const std::string &x) {
  return b_.node("tanh", "pooler",
                 {linear("pooler.dense", first(x), "pooler", own(v_.pooler),
                         c_.hidden, c_.hidden)});
}
