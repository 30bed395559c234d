//===- TextHeads.cpp - what stands on encoders of text --------------------===//
#include "frontends/hf/SentenceModules.h"
#include "frontends/hf/TextEncoder.h"

using namespace ft;
using namespace ft::hf;

namespace {

/// Builds one class: an encoder and its head, in the entry "encode".
class TextHead {
public:
  TextHead(const TextConfig &config, const TextVariant &variant,
           TextEncoder &encoder, GraphBuilder &builder)
      : c_(config), v_(variant), e_(encoder), b_(builder) {}

  /// `kind` is the class' name behind that of the variant.
  void build(const std::string &kind) {
    std::string x = e_.build("encode");
    if (kind == "ForMaskedLM") {
      b_.output("logits", words("logits", x));
    } else if (kind == "ForPreTraining" && !v_.replaced) {
      b_.output("prediction_logits", words("prediction_logits", x));
      b_.output("seq_relationship_logits",
                nextSentence("seq_relationship_logits", x));
    } else if (kind == "ForPreTraining") {
      b_.graph().labels = {{"replaced"}, "sigmoid"};
      b_.output("logits", replaced(x));
    } else if (kind == "ForNextSentencePrediction") {
      b_.graph().labels = {{"next", "random"}, "softmax"};
      b_.output("logits", nextSentence("logits", x));
    } else if (kind == "ForSequenceClassification") {
      b_.graph().labels = c_.labels;
      b_.output("logits", summary("logits", x, v_.sequence, labels()));
    } else if (kind == "ForTokenClassification") {
      b_.graph().labels = c_.labels;
      b_.output("logits", e_.linear("logits", x, "classifier", "classifier",
                                    labels(), c_.hidden));
    } else if (kind == "ForQuestionAnswering") {
      spans(x);
    } else if (kind == "ForMultipleChoice") {
      b_.graph().labels = {{"choice"}, "none"};
      b_.output("logits", number("logits", summary("choice", x, v_.choice, 1)));
    }
  }

private:
  int64_t labels() const { return int64_t(c_.labels.names.size()); }

  /// Element `place` of rows, as rows of a number.
  std::string number(const std::string &out, const std::string &in,
                     int64_t place = 0) {
    return b_.node("rearrange", out, {in},
                   {{"shape", std::vector<int64_t>()},
                    {"offset", place},
                    {"strides", std::vector<int64_t>()}});
  }

  /// Logits of all words.
  std::string words(const std::string &out, const std::string &x) {
    const PredictionTensors &t = v_.words;
    std::string h = e_.linear("predict.dense", x, "predict", t.dense,
                              c_.embedding, c_.hidden);
    h = b_.activation("predict.act", h,
                      t.activation ? t.activation : c_.activation);
    h = e_.norm("predict.h", h, "predict.norm", t.norm, c_.embedding);
    // transformers does not tie where the checkpoint has the matrix as well.
    std::string decoder = std::string(t.decoder) + ".weight";
    bool tied = c_.tied && !b_.checkpoint().hasTensor(decoder);
    std::string weight =
        tied ? e_.table("words", "word_embeddings", c_.vocabulary)
             : b_.param("decoder", decoder, {c_.vocabulary, c_.embedding});
    std::string bias = b_.param(
        "decoder.bias", b_.tensor(t.bias, {c_.vocabulary}, {t.otherBias}));
    return b_.linear(out, h, weight, bias);
  }

  /// Whether a token was replaced.
  std::string replaced(const std::string &x) {
    std::string at = std::string(v_.replaced) + ".";
    std::string h = e_.linear("replaced.dense", x, "replaced", at + "dense",
                              c_.hidden, c_.hidden);
    h = b_.activation("replaced.act", h, c_.activation);
    h = e_.linear("replaced", h, "replaced.out", at + "dense_prediction", 1,
                  c_.hidden);
    return number("logits", h);
  }

  std::string nextSentence(const std::string &out, const std::string &x) {
    return e_.linear(out, e_.pooler(x), "next_sentence", "cls.seq_relationship",
                     2, c_.hidden);
  }

  std::string summary(const std::string &out, const std::string &x,
                      const SummaryTensors &t, int64_t n) {
    std::string dense = t.inEncoder ? e_.own(t.dense) : std::string(t.dense);
    std::string h = e_.linear("summary.dense", e_.first(x), "summary", dense,
                              c_.hidden, c_.hidden);
    h = b_.activation("summary", h, t.activation);
    return e_.linear(out, h, "classifier", t.out, n, c_.hidden);
  }

  void spans(const std::string &x) {
    std::string both =
        e_.linear("spans", x, "spans", "qa_outputs", 2, c_.hidden);
    b_.output("start_logits", number("start_logits", both, 0));
    b_.output("end_logits", number("end_logits", both, 1));
  }

  const TextConfig &c_;
  const TextVariant &v_;
  TextEncoder &e_;
  GraphBuilder &b_;
};

} // namespace

/// The encoder's own outputs, and those of a directory of
/// sentence-transformers.
static void buildBare(TextEncoder &encoder, GraphBuilder &b,
                      const std::optional<SentenceHead> &sentence) {
  std::string x = encoder.build("encode");
  b.output("last_hidden_state", x);
  if (b.part() == Part::Encoder)
    return;
  if (encoder.hasPooler())
    b.output("pooler_output", encoder.pooler(x));
  if (!sentence)
    return;
  x = encoder.build("embed");
  x = b.node("segment_reduce", "pooled", {x}, {{"kind", sentence->pooling}});
  if (sentence->normalize)
    x = b.node("normalize", "unit", {x}, {{"eps", 1e-12}});
  b.output("sentence_embedding", x);
}

Status ft::hf::buildText(const TextConfig &config, const TextVariant &variant,
                         GraphBuilder &builder) {
  StatusOr<std::optional<SentenceHead>> sentence =
      readSentenceModules(builder.checkpoint());
  if (!sentence.ok()) {
    builder.fail(sentence.status());
    return {};
  }
  TextEncoder encoder(config, variant, builder);
  encoder.declareInputs();
  // Sentence embeddings are of the encoder, whatever class it was saved from.
  bool embeds = sentence->has_value() && !builder.wanted().byUser;
  if (builder.part() == Part::Encoder || isBare(builder.architecture()) ||
      embeds) {
    buildBare(encoder, builder, *sentence);
    return {};
  }
  std::string kind =
      builder.architecture().substr(std::string(variant.classes).size());
  TextHead(config, variant, encoder, builder).build(kind);
  return {};
}
