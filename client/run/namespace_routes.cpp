#include "client/run/namespace_routes.hpp"

#include <algorithm>

#include "client/capture/routed_networks.hpp"
#include "client/run/network.hpp"

namespace tfunnel::client {

namespace {

using core::Network;
using Networks = core::Reach::Networks;

bool contains(const Networks& networks, const Network& network) {
  return std::ranges::find(networks, network) != networks.end();
}

}  // namespace

void NamespaceRoutes::apply(const core::Reach& reach) {
  try {
    if (!device_) device_ = netlink_.find(second_interface).value_or(loopback_device);
    apply(v4_, routed_networks(reach, true));
    apply(v6_, routed_networks(reach, false));
  } catch (const boost::system::system_error& error) {
    log_.info(std::string("destinations that the far end cannot reach are not refused at once: ") + error.what());
  }
}

// New routes first: if that fails, nothing is lost.
void NamespaceRoutes::apply(Networks& present, const Networks& all) {
  const bool is_v4 = all.front().first.is_v4();
  for (const auto& network : all) {
    if (contains(present, network)) continue;
    netlink_.add_route(network, *device_, own_address(is_v4));
    present.push_back(network);
  }
  while (true) {
    const auto old = std::ranges::find_if(present, [&](const auto& network) { return !contains(all, network); });
    if (old == present.end()) break;
    netlink_.remove_route(*old, *device_, own_address(is_v4));
    present.erase(old);
  }
}

}  // namespace tfunnel::client
