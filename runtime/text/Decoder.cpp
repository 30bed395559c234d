//===- Decoder.cpp - the "decoder" of tokenizer.json ----------------------===//
#include "runtime/text/Decoder.h"

#include "runtime/text/DecodeStages.h"

namespace ft::text {

template <typename Stage, typename... Args>
static Decoder::Factory factory(Args... args) {
  return [=]() -> std::unique_ptr<DecodeStage> {
    return std::make_unique<Stage>(args...);
  };
}

StatusOr<Decoder> Decoder::parse(const Json &json, const std::string &place) {
  Decoder decoder;
  FT_RETURN_IF_ERROR(decoder.append(json, place, 0));
  return decoder;
}

Decoder Decoder::joinedBySpaces() {
  Decoder decoder;
  decoder.stages_.push_back(factory<JoinStage>());
  return decoder;
}

void Decoder::addCleanUp() { stages_.push_back(factory<CleanUpStage>()); }

/// {"pattern": {"String": from}, "content": to}
static StatusOr<Decoder::Factory> parseReplace(Fields &fields) {
  FT_ASSIGN_OR_RETURN(const Json *pattern, fields.object("pattern"));
  FT_ASSIGN_OR_RETURN(std::string content, fields.string("content"));
  auto from = pattern->find("String");
  if (from == pattern->end() || pattern->size() != 1 || !from->is_string() ||
      from->get_ref<const std::string &>().empty())
    return fields.error("pattern", "a decoder can only replace {\"String\": "
                                   "text}, found " +
                                       pattern->dump().substr(0, 80));
  return factory<ReplaceStage>(from->get<std::string>(), content);
}

static StatusOr<Decoder::Factory> parseStage(const std::string &type,
                                             Fields &fields) {
  if (type == "Replace")
    return parseReplace(fields);
  if (type == "ByteFallback")
    return factory<ByteFallbackStage>();
  if (type == "Fuse")
    return factory<FuseStage>();
  if (type == "ByteLevel") {
    // They matter to the pre-tokenizer of the same name only.
    for (const char *key : {"add_prefix_space", "trim_offsets", "use_regex"})
      FT_RETURN_IF_ERROR(fields.boolean(key, true).status());
    return factory<ByteLevelStage>();
  }
  if (type == "BPEDecoder") {
    FT_ASSIGN_OR_RETURN(std::string suffix, fields.string("suffix"));
    if (suffix.empty())
      return fields.error("suffix", "an empty suffix is not supported");
    return factory<SuffixStage>(suffix);
  }
  if (type == "Metaspace") {
    FT_ASSIGN_OR_RETURN(Metaspace options, Metaspace::parse(fields));
    return factory<MetaspaceStage>(options);
  }
  if (type == "Strip") {
    FT_ASSIGN_OR_RETURN(std::string content, fields.character("content"));
    FT_ASSIGN_OR_RETURN(int64_t start, fields.integer("start", 0, INT32_MAX));
    FT_ASSIGN_OR_RETURN(int64_t stop, fields.integer("stop", 0, INT32_MAX));
    return factory<StripStage>(content, size_t(start), size_t(stop));
  }
  if (type == "WordPiece") {
    FT_ASSIGN_OR_RETURN(std::string prefix, fields.string("prefix"));
    FT_ASSIGN_OR_RETURN(bool cleanUp, fields.boolean("cleanup"));
    return factory<WordPieceStage>(prefix, cleanUp);
  }
  return fields.unknownType("decoder", type,
                            "BPEDecoder, ByteFallback, ByteLevel, Fuse, "
                            "Metaspace, Replace, Sequence, Strip, WordPiece");
}

Status Decoder::append(const Json &json, const std::string &place, int depth) {
  FT_ASSIGN_OR_RETURN(Fields fields, Fields::of(json, place));
  FT_ASSIGN_OR_RETURN(std::string type, fields.type("decoder"));
  if (type != "Sequence") {
    FT_ASSIGN_OR_RETURN(Factory stage, parseStage(type, fields));
    stages_.push_back(std::move(stage));
    return fields.noOthers();
  }
  if (depth >= kMaxNesting)
    return fields.error("", "decoders are nested too deeply");
  FT_ASSIGN_OR_RETURN(const Json *items, fields.array("decoders"));
  for (size_t i = 0; i < items->size(); ++i)
    FT_RETURN_IF_ERROR(append((*items)[i],
                              fields.placeOf("decoders/" + std::to_string(i)),
                              depth + 1));
  return fields.noOthers();
}

} // namespace ft::text
