//===- Bert.cpp - BERT encoders and sentence embeddings -------------------===//
#include "frontends/hf/Families.h"
#include "frontends/hf/SentenceModules.h"

#include <algorithm>
#include <cmath>

using namespace ft;
using namespace ft::hf;

namespace {

struct BertConfig {
  int64_t vocabulary, hidden, inner, layers, heads, positions, segments;
  double eps;
  std::string activation;
  bool pooler;
  std::optional<SentenceHead> sentence;
};

class BertBuilder {
public:
  BertBuilder(const BertConfig &config, GraphBuilder &builder)
      : c_(config), b_(builder) {
    prefix_ = b_.findPrefix("embeddings.word_embeddings.weight", {"", "bert."});
    // A checkpoint's own prefix decides; without weights any will do.
    pooled_ = b_.checkpoint().weights
                  ? b_.checkpoint().hasTensor(prefix_ + "pooler.dense.weight")
                  : c_.pooler;
  }

  void build() {
    b_.input("input_ids", plan::InputRole::Tokens, c_.vocabulary);
    b_.input("attention_mask", plan::InputRole::Mask);
    b_.input("token_type_ids", plan::InputRole::Segments, c_.segments);
    std::string x = encoder("encode");
    b_.output("last_hidden_state", x);
    if (pooled_)
      b_.output("pooler_output", pooler(x));
    if (!c_.sentence)
      return;
    x = encoder("embed");
    x = b_.node("segment_reduce", "pooled", {x},
                {{"kind", c_.sentence->pooling}});
    if (c_.sentence->normalize)
      x = b_.node("normalize", "unit", {x}, {{"eps", 1e-12}});
    b_.output("sentence_embedding", x);
  }

private:
  /// A weight with its bias, under the names that older files use too.
  std::pair<std::string, std::string> normParams(const std::string &name,
                                                 const std::string &tensor) {
    std::string at = prefix_ + tensor + ".LayerNorm.";
    auto weight = b_.tensor(at + "weight", {c_.hidden}, {at + "gamma"});
    auto bias = b_.tensor(at + "bias", {c_.hidden}, {at + "beta"});
    return {b_.param(name, weight), b_.param(name + ".bias", bias)};
  }

  std::string norm(const std::string &out, const std::string &in,
                   const std::string &name, const std::string &tensor) {
    auto [weight, bias] = normParams(name, tensor);
    return b_.node("layer_norm", out, {in, weight, bias}, {{"eps", c_.eps}});
  }

  std::string linear(const std::string &out, const std::string &in,
                     const std::string &name, const std::string &tensor,
                     int64_t n, int64_t k, int64_t heads = 0) {
    std::string at = prefix_ + tensor;
    std::string weight = b_.param(name, at + ".weight", {n, k});
    std::string bias = b_.param(name + ".bias", at + ".bias", {n});
    return b_.linear(out, in, weight, bias, heads);
  }

  std::string embed(const std::string &name, const std::string &ids,
                    const std::string &tensor, int64_t rows) {
    std::string table = b_.param(
        name, prefix_ + "embeddings." + tensor + ".weight", {rows, c_.hidden});
    return b_.node("embedding", name, {ids, table});
  }

  /// A new entry with the encoder in it; its last hidden state.
  std::string encoder(const std::string &entry) {
    b_.entry(entry, /*causal=*/false,
             {"input_ids", "attention_mask", "token_type_ids"});
    std::string words =
        embed("words", "input_ids", "word_embeddings", c_.vocabulary);
    std::string kinds = embed("segments", "token_type_ids",
                              "token_type_embeddings", c_.segments);
    std::string x = b_.node("add", "words+segments", {words, kinds});
    std::string position = b_.node("positions", "position", {});
    std::string places =
        embed("places", position, "position_embeddings", c_.positions);
    x = b_.node("add", "embeddings", {x, places});
    x = norm("x", x, "norm", "embeddings");
    for (int64_t i = 0; i < c_.layers; ++i)
      x = layer(i, x);
    return x;
  }

