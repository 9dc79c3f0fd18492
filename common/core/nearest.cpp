#include "common/core/nearest.hpp"

#include <algorithm>

namespace tfunnel::core {

namespace {

using Row = std::vector<std::size_t>;

/// How many slips lie between them (optimal string alignment): row by row, each from the two before it.
std::size_t slips(std::string_view left, std::string_view right) {
  Row older(right.size() + 1);
  Row old(right.size() + 1);
  Row now(right.size() + 1);
  for (std::size_t j = 0; j < now.size(); ++j) now[j] = j;
  for (std::size_t i = 1; i <= left.size(); ++i) {
    older.swap(old);
    old.swap(now);
    now[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const bool same = left[i - 1] == right[j - 1];
      now[j] = std::min({old[j] + 1, now[j - 1] + 1, old[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
      if (swapped) now[j] = std::min(now[j], older[j - 2] + 1);
    }
  }
  return now.back();
}

}  // namespace

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t longest = 100;  // nothing that we know is half as long
  if (word.size() > longest) return std::nullopt;
  const std::string* best = nullptr;
  auto least = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : known) {
    const auto count = slips(word, candidate);
    if (count >= least || count >= candidate.size()) continue;
    least = count;
    best = &candidate;
  }
  return best != nullptr ? std::optional(*best) : std::nullopt;
}

}  // namespace tfunnel::core
