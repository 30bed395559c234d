//===- EncodeAll.cpp - many texts to token ids ----------------------------===//
#include "runtime/text/Tokenizer.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace ft::text {

/// Texts that a thread takes at once: so few that threads end together, so many
/// that starting one pays.
static constexpr size_t kTaken = 32;

StatusOr<std::vector<std::vector<int32_t>>>
Tokenizer::encodeAll(std::span<const std::string> texts,
                     bool addSpecialTokens) const {
  std::vector<std::vector<int32_t>> all(texts.size());
  std::vector<Status> failures(texts.size());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t first; (first = next.fetch_add(kTaken)) < texts.size();)
      for (size_t i = first; i < std::min(first + kTaken, texts.size()); ++i) {
        auto ids = encode(texts[i], addSpecialTokens);
        failures[i] = ids.status();
        if (ids.ok())
          all[i] = std::move(*ids);
      }
  };
  size_t most = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> others;
  for (size_t i = 1; i < std::min(most, (texts.size() + kTaken - 1) / kTaken);
       ++i)
    others.emplace_back(work);
  work();
  for (std::thread &thread : others)
    thread.join();
  for (const Status &failure : failures)
    FT_RETURN_IF_ERROR(failure);
  return all;
}

} // namespace ft::text
