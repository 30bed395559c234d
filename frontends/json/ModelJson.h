//===- ModelJson.h - model.json and the model graph -------------*- C++ -*-===//
//
// docs/model-json.md specifies the format.
//
//===----------------------------------------------------------------------===//
#ifndef FT_FRONTENDS_JSON_MODELJSON_H
#define FT_FRONTENDS_JSON_MODELJSON_H

#include "frontends/graph/ModelGraph.h"
#include "frontends/json/JsonView.h"
#include "runtime/base/Status.h"

#include <string>

namespace ft::json {

/// Reads and checks the form; names and shapes are for others to check. The
/// error starts with the file and the JSON pointer of the place.
StatusOr<graph::ModelGraph> readModelJson(const std::string &path);

/// The text of model.json, as if it stood in `directory`: the place of the
/// weights is written relative to that.
std::string writeModelJson(const graph::ModelGraph &graph,
                           const std::string &directory);

/// Readable JSON: short objects and arrays stand on one line.
std::string prettyPrint(const Json &json);

/// The JSON Schema of the format, from the table of operations.
std::string modelJsonSchema();

/// The tables of semantic operations and of primitives as Markdown, for
/// docs/model-json.md.
std::string opReference();
std::string primitiveReference();

// Parts of readModelJson, each of one section of the file.
StatusOr<graph::Param> readParam(const std::string &name, const JsonView &view,
                                 graph::ModelGraph &graph);
StatusOr<graph::Node> readNode(const JsonView &view, bool padded);
/// An extent of a padded tensor; with `open`, -1 too.
StatusOr<graph::Extent> readExtent(const JsonView &view, bool open);
StatusOr<graph::Shape> readPaddedShape(const JsonView &view, bool open);
StatusOr<DType> readFloatType(const JsonView &view); // "f32", "f16", "bf16"

/// model.image: how pictures become an input.
StatusOr<plan::ImageSteps> readImageSteps(const JsonView &view);
Json writeImageSteps(const plan::ImageSteps &steps);
Json imageStepsSchema();

} // namespace ft::json

#endif // FT_FRONTENDS_JSON_MODELJSON_H
