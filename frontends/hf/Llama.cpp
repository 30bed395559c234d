//===- Llama.cpp - Llama, Mistral, Qwen2, Qwen3 ---------------------------===//
//
// One decoder; the families differ in biases, norms of q and k, windows and
// defaults. Configurations mean what transformers 5.17 takes them for.
//
//===----------------------------------------------------------------------===//
#include "frontends/hf/Families.h"
#include "frontends/hf/RopeConfig.h"

#include <cmath>

using namespace ft;
using namespace ft::hf;

namespace {

enum class Biases { All, Attention, Qkv, None };
enum class Windows { None, AllLayers, ByLayer };

/// How a family differs.
struct Variant {
  Biases biases;
  Windows windows;
  bool qkNorm = false;
  int64_t kvHeads = 0;  // where not configured; 0 = as many as heads
  int64_t headSize = 0; // likewise; 0 = hidden / heads
};

struct LlamaConfig {
  int64_t vocabulary, hidden, inner, layers, heads, kvHeads, headSize;
  int64_t positions;
  double eps;
  std::string activation;
  bool qkvBias, outBias, mlpBias, qkNorm, tied;
  std::vector<int64_t> windows; // of each layer; 0 = none
  std::vector<std::string> layerTypes;
  std::map<std::string, RopeTable> rope;
};

class LlamaReader {
public:
  LlamaReader(Config &config, const Variant &variant)
      : config_(config), variant_(variant) {}

  LlamaConfig read() {
    LlamaConfig c;
    c.vocabulary = config_.size("vocab_size");
    c.hidden = config_.size("hidden_size");
    c.inner = config_.size("intermediate_size");
    c.layers = config_.layers("num_hidden_layers");
    c.positions = config_.size("max_position_embeddings");
    c.eps = config_.number("rms_norm_eps", 1e-6);
    c.tied = config_.flag("tie_word_embeddings", false);
    c.activation = config_.activation("hidden_act", "silu");
    readHeads(c);
    readBiases(c);
    readWindows(c);
    c.rope = readRope(config_, c.positions, c.headSize, c.layerTypes);
    return c;
  }

private:
  void readHeads(LlamaConfig &c) {
    c.qkNorm = variant_.qkNorm;
    c.heads = config_.size("num_attention_heads");
    bool asHeads = !variant_.kvHeads || config_.isNull("num_key_value_heads");
    c.kvHeads = config_.size("num_key_value_heads",
                             asHeads ? c.heads : variant_.kvHeads);
    if (c.heads % c.kvHeads)
      config_.fail("num_key_value_heads",
                   "expected a divisor of the " + std::to_string(c.heads) +
                       " attention heads, found " + std::to_string(c.kvHeads));
    c.headSize = config_.size(
        "head_dim", variant_.headSize ? variant_.headSize : c.hidden / c.heads);
  }

  void readBiases(LlamaConfig &c) {
    bool all = variant_.biases == Biases::All;
    bool configured = all || variant_.biases == Biases::Attention;
    c.outBias = configured && config_.flag("attention_bias", false);
    c.qkvBias = c.outBias || variant_.biases == Biases::Qkv;
    c.mlpBias = all && config_.flag("mlp_bias", false);
  }

  void readWindows(LlamaConfig &c) {
    c.windows.assign(c.layers, 0);
    if (variant_.windows == Windows::None)
      return;
    bool none = config_.isNull("sliding_window");
    int64_t window = config_.size("sliding_window", 4096);
    if (variant_.windows == Windows::AllLayers) {
      c.windows.assign(c.layers, none ? 0 : window);
      return;
    }
    // Read in any case: these are keys the family knows.
    bool use = config_.flag("use_sliding_window", false);
    int64_t first = config_.count("max_window_layers", 28);
    if (none || !use)
      window = 0;
    c.layerTypes = config_.texts("layer_types");
    if (!config_.has("layer_types"))
      for (int64_t i = 0; i < c.layers; ++i)
        c.layerTypes.push_back(window && i >= first ? "sliding_attention"
                                                    : "full_attention");
    if (int64_t(c.layerTypes.size()) != c.layers)
      return config_.fail("layer_types",
                          "expected " + std::to_string(c.layers) +
                              " layers, found " +
                              std::to_string(c.layerTypes.size()));
    for (int64_t i = 0; i < c.layers; ++i)
      c.windows[i] = windowOf(c.layerTypes[i], i, window);
  }

