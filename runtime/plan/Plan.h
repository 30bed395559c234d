//===- Plan.h - the compiled program, in memory -----------------*- C++ -*-===//
//
// The one contract between the compiler and the runtime. docs/plan-format.md
// is the specification of the file; PlanWriter and PlanReader convert, and
// validatePlan checks every index, size and offset once, at load.
//
// Shapes: every value of a program is `[axis, shape...]`, where `axis` is one
// of the plan's symbolic axes (tokens, sequences, rows) and `shape` is static.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_PLAN_PLAN_H
#define FT_RUNTIME_PLAN_PLAN_H

#include "runtime/base/DType.h"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace ft::plan {

/// The version this build writes and the newest it reads.
inline constexpr uint32_t kPlanVersion = 7;

/// Upper bounds of axes are rounded up to this before offsets are evaluated,
/// so that an offset of 16 bytes a row stays 256-byte aligned in the arena.
inline constexpr int64_t kAxisQuantum = 16;

//===----------------------------------------------------------------------===//
// References and small values
//===----------------------------------------------------------------------===//

/// What an operand of a meaning op or a kernel argument names. The text form is
/// the letter followed by the index: "b3", "t0", "w12", "i0", "s0", "r0", "c0".
enum class RefKind : uint8_t {
  Buffer,    // b: Program::buffers
  Temp,      // t: Step::temps, fp32 inside the step
  Weight,    // w: Plan::weights
  Input,     // i: Entry::inputs, in the batch descriptor
  Sequences, // s: Entry::sequences, in the batch descriptor
  Rows,      // r: the wanted rows, in the batch descriptor
  Cache,     // c: Plan::caches
};

struct Ref {
  RefKind kind = RefKind::Buffer;
  int32_t index = 0;
  bool operator==(const Ref &) const = default;
};

/// constant + sum over axes of perAxis[axis] * bound(axis); bytes.
struct Affine {
  int64_t constant = 0;
  std::vector<int64_t> perAxis; // indexed like Plan::axes; may be shorter
};

/// A launch dimension: constant * ceil(bound(axis) / divisor), or just
/// `constant` where axis is -1.
struct Extent {
  int64_t constant = 1;
  int32_t axis = -1;
  int64_t divisor = 1;
  /// Added after the product: tiles that a ragged batch may add.
  int32_t plusAxis = -1; // + bound(plusAxis) where not -1
};

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

/// A safetensors file, named relative to the weights directory.
struct File {
  std::string name;
  uint64_t headerHash = 0; // XXH64 of the 8-byte length and the JSON header
};

/// How a weight is made from the checkpoint: a tree of logical operations.
/// Every node has a shape; elements are fp32 (exact for f16/bf16 sources)
/// until the weight's own dtype is applied at the end.
struct Recipe {
  enum class Op {
    Tensor,     // files[file].tensor, stored as dtype `stored`
    Literal,    // data
    Generator,  // text = name ("rope", "alibi", "iota"), numbers = parameters
    Slice,      // of[0], axis, start or starts, size (shape[axis])
    Concat,     // of..., axis
    Transpose,  // of[0], two-dimensional
    Reshape,    // of[0], same number of elements
    Scale,      // of[0] * value
    Offset,     // of[0] + value
    Interleave, // of..., axis 0, row i of each in turn
    Pad,        // of[0], then zeros up to shape[axis]
    Rotations   // of[0] = n frequencies: cos(i f), then sin(i f), [., 2n]
  };
  Op op = Op::Tensor;
  std::vector<int64_t> shape;
  std::vector<Recipe> of;
  int32_t file = -1;
  std::string text; // tensor name or generator name
  DType stored = DType::F32;
  int64_t axis = 0;
  int64_t start = 0;
  std::vector<int64_t> starts; // of a slice: one a rank, in place of `start`
  double value = 0;
  std::vector<float> data;
  std::map<std::string, double> numbers;

