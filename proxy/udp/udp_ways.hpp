// The ways of UDP datagrams, and their order.
#pragma once

#include <vector>

#include "proxy/udp/udp_way.hpp"

namespace tfunnel::proxy {

/// Null: there is no such way here.
struct UdpWays {
  UdpWay* resolver = nullptr;         // to the virtual resolver
  UdpWay* virtual_names = nullptr;    // to addresses that stand for names
  UdpWay* dns_over_stream = nullptr;  // port 53, where datagrams cannot pass
  UdpWay* dns_watch = nullptr;        // learns names of what others take, and takes nothing
  UdpWay* far_loopback = nullptr;     // to this host itself
  UdpWay* refusal = nullptr;          // where datagrams cannot pass
  UdpWay* upstream = nullptr;         // all else through another proxy
  UdpWay* direct = nullptr;           // all else out of this host
};

/// The ways that there are, in the order in which they are asked. The access rules are no way: UdpFlow asks them first.
std::vector<UdpWay*> in_order(const UdpWays& ways);

}  // namespace tfunnel::proxy
