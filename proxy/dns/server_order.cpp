#include "proxy/dns/server_order.hpp"

#include <algorithm>

namespace tfunnel::proxy {

std::vector<core::Endpoint> ServerOrder::arrange(const std::vector<core::Endpoint>& servers, core::Time now) const {
  auto order = servers;
  std::ranges::stable_partition(order, [&](const core::Endpoint& server) {
    const auto penalised = until_.find(server);
    return penalised == until_.end() || penalised->second <= now;
  });
  return order;
}

}  // namespace tfunnel::proxy
