//===- PostProcessor.h - the "post_processor" of tokenizer.json -*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_POSTPROCESSOR_H
#define FT_RUNTIME_TEXT_POSTPROCESSOR_H

#include "runtime/text/Fields.h"

#include <vector>

namespace ft::text {

/// Puts special tokens around the tokens of a text. As it is made, it adds
/// nothing.
class PostProcessor {
public:
  /// The post-processor that `json`, found at `place`, describes.
  static StatusOr<PostProcessor> parse(const Json &json,
                                       const std::string &place, int depth = 0);

  /// `before`, the text, `after`.
  static PostProcessor around(std::vector<int32_t> before,
                              std::vector<int32_t> after);

  /// Without special tokens only the places of the text count.
  std::vector<int32_t> apply(const std::vector<int32_t> &text,
                             bool addSpecialTokens) const;

private:
  /// The text, or special tokens.
  struct Part {
    bool isText = true;
    std::vector<int32_t> tokens;
  };
  static StatusOr<PostProcessor> parseTemplate(Fields &fields);
  static StatusOr<PostProcessor> parseSequence(Fields &fields, int depth);

  std::vector<Part> parts_{Part{}};
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_POSTPROCESSOR_H
