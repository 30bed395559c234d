//===- CheckGraph.h - names, order and files of a model graph ---*- C++ -*-===//
#ifndef FT_FRONTENDS_GRAPH_CHECKGRAPH_H
#define FT_FRONTENDS_GRAPH_CHECKGRAPH_H

#include "frontends/graph/ModelGraph.h"
#include "runtime/base/Status.h"

namespace ft::graph {

/// Every name is defined once and used as what it is; nodes are brought into
/// an order in which values are made before they are used. The error starts
/// with the JSON pointer of the place.
Status checkGraph(ModelGraph &graph);

} // namespace ft::graph

#endif // FT_FRONTENDS_GRAPH_CHECKGRAPH_H