  int64_t windowOf(const std::string &type, int64_t layer, int64_t window) {
    std::string key = "layer_types/" + std::to_string(layer);
    if (type == "sliding_attention") {
      if (!window)
        config_.fail(key, "a layer with a window, but sliding_window is not "
                          "set or use_sliding_window is false");
      return window;
    }
    if (type != "full_attention")
      config_.fail(key, "expected full_attention or sliding_attention, found "
                        "\"" +
                            type + "\"");
    return 0;
  }

  Config &config_;
  const Variant &variant_;
};

class LlamaBuilder {
public:
  LlamaBuilder(const LlamaConfig &config, GraphBuilder &builder)
      : c_(config), b_(builder) {
    prefix_ = b_.findPrefix("embed_tokens.weight", {"model.", ""});
  }

  void build() {
    b_.input("input_ids", plan::InputRole::Tokens, c_.vocabulary);
    b_.input("attention_mask", plan::InputRole::Mask);
    b_.cache("kv", c_.layers, c_.kvHeads, c_.headSize);
    b_.entry("step", /*causal=*/true, {"input_ids", "attention_mask"});
    std::string embed = b_.param("embed", prefix_ + "embed_tokens.weight",
                                 {c_.vocabulary, c_.hidden});
    for (auto &[type, table] : c_.rope)
      rope_[type] = b_.rope(type.empty() ? "rope" : "rope." + type, table);
    std::string x = b_.node("embedding", "x", {"input_ids", embed});
    for (int64_t i = 0; i < c_.layers; ++i)
      x = layer(i, x);
    head(x, embed);
  }

private:
  std::string linear(const std::string &out, const std::string &in,
                     const std::string &name, const std::string &tensor,
                     int64_t n, int64_t k, bool bias, int64_t heads = 0) {
    std::string at = prefix_ + layer_ + tensor;
    std::string weight = b_.param(name, at + ".weight", {n, k});
    std::string biasParam =
        bias ? b_.param(name + ".bias", at + ".bias", {n}) : "";
    return b_.linear(out, in, weight, biasParam, heads);
  }

  std::string norm(const std::string &out, const std::string &in,
                   const std::string &name, const std::string &tensor,
                   int64_t size) {
    std::string weight =
        b_.param(name, prefix_ + layer_ + tensor + ".weight", {size});
    return b_.node("rms_norm", out, {in, weight}, {{"eps", c_.eps}});
  }

  std::string attention(int64_t i, const std::string &p, const std::string &h) {
    int64_t q = c_.heads * c_.headSize, kv = c_.kvHeads * c_.headSize;
    std::string query = linear(p + "q", h, p + "q", "self_attn.q_proj", q,
                               c_.hidden, c_.qkvBias, c_.heads);
    std::string key = linear(p + "k", h, p + "k", "self_attn.k_proj", kv,
                             c_.hidden, c_.qkvBias, c_.kvHeads);
    std::string value = linear(p + "v", h, p + "v", "self_attn.v_proj", kv,
                               c_.hidden, c_.qkvBias, c_.kvHeads);
    if (c_.qkNorm) {
      query =
          norm(p + "qn", query, p + "q_norm", "self_attn.q_norm", c_.headSize);
      key = norm(p + "kn", key, p + "k_norm", "self_attn.k_norm", c_.headSize);
    }
    const std::string &table =
        rope_.count("") ? rope_.at("") : rope_.at(c_.layerTypes[i]);
    query = b_.node("rope", p + "qr", {query, table});
    key = b_.node("rope", p + "kr", {key, table});
    GraphBuilder::Attrs attrs{{"cache", "kv"}, {"layer", i}};
    b_.node("cache_append", "", {key, value}, attrs);
    attrs["causal"] = true;
    attrs["scale"] = 1.0 / std::sqrt(double(c_.headSize));
    if (c_.windows[i])
      attrs["window"] = c_.windows[i];
    std::string out = b_.node("attention", p + "a", {query}, attrs);
    return linear(p + "o", out, p + "o", "self_attn.o_proj", c_.hidden, q,
                  c_.outBias);
  }

