//===- GemmShapes.h - tile shapes of sm90/gemm.cuh --------------*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_GEMMSHAPES_H
#define FT_CODEGEN_CUDA_GEMMSHAPES_H

#include "codegen/cuda/GemmMatch.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace ft::codegen {

/// gemm::HeadColumns of sm90/gemm_shape.cuh: of heads of `size` elements runs
/// of each half in turn.
struct HeadRuns {
  int64_t size = 0, run = 0;
  bool interleaved = false;
  bool inOrder() const { return interleaved || 2 * run == size; }
};

/// gemm::Config of sm90/gemm_shape.cuh, without the types.
struct GemmShape {
  int64_t bm, bn, stages, warpgroups;
  int64_t cm = 1, cn = 1; // CTAs of a cluster, in rows and in columns
  int64_t ctas = 1;       // of a multiprocessor
  int64_t splits = 1;     // CTAs of a cluster that share k
  bool norm = false;      // a cluster holds whole rows
  bool pingPong = false;  // warpgroups take tiles in turn
  bool swapped = false;   // outputs are the 64-row side of wgmma
  int64_t boxes = 1;      // of 64 columns of k, a stage

  int64_t cluster() const { return cm * cn * splits; }
  int64_t threads() const { return 128 * (1 + warpgroups); }
  int64_t boxRows() const; // of a, that one CTA brings
  int64_t sharedBytes() const;
  /// The same for outputs to which a residual is added. Beside five stages of
  /// 128 x 192 there are slots for a third of a tile's residuals, and the
  /// others would be waited for; beside four there are all (4,096 tokens: 106.6
  /// us a layer of BERT-base for 107.1).
  GemmShape withResidual() const;
  /// How its tiles hold pairs; a run of 0: they do not. REQUIRES: match.append.
  HeadRuns runsOf(const GemmMatch &match) const;
  /// "128x192_2x1": rows x columns, of the cluster; "k2" where two share k,
  /// "n" in front where rows are normalized, behind "s" where swapped, "p"
  /// where warpgroups take turns.
  std::string name() const;
};

/// Clusters that run at once, as an H200's driver counts them: none spans two
/// of the device's parts, some of which lack multiprocessors.
int64_t clustersAtOnce(const GemmShape &shape);

/// Those that can run `match`.
std::vector<GemmShape> shapesFor(const GemmMatch &match);
/// Cycles of a multiprocessor that `rows` rows of `match` take, as far as they
/// tell shapes apart; the constants are from docs/benchmarks. `fromMemory`:
/// bytes of weights that a CTA gets from memory in a cycle, times the CTAs that
/// want the same; by default they are there at once.
double cyclesOf(const GemmShape &shape, const GemmMatch &match, int64_t rows,
                double fromMemory = 1e9);

/// A shape, and the ends of the intervals of row counts that it should be the
/// fastest in, which may be none.
struct ShapeChoice {
  GemmShape shape;
  std::vector<int64_t> rows;
};

/// What tells shapes apart, and for which counts of rows.
struct ShapeRules {
  /// Takes the place of cyclesOf.
  std::function<double(const GemmShape &, int64_t rows)> cycles;
  int64_t firstRows;             // the first bucket
  llvm::ArrayRef<int64_t> named; // counts that matter as an octave does
  double worthAKernel;           // what another must make the mean less
  /// The shape of the fewer rows before is worth no other entry of the plan
  /// where it takes up to so many times the least.
  double worthAnEntry = 1.01;
};
/// Few of `shapes` that are fast together, each with its intervals; with
/// `tries` those, too, that may be worth a measurement.
std::vector<ShapeChoice> chooseByRules(std::vector<GemmShape> shapes,
                                       const ShapeRules &rules, bool tries);

/// Shapes that are worth a try, those for few rows first; none where rows are
/// too long for a cluster to normalize.
std::vector<ShapeChoice> chooseShapes(const GemmMatch &match);

/// What a causal model's prompts run a product by without a tuning: gate and up
/// with what follows them, and q-k-v with rope and append; of others the
/// shortest prompts alone, if at all, and the rest is the library's.
std::vector<ShapeChoice> choosePromptShapes(const GemmMatch &match);

/// Those that normalize few rows, each with the first and last bucket that it
/// is the fastest of all in; none where rows are long or weights do not wait in
/// shared memory. Tiles and a row program have the others. REQUIRES:
/// match.outNorm.
std::vector<ShapeChoice> chooseFewRows(const GemmMatch &match);

/// One for at most 64 rows, without a norm.
ShapeChoice chooseSomeRows(const GemmMatch &match);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_GEMMSHAPES_H
