#include "proxy/lookup/address_memory.hpp"

#include <algorithm>
#include <array>

namespace tfunnel::proxy {

namespace {

/// One of each family in turn.
std::vector<core::Address> interleaved(const std::vector<core::Address>& addresses) {
  std::array<std::vector<core::Address>, 2> families;
  for (const auto& address : addresses)
    families[address.is_v4() == addresses.front().is_v4() ? 0 : 1].push_back(address);
  std::vector<core::Address> order;
  for (std::size_t i = 0; order.size() < addresses.size(); ++i) {
    for (const auto& family : families) {
      if (i < family.size()) order.push_back(family[i]);
    }
  }
  return order;
}

}  // namespace

std::vector<core::Address> AddressMemory::arrange(const std::string& host, const std::vector<core::Address>& addresses,
                                                  core::Time now) const {
  auto order = interleaved(addresses);
  const auto known = hosts_.find(host);
  if (known == hosts_.end()) return order;
  std::ranges::stable_partition(order, [&](const auto& address) { return address == known->second.worked; });
  std::ranges::stable_partition(order, [&](const auto& address) {
    const auto failure = known->second.failed.find(address);
    return failure == known->second.failed.end() || failure->second <= now;
  });
  return order;
}

void AddressMemory::worked(const std::string& name, const core::Address& address, core::Time now) {
  auto& known = host(name, now);
  known.worked = address;
  known.failed.erase(address);
}

void AddressMemory::failed(const std::string& name, const core::Address& address, core::Time now) {
  auto& known = host(name, now);
  if (known.worked == address) known.worked.reset();
  if (known.failed.size() >= limits_.failures && !known.failed.contains(address)) {
    known.failed.erase(std::ranges::min_element(known.failed, {}, [](const auto& entry) { return entry.second; }));
  }
  known.failed[address] = now + limits_.rest;
}

AddressMemory::Host& AddressMemory::host(const std::string& name, core::Time now) {
  const auto known = hosts_.find(name);
  if (known == hosts_.end() && hosts_.size() >= limits_.hosts) {
    hosts_.erase(std::ranges::min_element(hosts_, {}, [](const auto& entry) { return entry.second.used; }));
  }
  auto& host = hosts_[name];
  host.used = now;
  return host;
}

}  // namespace tfunnel::proxy
