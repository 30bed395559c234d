//===- ReadShape.cpp - extents with symbols in model.json -----------------===//
#include "frontends/json/ModelJson.h"

#include <algorithm>
#include <cctype>

using namespace ft;
using namespace ft::json;
using graph::Extent;

static bool isName(const std::string &text) {
  auto fits = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  return !text.empty() && !std::isdigit((unsigned char)text[0]) &&
         std::all_of(text.begin(), text.end(), fits);
}

/// A number of at most nine digits, more than any extent; 0 for anything else.
static int64_t numberOf(const std::string &text) {
  auto digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  bool fits = !text.empty() && text.size() <= 9 &&
              std::all_of(text.begin(), text.end(), digit);
  return fits ? std::stoll(text) : 0;
}

/// Multiplies `extent` by the number or symbol `part`.
static Status addPart(const JsonView &view, const std::string &part,
                      Extent &extent) {
  for (const char *axis : graph::kAxes)
    if (part == axis)
      return view.error("'" + part +
                        "' is an axis of packed values; padded tensors have "
                        "symbols of other names, such as batch and sequence");
  int64_t number = numberOf(part);
  if (isName(part))
    extent.symbols.push_back(part);
  else if (number < 1 || number > (int64_t(1) << 48) / extent.factor)
    return view.mismatch("a number, a symbol or a product such as 12*batch");
  else
    extent.factor *= number;
  return {};
}

StatusOr<Extent> ft::json::readExtent(const JsonView &view, bool open) {
  Extent extent;
  if (!view.value().is_string()) {
    FT_ASSIGN_OR_RETURN(extent.factor,
                        view.integer(open ? -1 : 1, int64_t(1) << 48));
    if (extent.factor == 0)
      return view.mismatch("an extent of at least 1, or -1 for what is left");
    return extent;
  }
  FT_ASSIGN_OR_RETURN(std::string text, view.string());
  for (size_t start = 0; start <= text.size();) {
    size_t end = std::min(text.find('*', start), text.size());
    FT_RETURN_IF_ERROR(addPart(view, text.substr(start, end - start), extent));
    start = end + 1;
  }
  std::sort(extent.symbols.begin(), extent.symbols.end());
  return extent;
}

StatusOr<graph::Shape> ft::json::readPaddedShape(const JsonView &view,
                                                 bool open) {
  FT_RETURN_IF_ERROR(view.expectArray());
  graph::Shape shape;
  bool used = false;
  for (size_t i = 0; i < view.value().size(); ++i) {
    JsonView element = view.element(i);
    FT_ASSIGN_OR_RETURN(Extent extent, readExtent(element, open));
    if (extent.factor < 0 && used)
      return element.error("-1 stands in the shape twice");
    used |= extent.factor < 0;
    shape.push_back(std::move(extent));
  }
  return shape;
}