  std::string mlp(const std::string &p, const std::string &h) {
    std::string gate = linear(p + "gate", h, p + "gate", "mlp.gate_proj",
                              c_.inner, c_.hidden, c_.mlpBias);
    std::string up = linear(p + "up", h, p + "up", "mlp.up_proj", c_.inner,
                            c_.hidden, c_.mlpBias);
    std::string act = b_.activation(p + "act", gate, c_.activation);
    std::string m = b_.node("mul", p + "m", {act, up});
    return linear(p + "down", m, p + "down", "mlp.down_proj", c_.hidden,
                  c_.inner, c_.mlpBias);
  }

  std::string layer(int64_t i, const std::string &x) {
    std::string p = "l" + std::to_string(i) + ".";
    layer_ = "layers." + std::to_string(i) + ".";
    std::string h =
        norm(p + "h1", x, p + "norm1", "input_layernorm", c_.hidden);
    std::string x1 = b_.node("add", p + "x1", {x, attention(i, p, h)});
    h = norm(p + "h2", x1, p + "norm2", "post_attention_layernorm", c_.hidden);
    return b_.node("add", p + "x2", {x1, mlp(p, h)});
  }

  void head(const std::string &x, const std::string &embed) {
    layer_.clear();
    std::string wanted = b_.node("rows", "wanted", {x});
    std::string h = norm("h", wanted, "norm", "norm", c_.hidden);
    // transformers does not tie where the checkpoint has the head as well.
    bool tied = c_.tied && !b_.checkpoint().hasTensor("lm_head.weight");
    std::string weight = tied ? embed
                              : b_.param("lm_head", "lm_head.weight",
                                         {c_.vocabulary, c_.hidden});
    std::string logits = b_.linear("logits", h, weight);
    b_.output("logits", logits);
    b_.output("next_token", b_.node("sample", "next_token", {logits}));
  }

  const LlamaConfig &c_;
  GraphBuilder &b_;
  std::string prefix_, layer_; // of tensor names
  std::map<std::string, std::string> rope_;
};

} // namespace

static Status build(Config &config, GraphBuilder &builder,
                    const Variant &variant) {
  LlamaConfig parsed = LlamaReader(config, variant).read();
  FT_RETURN_IF_ERROR(config.finish());
  builder.graph().vocabulary = parsed.vocabulary;
  builder.graph().maxPositions = parsed.positions;
  LlamaBuilder(parsed, builder).build();
  return {};
}

Status ft::hf::buildLlama(Config &config, GraphBuilder &builder) {
  return build(config, builder,
               {.biases = Biases::All, .windows = Windows::None});
}

Status ft::hf::buildMistral(Config &config, GraphBuilder &builder) {
  return build(
      config, builder,
      {.biases = Biases::None, .windows = Windows::AllLayers, .kvHeads = 8});
}

Status ft::hf::buildQwen2(Config &config, GraphBuilder &builder) {
  return build(
      config, builder,
      {.biases = Biases::Qkv, .windows = Windows::ByLayer, .kvHeads = 32});
}

Status ft::hf::buildQwen3(Config &config, GraphBuilder &builder) {
  return build(config, builder,
               {.biases = Biases::Attention,
                .windows = Windows::ByLayer,
                .qkNorm = true,
                .kvHeads = 32,
                .headSize = 128});
}
