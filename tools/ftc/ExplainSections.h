//===- ExplainSections.h - layers like the one before them ------*- C++ -*-===//
#ifndef FT_TOOLS_FTC_EXPLAINSECTIONS_H
#define FT_TOOLS_FTC_EXPLAINSECTIONS_H

#include <cstdint>
#include <span>
#include <vector>

namespace ft {

/// A run of rows to print, or, where that is empty, layers `first` to `last`,
/// which are like layer `like`.
template <typename Row> struct Section {
  std::span<const Row> rows;
  int64_t first = -1, last = -1, like = -1;
};

/// Cuts rows, which have a `layer`, into sections; `alike` compares two layers.
template <typename Row, typename Alike>
std::vector<Section<Row>> sectionsOf(std::span<const Row> rest, Alike alike) {
  std::vector<Section<Row>> sections;
  std::span<const Row> printed;
  auto layerAt = [&rest](size_t begin) {
    size_t end = begin;
    while (end < rest.size() && rest[end].layer == rest[begin].layer)
      ++end;
    return rest.subspan(begin, end - begin);
  };
  while (!rest.empty()) {
    std::span<const Row> layer = layerAt(0), last;
    size_t end = 0;
    while (end < rest.size() && rest[end].layer >= 0 &&
           alike(layerAt(end), printed)) {
      last = layerAt(end);
      end += last.size();
    }
    if (last.empty()) {
      sections.push_back({layer});
      printed = layer;
      end = layer.size();
    } else {
      sections.push_back({{}, layer[0].layer, last[0].layer, printed[0].layer});
    }
    rest = rest.subspan(end);
  }
  return sections;
}

} // namespace ft

#endif // FT_TOOLS_FTC_EXPLAINSECTIONS_H
