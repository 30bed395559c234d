//===- WeightFiles.h - the safetensors files of a model ---------*- C++ -*-===//
#ifndef FT_FRONTENDS_GRAPH_WEIGHTFILES_H
#define FT_FRONTENDS_GRAPH_WEIGHTFILES_H

#include "frontends/graph/ModelGraph.h"
#include "runtime/base/Status.h"

#include <map>
#include <string>
#include <vector>

namespace ft::graph {

/// What a header says of a tensor.
struct StoredTensor {
  int32_t file = 0; // index of the file in the order given
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
};

/// The headers of some files; no weight is read.
struct WeightHeaders {
  std::vector<plan::File> files;
  /// By tensor name, of all the files together.
  std::map<std::string, StoredTensor> tensors;
};

/// Reads the headers of `names`, which are relative to `directory`. A name
/// that leaves the directory is an error, as is a tensor in two files.
StatusOr<WeightHeaders> readHeaders(const std::string &directory,
                                    const std::vector<std::string> &names);

/// Checks every tensor that a recipe of the graph names against the headers of
/// its files, and fills in the files' hashes. Where none of the files exists,
/// the graph is one without weights, and all hashes are 0.
Status checkWeights(ModelGraph &graph);

} // namespace ft::graph

#endif // FT_FRONTENDS_GRAPH_WEIGHTFILES_H
