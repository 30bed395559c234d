//===- SourceNames.h - what values are called in the source -----*- C++ -*-===//
#ifndef FT_TOOLS_SOURCE_SOURCENAMES_H
#define FT_TOOLS_SOURCE_SOURCENAMES_H

#include "mlir/IR/Location.h"

#include <string>

namespace ft {

/// The name of the value that an operation at `location` makes: that of
/// model.json, or file:line:column of IR text; empty where there is none.
std::string nameOf(mlir::Location location);

/// The place in the source for a person: a JSON pointer or file:line:column.
std::string placeOf(mlir::Location location);

} // namespace ft

#endif // FT_TOOLS_SOURCE_SOURCENAMES_H
