// Which of many alike warnings are written: one a minute.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/time.hpp"

namespace tfunnel::core {

/// For faults that a person should mend, and that each flow meets again: the first line of a text is written, and those
/// that follow within the minute are counted. The texts may be chosen by a peer, so only so many are told apart; the
/// rest counts as one. Pure: the time is passed in.
class SparseLines {
 public:
  static constexpr Duration period = std::chrono::minutes(1);
  static constexpr std::size_t most_texts = 32;

  struct More {
    std::string text;
    std::size_t count;
  };

  /// May the line be written now? If not, it is counted. `times`: how often the same was to be said at once.
  bool admit(std::string_view text, Time now, std::size_t times = 1);
  /// The count of minutes that are over, told once; the telling counts as the next minute's line.
  std::vector<More> take_more(Time now);
  /// When take_more() has something, if nothing else happens.
  [[nodiscard]] std::optional<Time> deadline() const;

 private:
  struct Minute {
    Time begin{};
    std::size_t count = 0;
  };
  std::map<std::string, Minute, std::less<>> minutes_;
};

}  // namespace tfunnel::core