  /// Where a slice starts on `rank`.
  int64_t startOf(int64_t rank) const {
    return starts.empty() ? start : starts[size_t(rank)];
  }
};

/// A weight resident once per rank, row-major, or a range of rows of one.
struct Weight {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  int32_t viewOf = -1; // index of a resident weight, or -1
  int64_t viewRow = 0; // first row (axis 0) of the view
  Recipe recipe;       // of a resident weight
};

//===----------------------------------------------------------------------===//
// Caches
//===----------------------------------------------------------------------===//

/// Per layer and plane: [pages, pageSize, shape...], addressed by page tables.
struct CachePlane {
  std::string name; // "k", "v"
  DType dtype = DType::F32;
  std::vector<int64_t> shape; // per token, e.g. [kv heads, head size]
};

struct Cache {
  std::string name;
  int64_t layers = 0;
  int64_t pageSize = 64; // tokens
  std::vector<CachePlane> planes;
};

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// A value in the arena. Element (row, j) lies at
/// arena + offset + (row * rowStride + j) * dtypeSize(dtype).
struct Buffer {
  std::string name;
  DType dtype = DType::F32;
  int32_t axis = 0;
  std::vector<int64_t> shape; // of one row
  int64_t rowStride = 0;      // elements; > product(shape) for a column range
  Affine offset;              // bytes
  int32_t viewOf = -1;        // the buffer this is a column range of, or -1
};

/// A value that exists only inside a step; always fp32 (i32 for indices).
struct Temp {
  DType dtype = DType::F32;
  int32_t axis = 0;
  std::vector<int64_t> shape;
};

/// One instruction of a score region, in SSA order; arguments index earlier
/// instructions. The last instruction is the region's result.
struct ScoreInst {
  /// "score", "head", "query", "key", "const", "table", "add", "sub", "mul",
  /// "div", "max", "min", "neg", "abs", "exp", "log", "tanh", "floor", "lt",
  /// "le", "eq", "select". "query" and "key" are positions, "head" the query
  /// head; all are fp32. "table" reads weight[args[0] * columns + args[1]], or
  /// weight[args[0]] of a vector; indices are truncated and clamped.
  std::string op;
  std::vector<int32_t> args;
  double value = 0;    // const
  int32_t weight = -1; // table
};

using AttrValue = std::variant<bool, int64_t, double, std::string>;

/// One semantic op, unfused: what the CPU executes. `op` and its attributes are
/// the ft dialect's (docs/spec.md), without the dialect prefix.
struct MeaningOp {
  std::string op;
  std::vector<Ref> in; // in the order of docs/spec.md, weights included
  std::vector<Ref> out;
  std::map<std::string, AttrValue> attrs;
  std::vector<ScoreInst> score; // attention only; empty = identity
};

/// How a kernel sees an operand through a tensor map: rows of `heads` x
/// `columns` 16-bit elements, fetched in boxes of 64 columns x boxHeads x
/// boxRows, swizzled by 128 bytes; zeros beyond. heads = 0: rows of `columns`,
/// two dimensions instead of three.
struct TensorBox {
  int64_t columns = 0;
  int64_t heads = 0;
  int64_t boxHeads = 1;
  int64_t boxRows = 0;

  /// Elements of a row.
  int64_t width() const { return heads > 0 ? heads * columns : columns; }
  /// From row to row of a weight whose own rows have `weightColumns`: where
  /// those are `columns`, `heads` of them make a row.
  int64_t strideOfWeight(int64_t weightColumns) const {
    return columns == weightColumns ? width() : weightColumns;
  }
};

