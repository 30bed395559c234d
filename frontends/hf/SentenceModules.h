//===- SentenceModules.h - sentence-transformers directories ----*- C++ -*-===//
#ifndef FT_FRONTENDS_HF_SENTENCEMODULES_H
#define FT_FRONTENDS_HF_SENTENCEMODULES_H

#include "frontends/hf/Checkpoint.h"

#include <optional>
#include <string>

namespace ft::hf {

/// What makes one vector of the encoder's rows.
struct SentenceHead {
  std::string pooling; // kind of segment_reduce
  bool normalize = false;
};

/// Reads modules.json and the pooling's config.json; nothing where there is no
/// modules.json. Errors name the file.
StatusOr<std::optional<SentenceHead>>
readSentenceModules(const Checkpoint &checkpoint);

} // namespace ft::hf

#endif // FT_FRONTENDS_HF_SENTENCEMODULES_H
