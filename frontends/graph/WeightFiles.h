//===- WeightFiles.h - a graph's tensors against their files ----*- C++ -*-===//
#ifndef FT_FRONTENDS_GRAPH_WEIGHTFILES_H
#define FT_FRONTENDS_GRAPH_WEIGHTFILES_H

#include "frontends/graph/ModelGraph.h"
#include "runtime/base/Status.h"

namespace ft::graph {

/// Checks every tensor that a recipe of the graph names against the header of
/// its file, and fills in the files' hashes; files come to be sorted by name,
/// without those that no recipe names. Where none of the files exists
/// the graph is one without weights, and all hashes are 0. No weight is read.
Status checkWeights(ModelGraph &graph);

} // namespace ft::graph

#endif // FT_FRONTENDS_GRAPH_WEIGHTFILES_H
