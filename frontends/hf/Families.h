//===- Families.h - the model families of the HF frontend -------*- C++ -*-===//
#ifndef FT_FRONTENDS_HF_FAMILIES_H
#define FT_FRONTENDS_HF_FAMILIES_H

#include "frontends/ImportOptions.h"
#include "frontends/hf/Config.h"
#include "frontends/hf/GraphBuilder.h"

#include <string>
#include <vector>

namespace ft::hf {

/// Reads a configuration, asks it to finish() and builds the graph.
using BuildFamily = Status (*)(Config &config, GraphBuilder &builder);

struct Family {
  std::string modelType;
  BuildFamily build;
  /// Classes whose checkpoints hold all that the graph needs.
  std::vector<std::string> architectures;
  /// Whether its layers can be had alone (--part encoder).
  bool hasEncoderPart = false;
};

Status buildVit(Config &config, GraphBuilder &builder);
Status buildDeit(Config &config, GraphBuilder &builder);
Status buildGpt2(Config &config, GraphBuilder &builder);
Status buildLlama(Config &config, GraphBuilder &builder);
Status buildMistral(Config &config, GraphBuilder &builder);
Status buildQwen2(Config &config, GraphBuilder &builder);
Status buildQwen3(Config &config, GraphBuilder &builder);
Status buildBert(Config &config, GraphBuilder &builder);
Status buildRoberta(Config &config, GraphBuilder &builder);
Status buildXlmRoberta(Config &config, GraphBuilder &builder);
Status buildCamembert(Config &config, GraphBuilder &builder);
Status buildDistilBert(Config &config, GraphBuilder &builder);
Status buildElectra(Config &config, GraphBuilder &builder);
Status buildMPNet(Config &config, GraphBuilder &builder);

/// The graph of a Hugging Face model directory.
StatusOr<graph::ModelGraph> importDirectory(const std::string &directory,
                                            const ImportOptions &options);

} // namespace ft::hf

#endif // FT_FRONTENDS_HF_FAMILIES_H
