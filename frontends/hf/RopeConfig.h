//===- RopeConfig.h - rotary embeddings of a configuration ------*- C++ -*-===//
#ifndef FT_FRONTENDS_HF_ROPECONFIG_H
#define FT_FRONTENDS_HF_ROPECONFIG_H

#include "frontends/hf/Config.h"
#include "frontends/hf/GraphBuilder.h"

#include <map>
#include <string>
#include <vector>

namespace ft::hf {

/// Reads `rope_parameters`, or `rope_theta` and `rope_scaling`, of heads of
/// `dims`. One table under the key "" for all layers, or one a layer type
/// where the configuration has them apart.
std::map<std::string, RopeTable>
readRope(Config &config, int64_t positions, int64_t dims,
         const std::vector<std::string> &layerTypes);

} // namespace ft::hf

#endif // FT_FRONTENDS_HF_ROPECONFIG_H
