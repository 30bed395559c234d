//===- SentenceModules.cpp - sentence-transformers directories ------------===//
#include "frontends/hf/SentenceModules.h"

#include <array>

using namespace ft;
using namespace ft::hf;
using json::Json;
using json::JsonView;

namespace {
/// sentence-transformers' pooling modes, as one name and as a flag of old.
struct PoolingMode {
  const char *name;
  const char *flag;
  const char *kind; // of segment_reduce, or null
};
} // namespace

static constexpr std::array<PoolingMode, 6> kModes = {{
    {"cls", "pooling_mode_cls_token", "first"},
    {"max", "pooling_mode_max_tokens", "max"},
    {"mean", "pooling_mode_mean_tokens", "mean"},
    {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", nullptr},
    {"weightedmean", "pooling_mode_weightedmean_tokens", nullptr},
    {"lasttoken", "pooling_mode_lasttoken", "last"},
}};

/// The name of the one mode that is on.
static StatusOr<std::string> modeName(const JsonView &view) {
  if (view.has("pooling_mode"))
    return view.member("pooling_mode").string();
  std::string name;
  for (const PoolingMode &mode : kModes) {
    if (!view.has(mode.flag))
      continue;
    FT_ASSIGN_OR_RETURN(bool on, view.member(mode.flag).boolean());
    if (on && !name.empty())
      return unsupported("expected one pooling mode, found " + name + " and " +
                         mode.name);
    if (on)
      name = mode.name;
  }
  return name.empty() ? "mean" : name;
}

static StatusOr<std::string> poolingKind(const JsonView &view) {
  FT_RETURN_IF_ERROR(view.expectObject());
  FT_ASSIGN_OR_RETURN(std::string name, modeName(view));
  for (const PoolingMode &mode : kModes)
    if (name == mode.name && mode.kind)
      return std::string(mode.kind);
  return unsupported("expected the pooling mode cls, max, mean or lasttoken, "
                     "found " +
                     name);
}

/// "Pooling" of "sentence_transformers.models.Pooling".
static StatusOr<std::string> moduleClass(const JsonView &module) {
  FT_ASSIGN_OR_RETURN(JsonView type, module.at("type"));
  FT_ASSIGN_OR_RETURN(std::string name, type.string());
  return name.substr(name.rfind('.') + 1);
}

static Status readPooling(const Checkpoint &checkpoint, const JsonView &module,
                          SentenceHead &head) {
  FT_ASSIGN_OR_RETURN(JsonView path, module.at("path"));
  FT_ASSIGN_OR_RETURN(std::string folder, path.string());
  if (!isPlainFileName(folder))
    return path.mismatch("the name of a folder");
  std::string file = checkpoint.path(folder + "/config.json");
  FT_ASSIGN_OR_RETURN(Json config, json::readJsonFile(file));
  StatusOr<std::string> kind = poolingKind(JsonView(config));
  if (!kind.ok())
    return kind.status().withContext(file);
  head.pooling = *kind;
  return {};
}

/// Transformer, Pooling and, maybe, Normalize, in this order.
static Status readModule(const Checkpoint &checkpoint, const JsonView &modules,
                         size_t i, SentenceHead &head) {
  JsonView module = modules.element(i);
  FT_ASSIGN_OR_RETURN(std::string type, moduleClass(module));
  if (i == 0 && type == "Transformer") {
    if (module.has("path") && module.member("path").value() != "")
      return module.member("path").mismatch(
          "\"\": a transformer in the directory itself");
    return {};
  }
  if (i == 1 && type == "Pooling")
    return readPooling(checkpoint, module, head);
  if (i == 2 && type == "Normalize") {
    head.normalize = true;
    return {};
  }
  return module.error("expected the modules Transformer, Pooling and, maybe, "
                      "Normalize, found " +
                      type + " in place " + std::to_string(i + 1));
}

StatusOr<std::optional<SentenceHead>>
ft::hf::readSentenceModules(const Checkpoint &checkpoint) {
  if (!checkpoint.hasFile("modules.json"))
    return std::optional<SentenceHead>();
  std::string path = checkpoint.path("modules.json");
  FT_ASSIGN_OR_RETURN(Json parsed, json::readJsonFile(path));
  JsonView modules(parsed);
  SentenceHead head;
  Status status = modules.expectArray();
  for (size_t i = 0; status.ok() && i < parsed.size(); ++i)
    status = readModule(checkpoint, modules, i, head);
  if (!status.ok())
    return status.withContext(path);
  if (head.pooling.empty())
    return std::optional<SentenceHead>();
  return std::optional<SentenceHead>(head);
}
