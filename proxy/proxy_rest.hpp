// Which of several upstream proxies to try, when some are dead.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "common/core/datagram_queue.hpp"

namespace tfunnel::proxy {

/// Pure. A proxy that failed rests: 1 s, then twice as long each time it fails again, up to a minute.
class ProxyRest {
 public:
  static constexpr core::Duration first_rest = std::chrono::seconds(1);
  static constexpr core::Duration longest_rest = std::chrono::minutes(1);

  explicit ProxyRest(std::size_t count) : proxies_(count) {}

  /// The proxies to try, in the given order but for those that rest; they come last, the first to wake up
  /// before the others, so that nothing fails untried.
  [[nodiscard]] std::vector<std::size_t> order(core::Time now) const;
  /// Returns for how long it rests now; nothing if it rests already.
  std::optional<core::Duration> failed(std::size_t proxy, core::Time now);
  /// True if it had failed before: worth a log line.
  bool succeeded(std::size_t proxy);

 private:
  struct State {
    core::Duration rest{};
    core::Time until{};
  };
  std::vector<State> proxies_;
};

}  // namespace tfunnel::proxy
