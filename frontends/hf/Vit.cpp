//===- Vit.cpp - vision transformers: ViT and distilled DeiT --------------===//
//
// The projection of patches is a linear on gathered rows without its bias, so
// that rows of class tokens, which are zeros, stay so; its bias, the class
// tokens and the table of positions are then looked up and added.
//
//===----------------------------------------------------------------------===//
#include "frontends/hf/Families.h"
#include "frontends/hf/ImageProcessor.h"
#include "frontends/hf/Labels.h"

#include <algorithm>
#include <cmath>

using namespace ft;
using namespace ft::hf;

namespace {

/// What follows the last norm, under the names of transformers' classes.
enum class VisionHead { Model, Classifier, TwoClassifiers };

struct VisionConfig {
  int64_t channels, height, width, patchHeight, patchWidth;
  int64_t hidden, inner, layers, heads;
  double eps;
  std::string activation;
  bool qkvBias;
  /// Tokens before the patches, as the checkpoint names them; maybe none.
  std::vector<std::string> prefix;
  std::string tensors; // before names, in checkpoints of models with a head
  VisionHead head;
  plan::Labels labels;
  int64_t pooled;
  std::string poolerActivation;

  int64_t patches() const {
    return height / patchHeight * (width / patchWidth);
  }
  int64_t tokens() const { return int64_t(prefix.size()) + patches(); }
};

class VisionBuilder {
public:
  VisionBuilder(const VisionConfig &config, GraphBuilder &builder)
      : c_(config), b_(builder),
        prefix_(b_.findPrefix("embeddings.position_embeddings",
                              {"", c_.tensors + "."})) {}

  void build() {
    if (b_.part() == Part::Encoder)
      return layersAlone();
    b_.image("pixel_values", {c_.channels, c_.height, c_.width});
    b_.entry("encode", /*causal=*/false, {"pixel_values"});
    std::string x = encoder(embeddings());
    if (c_.head != VisionHead::Model)
      b_.graph().labels = c_.labels;
    if (c_.head == VisionHead::Classifier)
      return b_.output("logits", classifier(x, 0, "classifier"));
    if (c_.head == VisionHead::TwoClassifiers)
      return twoClassifiers(x);
    x = norm("norm", x, "norm", "layernorm");
    b_.output("last_hidden_state", x);
    if (hasPooler())
      b_.output("pooler_output", pooler(x));
  }

private:
  void layersAlone() {
    b_.dataInput("hidden_states", {c_.hidden});
    b_.entry("encode", /*causal=*/false, {"hidden_states"});
    b_.output("last_hidden_state", encoder("hidden_states"));
  }

  bool hasPooler() const {
    const Checkpoint &checkpoint = b_.checkpoint();
    return !checkpoint.weights ||
           checkpoint.hasTensor(prefix_ + "pooler.dense.weight");
  }

  std::string norm(const std::string &out, const std::string &in,
                   const std::string &name, const std::string &tensor) {
    std::string at = prefix_ + tensor;
    return b_.node("layer_norm", out,
                   {in, b_.param(name, at + ".weight", {c_.hidden}),
                    b_.param(name + ".bias", at + ".bias", {c_.hidden})},
                   {{"eps", c_.eps}});
  }

  /// `at` is the whole name of the tensors, but for "weight" and "bias".
  std::string linear(const std::string &out, const std::string &in,
                     const std::string &name, const std::string &at, int64_t n,
                     int64_t k, bool bias = true, int64_t heads = 0) {
    std::string weight = b_.param(name, at + ".weight", {n, k});
    return b_.linear(out, in, weight,
                     bias ? b_.param(name + ".bias", at + ".bias", {n})
                          : std::string(),
                     heads);
  }

