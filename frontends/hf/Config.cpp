//===- Config.cpp - config.json, key by key -------------------------------===//
#include "frontends/hf/Config.h"

#include "frontends/graph/ModelGraph.h"
#include "frontends/hf/GraphBuilder.h"

#include <algorithm>
#include <map>

using namespace ft;
using namespace ft::hf;
using json::JsonView;

/// No extent of a model comes near this; products of two stay in range.
static constexpr int64_t kMaxSize = int64_t(1) << 26;

namespace {
/// When a key that changes nothing we compute may be overlooked.
enum class Harmless { Always, IfEmpty, IfFalse };
} // namespace

/// Keys that are not part of what a forward pass computes, or are not in the
/// values allowed here: dropout, training, text generation, bookkeeping.
static const std::map<std::string, Harmless> &harmlessKeys() {
  using enum Harmless;
  static const std::map<std::string, Harmless> keys = {
      // Bookkeeping.
      {"_attn_implementation_autoset", Always},
      {"_commit_hash", Always},
      {"_name_or_path", Always},
      {"_num_labels", Always},
      {"architectures", Always},
      {"attn_implementation", Always},
      {"finetuning_task", Always},
      {"id2label", Always},
      {"label2id", Always},
      {"language", Always},
      {"model_type", Always},
      {"name", Always},
      {"name_or_path", Always},
      {"num_labels", Always},
      {"prefix", Always},
      {"problem_type", Always},
      {"task_specific_params", Always},
      {"tokenizer_class", Always},
      {"transformers_version", Always},
      {"unsloth_fixed", Always},
      {"unsloth_version", Always},
      // Training, and the form of Python's results.
      {"attention_dropout", Always},
      {"attention_probs_dropout_prob", Always},
      {"attn_pdrop", Always},
      {"classifier_dropout", Always},
      {"embd_pdrop", Always},
      {"gradient_checkpointing", Always},
      {"hidden_dropout_prob", Always},
      {"initializer_range", Always},
      {"output_attentions", Always},
      {"output_hidden_states", Always},
      {"output_past", Always},
      {"resid_pdrop", Always},
      {"return_dict", Always},
      {"tf_legacy_loss", Always},
      {"torchscript", Always},
      {"use_bfloat16", Always},
      {"use_cache", Always},
      // The same sums in another order.
      {"chunk_size_feed_forward", Always},
      {"pretraining_tp", Always},
      // Heads that are not built.
      {"summary_activation", Always},
      {"summary_first_dropout", Always},
      {"summary_proj_to_labels", Always},
      {"summary_last_dropout", Always},
      {"summary_type", Always},
      {"summary_use_proj", Always},
      // Text generation.
      {"bad_words_ids", Always},
      {"begin_suppress_tokens", Always},
      {"bos_token_id", Always},
      {"decoder_start_token_id", Always},
      {"diversity_penalty", Always},
      {"do_sample", Always},
      {"early_stopping", Always},
      {"encoder_no_repeat_ngram_size", Always},
      {"eos_token_id", Always},
      {"exponential_decay_length_penalty", Always},
      {"forced_bos_token_id", Always},
      {"forced_eos_token_id", Always},
      {"length_penalty", Always},
      {"max_length", Always},
      {"min_length", Always},
      {"no_repeat_ngram_size", Always},
      {"num_beam_groups", Always},
      {"num_beams", Always},
      {"num_return_sequences", Always},
      {"output_scores", Always},
      {"pad_token_id", Always},
      {"remove_invalid_values", Always},
      {"repetition_penalty", Always},
      {"return_dict_in_generate", Always},
      {"sep_token_id", Always},
      {"suppress_tokens", Always},
      {"temperature", Always},
      {"top_k", Always},
      {"top_p", Always},
      {"typical_p", Always},
      // Another model, unless empty or off.
      {"add_cross_attention", IfFalse},
      {"cross_attention_hidden_size", IfEmpty},
      {"is_decoder", IfFalse},
      {"is_encoder_decoder", IfFalse},
      {"per_layer_config", IfEmpty},
      {"pruned_heads", IfEmpty},
      {"quantization_config", IfEmpty},
      {"tie_encoder_decoder", IfFalse},
      {"use_mrope", IfFalse},
  };
  return keys;
}

static bool isHarmless(const std::string &key, const json::Json &value) {
  auto known = harmlessKeys().find(key);
  if (known == harmlessKeys().end())
    return false;
  switch (known->second) {
  case Harmless::Always:
    return true;
  case Harmless::IfEmpty:
    return value.is_null() || (value.is_structured() && value.empty());
  case Harmless::IfFalse:
    return value.is_null() || value == false;
  }
  return false;
}

void Config::fail(Status status) {
  if (error_.ok())
    error_ = std::move(status);
}

void Config::fail(const std::string &key, const std::string &message) {
  fail(invalidArgument("/" + key + ": " + message));
}

std::optional<JsonView> Config::find(const std::string &key) {
  used_.insert(key);
  if (!view_.has(key) || view_.member(key).value().is_null())
    return std::nullopt;
  return view_.member(key);
}

bool Config::has(const std::string &key) { return find(key).has_value(); }

bool Config::isNull(const std::string &key) {
  used_.insert(key);
  return view_.has(key) && view_.member(key).value().is_null();
}

