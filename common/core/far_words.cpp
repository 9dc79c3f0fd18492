#include "common/core/far_words.hpp"

#include <algorithm>

#include "common/core/greeting.hpp"

namespace tfunnel::core {

void FarWords::passed(std::string_view line, Time now) {
  std::erase_if(waiting_, [line](const Words& words) { return line.find(words.as_in_line) != std::string_view::npos; });
  if (lines_.size() >= most) lines_.pop_front();
  lines_.push_back({std::string(line), now});
}

void FarWords::told(std::string words, Time now) {
  std::erase_if(lines_, [now](const Line& line) { return now - line.at > memory; });
  auto as_in_line = printable(words, words.size());
  const bool shown =
      std::ranges::any_of(lines_, [&](const Line& line) { return line.text.find(as_in_line) != std::string::npos; });
  if (shown) return;
  const auto waits = std::ranges::find(waiting_, words, &Words::text);
  if (waits != waiting_.end()) {
    ++waits->times;
  } else if (waiting_.size() < most) {
    waiting_.push_back({std::move(words), std::move(as_in_line), now});
  }
}

std::vector<FarWords::Words> FarWords::take(Time now, bool all) {
  std::vector<Words> taken;
  while (!waiting_.empty() && (all || now - waiting_.front().at >= grace)) {
    taken.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return taken;
}

std::optional<Time> FarWords::deadline() const {
  return waiting_.empty() ? std::nullopt : std::optional(waiting_.front().at + grace);
}

}  // namespace tfunnel::core
