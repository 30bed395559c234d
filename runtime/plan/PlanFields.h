//===- PlanFields.h - the members of plan structs in JSON -------*- C++ -*-===//
//
// One list of members per struct serves writing and reading. Io offers, with a
// member's name in the file:
//   field(name, value)             always there
//   optional(name, value, absent)  left out where it equals `absent`
//   list(name, value)              left out where it is empty
//   part(name, value)              a struct, left out where it is T()
// and Io::Member<T>, which is `const T &` for a writer and `T &` for a reader.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_PLAN_PLANFIELDS_H
#define FT_RUNTIME_PLAN_PLANFIELDS_H

#include "runtime/plan/Plan.h"

#include <string_view>
#include <utility>

namespace ft::plan {

//===----------------------------------------------------------------------===//
// Spellings of enums
//===----------------------------------------------------------------------===//

template <typename T> struct Spelling {
  T value;
  std::string_view name;
};

inline constexpr Spelling<RefKind> kRefLetters[] = {
    {RefKind::Buffer, "b"},    {RefKind::Temp, "t"}, {RefKind::Weight, "w"},
    {RefKind::Input, "i"},     {RefKind::Rows, "r"}, {RefKind::Cache, "c"},
    {RefKind::Sequences, "s"},
};

template <typename T> inline constexpr Spelling<T> kSpellings[] = {{}};

template <>
inline constexpr Spelling<Recipe::Op> kSpellings<Recipe::Op>[] = {
    {Recipe::Op::Tensor, "tensor"},
    {Recipe::Op::Literal, "literal"},
    {Recipe::Op::Generator, "generator"},
    {Recipe::Op::Slice, "slice"},
    {Recipe::Op::Concat, "concat"},
    {Recipe::Op::Transpose, "transpose"},
    {Recipe::Op::Reshape, "reshape"},
    {Recipe::Op::Scale, "scale"},
    {Recipe::Op::Offset, "offset"},
    {Recipe::Op::Interleave, "interleave"},
    {Recipe::Op::Pad, "pad"},
    {Recipe::Op::Rotations, "rotations"},
};

template <>
inline constexpr Spelling<Arg::Kind> kSpellings<Arg::Kind>[] = {
    {Arg::Kind::Pointer, "pointer"},
    {Arg::Kind::CachePage, "cache_page"},
    {Arg::Kind::Batch, "batch"},
    {Arg::Kind::Workspace, "workspace"},
    {Arg::Kind::I32, "i32"},
    {Arg::Kind::I64, "i64"},
    {Arg::Kind::F32, "f32"},
    {Arg::Kind::Bound, "bound"},
    {Arg::Kind::PageCount, "page_count"},
    {Arg::Kind::TensorMap, "tensor_map"},
};

template <>
inline constexpr Spelling<CollectiveCall::Op> kSpellings<CollectiveCall::Op>[] =
    {
        {CollectiveCall::Op::AllReduce, "all_reduce"},
        {CollectiveCall::Op::AllGather, "all_gather"},
        {CollectiveCall::Op::ReduceScatter, "reduce_scatter"},
};

template <>
inline constexpr Spelling<InputRole> kSpellings<InputRole>[] = {
    {InputRole::Tokens, "tokens"},       {InputRole::Mask, "mask"},
    {InputRole::Positions, "positions"}, {InputRole::Segments, "segments"},
    {InputRole::Data, "data"},           {InputRole::Image, "image"},
};

//===----------------------------------------------------------------------===//
// Members
//===----------------------------------------------------------------------===//

template <typename Io, typename T>
using Member = typename Io::template Member<T>;

template <typename Io> void fields(Io &io, Member<Io, Extent> extent) {
  io.optional("constant", extent.constant, int64_t(1));
  io.optional("axis", extent.axis, -1);
  io.optional("divisor", extent.divisor, int64_t(1));
  io.optional("plus_axis", extent.plusAxis, -1);
}

template <typename Io> void fields(Io &io, Member<Io, File> file) {
  io.field("name", file.name);
  io.hash("header_hash", file.headerHash);
}

template <typename Io> void fields(Io &io, Member<Io, Recipe> recipe) {
  io.field("op", recipe.op);
  io.field("shape", recipe.shape);
  io.list("of", recipe.of);
  io.optional("file", recipe.file, -1);
  io.optional("text", recipe.text, std::string());
  io.optional("stored", recipe.stored, DType::F32);
  io.optional("axis", recipe.axis, int64_t(0));
  io.optional("start", recipe.start, int64_t(0));
  io.list("starts", recipe.starts);
  io.optional("value", recipe.value, 0.0);
  io.list("data", recipe.data);
  io.list("numbers", recipe.numbers);
}

template <typename Io> void fields(Io &io, Member<Io, Weight> weight) {
  io.field("name", weight.name);
  io.field("dtype", weight.dtype);
  io.field("shape", weight.shape);
  io.optional("view_of", weight.viewOf, -1);
  io.optional("view_row", weight.viewRow, int64_t(0));
  if (weight.viewOf < 0)
    io.field("recipe", weight.recipe);
}

template <typename Io> void fields(Io &io, Member<Io, CachePlane> plane) {
  io.field("name", plane.name);
  io.field("dtype", plane.dtype);
  io.field("shape", plane.shape);
}

template <typename Io> void fields(Io &io, Member<Io, Cache> cache) {
  io.field("name", cache.name);
  io.field("layers", cache.layers);
  io.field("page_size", cache.pageSize);
  io.field("planes", cache.planes);
}

template <typename Io> void fields(Io &io, Member<Io, Buffer> buffer) {
  io.field("name", buffer.name);
  io.field("dtype", buffer.dtype);
  io.field("axis", buffer.axis);
  io.field("shape", buffer.shape);
  io.field("row_stride", buffer.rowStride);
  io.field("offset", buffer.offset);
  io.optional("view_of", buffer.viewOf, -1);
}

template <typename Io> void fields(Io &io, Member<Io, Temp> temp) {
  io.field("dtype", temp.dtype);
  io.field("axis", temp.axis);
  io.field("shape", temp.shape);
}

template <typename Io> void fields(Io &io, Member<Io, ScoreInst> inst) {
  io.field("op", inst.op);
  io.list("args", inst.args);
  io.optional("value", inst.value, 0.0);
  io.optional("weight", inst.weight, -1);
}

template <typename Io> void fields(Io &io, Member<Io, MeaningOp> op) {
  io.field("op", op.op);
  io.list("in", op.in);
  io.list("out", op.out);
  io.list("attrs", op.attrs);
  io.list("score", op.score);
}

template <typename Io> void fields(Io &io, Member<Io, TensorBox> box) {
  io.optional("columns", box.columns, int64_t(0));
  io.optional("heads", box.heads, int64_t(0));
  io.optional("box_heads", box.boxHeads, int64_t(1));
  io.optional("box_rows", box.boxRows, int64_t(0));
}

template <typename Io> void fields(Io &io, Member<Io, Arg> arg) {
  io.field("kind", arg.kind);
  io.optional("ref", arg.ref, Ref());
  io.optional("layer", arg.layer, 0);
  io.optional("plane", arg.plane, 0);
  io.optional("field", arg.field, std::string());
  io.optional("value", arg.value, int64_t(0));
  io.optional("real", arg.real, 0.0);
  io.part("box", arg.box);
}

template <typename Io> void fields(Io &io, Member<Io, KernelLaunch> launch) {
  io.field("kernel", launch.kernel);
  io.field("grid", launch.grid);
  io.field("block", launch.block);
  io.optional("shared_bytes", launch.sharedBytes, 0);
  io.optional("shared_bytes_per_row", launch.sharedBytesPerRow, 0);
  io.optional("shared_rows", launch.sharedRows, 0);
  io.optional("resident_grid", launch.residentGrid, false);
  io.optional("cluster", launch.cluster, 1);
  io.optional("prefers_shared", launch.prefersShared, false);
  io.optional("dependent_launch", launch.dependentLaunch, false);
  io.optional("behind", launch.behind, 0);
  io.list("args", launch.args);
}

template <typename Io> void fields(Io &io, Member<Io, GemmCall> call) {
  io.field("a", call.a);
  io.field("weight", call.weight);
  io.field("out", call.out);
  io.optional("bias", call.bias, -1);
  io.optional("residual", call.residual, -1);
  io.optional("epilogue", call.epilogue, std::string("none"));
  io.field("n", call.n);
  io.field("k", call.k);
  io.optional("tf32", call.tf32, false);
}

template <typename Io> void fields(Io &io, Member<Io, CollectiveCall> call) {
  io.field("op", call.op);
  io.field("in", call.in);
  io.field("out", call.out);
  io.optional("mesh", call.mesh, 0);
  io.field("elements", call.elements);
  io.field("out_elements", call.outElements);
}

template <typename Io> void fields(Io &io, Member<Io, Implementation> impl) {
  io.optional("name", impl.name, std::string());
  io.optional("rows", impl.rows, std::vector<int64_t>());
  io.field("archs", impl.archs);
  io.field("launches", impl.launches);
  io.optional("steps", impl.steps, 1);
  io.optional("packed", impl.packed, 0);
  io.optional("packed_ctas", impl.packedCtas, 0);
  io.optional("longest", impl.longest, 0);
  io.optional("most_sequences", impl.mostSequences, 0);
  io.optional("likeliest", impl.likeliest, false);
}

template <typename Io> void fields(Io &io, Member<Io, Cost> cost) {
  io.optional("weight_bytes", cost.weightBytes, int64_t(0));
  io.optional("bytes_per_row", cost.bytesPerRow, int64_t(0));
  io.optional("flops_per_row", cost.flopsPerRow, int64_t(0));
  io.optional("cache_bytes_per_key", cost.cacheBytesPerKey, int64_t(0));
  io.optional("flops_per_query_key", cost.flopsPerQueryKey, int64_t(0));
  io.optional("link_bytes_per_row", cost.linkBytesPerRow, int64_t(0));
}

template <typename Io> void fields(Io &io, Member<Io, Step> step) {
  io.field("name", step.name);
  io.field("pattern", step.pattern);
  io.field("axis", step.axis);
  io.list("temps", step.temps);
  io.field("meaning", step.meaning);
  io.list("reads", step.reads);
  io.list("writes", step.writes);
  io.part("cost", step.cost);
  io.list("implementations", step.implementations);
}

template <typename Io> void fields(Io &io, Member<Io, Program> program) {
  io.field("min_tokens", program.minTokens);
  io.field("max_tokens", program.maxTokens);
  io.field("buffers", program.buffers);
  io.field("arena_bytes", program.arenaBytes);
  io.optional("workspace_bytes", program.workspaceBytes, int64_t(0));
  io.field("outputs", program.outputs);
  io.field("steps", program.steps);
}

template <typename Io> void fields(Io &io, Member<Io, Input> input) {
  io.field("name", input.name);
  io.field("role", input.role);
  io.field("dtype", input.dtype);
  io.field("axis", input.axis);
  io.list("shape", input.shape);
  io.optional("limit", input.limit, int64_t(0));
  io.optional("tokens", input.tokens, int64_t(0));
}

template <typename Io> void fields(Io &io, Member<Io, Sequences> sequences) {
  io.field("name", sequences.name);
  io.field("tokens_axis", sequences.tokensAxis);
  io.field("sequences_axis", sequences.sequencesAxis);
  io.optional("cache", sequences.cache, -1);
}

template <typename Io> void fields(Io &io, Member<Io, Output> output) {
  io.field("name", output.name);
  io.field("dtype", output.dtype);
  io.field("axis", output.axis);
  io.list("shape", output.shape);
}

template <typename Io> void fields(Io &io, Member<Io, Entry> entry) {
  io.field("name", entry.name);
  io.optional("causal", entry.causal, false);
  io.field("inputs", entry.inputs);
  io.field("sequences", entry.sequences);
  io.field("outputs", entry.outputs);
  io.field("programs", entry.programs);
}

template <typename Io> void fields(Io &io, Member<Io, Kernel> kernel) {
  io.field("function", kernel.function);
  io.field("images", kernel.images);
  io.optional("registers", kernel.registers, 0);
  io.optional("static_shared", kernel.staticShared, 0);
}

template <typename Io> void fields(Io &io, Member<Io, Axis> axis) {
  io.field("name", axis.name);
  io.optional("max", axis.max, int64_t(0));
}

template <typename Io> void fields(Io &io, Member<Io, MeshAxis> axis) {
  io.field("name", axis.name);
  io.field("size", axis.size);
}

template <typename Io> void fields(Io &io, Member<Io, ImageSteps> image) {
  io.optional("input", image.input, std::string());
  io.list("resize", image.resize);
  io.optional("filter", image.filter, std::string("bilinear"));
  io.list("crop", image.crop);
  io.optional("scale", image.scale, 1.0);
  io.list("mean", image.mean);
  io.list("deviation", image.deviation);
}

template <typename Io> void fields(Io &io, Member<Io, Text> text) {
  io.optional("tokenizer", text.tokenizer, -1);
  io.optional("tokenizer_config", text.tokenizerConfig, -1);
  io.list("end_tokens", text.endTokens);
  io.optional("start_token", text.startToken, int64_t(-1));
}

template <typename Io> void fields(Io &io, Member<Io, Labels> labels) {
  io.list("names", labels.names);
  io.optional("scores", labels.scores, std::string("softmax"));
}

template <typename Io> void fields(Io &io, Member<Io, Machine> machine) {
  io.optional("device", machine.device, std::string());
  io.optional("driver", machine.driver, std::string());
  io.optional("library", machine.library, std::string());
}

template <typename Io> void fields(Io &io, Member<Io, TunedGemm> gemm) {
  io.field("problem", gemm.problem);
  io.field("rows", gemm.rows);
  io.field("choice", gemm.choice);
  io.optional("algorithm", gemm.algorithm, std::string());
  io.optional("microseconds", gemm.microseconds, 0.0);
  io.optional("runner_up", gemm.runnerUp, std::string());
  io.optional("runner_up_microseconds", gemm.runnerUpMicroseconds, 0.0);
}

template <typename Io> void fields(Io &io, Member<Io, Tuning> tuning) {
  io.part("machine", tuning.machine);
  io.list("gemms", tuning.gemms);
}

/// A blob's offset is not written: blobs follow each other in the file.
template <typename Io> void fields(Io &io, Member<Io, Blob> blob) {
  io.field("size", blob.size);
}

template <typename Io> void fields(Io &io, Member<Io, Plan> plan) {
  io.field("name", plan.name);
  io.field("architecture", plan.architecture);
  io.field("dtype", plan.dtype);
  io.optional("vocabulary", plan.vocabulary, int64_t(0));
  io.optional("max_positions", plan.maxPositions, int64_t(0));
  io.optional("weights_dir", plan.weightsDir, std::string());
  io.list("provenance", plan.provenance);
  io.list("targets", plan.targets);
  io.field("axes", plan.axes);
  io.list("mesh", plan.mesh);
  io.list("files", plan.files);
  io.list("weights", plan.weights);
  io.list("caches", plan.caches);
  io.list("kernels", plan.kernels);
  io.field("entries", plan.entries);
  io.part("text", plan.text);
  io.part("labels", plan.labels);
  io.part("image", plan.image);
  io.part("tuning", plan.tuning);
  io.list("blobs", plan.blobs);
}

} // namespace ft::plan

#endif // FT_RUNTIME_PLAN_PLANFIELDS_H
