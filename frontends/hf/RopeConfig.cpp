//===- RopeConfig.cpp - rotary embeddings of a configuration --------------===//
#include "frontends/hf/RopeConfig.h"

using namespace ft;
using namespace ft::hf;
using json::JsonView;

namespace {
/// Reads the numbers of one object into a table's.
class RopeReader {
public:
  RopeReader(Config &config, RopeTable &table, const JsonView &object)
      : config_(config), table_(table), object_(object) {}

  void read() {
    std::string type = text("rope_type", text("type", "default"));
    copy("rope_theta", "theta");
    if (type == "linear" || type == "llama3") {
      table_.numbers["scaling"] = type == "linear" ? 1 : 2;
      require("factor", "factor");
    }
    if (type == "llama3") {
      require("low_freq_factor", "low_freq_factor");
      require("high_freq_factor", "high_freq_factor");
      table_.numbers["original_max_position"] = double(table_.positions);
      copy("original_max_position_embeddings", "original_max_position");
      if (table_.numbers["high_freq_factor"] <=
          table_.numbers["low_freq_factor"])
        config_.fail(object_.error("expected high_freq_factor to exceed "
                                   "low_freq_factor"));
    } else if (type != "linear" && type != "default") {
      config_.fail(object_.error("expected rope_type default, linear or "
                                 "llama3, found \"" +
                                 type + "\""));
    }
    if (object_.has("partial_rotary_factor") &&
        object_.member("partial_rotary_factor").value() != 1.0)
      config_.fail(object_.member("partial_rotary_factor").mismatch("1"));
    config_.expectOnly(object_, {"rope_type", "type", "rope_theta", "factor",
                                 "low_freq_factor", "high_freq_factor",
                                 "original_max_position_embeddings",
                                 "partial_rotary_factor"});
  }

private:
  bool has(const std::string &key) const {
    return object_.has(key) && !object_.member(key).value().is_null();
  }

  std::string text(const std::string &key, const std::string &absent) {
    if (!has(key))
      return absent;
    StatusOr<std::string> value = object_.member(key).string();
    if (value.ok())
      return *value;
    config_.fail(value.status());
    return absent;
  }

  void copy(const std::string &key, const std::string &name) {
    if (!has(key))
      return;
    StatusOr<double> value = object_.member(key).number();
    if (!value.ok())
      config_.fail(value.status());
    else if (*value <= 0)
      config_.fail(object_.member(key).mismatch("a positive number"));
    else
      table_.numbers[name] = *value;
  }

  void require(const std::string &key, const std::string &name) {
    if (!has(key))
      config_.fail(
          object_.error("expected a member \"" + key + "\", found none"));
    copy(key, name);
  }

  Config &config_;
  RopeTable &table_;
  const JsonView &object_;
};
} // namespace

/// Whether the object has one member a layer type in place of numbers.
static bool isPerLayerType(const JsonView &object,
                           const std::vector<std::string> &layerTypes) {
  for (const std::string &type : layerTypes)
    if (object.has(type))
      return true;
  return false;
}

std::map<std::string, RopeTable>
ft::hf::readRope(Config &config, int64_t positions, int64_t dims,
                 const std::vector<std::string> &layerTypes) {
  RopeTable table{positions, dims, {{"theta", 10000.0}}};
  table.numbers["theta"] = config.number("rope_theta", 10000.0);
  if (table.numbers["theta"] <= 0)
    config.fail("rope_theta", "expected a positive number");
  if (config.number("partial_rotary_factor", 1.0) != 1.0)
    config.fail("partial_rotary_factor", "expected 1");
  if (dims % 2)
    config.fail("head_dim", "expected an even number for rotary embeddings, "
                            "found " +
                                std::to_string(dims));
  // transformers prefers rope_scaling where it says anything.
  std::optional<JsonView> parameters = config.object("rope_parameters");
  std::optional<JsonView> scaling = config.object("rope_scaling");
  std::optional<JsonView> object =
      scaling && !scaling->value().empty() ? scaling : parameters;
  if (!object)
    return {{"", table}};
  if (!isPerLayerType(*object, layerTypes)) {
    RopeReader(config, table, *object).read();
    return {{"", table}};
  }
  std::map<std::string, RopeTable> tables;
  for (const std::string &type : layerTypes) {
    StatusOr<JsonView> member = object->at(type);
    Status status = member.ok() ? member->expectObject() : member.status();
    config.fail(status);
    tables[type] = table;
    if (status.ok())
      RopeReader(config, tables[type], *member).read();
  }
  config.expectOnly(*object, layerTypes);
  return tables;
}
