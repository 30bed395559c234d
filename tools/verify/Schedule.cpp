//===- Schedule.cpp - the batches that a plan is tried with ---------------===//
#include "tools/verify/Schedule.h"

#include <algorithm>
#include <random>

using namespace ft;
using namespace ft::verify;

namespace {
/// Page edges are tried up to this page size; larger ones cost too much.
constexpr int64_t kLargestPage = 256;
constexpr int64_t kUsualPage = 64;
/// Tokens of a long sequence that are decoded one at a time.
constexpr int64_t kDecoded = 4;
/// Images of a batch.
constexpr size_t kImages = 3;
/// Sequences of at most so many tokens are fed one token at a time.
constexpr int64_t kShort = 2;
} // namespace

int64_t Call::tokens() const {
  int64_t sum = 0;
  for (const Slice &slice : slices)
    sum += slice.count;
  return sum;
}

/// 1, 2, odd, and around the edges of a cache page.
static std::vector<int64_t> raggedLengths(int64_t pageSize,
                                          int64_t maxPositions) {
  int64_t page =
      pageSize > 0 && pageSize <= kLargestPage ? pageSize : kUsualPage;
  std::vector<int64_t> lengths{page + 3, 1, 17, 2, page, page - 1};
  for (int64_t &length : lengths)
    length = std::clamp<int64_t>(length, 1,
                                 maxPositions > 0 ? maxPositions : length);
  return lengths;
}

std::vector<int64_t> verify::chooseLengths(const plan::Plan &plan,
                                           const plan::Entry &entry) {
  if (int64_t tokens = entry.imageTokens())
    return std::vector<int64_t>(kImages, tokens);
  return raggedLengths(plan.caches.empty() ? 0 : plan.caches[0].pageSize,
                       plan.maxPositions);
}

/// Feeds every sequence to its end: most of the long ones, the rest of them but
/// a few tokens, then one token of each a call.
static void addChunks(const std::vector<int64_t> &lengths,
                      std::vector<Call> &calls) {
  std::vector<int64_t> fed(lengths.size());
  auto feed = [&](const char *what, auto wanted) {
    Call call{what, {}, 1};
    for (size_t i = 0; i < lengths.size(); ++i)
      if (int64_t count = wanted(lengths[i], fed[i]); count > 0) {
        call.slices.push_back({int64_t(i), fed[i], count});
        fed[i] += count;
      }
    if (!call.slices.empty())
      calls.push_back(std::move(call));
  };
  feed("the first part of long sequences", [](int64_t length, int64_t) {
    return length > kShort ? (length - kDecoded) * 3 / 4 : 0;
  });
  feed("the next part, through the cache", [](int64_t length, int64_t at) {
    return length > kShort ? length - kDecoded - at : 0;
  });
  while (fed != lengths)
    feed("one token each, through the cache",
         [](int64_t length, int64_t at) { return length > at ? 1 : 0; });
}

std::vector<Call> verify::chooseCalls(const std::vector<int64_t> &lengths,
                                      bool causal) {
  std::vector<Call> calls{{"whole sequences", {}, 0}};
  for (size_t i = 0; i < lengths.size(); ++i)
    calls[0].slices.push_back({int64_t(i), 0, lengths[i]});
  if (causal) {
    addChunks(lengths, calls);
    return calls;
  }
  // Other neighbours in another order, and a sequence alone.
  const std::vector<Slice> &all = calls[0].slices;
  Call some{"short sequences, in another order", {all.rbegin(), all.rend()}, 0};
  std::erase_if(some.slices, [&](const Slice &slice) {
    return slice.count == *std::max_element(lengths.begin(), lengths.end());
  });
  Call one{"one sequence", {all[1]}, 0};
  if (!some.slices.empty())
    calls.push_back(std::move(some));
  calls.push_back(std::move(one));
  return calls;
}

/// Ids below the smallest limit that source and plan know.
static int64_t limitOf(ir::EntryOp entry, unsigned argument,
                       const std::string &name, const plan::Plan &plan,
                       const plan::Entry &compiled) {
  int64_t limit = 0;
  auto lower = [&](int64_t other) {
    if (other > 0)
      limit = limit > 0 ? std::min(limit, other) : other;
  };
  if (auto attr =
          entry.getArgAttrOfType<mlir::IntegerAttr>(argument, ir::kLimitAttr))
    lower(attr.getInt());
  for (const plan::Input &input : compiled.inputs)
    if (input.name == name)
      lower(input.limit);
  if (limit == 0)
    lower(plan.vocabulary);
  return std::max<int64_t>(limit, 1);
}

/// Inputs of padded entries start with a batch and a sequence axis.
static void nameSymbols(mlir::Type type, PaddedBatch &batch) {
  auto padded = mlir::dyn_cast<ir::PaddedType>(type);
  if (!padded || padded.getRank() < 2 || !batch.batchSymbol.empty())
    return;
  batch.batchSymbol = padded.getShape()[0].str();
  batch.sequenceSymbol = padded.getShape()[1].str();
}

static bool hasIntegers(mlir::Type type) {
  auto packed = mlir::dyn_cast<ir::PackedType>(type);
  auto padded = mlir::dyn_cast<ir::PaddedType>(type);
  return (packed && packed.getElementType().isInteger()) ||
         (padded && padded.getElementType().isInteger());
}

/// Rows of [batch, sequence, ...]; what is padding stays 0.
static void fillInput(llvm::StringRef role, bool integers, int64_t limit,
                      const PaddedBatch &batch, std::mt19937_64 &random,
                      Tensor &input) {
  std::normal_distribution<float> normal; // the runtime takes data as fp32
  if (role == "image") {                  // [batch, channels, height, width]
    for (double &pixel : input.data)
      pixel = double(normal(random));
    return;
  }
  int64_t row = input.size() / (batch.batch() * batch.sequence);
  for (int64_t i = 0; i < input.size(); ++i) {
    int64_t at = i / row % batch.sequence;
    if (at >= batch.lengths[size_t(i / row / batch.sequence)])
      continue;
    input.data[size_t(i)] = role == "mask"        ? 1
                            : role == "positions" ? double(at)
                            : role == "data" && !integers
                                ? double(normal(random))
                                : double(random() % uint64_t(limit));
  }
}

PaddedBatch verify::makeBatch(const SourceIndex &source, const plan::Plan &plan,
                              const plan::Entry &compiled,
                              const std::vector<int64_t> &lengths,
                              uint64_t seed) {
  PaddedBatch batch;
  batch.lengths = lengths;
  batch.sequence = *std::max_element(lengths.begin(), lengths.end());
  ir::EntryOp entry = source.entry();
  for (mlir::BlockArgument argument : entry.getBody().getArguments()) {
    unsigned number = argument.getArgNumber();
    auto name = entry.getArgAttrOfType<mlir::StringAttr>(number, ir::kNameAttr);
    auto role = entry.getArgAttrOfType<mlir::StringAttr>(number, ir::kRoleAttr);
    if (!name || !role)
      continue;
    int64_t limit = limitOf(entry, number, name.str(), plan, compiled);
    nameSymbols(argument.getType(), batch);
    std::mt19937_64 random(seed + (role == "tokens" ? 0 : number));
    Tensor &input = batch.inputs[name.str()];
    input = Tensor(shapeFor(argument.getType(), batch));
    fillInput(role.getValue(), hasIntegers(argument.getType()), limit, batch,
              random, input);
  }
  return batch;
}
