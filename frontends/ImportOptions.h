//===- ImportOptions.h - what of a model is imported ------------*- C++ -*-===//
#ifndef FT_FRONTENDS_IMPORTOPTIONS_H
#define FT_FRONTENDS_IMPORTOPTIONS_H

#include <string>
#include <vector>

namespace ft {

/// Choices about Hugging Face directories.
struct ImportOptions {
  /// Keys of an HF config.json to overlook, at the user's own risk.
  std::vector<std::string> ignoredConfigKeys;
  /// The class to build, as transformers names it; empty: that of config.json.
  std::string architecture;
  /// "encoder": the layers alone, hidden states in and out; empty: everything.
  std::string part;
};

} // namespace ft

#endif // FT_FRONTENDS_IMPORTOPTIONS_H
