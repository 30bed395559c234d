//===- Pattern.cpp - {"String": ...} or {"Regex": ...} --------------------===//
#include "runtime/text/Pattern.h"

namespace ft::text {

StatusOr<Pattern> Pattern::parse(Fields &fields) {
  FT_ASSIGN_OR_RETURN(const Json *json, fields.object("pattern"));
  const auto *members = json->get_ptr<const Json::object_t *>();
  std::string kind = members->size() == 1 ? members->begin()->first : "";
  if ((kind != "String" && kind != "Regex") ||
      !members->begin()->second.is_string())
    return fields.error("pattern", "expected {\"String\": text} or "
                                   "{\"Regex\": text}, found " +
                                       json->dump().substr(0, 80));
  const auto &text = members->begin()->second.get_ref<const std::string &>();
  if (text.empty())
    return fields.error("pattern", "an empty pattern is not supported");
  Pattern pattern;
  if (kind == "String") {
    pattern.literal_ = text;
    return pattern;
  }
  StatusOr<Regex> regex = Regex::compile(text);
  if (!regex.ok())
    return fields.error("pattern", regex.status().message());
  pattern.regex_ = *std::move(regex);
  return pattern;
}

Status Pattern::split(std::string_view text, std::vector<Span> &spans) const {
  if (regex_)
    return regex_->split(text, spans);
  splitByLiteral(text, literal_, spans);
  return Status::success();
}

} // namespace ft::text
