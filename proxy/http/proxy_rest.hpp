// Which of several upstream proxies to try, when some are dead.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "common/core/time.hpp"

namespace tfunnel::proxy {

/// Pure. A proxy that failed rests: 1 s, then twice as long each time it fails again, up to a minute. One that took
/// connections and said nothing rests for longer, for each try of it takes time. When a rest is over, one flow at a
/// time finds out whether the proxy is back.
class ProxyRest {
  struct State {
    core::Duration rest{};
    core::Time until{};
    bool probed = false;
  };

 public:
  static constexpr core::Duration first_rest = std::chrono::seconds(1);
  static constexpr core::Duration first_rest_of_silent = std::chrono::seconds(30);
  static constexpr core::Duration longest_rest = std::chrono::minutes(1);

  explicit ProxyRest(std::size_t count) : proxies_(std::make_shared<std::vector<State>>(count)) {}

  /// One flow's use of one proxy, to be held from before the first step until after the last. It may outlive the
  /// ProxyRest: a coroutine is unwound at the very end.
  class Turn {
   public:
    Turn(ProxyRest& rest, std::size_t proxy, core::Time now);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    /// The proxy had failed; this flow finds out whether it is back.
    [[nodiscard]] bool is_probe() const { return probe_; }

   private:
    std::shared_ptr<State> state_;
    bool probe_;
  };

  /// The proxies to try, in the given order but for those that rest, or that somebody is finding out about; they come
  /// last, the first to wake up before the others, so that nothing fails untried.
  [[nodiscard]] std::vector<std::size_t> order(core::Time now) const;
  /// Returns for how long it rests now, at least for `least`; nothing if it rests already.
  std::optional<core::Duration> failed(std::size_t proxy, core::Time now, core::Duration least = first_rest);
  /// True if it had failed before: worth a log line.
  bool succeeded(std::size_t proxy);

 private:
  std::shared_ptr<std::vector<State>> proxies_;
};

}  // namespace tfunnel::proxy
