//===- LayerVariant.h - one form of a decode step's kernels -----*- C++ -*-===//
//
// What decode_layer_time.cu shares with decode_layer_variant.cu, which is
// built once for every set of switches of the kernels, in namespaces of its own
// (-Dft=..., -Dcheck=...): so forms take turns in one run, on the same data.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_GPU_LAYERVARIANT_H
#define FT_TEST_GPU_LAYERVARIANT_H

#include <cuda_runtime.h>
#include <string>
#include <vector>

/// Llama-3-8B.
constexpr int kHidden = 4096, kHeads = 32, kKvHeads = 8, kHead = 128;
constexpr int kQkv = (kHeads + 2 * kKvHeads) * kHead, kMlp = 14336;
constexpr int kVocabulary = 128256, kPage = 64, kMostRows = 64;

/// In device memory; 16-bit values are bf16.
struct LayerData {
  int layers, processors;
  std::vector<void *> w[4]; // of each layer: q-k-v, o, gate-up, down
  std::vector<void *> k, v; // pages of each layer
  void *wOut;               // of the output matrix
  void *h, *x, *qkv, *attended, *act, *scale;
  float *logits, *rope, *scratch;
  unsigned *counters;
  int *counts, *cu, *lengths, *positions, *table;
  int columns;     // of the page table
  long long cells; // tokens of the pool
  int rows;
};

/// What is in a graph.
enum class Part { Layer, Linears, Attention, Output };
constexpr const char *kPartNames[] = {"layer", "linears of a layer",
                                      "attention alone", "output matrix"};

struct LayerVariant {
  std::string name;
  /// Launches of one `part` after another, of `data.layers` layers, or of the
  /// output matrix so many times.
  void (*enqueue)(const LayerData &data, Part part, cudaStream_t stream);
};
std::vector<LayerVariant> &layerVariants();

#endif // FT_TEST_GPU_LAYERVARIANT_H