/// One kernel argument.
struct Arg {
  enum class Kind {
    Pointer,   // device address of `ref` (buffer, weight, input, rows)
    CachePage, // base of plane `plane` of layer `layer` of cache ref.index
    Batch,     // device address of batch field `field`
    Workspace, // device address of the zeroed workspace + value
    I32,       // value
    I64,       // value
    F32,       // real
    Bound,     // i32: upper bound of axis `value` of the running bucket
    PageCount, // i32: columns of the page table
    TensorMap, // 128 bytes: map `box` of `ref` (buffer, weight, or cache with
               // layer and plane, its pages in a row)
  };
  Kind kind = Kind::I32;
  Ref ref;
  int32_t layer = 0;
  int32_t plane = 0;
  std::string field; // see BatchField names in Batch.h
  int64_t value = 0;
  double real = 0;
  TensorBox box;
};

/// A generated or template kernel: function `function` of
/// Plan::kernels[kernel].
struct KernelLaunch {
  int32_t kernel = 0;
  std::array<Extent, 3> grid;
  std::array<int32_t, 3> block{1, 1, 1};
  /// Dynamic shared memory: sharedBytes + sharedBytesPerRow * min(rows of the
  /// bucket on the step's axis, sharedRows).
  int32_t sharedBytes = 0;
  int32_t sharedBytesPerRow = 0;
  int32_t sharedRows = 0;
  /// grid[0] is the most: no more CTAs than the device holds at once, in whole
  /// clusters.
  bool residentGrid = false;
  int32_t cluster = 1; // CTAs that the kernel's code says start together
  /// Runs beside kernels of much shared memory: a multiprocessor is to be
  /// divided as they divide it.
  bool prefersShared = false;
  /// May start before the launch in front of it ends; the kernel waits itself.
  bool dependentLaunch = false;
  /// Where one implementation runs several steps: it does the work of the step
  /// so many behind the first, and of those up to the next launch's.
  int32_t behind = 0;
  std::vector<Arg> args;
};

/// out = epilogue(a * weight^T + bias + residual) through the GEMM library.
/// a: [axis, k] with its row stride, weight: [n, k] row-major, out: [axis, n].
/// Accumulation is fp32; one rounding at the store, or where there is a bias
/// and rows of `out` are not on 16 bytes, one more of the product.
struct GemmCall {
  Ref a;
  int32_t weight = 0;
  Ref out;
  int32_t bias = -1;             // weight [n] of out's dtype, or -1
  int32_t residual = -1;         // buffer [axis, n], or -1
  std::string epilogue = "none"; // none, relu, gelu_tanh
  int64_t n = 0;
  int64_t k = 0;
  /// Of fp32 operands: the device may multiply them rounded to TF32.
  bool tf32 = false;
};

/// An exchange of rows between the ranks of a mesh axis, which all make the
/// same calls in the same order. `in` and `out` are buffers of one dtype and
/// axis; sums are fp32 in the order of the ranks, rounded once.
///
///   all_reduce      out[j] = sum over ranks of in[j]
///   all_gather      out = the ranks' rows after each other; what goes beyond
///                   outElements is dropped (padding)
///   reduce_scatter  out[j] = sum over ranks of in[rank * outElements + j]
struct CollectiveCall {
  enum class Op { AllReduce, AllGather, ReduceScatter };
  Op op = Op::AllReduce;
  Ref in, out;
  int32_t mesh = 0;        // index of Plan::mesh
  int64_t elements = 0;    // of a row of `in`
  int64_t outElements = 0; // of a row of `out`
};

using Launch = std::variant<KernelLaunch, GemmCall, CollectiveCall>;

