//===- PostProcessor.h - the "post_processor" of tokenizer.json -*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_POSTPROCESSOR_H
#define FT_RUNTIME_TEXT_POSTPROCESSOR_H

#include "runtime/text/Fields.h"
#include "runtime/text/Tokenizer.h"

#include <vector>

namespace ft::text {

/// Puts special tokens around the tokens of a text, or of two. As it is made,
/// it adds nothing.
class PostProcessor {
public:
  /// The post-processor that `json`, found at `place`, describes.
  static StatusOr<PostProcessor> parse(const Json &json,
                                       const std::string &place, int depth = 0);

  /// `before`, the text, `after`; of two texts each is so enclosed.
  static PostProcessor around(std::vector<int32_t> before,
                              std::vector<int32_t> after);

  /// Without special tokens only the places of the text count.
  std::vector<int32_t> apply(const std::vector<int32_t> &text,
                             bool addSpecialTokens) const;
  TokenPair applyPair(const std::vector<int32_t> &first,
                      const std::vector<int32_t> &second) const;

private:
  /// A text, or special tokens.
  struct Part {
    bool isText = true;
    std::vector<int32_t> tokens;
    bool isSecond = false; // of two texts
    int32_t segment = 0;
  };
  /// A template: [{"SpecialToken": ...}, {"Sequence": ...}, ...].
  static StatusOr<std::vector<Part>> parseParts(Fields &fields,
                                                const char *key);
  static StatusOr<PostProcessor> parseTemplate(Fields &fields);
  static StatusOr<PostProcessor> parseSequence(Fields &fields, int depth);

  std::vector<Part> parts_{Part{}};
  std::vector<Part> pair_{Part{}, Part{true, {}, true, 1}};
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_POSTPROCESSOR_H
