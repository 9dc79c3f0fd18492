#include "common/core/sparse_lines.hpp"

#include <algorithm>

namespace tfunnel::core {

namespace {
constexpr std::string_view all_others = "other faults of this kind";
}  // namespace

bool SparseLines::admit(std::string_view text, Time now, std::size_t times) {
  std::erase_if(minutes_,
                [now](const auto& entry) { return entry.second.count == 0 && now - entry.second.begin >= period; });
  auto found = minutes_.find(text);
  if (found == minutes_.end() && minutes_.size() >= most_texts) found = minutes_.find(text = all_others);
  const bool first = found == minutes_.end();
  if (first) found = minutes_.emplace(text, Minute{now, 0}).first;
  found->second.count += first ? times - 1 : times;
  return first;
}

std::vector<SparseLines::More> SparseLines::take_more(Time now) {
  std::vector<More> more;
  for (auto& [text, minute] : minutes_) {
    if (minute.count == 0 || now - minute.begin < period) continue;
    more.push_back({text, minute.count});
    minute = {now, 0};
  }
  return more;
}

std::optional<Time> SparseLines::deadline() const {
  std::optional<Time> earliest;
  for (const auto& [text, minute] : minutes_) {
    if (minute.count > 0) earliest = std::min(earliest.value_or(Time::max()), minute.begin + period);
  }
  return earliest;
}

}  // namespace tfunnel::core
