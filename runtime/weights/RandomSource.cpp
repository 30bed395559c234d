//===- RandomSource.cpp - tensors of random numbers -----------------------===//
#include "runtime/base/Random.h"
#include "runtime/weights/TensorSource.h"

#include <cmath>
#include <map>
#include <unordered_map>

namespace ft {

namespace {

/// A leaf's element is base + scale * u with u uniform in [-1, 1).
struct Distribution {
  uint64_t key = 0;
  float scale = 0, base = 0;
};

// Spread of the scales of norms around 1, and of biases around 0.
constexpr float kNormSpread = 0.1f;
constexpr float kBiasSpread = 0.05f;

class RandomSource : public TensorSource {
public:
  RandomSource(const plan::Plan &plan, uint64_t seed);

  Status prepare(const plan::Recipe &leaf) override {
    return leaves_.count(&leaf) ? Status::success()
                                : internalError("the tensor '" + leaf.text +
                                                "' is not of this plan");
  }
  void read(const plan::Recipe &leaf, int64_t first, int64_t count,
            float *out) const override {
    const Distribution &d = leaves_.at(&leaf);
    for (int64_t i = 0; i < count; ++i) {
      float scaled = randomWeight(d.key, uint64_t(first + i)) * d.scale;
      out[i] = d.base != 0 ? d.base + scaled : scaled;
    }
  }
  StatusOr<bool> transfer(const plan::Recipe &leaf, int64_t first,
                          int64_t count, DType dtype, Device &device,
                          std::byte *to) const override {
    const Distribution &d = leaves_.at(&leaf);
    bool isFloat =
        dtype == DType::F32 || dtype == DType::F16 || dtype == DType::BF16;
    if (d.base != 0 || !isFloat)
      return false;
    FT_RETURN_IF_ERROR(
        device.fillRandom(to, dtype, d.key, first, count, d.scale));
    return true;
  }

private:
  /// How a plan reads a tensor, in all of its weights together.
  struct Uses {
    bool isNorm = false;    // in any
    bool transposed = true; // in all
    std::vector<const plan::Recipe *> leaves;
  };
  void addLeaves(const plan::Recipe &recipe, bool isNorm, bool transposed,
                 std::map<std::string, Uses> &tensors);

  std::unordered_map<const plan::Recipe *, Distribution> leaves_;
};

/// Which weights, views resolved, are the scale of a norm in any program.
std::vector<bool> findNorms(const plan::Plan &plan) {
  std::vector<bool> norms(plan.weights.size());
  auto visit = [&](const plan::MeaningOp &op) {
    bool isNorm = op.op == "rms_norm" || op.op == "layer_norm";
    if (!isNorm || op.in.size() < 2 || op.in[1].kind != plan::RefKind::Weight)
      return;
    int32_t index = op.in[1].index;
    int32_t root = plan.weights[size_t(index)].viewOf;
    norms[size_t(root < 0 ? index : root)] = true;
  };
  for (const plan::Entry &entry : plan.entries)
    for (const plan::Program &program : entry.programs)
      for (const plan::Step &step : program.steps)
        for (const plan::MeaningOp &op : step.meaning)
          visit(op);
  return norms;
}

/// The variance of a matrix is 1 / fan-in, so that activations keep their
/// size; fan-in is the tensor's own, hence the same for any slice of it.
Distribution distributionOf(const plan::Recipe &leaf, bool isNorm,
                            bool transposed, uint64_t seed) {
  Distribution d{randomKey(seed, leaf.text), kBiasSpread, 0};
  if (isNorm) {
    d.scale = kNormSpread;
    d.base = 1;
  } else if (leaf.shape.size() > 1) {
    int64_t fanIn = 1;
    for (size_t i = 1; i < leaf.shape.size(); ++i)
      fanIn *= leaf.shape[i];
    if (transposed)
      fanIn = leaf.shape[0];
    d.scale = float(std::sqrt(3.0 / double(fanIn)));
  }
  return d;
}

RandomSource::RandomSource(const plan::Plan &plan, uint64_t seed) {
  std::vector<bool> norms = findNorms(plan);
  std::map<std::string, Uses> tensors;
  for (size_t i = 0; i < plan.weights.size(); ++i)
    if (plan.weights[i].viewOf < 0)
      addLeaves(plan.weights[i].recipe, norms[i], false, tensors);
  for (const auto &[name, uses] : tensors)
    for (const plan::Recipe *leaf : uses.leaves)
      leaves_[leaf] = distributionOf(*leaf, uses.isNorm, uses.transposed, seed);
}

void RandomSource::addLeaves(const plan::Recipe &recipe, bool isNorm,
                             bool transposed,
                             std::map<std::string, Uses> &tensors) {
  if (recipe.op == plan::Recipe::Op::Tensor) {
    Uses &uses = tensors[recipe.text];
    uses.isNorm |= isNorm;
    uses.transposed &= transposed;
    uses.leaves.push_back(&recipe);
  }
  transposed ^= recipe.op == plan::Recipe::Op::Transpose;
  for (const plan::Recipe &operand : recipe.of)
    addLeaves(operand, isNorm, transposed, tensors);
}

} // namespace

std::unique_ptr<TensorSource> makeRandomSource(const plan::Plan &plan,
                                               uint64_t seed) {
  return std::make_unique<RandomSource>(plan, seed);
}

} // namespace ft