/// How a step runs on the architectures named (docs/plan-format.md: "sm_90a",
/// "ptx", ...). A device takes the first implementation it has an image for.
/// Where that one has `rows`, the one among those with `rows` whose number is
/// nearest to the rows of the batch; of two as near, the one in front.
struct Implementation {
  std::string name; // "library", "tiles_128x192_2x1": what a tuning chooses by
  std::vector<int64_t> rows; // it should be the fastest at
  std::vector<std::string> archs;
  std::vector<Launch> launches;
  /// It runs this step and the `steps` - 1 behind it, whose own implementations
  /// are passed over then. What those in front of the last would store need not
  /// be stored, unless steps further behind read it.
  int32_t steps = 1;
  /// It is right for batches only whose sequences lie whole in tiles of at most
  /// so many tokens (batch::kPacks), and taken where those are full enough; 0:
  /// for any.
  int32_t packed = 0;
  /// CTAs that each of these tiles needs at a time, if it is taken only where
  /// they fill the device; 0: always.
  int32_t packedCtas = 0;
  /// It is right for batches only whose sequences have at most so many tokens;
  /// 0: for any.
  int32_t longest = 0;
  /// It is taken only where the batch has no more sequences; 0: always.
  int32_t mostSequences = 0;
  /// It is right for batches only of which each wanted row's likeliest token is
  /// read and nothing else: no row has a sampling record, no output but the
  /// token is wanted.
  bool likeliest = false;

  /// Taken before others and before a tuning, where it can be.
  bool isSpecial() const {
    return steps > 1 || packed > 0 || longest > 0 || likeliest;
  }
};

/// The machine that times were measured on: choices made there hold on its
/// like only.
struct Machine {
  std::string device, driver, library;
  bool operator==(const Machine &) const = default;
};

/// The fastest right way to run a GEMM of `rows` rows (runtime/plan/Tuning.h).
struct TunedGemm {
  std::string problem;   // gemmProblem() of the steps it is for
  int64_t rows = 0;      // as measured
  std::string choice;    // Implementation::name
  std::string algorithm; // of the GEMM library, hexadecimal; empty: its first
  double microseconds = 0;
  std::string runnerUp; // the next one, where there was one
  double runnerUpMicroseconds = 0;
};

struct Tuning {
  Machine machine;
  std::vector<TunedGemm> gemms;
};

/// Bytes moved and operations done, as functions of the batch.
struct Cost {
  int64_t weightBytes = 0;
  int64_t bytesPerRow = 0; // of the step's own axis
  int64_t flopsPerRow = 0;
  int64_t cacheBytesPerKey = 0; // per sequence and cached token
  int64_t flopsPerQueryKey = 0; // per (query, key) pair
  int64_t linkBytesPerRow = 0;  // a rank sends to the others, per row
};

/// A unit of execution: what it means and how devices run it.
struct Step {
  std::string name;    // "layers.3.qkv"; for reports
  std::string pattern; // "row", "gemm", "attention", ... (docs/spec.md)
  int32_t axis = 0;
  std::vector<Temp> temps;
  std::vector<MeaningOp> meaning;
  std::vector<int32_t> reads, writes; // buffers
  Cost cost;
  std::vector<Implementation> implementations;
};

/// The steps for one range of token counts.
struct Program {
  int64_t minTokens = 1;
  int64_t maxTokens = 0; // 0 = unbounded
  std::vector<Buffer> buffers;
  Affine arenaBytes;
  int64_t workspaceBytes = 0;
  std::vector<int32_t> outputs; // buffer of each Entry::outputs
  std::vector<Step> steps;
};

/// Roles tell the engine how to fill an input from a caller's tensors.
/// An image has one row a sequence, [channels, height, width]; the others one
/// a token.
enum class InputRole { Tokens, Mask, Positions, Segments, Data, Image };

struct Input {
  std::string name; // "input_ids"
  InputRole role = InputRole::Data;
  DType dtype = DType::I32;
  int32_t axis = 0;
  std::vector<int64_t> shape; // of one row; empty for ids
  int64_t limit = 0;          // ids must be < limit; 0 = unchecked
  int64_t tokens = 0;         // of an image: the tokens that one makes
};

/// A packed batch: the axes of its tokens and of its sequences.
struct Sequences {
  std::string name;
  int32_t tokensAxis = 0;
  int32_t sequencesAxis = 1;
  int32_t cache = -1; // the cache its page table addresses, or -1
};

struct Output {
  std::string name; // "logits"
  DType dtype = DType::F32;
  int32_t axis = 0;
  std::vector<int64_t> shape;
};

