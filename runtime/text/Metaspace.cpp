//===- Metaspace.cpp - spaces as a visible character ----------------------===//
#include "runtime/text/Metaspace.h"

namespace ft::text {

StatusOr<Metaspace> Metaspace::parse(Fields &fields) {
  Metaspace result;
  FT_ASSIGN_OR_RETURN(result.replacement, fields.character("replacement"));
  FT_ASSIGN_OR_RETURN(std::string scheme,
                      fields.string("prepend_scheme", "always"));
  FT_ASSIGN_OR_RETURN(result.split, fields.boolean("split", true));
  FT_RETURN_IF_ERROR(fields.string("str_rep", "").status());
  FT_ASSIGN_OR_RETURN(bool prefix, fields.boolean("add_prefix_space", true));
  if (scheme == "first")
    result.prepend = Prepend::First;
  else if (scheme == "never")
    result.prepend = Prepend::Never;
  else if (scheme != "always")
    return fields.error("prepend_scheme",
                        "expected always, first or never, found \"" + scheme +
                            "\"");
  if (!prefix && result.prepend != Prepend::Never) {
    if (fields.any("prepend_scheme"))
      return fields.error("add_prefix_space",
                          "false contradicts prepend_scheme \"" + scheme +
                              "\"");
    result.prepend = Prepend::Never;
  }
  return result;
}

void Metaspace::mark(Piece &piece) const {
  std::string out;
  size_t fromStart = 0;
  for (size_t i = 0; i < piece.text.size(); ++i) {
    if (piece.text[i] == ' ')
      out += replacement;
    else
      out += piece.text[i];
    if (i < piece.fromStart)
      fromStart = out.size();
  }
  piece.text = std::move(out);
  piece.fromStart = fromStart;
  bool wanted = prepend == Prepend::Always ||
                (prepend == Prepend::First && piece.fromStart > 0);
  if (wanted && !piece.text.starts_with(replacement)) {
    piece.text.insert(0, replacement);
    piece.fromStart += piece.fromStart ? replacement.size() : 0;
  }
}

} // namespace ft::text
