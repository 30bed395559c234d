//===- Vocabulary.h - tokens and their ids ----------------------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_VOCABULARY_H
#define FT_RUNTIME_TEXT_VOCABULARY_H

#include "runtime/text/Fields.h"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace ft::text {

/// The vocabulary of a model. Movable, not copyable: ids refer into the map.
class Vocabulary {
public:
  Vocabulary() = default;
  Vocabulary(Vocabulary &&) = default;
  Vocabulary &operator=(Vocabulary &&) = default;

  /// Read the member "vocab" of `fields`: {"token": id, ...}.
  static StatusOr<Vocabulary> parse(Fields &fields);
  /// The same as [["token", score], ...], a token's place being its id.
  static StatusOr<Vocabulary> parseScored(Fields &fields,
                                          std::vector<double> &scores);

  std::optional<int32_t> find(std::string_view token) const {
    auto it = ids_.find(token);
    return it == ids_.end() ? std::nullopt : std::optional(it->second);
  }
  /// Null for an id that no token has.
  const std::string *token(int32_t id) const {
    auto it = tokens_.find(id);
    return it == tokens_.end() ? nullptr : it->second;
  }
  size_t size() const { return ids_.size(); }

private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  void add(const std::string &token, int32_t id) {
    auto entry = ids_.insert_or_assign(token, id).first;
    tokens_[id] = &entry->first;
  }

  std::unordered_map<std::string, int32_t, Hash, std::equal_to<>> ids_;
  std::unordered_map<int32_t, const std::string *> tokens_; // keys of ids_
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_VOCABULARY_H