/// A named, typed function.
struct Entry {
  std::string name;    // "step", "encode", "embed"
  bool causal = false; // may be fed in chunks, through its cache
  std::vector<Input> inputs;
  std::vector<Sequences> sequences;
  std::vector<Output> outputs;
  std::vector<Program> programs; // ascending, disjoint token ranges

  /// The tokens of every sequence, where sequences are images; else 0.
  int64_t imageTokens() const {
    for (const Input &input : inputs)
      if (input.role == InputRole::Image)
        return input.tokens;
    return 0;
  }
};

//===----------------------------------------------------------------------===//
// The plan
//===----------------------------------------------------------------------===//

/// Machine code of one kernel for several architectures.
struct Kernel {
  std::string function;                  // extern "C" name
  std::map<std::string, int32_t> images; // architecture -> blob
  int32_t registers = 0;                 // of the first cubin, as compiled
  int32_t staticShared = 0;
};

/// An aligned byte range of the file.
struct Blob {
  uint64_t offset = 0; // from the start of the file, multiple of 64
  uint64_t size = 0;
};

/// Axis names; "tokens" first. Bounds are the runtime's choice at load.
struct Axis {
  std::string name;
  int64_t max = 0; // 0 = unbounded
};

/// Ranks run one program side by side; weights and caches are each rank's own.
struct MeshAxis {
  std::string name; // "tp"
  int64_t size = 1; // ranks
};

/// How a picture file becomes a row of an image input, in this order: resize,
/// crop, scale, normalize. Resizing rounds to bytes, as Pillow does.
struct ImageSteps {
  std::string input; // which it makes; empty: the plan says nothing
  /// [height, width]; [edge]: the shorter side, the other in proportion; empty:
  /// no resizing.
  std::vector<int64_t> resize;
  std::string filter = "bilinear"; // nearest, box, bilinear, hamming, bicubic,
                                   // lanczos
  std::vector<int64_t> crop;       // [height, width] of the middle; empty: none
  double scale = 1;                // of the bytes
  std::vector<double> mean, deviation; // of channels: (x - mean) / deviation
};

/// What text in and out needs; indices of blobs, -1 where absent.
struct Text {
  int32_t tokenizer = -1;       // tokenizer.json
  int32_t tokenizerConfig = -1; // tokenizer_config.json
  std::vector<int64_t> endTokens;
  int64_t startToken = -1;
};

/// What the elements of a row of the output "logits" are called.
struct Labels {
  std::vector<std::string> names; // empty: they have no names
  /// How logits become scores: "softmax", "sigmoid" or "none".
  std::string scores = "softmax";
};

struct Plan {
  std::string name;         // of the model
  std::string architecture; // "llama", "bert", "graph"
  DType dtype = DType::F32; // of activations and matrices
  int64_t vocabulary = 0;   // 0 = none
  int64_t maxPositions = 0; // longest sequence the model was made for; 0 = any
  std::string weightsDir;   // where it was compiled from; empty = none
  std::map<std::string, std::string> provenance; // "ftc", "source", "command"
  std::vector<std::string> targets;
  std::vector<Axis> axes;
  std::vector<MeshAxis> mesh; // empty: one rank
  std::vector<File> files;
  std::vector<Weight> weights;
  std::vector<Cache> caches;
  std::vector<Kernel> kernels;
  std::vector<Entry> entries;
  Text text;
  Labels labels;
  ImageSteps image;
  Tuning tuning; // empty: devices take first implementations
  std::vector<Blob> blobs;
  /// The bytes of each blob while a plan is being made; a loaded plan's blobs
  /// stay in the mapped file (PlanFile::blob).
  std::vector<std::string> blobBytes;

  /// Ranks that run the plan together.
  int64_t ranks() const {
    int64_t count = 1;
    for (const MeshAxis &axis : mesh)
      count *= axis.size;
    return count;
  }
};

} // namespace ft::plan

#endif // FT_RUNTIME_PLAN_PLAN_H
