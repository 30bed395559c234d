//===- Config.h - config.json, key by key -----------------------*- C++ -*-===//
#ifndef FT_FRONTENDS_HF_CONFIG_H
#define FT_FRONTENDS_HF_CONFIG_H

#include "frontends/json/JsonView.h"
#include "runtime/base/DType.h"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ft::hf {

/// Reads a configuration and remembers which keys were asked for: those are the
/// keys the family understands. The first error sticks, and every accessor
/// then returns a harmless value, so that a family reads all it needs in a row
/// and asks finish() once.
class Config {
public:
  /// `ignored` are keys to overlook; they must outlive this object.
  Config(const json::Json &root, const std::vector<std::string> &ignored)
      : view_(root), ignored_(ignored) {}

  /// Absent and null are the same but where a family asks isNull.
  bool has(const std::string &key);
  bool isNull(const std::string &key);

  /// Sizes are required unless there is a default, and positive.
  int64_t size(const std::string &key);
  int64_t size(const std::string &key, int64_t absent);
  /// The number of layers: a size, and small, as each becomes nodes.
  int64_t layers(const std::string &key);
  /// A size that may be 0.
  int64_t count(const std::string &key, int64_t absent);
  /// [height, width]: a size, or a list of two; `absent` is for both.
  std::vector<int64_t> sides(const std::string &key, int64_t absent);
  double number(const std::string &key, double absent);
  bool flag(const std::string &key, bool absent);
  std::string text(const std::string &key, const std::string &absent);
  /// Null where absent.
  std::optional<json::JsonView> object(const std::string &key);
  std::vector<std::string> texts(const std::string &key);

  /// An activation that GraphBuilder knows.
  std::string activation(const std::string &key, const std::string &absent);
  /// `dtype` or `torch_dtype`; f32 where absent.
  DType dtype();

  /// Records the first error; `message` says what is wrong with `key`.
  void fail(const std::string &key, const std::string &message);
  void fail(Status status);

  /// The first error, or that of a key that nobody asked for and that is not
  /// known to be harmless.
  Status finish();

  /// The same for an object of the configuration, whose keys are `known`.
  void expectOnly(const json::JsonView &object,
                  const std::vector<std::string> &known);

private:
  std::optional<json::JsonView> find(const std::string &key);
  bool isIgnored(const std::string &key) const;

  json::JsonView view_;
  const std::vector<std::string> &ignored_;
  std::set<std::string> used_;
  Status error_;
};

} // namespace ft::hf

#endif // FT_FRONTENDS_HF_CONFIG_H
