//===- SourceNames.cpp - what values are called in the source -------------===//
#include "tools/source/SourceNames.h"

#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;

static std::string positionOf(FileLineColLoc location) {
  return location.getFilename().str() + ":" +
         std::to_string(location.getLine()) + ":" +
         std::to_string(location.getColumn());
}

/// The first of the locations fused into one that `read` finds a text for.
template <typename Read>
static std::string firstOf(Location location, Read read) {
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location part : fused.getLocations())
      if (std::string text = read(part); !text.empty())
        return text;
  return "";
}

std::string ft::nameOf(Location location) {
  if (auto name = dyn_cast<NameLoc>(location))
    return name.getName().str();
  if (auto position = dyn_cast<FileLineColLoc>(location))
    return positionOf(position);
  return firstOf(location, nameOf);
}

std::string ft::placeOf(Location location) {
  if (auto name = dyn_cast<NameLoc>(location)) {
    // A name alone, or a name around its place.
    if (isa<UnknownLoc>(name.getChildLoc()))
      return name.getName().str();
    return placeOf(name.getChildLoc());
  }
  if (auto position = dyn_cast<FileLineColLoc>(location))
    return positionOf(position);
  return firstOf(location, placeOf);
}
