//===- TextEncoder.h - encoders of text in BERT's form ----------*- C++ -*-===//
//
// BERT and what descends from it are one graph: embeddings with a norm, layers
// of attention without a cache whose norms come after the sums, and a head.
// What differs is in two tables: sizes (TextConfig) and names (TextVariant).
//
//===----------------------------------------------------------------------===//
#ifndef FT_FRONTENDS_HF_TEXTENCODER_H
#define FT_FRONTENDS_HF_TEXTENCODER_H

#include "frontends/hf/Config.h"
#include "frontends/hf/GraphBuilder.h"
#include "frontends/hf/Labels.h"

#include <string>

namespace ft::hf {

/// Sizes, by config.json.
struct TextConfig {
  int64_t vocabulary = 0, hidden = 0, inner = 0, layers = 0, heads = 0;
  int64_t embedding = 0;     // width of the embeddings; often `hidden`
  int64_t positions = 0;     // rows of the table
  int64_t firstPosition = 0; // row of a sequence's first token
  int64_t segments = 0;      // kinds of token; 0: no such table
  double eps = 1e-12;
  std::string activation = "gelu";
  bool tied = true; // words are predicted by the table they are read from
  plan::Labels labels;
};

/// Tensors of a layer, below "LAYERS.I.".
struct LayerTensors {
  const char *query, *key, *value, *out, *attentionNorm, *up, *down,
      *outputNorm;
};

/// Of the first token, for a class of the whole sequence: out(activation(
/// dense(x))). Absent where `dense` is null.
struct SummaryTensors {
  const char *dense = nullptr;
  bool inEncoder = false; // the dense one is the encoder's own pooler
  const char *activation = "tanh";
  const char *out = "classifier";
};

/// Of masked words: norm(activation(dense(x))) times the words' table.
struct PredictionTensors {
  const char *dense, *norm;
  const char *activation;       // null: the layers' own
  const char *decoder;          // of the matrix where it is no table of words
  const char *bias, *otherBias; // one of them is in a file
};

/// How a family calls its tensors.
struct TextVariant {
  const char *classes; // "Bert": what its classes' names start with
  const char *prefix;  // "bert.": of the encoder in a model with a head
  const char *layers;  // "encoder.layer"
  LayerTensors layer;
  const char *pooler; // tensor of the pooler; null: it has none
  PredictionTensors words;
  SummaryTensors sequence; // ...ForSequenceClassification
  SummaryTensors choice;   // ...ForMultipleChoice
  /// ...ForPreTraining finds words that were replaced; null: it is BERT's.
  const char *replaced = nullptr;
  /// A table [buckets, heads] added to the scores by distance; null: none.
  const char *distances = nullptr;
};

/// What BERT and most that descend from it share.
inline constexpr LayerTensors kBertLayer = {"attention.self.query",
                                            "attention.self.key",
                                            "attention.self.value",
                                            "attention.output.dense",
                                            "attention.output.LayerNorm",
                                            "intermediate.dense",
                                            "output.dense",
                                            "output.LayerNorm"};

/// Sizes under BERT's keys, and what no variant takes in another value.
TextConfig readTextConfig(Config &config);
/// Positions that start behind `pad_token_id`.
void readPadding(Config &config, TextConfig &c);
void checkHeads(Config &config, const std::string &headsKey,
                const std::string &sizeKey, const TextConfig &c);

/// Builds the class that builder.architecture() names, or its part, after
/// config.finish().
Status buildText(const TextConfig &config, const TextVariant &variant,
                 GraphBuilder &builder);

/// Rows of a table `distances` take part in.
inline constexpr int64_t kDistanceBuckets = 32;

/// The score region that adds the row of a key's distance in the table `tensor`
/// of [kDistanceBuckets, heads].
std::vector<graph::ScoreInst>
distanceScore(const std::string &tensor, int64_t heads, GraphBuilder &builder);

/// The layers and what comes before them, in entries of the graph.
class TextEncoder {
public:
  TextEncoder(const TextConfig &config, const TextVariant &variant,
              GraphBuilder &builder);

  /// The inputs of all entries, then a new entry: its last hidden state.
  void declareInputs();
  std::string build(const std::string &entry);

  /// tanh(dense(first token)); whether the checkpoint has it.
  bool hasPooler() const;
  std::string pooler(const std::string &x);

  //===--------------------------------------------------------------------===//
  // Nodes that heads are made of, too
  //===--------------------------------------------------------------------===//

  std::string linear(const std::string &out, const std::string &in,
                     const std::string &name, const std::string &tensor,
                     int64_t n, int64_t k, int64_t heads = 0);
  std::string norm(const std::string &out, const std::string &in,
                   const std::string &name, const std::string &tensor,
                   int64_t size);
  /// The first row of each sequence.
  std::string first(const std::string &x);
  /// The name of a tensor of the encoder in the checkpoint.
  std::string own(const std::string &tensor) const { return prefix_ + tensor; }
  /// The param of a table of the embeddings.
  std::string table(const std::string &name, const std::string &tensor,
                    int64_t rows);

private:
  std::string embeddings();
  std::string layer(int64_t i, const std::string &x);
  std::string attention(int64_t i, const std::string &x);

  const TextConfig &c_;
  const TextVariant &v_;
  GraphBuilder &b_;
  std::string prefix_; // of the encoder's tensors
  std::vector<std::string> inputs_;
};

} // namespace ft::hf

#endif // FT_FRONTENDS_HF_TEXTENCODER_H