  /// One row for each token of the prefix, then the projection's bias.
  plan::Recipe firstRows() {
    std::string at = prefix_ + "embeddings.";
    plan::Recipe rows;
    rows.op = plan::Recipe::Op::Concat;
    rows.shape = {int64_t(c_.prefix.size()) + 1, c_.hidden};
    for (const std::string &token : c_.prefix)
      rows.of.push_back(
          reshapeOf(b_.tensor(at + token, {1, 1, c_.hidden}), {1, c_.hidden}));
    rows.of.push_back(reshapeOf(
        b_.tensor(at + "patch_embeddings.projection.bias", {c_.hidden}),
        {1, c_.hidden}));
    return rows;
  }

  std::string embeddings() {
    int64_t first = int64_t(c_.prefix.size());
    int64_t k = c_.channels * c_.patchHeight * c_.patchWidth;
    std::string at = prefix_ + "embeddings.";
    std::string x =
        b_.node("patches", "patches", {"pixel_values"},
                {{"patch", std::vector<int64_t>{c_.patchHeight, c_.patchWidth}},
                 {"prefix", first}});
    plan::Recipe weight =
        b_.tensor(at + "patch_embeddings.projection.weight",
                  {c_.hidden, c_.channels, c_.patchHeight, c_.patchWidth});
    x = b_.linear("projected", x,
                  b_.param("patch", reshapeOf(weight, {c_.hidden, k})));
    std::string which = b_.node("positions", "which", {}, {{"most", first}});
    std::string tokens =
        b_.node("embedding", "tokens", {which, b_.param("first", firstRows())});
    plan::Recipe table =
        b_.tensor(at + "position_embeddings", {1, c_.tokens(), c_.hidden});
    std::string position = b_.node("positions", "position", {});
    std::string places = b_.node(
        "embedding", "places",
        {position,
         b_.param("places", reshapeOf(table, {c_.tokens(), c_.hidden}))});
    std::string added = b_.node("add", "tokens+places", {tokens, places});
    return b_.node("add", "x", {x, added});
  }

  /// The layers alone, from hidden states to hidden states.
  std::string encoder(std::string x) {
    for (int64_t i = 0; i < c_.layers; ++i)
      x = layer(i, x);
    return x;
  }

  std::string layer(int64_t i, const std::string &x) {
    std::string p = "l" + std::to_string(i) + ".";
    std::string of = "encoder.layer." + std::to_string(i) + ".";
    std::string at = prefix_ + of;
    std::string n = norm(p + "n1", x, p + "norm1", of + "layernorm_before");
    std::vector<std::string> qkv;
    for (const char *part : {"query", "key", "value"}) {
      std::string name = p + part[0];
      qkv.push_back(linear(name, n, name, at + "attention.attention." + part,
                           c_.hidden, c_.hidden, c_.qkvBias, c_.heads));
    }
    double scale = 1.0 / std::sqrt(double(c_.hidden / c_.heads));
    std::string a = b_.node("attention", p + "a", qkv, {{"scale", scale}});
    std::string o = linear(p + "o", a, p + "o", at + "attention.output.dense",
                           c_.hidden, c_.hidden);
    std::string h = b_.node("add", p + "h", {o, x});
    n = norm(p + "n2", h, p + "norm2", of + "layernorm_after");
    std::string up = linear(p + "up", n, p + "up", at + "intermediate.dense",
                            c_.inner, c_.hidden);
    std::string act = b_.activation(p + "act", up, c_.activation);
    std::string down = linear(p + "down", act, p + "down", at + "output.dense",
                              c_.hidden, c_.inner);
    return b_.node("add", p + "x", {down, h});
  }

  /// The norm is of rows, so that it may follow the choice of a token.
  std::string classifier(const std::string &x, int64_t token,
                         const std::string &name) {
    GraphBuilder::Attrs attrs{{"kind", std::string("first")}};
    if (token)
      attrs["index"] = token;
    std::string row = b_.node("segment_reduce", name + ".token", {x}, attrs);
    row = norm(name + ".norm", row, "norm", "layernorm");
    return linear(name, row, name, name, int64_t(c_.labels.names.size()),
                  c_.hidden);
  }

