//===- Charsmap.cpp - SentencePiece's table of replacements ---------------===//
#include "runtime/text/Charsmap.h"

#include <cstring>

namespace ft::text {

static std::optional<std::string> fromBase64(std::string_view text) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (!text.empty() && text.back() == '=')
    text.remove_suffix(1);
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos)
      return std::nullopt;
    bits = bits << 6 | uint32_t(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += char(bits >> count & 0xFF);
    }
  }
  return bytes;
}

StatusOr<Charsmap> Charsmap::decode(std::string_view base64) {
  std::optional<std::string> bytes = fromBase64(base64);
  if (!bytes)
    return corrupt("expected base64");
  uint32_t size = 0;
  if (bytes->size() >= sizeof(size))
    std::memcpy(&size, bytes->data(), sizeof(size));
  if (size < sizeof(uint32_t) || size % sizeof(uint32_t) ||
      size > bytes->size() - sizeof(size))
    return corrupt("expected a trie and its texts, found " +
                   std::to_string(bytes->size()) + " bytes");
  Charsmap map;
  map.units_.resize(size / sizeof(uint32_t));
  std::memcpy(map.units_.data(), bytes->data() + sizeof(size), size);
  map.texts_ = bytes->substr(sizeof(size) + size);
  return map;
}

/// A unit of the double array: bit 31 marks a value, bits 0 to 7 hold the byte
/// that leads here, bit 8 says that a value follows, the rest is an offset.
static uint32_t offsetOf(uint32_t unit) {
  return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

std::optional<std::string_view> Charsmap::find(std::string_view text) const {
  size_t at = offsetOf(units_[0]);
  for (char c : text) {
    at ^= uint8_t(c);
    if (c == 0 || at >= units_.size())
      return std::nullopt;
    uint32_t unit = units_[at];
    if ((unit & (1u << 31 | 0xFF)) != uint8_t(c))
      return std::nullopt;
    at ^= offsetOf(unit);
    if (!(unit >> 8 & 1))
      continue;
    size_t place = at < units_.size() ? units_[at] & ~(1u << 31) : SIZE_MAX;
    if (place >= texts_.size())
      return std::nullopt;
    std::string_view rest = std::string_view(texts_).substr(place);
    return rest.substr(0, rest.find('\0'));
  }
  return std::nullopt;
}

} // namespace ft::text
