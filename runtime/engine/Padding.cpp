//===- Padding.cpp - what of a padded batch is tokens ---------------------===//
#include "runtime/engine/Padding.h"

#include <algorithm>
#include <cstring>

namespace ft {

int64_t integerAt(const Array &array, int64_t index) {
  const std::byte *at = array.bytes.data() + index * dtypeSize(array.dtype);
  auto as = [&](auto zero) {
    std::memcpy(&zero, at, sizeof(zero));
    return int64_t(zero);
  };
  switch (array.dtype) {
  case DType::I64:
    return as(int64_t());
  case DType::I32:
    return as(int32_t());
  case DType::F64:
    return as(double());
  case DType::F32:
    return as(float());
  case DType::I8:
    return as(int8_t());
  default:
    return as(uint8_t());
  }
}

int64_t PaddedBatch::longest() const {
  int64_t most = 0;
  for (auto [first, count] : spans)
    most = std::max(most, count);
  return most;
}

int64_t PaddedBatch::tokens() const {
  int64_t sum = 0;
  for (auto [first, count] : spans)
    sum += count;
  return sum;
}

namespace {

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

const plan::Input *findInput(const plan::Entry &entry, plan::InputRole role) {
  for (const plan::Input &input : entry.inputs)
    if (input.role == role)
      return &input;
  return nullptr;
}

std::string inputNames(const plan::Entry &entry) {
  std::string names;
  for (const plan::Input &input : entry.inputs)
    names += (names.empty() ? "" : ", ") + input.name;
  return names;
}

/// The one run of ones in row `row` of a mask.
StatusOr<std::pair<int64_t, int64_t>> maskSpan(const Array &mask, int64_t row,
                                               const std::string &name) {
  int64_t length = mask.shape[1], first = -1, count = 0;
  for (int64_t column = 0; column < length; ++column) {
    int64_t value = integerAt(mask, row * length + column);
    if (value != 0 && value != 1)
      return invalidArgument("input '" + name + "': row " +
                             std::to_string(row) + " has the value " +
                             std::to_string(value) +
                             "; a mask holds only 0 and 1");
    if (!value)
      continue;
    if (first < 0)
      first = column;
    if (first + count != column)
      return invalidArgument(
          "input '" + name + "': row " + std::to_string(row) +
          " has a hole before column " + std::to_string(column) +
          "; padding must be all on the left or all on the right");
    ++count;
  }
  if (count == 0)
    return invalidArgument("input '" + name + "': row " + std::to_string(row) +
                           " masks every token; remove the row");
  if (first != 0 && first + count != length)
    return invalidArgument("input '" + name + "': row " + std::to_string(row) +
                           " is padded on both sides; pad on one");
  return std::make_pair(first, count);
}

Status checkNames(const plan::Entry &entry, const NamedArrays &inputs) {
  for (const auto &[name, array] : inputs) {
    bool known = std::any_of(
        entry.inputs.begin(), entry.inputs.end(),
        [&](const plan::Input &input) { return input.name == name; });
    if (!known)
      return notFound("the entry '" + entry.name + "' has no input '" + name +
                      "'; its inputs are " + inputNames(entry));
  }
  return Status::success();
}

Status checkShape(const std::string &name, const Array &array,
                  const std::vector<int64_t> &expected) {
  if (array.shape == expected)
    return Status::success();
  return invalidArgument("input '" + name + "': expected shape " +
                         shapeText(expected) + ", found " +
                         shapeText(array.shape));
}

} // namespace

/// Images [batch, channels, height, width]: no sequence has padding.
static StatusOr<PaddedBatch> readImages(const plan::Entry &entry,
                                        const NamedArrays &inputs) {
  PaddedBatch result;
  result.length = entry.imageTokens();
  for (const plan::Input &input : entry.inputs) {
    auto found = inputs.find(input.name);
    if (found == inputs.end())
      return invalidArgument("the entry '" + entry.name +
                             "' needs the input '" + input.name +
                             "'; give --input " + input.name + "=@FILE.npy");
    const std::vector<int64_t> &shape = found->second.shape;
    if (!result.batch && !shape.empty())
      result.batch = shape[0];
    std::vector<int64_t> expected{std::max<int64_t>(1, result.batch)};
    expected.insert(expected.end(), input.shape.begin(), input.shape.end());
    FT_RETURN_IF_ERROR(checkShape(input.name, found->second, expected));
  }
  result.spans.assign(size_t(result.batch), {0, result.length});
  return result;
}

StatusOr<PaddedBatch> readPadding(const plan::Entry &entry,
                                  const NamedArrays &inputs) {
  FT_RETURN_IF_ERROR(checkNames(entry, inputs));
  if (entry.imageTokens())
    return readImages(entry, inputs);
  const plan::Input *ids = findInput(entry, plan::InputRole::Tokens);
  if (!ids)
    ids = findInput(entry, plan::InputRole::Data);
  if (!ids || !inputs.count(ids->name))
    return invalidArgument("the entry '" + entry.name + "' needs the input '" +
                           (ids ? ids->name : "?") + "'; give --input " +
                           (ids ? ids->name : "?") + "=@FILE.npy");
  const Array &array = inputs.at(ids->name);
  if (array.shape.size() < 2 || array.shape[0] < 1 || array.shape[1] < 1)
    return invalidArgument("input '" + ids->name +
                           "': expected shape [batch, length], found " +
                           shapeText(array.shape));
  PaddedBatch result;
  result.batch = array.shape[0];
  result.length = array.shape[1];
  for (const plan::Input &input : entry.inputs) {
    auto found = inputs.find(input.name);
    if (found == inputs.end())
      continue;
    std::vector<int64_t> expected{result.batch, result.length};
    expected.insert(expected.end(), input.shape.begin(), input.shape.end());
    FT_RETURN_IF_ERROR(checkShape(input.name, found->second, expected));
  }
  const plan::Input *mask = findInput(entry, plan::InputRole::Mask);
  auto given = mask ? inputs.find(mask->name) : inputs.end();
  for (int64_t row = 0; row < result.batch; ++row) {
    if (given == inputs.end()) {
      result.spans.push_back({0, result.length});
      continue;
    }
    FT_ASSIGN_OR_RETURN(auto span, maskSpan(given->second, row, mask->name));
    result.spans.push_back(span);
  }
  return result;
}

} // namespace ft
