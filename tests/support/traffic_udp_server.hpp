// UDP side of the server: echo and the orders of udp_order.
#pragma once

#include "traffic_session.hpp"
#include "traffic_wire.hpp"

#include <memory>
#include <string>
#include <unordered_map>

namespace traffic {

// Shared by all UDP sockets of one server.
struct udp_state {
  explicit udp_state(event_loop& owner) : loop(owner) {}
  struct tally {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };
  event_loop& loop;
  std::unordered_map<std::uint64_t, tally> counts;
  std::unordered_map<std::string, int> extra;  // sockets made by udp_order::reply_from
};

void serve_udp(udp_state& state, const endpoint& where);

}  // namespace traffic