  std::string layer(int64_t i, const std::string &x) {
    std::string p = "l" + std::to_string(i) + ".";
    std::string at = "encoder.layer." + std::to_string(i) + ".";
    std::vector<std::string> qkv;
    for (const char *part : {"query", "key", "value"}) {
      std::string name = p + part[0];
      qkv.push_back(linear(name, x, name, at + "attention.self." + part,
                           c_.hidden, c_.hidden, c_.heads));
    }
    double scale = 1.0 / std::sqrt(double(c_.hidden / c_.heads));
    std::string a = b_.node("attention", p + "a", qkv, {{"scale", scale}});
    std::string o = linear(p + "o", a, p + "o", at + "attention.output.dense",
                           c_.hidden, c_.hidden);
    std::string h = norm(p + "h", b_.node("add", p + "x1", {o, x}), p + "norm1",
                         at + "attention.output");
    std::string up = linear(p + "up", h, p + "up", at + "intermediate.dense",
                            c_.inner, c_.hidden);
    std::string act = b_.activation(p + "act", up, c_.activation);
    std::string down = linear(p + "down", act, p + "down", at + "output.dense",
                              c_.hidden, c_.inner);
    return norm(p + "x", b_.node("add", p + "x2", {down, h}), p + "norm2",
                at + "output");
  }

  std::string pooler(const std::string &x) {
    std::string first =
        b_.node("segment_reduce", "first", {x}, {{"kind", "first"}});
    return b_.node("tanh", "pooler",
                   {linear("pooler.dense", first, "pooler", "pooler.dense",
                           c_.hidden, c_.hidden)});
  }

  const BertConfig &c_;
  GraphBuilder &b_;
  std::string prefix_; // of tensor names
  bool pooled_ = false;
};

} // namespace

/// Whether a checkpoint of this class has the pooler's weights.
static bool classHasPooler(const std::vector<std::string> &architectures) {
  if (architectures.empty())
    return true;
  static const char *const without[] = {"BertForMaskedLM",
                                        "BertForTokenClassification",
                                        "BertForQuestionAnswering"};
  return std::find(std::begin(without), std::end(without), architectures[0]) ==
         std::end(without);
}

static BertConfig read(Config &config) {
  BertConfig c;
  c.vocabulary = config.size("vocab_size");
  c.hidden = config.size("hidden_size");
  c.inner = config.size("intermediate_size");
  c.layers = config.layers("num_hidden_layers");
  c.heads = config.size("num_attention_heads");
  c.positions = config.size("max_position_embeddings");
  c.segments = config.size("type_vocab_size", 2);
  c.eps = config.number("layer_norm_eps", 1e-12);
  c.activation = config.activation("hidden_act", "gelu");
  config.flag("tie_word_embeddings", true); // of a head that is not built
  std::string kind = config.text("position_embedding_type", "absolute");
  if (kind != "absolute")
    config.fail("position_embedding_type",
                "expected \"absolute\", found \"" + kind + "\"");
  if (c.hidden % c.heads)
    config.fail("num_attention_heads", "expected a divisor of hidden_size, " +
                                           std::to_string(c.hidden) +
                                           ", found " +
                                           std::to_string(c.heads));
  c.pooler = classHasPooler(config.texts("architectures"));
  return c;
}

Status ft::hf::buildBert(Config &config, GraphBuilder &builder) {
  BertConfig parsed = read(config);
  FT_RETURN_IF_ERROR(config.finish());
  StatusOr<std::optional<SentenceHead>> sentence =
      readSentenceModules(builder.checkpoint());
  if (!sentence.ok()) {
    builder.fail(sentence.status());
    return {};
  }
  parsed.sentence = *sentence;
  builder.graph().vocabulary = parsed.vocabulary;
  builder.graph().maxPositions = parsed.positions;
  BertBuilder(parsed, builder).build();
  return {};
}