  void twoClassifiers(const std::string &x) {
    std::string first = classifier(x, 0, "cls_classifier");
    std::string second = classifier(x, 1, "distillation_classifier");
    std::string sum = b_.node("add", "sum", {first, second});
    b_.output("logits", b_.node("scale", "mean", {sum}, {{"by", 0.5}}));
    b_.output("cls_logits", first);
    b_.output("distillation_logits", second);
  }

  std::string pooler(const std::string &x) {
    std::string first = b_.node("segment_reduce", "first", {x},
                                {{"kind", std::string("first")}});
    std::string dense = linear("pooler.dense", first, "pooler",
                               prefix_ + "pooler.dense", c_.pooled, c_.hidden);
    return b_.activation("pooler", dense, c_.poolerActivation);
  }

  const VisionConfig &c_;
  GraphBuilder &b_;
  std::string prefix_; // of the encoder's tensors
};

} // namespace

static void readImage(Config &config, VisionConfig &c) {
  std::vector<int64_t> image = config.sides("image_size", 224);
  std::vector<int64_t> patch = config.sides("patch_size", 16);
  c.channels = config.size("num_channels", 3);
  c.height = image[0];
  c.width = image[1];
  c.patchHeight = patch[0];
  c.patchWidth = patch[1];
  if (c.channels > 256)
    config.fail("num_channels",
                "expected at most 256, found " + std::to_string(c.channels));
  if (c.patchHeight > c.height || c.patchWidth > c.width)
    config.fail("patch_size", "expected a patch within the image of " +
                                  std::to_string(c.height) + " by " +
                                  std::to_string(c.width) + ", found " +
                                  std::to_string(c.patchHeight) + " by " +
                                  std::to_string(c.patchWidth));
}

static VisionHead headOf(const std::string &name) {
  if (name.ends_with("ForImageClassification"))
    return VisionHead::Classifier;
  if (name.ends_with("ForImageClassificationWithTeacher"))
    return VisionHead::TwoClassifiers;
  return VisionHead::Model;
}

static VisionConfig read(Config &config, const std::string &architecture) {
  VisionConfig c;
  readImage(config, c);
  c.hidden = config.size("hidden_size", 768);
  c.inner = config.size("intermediate_size", 3072);
  c.layers = config.layers("num_hidden_layers");
  c.heads = config.size("num_attention_heads", 12);
  c.eps = config.number("layer_norm_eps", 1e-12);
  c.activation = config.activation("hidden_act", "gelu");
  c.qkvBias = config.flag("qkv_bias", true);
  c.pooled = config.size("pooler_output_size", c.hidden);
  c.poolerActivation = config.activation("pooler_act", "tanh");
  config.sides("encoder_stride", 16); // of a decoder that is not built
  c.labels = readLabels(config);
  c.head = headOf(architecture);
  if (c.hidden % c.heads)
    config.fail("num_attention_heads", "expected a divisor of hidden_size, " +
                                           std::to_string(c.hidden) +
                                           ", found " +
                                           std::to_string(c.heads));
  return c;
}

static Status build(Config &config, GraphBuilder &builder, std::string tensors,
                    std::vector<std::string> prefix) {
  VisionConfig parsed = read(config, builder.architecture());
  parsed.tensors = std::move(tensors);
  parsed.prefix = std::move(prefix);
  FT_RETURN_IF_ERROR(config.finish());
  if (builder.part() == Part::Model)
    builder.graph().maxPositions = parsed.tokens();
  VisionBuilder(parsed, builder).build();
  if (builder.part() == Part::Encoder)
    return {};
  if (Status status = readImageProcessor("pixel_values", builder); !status.ok())
    builder.fail(status);
  return {};
}

Status ft::hf::buildVit(Config &config, GraphBuilder &builder) {
  return build(config, builder, "vit", {"cls_token"});
}

Status ft::hf::buildDeit(Config &config, GraphBuilder &builder) {
  return build(config, builder, "deit", {"cls_token", "distillation_token"});
}
