#include "proxy/http/proxy_rest.hpp"

#include <algorithm>
#include <numeric>

namespace tfunnel::proxy {

ProxyRest::Turn::Turn(ProxyRest& rest, std::size_t proxy, core::Time now)
    : state_(rest.proxies_, &(*rest.proxies_)[proxy]),
      probe_(state_->rest > core::Duration::zero() && now >= state_->until && !state_->probed) {
  if (probe_) state_->probed = true;
}

ProxyRest::Turn::~Turn() {
  if (probe_) state_->probed = false;
}

std::vector<std::size_t> ProxyRest::order(core::Time now) const {
  std::vector<std::size_t> order(proxies_->size());
  std::iota(order.begin(), order.end(), 0);
  const auto wakes = [&](std::size_t proxy) {
    return (*proxies_)[proxy].probed ? core::Time::max() : std::max((*proxies_)[proxy].until, now);
  };
  std::ranges::stable_sort(order, {}, wakes);
  return order;
}

// Many flows may meet the same failure at once: it counts once.
std::optional<core::Duration> ProxyRest::failed(std::size_t proxy, core::Time now, core::Duration least) {
  auto& state = (*proxies_)[proxy];
  if (now < state.until) return std::nullopt;
  state.rest = std::clamp<core::Duration>(state.rest * 2, least, longest_rest);
  state.until = now + state.rest;
  return state.rest;
}

bool ProxyRest::succeeded(std::size_t proxy) {
  auto& state = (*proxies_)[proxy];
  const bool had_failed = state.rest > core::Duration::zero();
  state.rest = {};
  state.until = {};
  return had_failed;
}

}  // namespace tfunnel::proxy
