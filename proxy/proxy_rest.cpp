#include "proxy/proxy_rest.hpp"

#include <algorithm>
#include <numeric>

namespace tfunnel::proxy {

std::vector<std::size_t> ProxyRest::order(core::Time now) const {
  std::vector<std::size_t> order(proxies_.size());
  std::iota(order.begin(), order.end(), 0);
  const auto wakes = [&](std::size_t proxy) { return std::max(proxies_[proxy].until, now); };
  std::ranges::stable_sort(order, {}, wakes);
  return order;
}

// Many flows may meet the same failure at once: it counts once.
std::optional<core::Duration> ProxyRest::failed(std::size_t proxy, core::Time now) {
  auto& state = proxies_[proxy];
  if (now < state.until) return std::nullopt;
  state.rest = std::clamp<core::Duration>(state.rest * 2, first_rest, longest_rest);
  state.until = now + state.rest;
  return state.rest;
}

bool ProxyRest::succeeded(std::size_t proxy) {
  auto& state = proxies_[proxy];
  const bool had_failed = state.rest > core::Duration::zero();
  state = {};
  return had_failed;
}

}  // namespace tfunnel::proxy
