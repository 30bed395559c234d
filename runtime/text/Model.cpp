//===- Model.cpp - the "model" of tokenizer.json --------------------------===//
#include "runtime/text/Model.h"

#include "runtime/text/Bpe.h"
#include "runtime/text/Unigram.h"
#include "runtime/text/WordPiece.h"

namespace ft::text {

StatusOr<std::unique_ptr<const Model>> parseModel(const Json &json,
                                                  const std::string &place) {
  FT_ASSIGN_OR_RETURN(Fields fields, Fields::of(json, place));
  // Files of early versions do not name the type.
  std::string type = json.contains("merges") ? "BPE" : "WordPiece";
  if (json.contains("type") || !json.contains("vocab")) {
    FT_ASSIGN_OR_RETURN(type, fields.type("model"));
  }
  if (type != "BPE" && type != "Unigram" && type != "WordPiece")
    return fields.unknownType("model", type, "BPE, Unigram, WordPiece");
  FT_ASSIGN_OR_RETURN(std::unique_ptr<const Model> model,
                      type == "BPE"       ? Bpe::parse(fields)
                      : type == "Unigram" ? Unigram::parse(fields)
                                          : WordPiece::parse(fields));
  FT_RETURN_IF_ERROR(fields.noOthers());
  return model;
}

} // namespace ft::text