int64_t Config::size(const std::string &key) {
  if (!has(key)) {
    fail(view_.error("expected a member \"" + key + "\", found none"));
    return 1;
  }
  return size(key, 1);
}

int64_t Config::size(const std::string &key, int64_t absent) {
  int64_t value = count(key, absent);
  if (value > 0)
    return value;
  fail(key, "expected an integer of at least 1, found 0");
  return 1;
}

int64_t Config::layers(const std::string &key) {
  constexpr int64_t kMaxLayers = 4096;
  int64_t value = size(key);
  if (value <= kMaxLayers)
    return value;
  fail(key, "expected at most " + std::to_string(kMaxLayers) +
                " layers, found " + std::to_string(value));
  return 1;
}

int64_t Config::count(const std::string &key, int64_t absent) {
  std::optional<JsonView> view = find(key);
  if (!view)
    return absent;
  StatusOr<int64_t> value = view->integer(0, kMaxSize);
  if (value.ok())
    return *value;
  fail(value.status());
  return 1;
}

std::vector<int64_t> Config::sides(const std::string &key, int64_t absent) {
  constexpr int64_t kMaxSide = 1 << 14;
  std::vector<int64_t> sides{absent, absent};
  std::optional<JsonView> view = find(key);
  if (!view)
    return sides;
  bool list = view->value().is_array();
  if (list && view->value().size() != 2)
    fail(view->mismatch("an integer, or two: height and width"));
  for (size_t i = 0; i < 2 && (!list || view->value().size() == 2); ++i) {
    StatusOr<int64_t> side =
        (list ? view->element(i) : *view).integer(1, kMaxSide);
    if (side.ok())
      sides[i] = *side;
    else
      fail(side.status());
  }
  return sides;
}

double Config::number(const std::string &key, double absent) {
  std::optional<JsonView> view = find(key);
  if (!view)
    return absent;
  StatusOr<double> value = view->number();
  if (value.ok())
    return *value;
  fail(value.status());
  return absent;
}

bool Config::flag(const std::string &key, bool absent) {
  std::optional<JsonView> view = find(key);
  if (!view)
    return absent;
  StatusOr<bool> value = view->boolean();
  if (value.ok())
    return *value;
  fail(value.status());
  return absent;
}

std::string Config::text(const std::string &key, const std::string &absent) {
  std::optional<JsonView> view = find(key);
  if (!view)
    return absent;
  StatusOr<std::string> value = view->string();
  if (value.ok())
    return *value;
  fail(value.status());
  return absent;
}

std::optional<JsonView> Config::object(const std::string &key) {
  std::optional<JsonView> view = find(key);
  if (!view)
    return std::nullopt;
  if (Status status = view->expectObject(); !status.ok()) {
    fail(status);
    return std::nullopt;
  }
  return view;
}

std::vector<std::string> Config::texts(const std::string &key) {
  std::vector<std::string> list;
  std::optional<JsonView> view = find(key);
  if (!view)
    return list;
  fail(view->expectArray());
  for (size_t i = 0; view->value().is_array() && i < view->value().size();
       ++i) {
    StatusOr<std::string> value = view->element(i).string();
    if (value.ok())
      list.push_back(*value);
    else
      fail(value.status());
  }
  return list;
}

std::string Config::activation(const std::string &key,
                               const std::string &absent) {
  std::string name = text(key, absent);
  if (!GraphBuilder::knowsActivation(name))
    fail(key, "expected one of " + GraphBuilder::knownActivations() +
                  ", found \"" + name + "\"");
  return name;
}

DType Config::dtype() {
  std::string name = text("torch_dtype", "float32");
  name = text("dtype", name);
  if (name == "float32")
    return DType::F32;
  if (name == "float16")
    return DType::F16;
  if (name == "bfloat16")
    return DType::BF16;
  fail(has("dtype") ? "dtype" : "torch_dtype",
       "expected float32, float16 or bfloat16, found \"" + name + "\"");
  return DType::F32;
}

bool Config::isIgnored(const std::string &key) const {
  return std::find(ignored_.begin(), ignored_.end(), key) != ignored_.end();
}

/// The sentence about a key that is not understood.
static Status unknownKey(const JsonView &view, const std::string &flag,
                         bool value) {
  return unsupported(view.pointer() + ": " +
                     (value ? "the value " + json::describe(view.value()) +
                                  " of this key is not supported"
                            : "this key is not known (its value is " +
                                  json::describe(view.value()) + ")") +
                     "; --ignore-config-key " + flag +
                     " overlooks it, and the results may then be wrong");
}

void Config::expectOnly(const JsonView &object,
                        const std::vector<std::string> &known) {
  for (auto &[key, value] : object.value().items())
    if (std::find(known.begin(), known.end(), key) == known.end() &&
        !isIgnored(key))
      fail(unknownKey(object.member(key), key, /*value=*/false));
}

Status Config::finish() {
  FT_RETURN_IF_ERROR(error_);
  for (auto &[key, value] : view_.value().items())
    if (!used_.count(key) && !isHarmless(key, value) && !isIgnored(key))
      return unknownKey(view_.member(key), key, harmlessKeys().count(key));
  return {};
}
