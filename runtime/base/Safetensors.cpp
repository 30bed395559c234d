//===- Safetensors.cpp - reading safetensors headers ----------------------===//
#include "runtime/base/Safetensors.h"

#include "runtime/base/Hash.h"
#include "runtime/base/Json.h"
#include "runtime/base/MappedFile.h"

#include <algorithm>

namespace ft {

namespace {

using Json = nlohmann::json;

// The format's own limit on headers.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr const char *kMetadata = "__metadata__";

struct StoredType {
  std::string_view name;
  int bits;
  std::optional<DType> dtype;
};
constexpr StoredType kStoredTypes[] = {
    {"F64", 64, DType::F64},      {"F32", 32, DType::F32},
    {"F16", 16, DType::F16},      {"BF16", 16, DType::BF16},
    {"I64", 64, DType::I64},      {"I32", 32, DType::I32},
    {"I8", 8, DType::I8},         {"U8", 8, DType::U8},
    {"BOOL", 8, DType::Bool},     {"I16", 16, std::nullopt},
    {"U16", 16, std::nullopt},    {"U32", 32, std::nullopt},
    {"U64", 64, std::nullopt},    {"C64", 64, std::nullopt},
    {"F8_E4M3", 8, std::nullopt}, {"F8_E5M2", 8, std::nullopt},
    {"F8_E8M0", 8, std::nullopt}, {"F6_E2M3", 6, std::nullopt},
    {"F6_E3M2", 6, std::nullopt}, {"F4", 4, std::nullopt}};

const StoredType *findStoredType(const Json &json) {
  if (!json.is_string())
    return nullptr;
  for (const StoredType &type : kStoredTypes)
    if (json.get_ref<const std::string &>() == type.name)
      return &type;
  return nullptr;
}

std::optional<std::vector<int64_t>> naturals(const Json *json) {
  if (!json || !json->is_array())
    return std::nullopt;
  std::vector<int64_t> values;
  for (const Json &item : *json) {
    if (!item.is_number_unsigned() || item.get<uint64_t>() > INT64_MAX)
      return std::nullopt;
    values.push_back(item.get<int64_t>());
  }
  return values;
}

const Json *member(const Json &object, const char *key) {
  auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

/// Bytes of a tensor; nothing on overflow or for a part of a byte.
std::optional<uint64_t> tensorBytes(const std::vector<int64_t> &shape,
                                    int bits) {
  uint64_t total = uint64_t(bits);
  for (int64_t extent : shape)
    if (__builtin_mul_overflow(total, uint64_t(extent), &total))
      return std::nullopt;
  if (total % 8)
    return std::nullopt;
  return total / 8;
}

/// One entry of the header; `data` is the range of the tensors' bytes.
StatusOr<SafetensorsTensor> parseTensor(const Json &json, uint64_t dataBegin,
                                        uint64_t dataEnd) {
  if (!json.is_object())
    return corrupt("expected an object with dtype, shape and data_offsets");
  const Json *dtype = member(json, "dtype");
  const StoredType *type = dtype ? findStoredType(*dtype) : nullptr;
  if (!type)
    return corrupt(
        "expected a dtype such as \"F32\", found " +
        (dtype ? dtype->dump(-1, ' ', false, Json::error_handler_t::replace)
               : "none"));
  auto shape = naturals(member(json, "shape"));
  if (!shape)
    return corrupt("expected a shape of non-negative integers");
  auto offsets = naturals(member(json, "data_offsets"));
  if (!offsets || offsets->size() != 2)
    return corrupt("expected data_offsets [begin, end]");
  uint64_t begin = uint64_t((*offsets)[0]), end = uint64_t((*offsets)[1]);
  if (begin > end || end > dataEnd - dataBegin)
    return corrupt("its bytes " + std::to_string(begin) + " to " +
                   std::to_string(end) + " are outside the file's " +
                   std::to_string(dataEnd - dataBegin) +
                   " bytes of data; the file is truncated or damaged");
  auto bytes = tensorBytes(*shape, type->bits);
  if (!bytes || *bytes != end - begin)
    return corrupt("its shape and dtype need " +
                   (bytes ? std::to_string(*bytes) : "too many") +
                   " bytes, its data_offsets hold " +
                   std::to_string(end - begin));
  return SafetensorsTensor{type->dtype, std::string(type->name),
                           *std::move(shape), dataBegin + begin,
                           dataBegin + end};
}

/// The tensors tile the data: no overlap, no hole, nothing after the last.
Status checkTiling(const std::map<std::string, SafetensorsTensor> &tensors,
                   uint64_t dataBegin, uint64_t dataEnd) {
  using Item = const std::pair<const std::string, SafetensorsTensor> *;
  std::vector<Item> order;
  for (const auto &item : tensors)
    order.push_back(&item);
  std::sort(order.begin(), order.end(), [](Item a, Item b) {
    return std::pair(a->second.begin, a->second.end) <
           std::pair(b->second.begin, b->second.end);
  });
  uint64_t at = dataBegin;
  std::string before = "the header";
  for (Item item : order) {
    if (item->second.begin < at)
      return corrupt("the bytes of tensor '" + item->first +
                     "' overlap those of " + before);
    if (item->second.begin > at)
      return corrupt("there is a hole of " +
                     std::to_string(item->second.begin - at) +
                     " bytes before tensor '" + item->first + "'");
    at = item->second.end;
    before = "tensor '" + item->first + "'";
  }
  if (at != dataEnd)
    return corrupt("there are " + std::to_string(dataEnd - at) +
                   " bytes after " + before + " that no tensor uses");
  return Status::success();
}

StatusOr<std::string_view> headerText(std::string_view file) {
  if (file.size() < 8)
    return corrupt("it has " + std::to_string(file.size()) +
                   " bytes, expected at least the 8 of a header length");
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | uint8_t(file[size_t(i)]);
  if (length > kMaxHeaderBytes)
    return corrupt("it claims a header of " + std::to_string(length) +
                   " bytes; the format allows " +
                   std::to_string(kMaxHeaderBytes));
  if (length > file.size() - 8)
    return corrupt("it claims a header of " + std::to_string(length) +
                   " bytes but has " + std::to_string(file.size()) +
                   " bytes in all; it is truncated or damaged");
  return file.substr(8, length);
}

StatusOr<std::map<std::string, std::string>> parseMetadata(const Json &json) {
  std::map<std::string, std::string> metadata;
  if (!json.is_object())
    return corrupt("__metadata__: expected an object of strings");
  for (const auto &[key, value] : json.items()) {
    if (!value.is_string())
      return corrupt("__metadata__: expected strings only");
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

} // namespace

StatusOr<SafetensorsHeader> SafetensorsHeader::parse(std::string_view file,
                                                     const std::string &path) {
  std::string context = "safetensors file '" + path + "'";
  auto text = headerText(file);
  if (!text.ok())
    return text.status().withContext(context);
  auto json = parseJson(*text, /*maxDepth=*/8);
  if (!json.ok())
    return json.status().withContext(context + ": header");
  if (!json->is_object())
    return corrupt(context + ": header: expected a JSON object");
  SafetensorsHeader header;
  header.hash_ = hash64(file.substr(0, 8 + text->size()));
  uint64_t dataBegin = 8 + text->size();
  for (const auto &[name, value] : json->items()) {
    if (name == kMetadata) {
      auto metadata = parseMetadata(value);
      if (!metadata.ok())
        return metadata.status().withContext(context);
      header.metadata_ = *std::move(metadata);
      continue;
    }
    auto tensor = parseTensor(value, dataBegin, file.size());
    if (!tensor.ok())
      return tensor.status().withContext(context + ": tensor '" + name + "'");
    header.tensors_[name] = *std::move(tensor);
  }
  FT_RETURN_IF_ERROR(checkTiling(header.tensors_, dataBegin, file.size())
                         .withContext(context));
  return header;
}

StatusOr<SafetensorsHeader> SafetensorsHeader::read(const std::string &path) {
  FT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  return parse(file.text(), path);
}

const SafetensorsTensor *
SafetensorsHeader::find(const std::string &name) const {
  auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

} // namespace ft
