//===- Families.cpp - which family reads a directory ----------------------===//
#include "frontends/hf/Families.h"

#include "frontends/graph/OpSchema.h"

#include <algorithm>
#include <filesystem>

using namespace ft;
using namespace ft::hf;
using json::Json;
using json::JsonView;

/// An encoder of text: the heads that all have, and `more`.
static Family text(const std::string &modelType, BuildFamily build,
                   const std::string &classes, std::vector<std::string> more) {
  Family family{modelType, build, {}, /*hasEncoderPart=*/true};
  more.insert(more.begin(),
              {"Model", "ForMaskedLM", "ForSequenceClassification",
               "ForTokenClassification", "ForQuestionAnswering"});
  for (const std::string &head : more)
    family.architectures.push_back(classes + head);
  return family;
}

static const std::vector<Family> &families() {
  static const std::vector<Family> table = {
      {"gpt2", buildGpt2, {"GPT2LMHeadModel", "GPT2Model"}},
      {"llama", buildLlama, {"LlamaForCausalLM", "LlamaModel"}},
      {"mistral", buildMistral, {"MistralForCausalLM", "MistralModel"}},
      {"qwen2", buildQwen2, {"Qwen2ForCausalLM", "Qwen2Model"}},
      {"qwen3", buildQwen3, {"Qwen3ForCausalLM", "Qwen3Model"}},
      text(
          "bert", buildBert, "Bert",
          {"ForPreTraining", "ForNextSentencePrediction", "ForMultipleChoice"}),
      text("roberta", buildRoberta, "Roberta", {"ForMultipleChoice"}),
      text("xlm-roberta", buildXlmRoberta, "XLMRoberta", {"ForMultipleChoice"}),
      text("camembert", buildCamembert, "Camembert", {"ForMultipleChoice"}),
      text("distilbert", buildDistilBert, "DistilBert", {"ForMultipleChoice"}),
      text("electra", buildElectra, "Electra", {"ForPreTraining"}),
      text("mpnet", buildMPNet, "MPNet", {"ForMultipleChoice"}),
      {"vit",
       buildVit,
       {"ViTModel", "ViTForImageClassification"},
       /*hasEncoderPart=*/true},
      {"deit",
       buildDeit,
       {"DeiTModel", "DeiTForImageClassification",
        "DeiTForImageClassificationWithTeacher"},
       /*hasEncoderPart=*/true}};
  return table;
}

static std::string join(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

static StatusOr<const Family *> findFamily(const Json &config) {
  FT_ASSIGN_OR_RETURN(JsonView member, JsonView(config).at("model_type"));
  FT_ASSIGN_OR_RETURN(std::string type, member.string());
  std::vector<std::string> known;
  for (const Family &family : families()) {
    if (family.modelType == type)
      return &family;
    known.push_back(family.modelType);
  }
  return unsupported("/model_type: the architecture \"" + type +
                     "\" is not known; known are " + join(known) +
                     ". Any other model can be written as model.json");
}

/// The class the checkpoint was saved from, or that the user wants, must be one
/// the family reads.
static StatusOr<Wanted> readWanted(Config &config, const Family &family,
                                   const ImportOptions &options) {
  std::vector<std::string> saved = config.texts("architectures");
  Wanted wanted;
  wanted.byUser = !options.architecture.empty();
  wanted.architecture = wanted.byUser   ? options.architecture
                        : saved.empty() ? ""
                                        : saved[0];
  const auto &known = family.architectures;
  if (!wanted.architecture.empty() &&
      std::find(known.begin(), known.end(), wanted.architecture) == known.end())
    return unsupported(
        (wanted.byUser ? "--architecture " : "/architectures/0: \"") +
        wanted.architecture + (wanted.byUser ? "" : "\"") +
        " is not known; of " + family.modelType + " models, known are " +
        join(known));
  if (options.part.empty())
    return wanted;
  if (options.part != "encoder")
    return invalidArgument("--part: expected encoder, found \"" + options.part +
                           "\"");
  if (!family.hasEncoderPart)
    return unsupported("--part encoder: " + family.modelType +
                       " models have no encoder that could be had alone");
  wanted.part = Part::Encoder;
  return wanted;
}

/// An int or a list of ints; generation_config.json wins over config.json.
static StatusOr<std::vector<int64_t>> tokenIds(const Checkpoint &checkpoint,
                                               const std::string &key) {
  for (const Json *file : {&checkpoint.generation, &checkpoint.config}) {
    JsonView view(*file);
    if (!view.has(key) || view.member(key).value().is_null())
      continue;
    JsonView member = view.member(key);
    std::string name =
        file == &checkpoint.config ? "config.json" : "generation_config.json";
    StatusOr<std::vector<int64_t>> ids = std::vector<int64_t>();
    if (member.value().is_array()) {
      ids = member.integers(0);
    } else {
      StatusOr<int64_t> id = member.integer(-1);
      if (!id.ok())
        return id.status().withContext(name);
      if (*id >= 0) // -1 is how some configurations say "none"
        ids = std::vector<int64_t>{*id};
    }
    return ids.ok() ? ids : ids.status().withContext(name);
  }
  return std::vector<int64_t>();
}

static Status addText(const Checkpoint &checkpoint, graph::ModelGraph &graph) {
  FT_ASSIGN_OR_RETURN(graph.endTokens, tokenIds(checkpoint, "eos_token_id"));
  FT_ASSIGN_OR_RETURN(std::vector<int64_t> start,
                      tokenIds(checkpoint, "bos_token_id"));
  if (!start.empty())
    graph.startToken = start[0];
  if (checkpoint.hasFile("tokenizer.json"))
    graph.tokenizer = "tokenizer.json";
  if (checkpoint.hasFile("tokenizer_config.json"))
    graph.tokenizerConfig = "tokenizer_config.json";
  return {};
}

static std::vector<plan::File> weightFiles(const Checkpoint &checkpoint) {
  if (!checkpoint.weights)
    return {{"model.safetensors", 0}};
  std::vector<plan::File> files;
  for (const SafetensorsDirectory::File &file : checkpoint.weights->files())
    files.push_back({file.name, file.header.hash()});
  return files;
}

StatusOr<graph::ModelGraph>
ft::hf::importDirectory(const std::string &directory,
                        const ImportOptions &options) {
  FT_ASSIGN_OR_RETURN(Checkpoint checkpoint, openCheckpoint(directory));
  namespace fs = std::filesystem;
  std::string where = (fs::path(directory) / "config.json").string();
  auto inConfig = [&](const Status &status) {
    return status.withContext(where);
  };
  StatusOr<const Family *> family = findFamily(checkpoint.config);
  if (!family.ok())
    return inConfig(family.status());
  Config config(checkpoint.config, options.ignoredConfigKeys);
  StatusOr<Wanted> wanted = readWanted(config, **family, options);
  if (!wanted.ok())
    return inConfig(wanted.status());
  graph::ModelGraph graph;
  graph.name = fs::path(checkpoint.directory).filename().string();
  graph.architecture = (*family)->modelType;
  graph.weightsDir = checkpoint.directory;
  graph.files = weightFiles(checkpoint);
  graph.dtype = config.dtype();
  if (Status status = addText(checkpoint, graph); !status.ok())
    return status.withContext(directory);
  GraphBuilder builder(graph, checkpoint, graph.dtype, *wanted);
  if (Status status = (*family)->build(config, builder); !status.ok())
    return inConfig(status);
  if (!builder.status().ok())
    return builder.status().withContext(directory);
  return graph;
}
