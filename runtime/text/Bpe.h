//===- Bpe.h - byte pair encoding -------------------------------*- C++ -*-===//
#ifndef FT_RUNTIME_TEXT_BPE_H
#define FT_RUNTIME_TEXT_BPE_H

#include "runtime/text/Model.h"

#include <array>

namespace ft::text {

/// Byte pair encoding, with or without byte fallback. O(n log n) in a word.
class Bpe : public Model {
public:
  static StatusOr<std::unique_ptr<const Model>> parse(Fields &fields);

  Status tokenize(std::string_view word,
                  std::vector<int32_t> &out) const override;
  bool isBpe() const override { return true; }

private:
  struct Merge {
    uint32_t rank;
    int32_t token;
  };
  struct Symbol {
    int32_t token;
    int32_t previous, next; // -1 at the ends
    bool merged = false;    // into the symbol before it
  };

  explicit Bpe(Vocabulary vocabulary) : Model(std::move(vocabulary)) {}

  Status readOptions(Fields &fields);
  Status readMerges(Fields &fields);
  Status addMerge(Fields &fields, size_t index, const std::string &left,
                  const std::string &right);
  const Merge *findMerge(int32_t left, int32_t right) const;
  Status startSymbols(std::string_view word, std::vector<int32_t> &out) const;
  bool fallBackToBytes(std::string_view text, std::vector<int32_t> &out) const;
  void mergeAll(std::vector<Symbol> &symbols) const;

  std::unordered_map<uint64_t, Merge> merges_; // by (left << 32 | right)
  std::optional<std::string> unknown_;
  std::string continuingPrefix_, endSuffix_;
  bool fuseUnknown_ = false, byteFallback_ = false, ignoreMerges_ = false;
  std::array<int32_t, 256> byteTokens_{}; // "<0x00>" ..., -1: none
};

} // namespace ft::text

#endif // FT_RUNTIME_TEXT_BPE_H
