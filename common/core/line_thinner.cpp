#include "common/core/line_thinner.hpp"

#include <algorithm>

namespace tfunnel::core {

namespace {
constexpr Duration second = std::chrono::seconds(1);
}  // namespace

bool LineThinner::admit(const Kind& kind, std::string_view text, Time now) {
  auto& current = seconds_[kind];
  // The lines that an earlier second left out are still to be told, so that second is not over yet.
  if (now - current.begin >= second && current.left_out == 0) current = {now, 0, 0, {}};
  if (current.written < most_a_second) {
    ++current.written;
    return true;
  }
  if (current.left_out++ == 0) current.first = text;
  return false;
}

std::vector<LineThinner::LeftOut> LineThinner::take_left_out(Time now) {
  std::vector<LeftOut> told;
  for (auto& [kind, current] : seconds_) {
    if (current.left_out == 0 || now - current.begin < second) continue;
    told.push_back({kind.program, kind.level, current.left_out, std::move(current.first)});
    current = {};
  }
  return told;
}

std::optional<Time> LineThinner::deadline() const {
  std::optional<Time> earliest;
  for (const auto& [kind, current] : seconds_) {
    if (current.left_out > 0) earliest = std::min(earliest.value_or(Time::max()), current.begin + second);
  }
  return earliest;
}

}  // namespace tfunnel::core
