// Which of many log lines are written.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/core/time.hpp"

namespace tfunnel::core {

/// Strangers who open flows, or answer them, must not be able to fill a disk: of each kind of line only so many are
/// written a second. Kinds are counted apart, so that a flood of one never hides another. Pure: the time is passed in.
class LineThinner {
 public:
  static constexpr int most_a_second = 20;

  /// Lines of one origin in the program's text. Nothing in it may be chosen by a peer: each kind takes memory.
  struct Kind {
    std::string program;
    int level;
    const char* file;
    int line;
    auto operator<=>(const Kind&) const = default;
  };
  struct LeftOut {
    std::string program;
    int level;
    std::size_t count;
    std::string first;  // of those left out
  };

  /// May the line be written? If not, it counts as left out.
  bool admit(const Kind& kind, std::string_view text, Time now);
  /// The lines left out in seconds that are over; told once.
  std::vector<LeftOut> take_left_out(Time now);
  /// When take_left_out() has something, if nothing else happens.
  [[nodiscard]] std::optional<Time> deadline() const;

 private:
  struct Second {
    Time begin{};
    int written = 0;
    std::size_t left_out = 0;
    std::string first;
  };
  std::map<Kind, Second> seconds_;
};

}  // namespace tfunnel::core
