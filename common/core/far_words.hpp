// A far end's words about its faults, which may come in two ways.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/time.hpp"

namespace tfunnel::core {

/// The far end writes a line to its standard error, which may be passed on here, and gives the words again with the
/// flow that met the fault. Both come at about the same time, in any order. Words wait a moment for the line; those
/// that were read in one are not said again. Pure: the time is passed in.
class FarWords {
 public:
  /// A line may come so much later than the words.
  static constexpr Duration grace = std::chrono::seconds(1);
  /// A far end that said something is not asked to repeat it so soon.
  static constexpr Duration memory = std::chrono::minutes(1);
  static constexpr std::size_t most = 32;

  struct Words {
    std::string text;
    std::string as_in_line;
    Time at;
    std::size_t times = 1;
  };

  /// A line of its standard error was shown, as core::printable() makes it.
  void passed(std::string_view line, Time now);
  /// Words that came with a flow; dropped if a line had them, or if they wait already.
  void told(std::string words, Time now);
  /// Words that no line had, and that were waited for; told once. `all`: those also that still wait.
  std::vector<Words> take(Time now, bool all = false);
  /// When take() has something, if nothing else happens.
  [[nodiscard]] std::optional<Time> deadline() const;

 private:
  struct Line {
    std::string text;
    Time at;
  };
  std::deque<Line> lines_;     // that were shown
  std::deque<Words> waiting_;  // oldest first
};

}  // namespace tfunnel::core
