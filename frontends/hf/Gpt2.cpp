//===- Gpt2.cpp - GPT-2 ---------------------------------------------------===//
//
// Its linear layers are stored as [in, out] ("Conv1D"), q, k and v side by
// side; the graph sees them apart and as [out, in].
//
//===----------------------------------------------------------------------===//
#include "frontends/hf/Families.h"

#include <cmath>

using namespace ft;
using namespace ft::hf;

namespace {

struct Gpt2Config {
  int64_t vocabulary, hidden, inner, layers, heads, positions;
  double eps;
  std::string activation;
  bool scaled, scaledByLayer, tied;
};

class Gpt2Builder {
public:
  Gpt2Builder(const Gpt2Config &config, GraphBuilder &builder)
      : c_(config), b_(builder) {
    prefix_ = b_.findPrefix("wte.weight", {"transformer.", ""});
  }

  void build() {
    b_.input("input_ids", plan::InputRole::Tokens, c_.vocabulary);
    b_.input("attention_mask", plan::InputRole::Mask);
    b_.cache("kv", c_.layers, c_.heads, c_.hidden / c_.heads);
    b_.entry("step", /*causal=*/true, {"input_ids", "attention_mask"});
    std::string embed =
        b_.param("embed", prefix_ + "wte.weight", {c_.vocabulary, c_.hidden});
    std::string places = b_.param("positions", prefix_ + "wpe.weight",
                                  {c_.positions, c_.hidden});
    std::string words = b_.node("embedding", "words", {"input_ids", embed});
    std::string position = b_.node("positions", "position", {});
    std::string x =
        b_.node("add", "x",
                {words, b_.node("embedding", "places", {position, places})});
    for (int64_t i = 0; i < c_.layers; ++i)
      x = layer(i, x);
    head(x, embed);
  }

private:
  std::string norm(const std::string &out, const std::string &in,
                   const std::string &name, const std::string &tensor) {
    std::string at = prefix_ + layer_ + tensor;
    return b_.node("layer_norm", out,
                   {in, b_.param(name, at + ".weight", {c_.hidden}),
                    b_.param(name + ".bias", at + ".bias", {c_.hidden})},
                   {{"eps", c_.eps}});
  }

  /// Columns `start` .. `start + n` of a stored [k, total] layer.
  std::string linear(const std::string &out, const std::string &in,
                     const std::string &name, const std::string &tensor,
                     int64_t k, int64_t total, int64_t start, int64_t n,
                     int64_t heads = 0) {
    std::string at = prefix_ + layer_ + tensor;
    plan::Recipe weight = b_.tensor(at + ".weight", {k, total});
    plan::Recipe bias = b_.tensor(at + ".bias", {total});
    if (n != total) {
      weight = sliceOf(std::move(weight), 1, start, n);
      bias = sliceOf(std::move(bias), 0, start, n);
    }
    std::string weightParam = b_.param(name, transposeOf(std::move(weight)));
    std::string biasParam = b_.param(name + ".bias", std::move(bias));
    return b_.linear(out, in, weightParam, biasParam, heads);
  }

  std::string attention(int64_t i, const std::string &p, const std::string &h) {
    std::vector<std::string> qkv;
    for (const char *part : {"q", "k", "v"})
      qkv.push_back(linear(p + part, h, p + part, "attn.c_attn", c_.hidden,
                           3 * c_.hidden, int64_t(qkv.size()) * c_.hidden,
                           c_.hidden, c_.heads));
    double scale = 1.0;
    if (c_.scaled)
      scale /= std::sqrt(double(c_.hidden / c_.heads));
    if (c_.scaledByLayer)
      scale /= double(i + 1);
    GraphBuilder::Attrs attrs{{"cache", "kv"}, {"layer", i}};
    b_.node("cache_append", "", {qkv[1], qkv[2]}, attrs);
    attrs["causal"] = true;
    attrs["scale"] = scale;
    std::string a = b_.node("attention", p + "a", {qkv[0]}, attrs);
    return linear(p + "o", a, p + "o", "attn.c_proj", c_.hidden, c_.hidden, 0,
                  c_.hidden);
  }

  std::string layer(int64_t i, const std::string &x) {
    std::string p = "l" + std::to_string(i) + ".";
    layer_ = "h." + std::to_string(i) + ".";
    std::string h = norm(p + "h1", x, p + "norm1", "ln_1");
    std::string x1 = b_.node("add", p + "x1", {x, attention(i, p, h)});
    h = norm(p + "h2", x1, p + "norm2", "ln_2");
    h = linear(p + "up", h, p + "up", "mlp.c_fc", c_.hidden, c_.inner, 0,
               c_.inner);
    h = b_.activation(p + "act", h, c_.activation);
    h = linear(p + "down", h, p + "down", "mlp.c_proj", c_.inner, c_.hidden, 0,
               c_.hidden);
    return b_.node("add", p + "x2", {x1, h});
  }

  void head(const std::string &x, const std::string &embed) {
    layer_.clear();
    std::string h = norm("h", b_.node("rows", "wanted", {x}), "norm", "ln_f");
    // transformers does not tie where the checkpoint has the head as well.
    bool tied = c_.tied && !b_.checkpoint().hasTensor("lm_head.weight");
    std::string weight = tied ? embed
                              : b_.param("lm_head", "lm_head.weight",
                                         {c_.vocabulary, c_.hidden});
    std::string logits = b_.linear("logits", h, weight);
    b_.output("logits", logits);
    b_.output("next_token", b_.node("sample", "next_token", {logits}));
  }

  const Gpt2Config &c_;
  GraphBuilder &b_;
  std::string prefix_, layer_; // of tensor names
};

} // namespace

static Gpt2Config read(Config &config) {
  Gpt2Config c;
  c.vocabulary = config.size("vocab_size");
  c.hidden = config.size("n_embd");
  c.inner = config.size("n_inner", 4 * c.hidden);
  c.layers = config.layers("n_layer");
  c.heads = config.size("n_head");
  c.positions = config.size("n_positions");
  config.has("n_ctx"); // an old name of n_positions, written beside it
  c.eps = config.number("layer_norm_epsilon", 1e-5);
  c.scaled = config.flag("scale_attn_weights", true);
  c.scaledByLayer = config.flag("scale_attn_by_inverse_layer_idx", false);
  config.flag("reorder_and_upcast_attn", false); // scores are fp32 anyway
  c.tied = config.flag("tie_word_embeddings", true);
  c.activation = config.activation("activation_function", "gelu_new");
  if (c.hidden % c.heads)
    config.fail("n_head", "expected a divisor of n_embd, " +
                              std::to_string(c.hidden) + ", found " +
                              std::to_string(c.heads));
  return c;
}

Status ft::hf::buildGpt2(Config &config, GraphBuilder &builder) {
  Gpt2Config parsed = read(config);
  FT_RETURN_IF_ERROR(config.finish());
  builder.graph().vocabulary = parsed.vocabulary;
  builder.graph().maxPositions = parsed.positions;
  Gpt2Builder(parsed, builder).build();
  return {};
}
