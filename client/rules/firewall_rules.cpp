#include "client/rules/firewall_rules.hpp"

#include <array>

#include "client/rules/rule_text.hpp"

namespace tfunnel::client {

namespace {

// A refused packet is an error of sendto() and the like (EPERM); nothing waits for an answer that cannot come. All that
// passes goes over the loopback device, also what is for the address of another one or from a socket bound to it. So
// nothing is sent by another device, and what somebody with the right to make frames sends there is not received. To a
// socket that is bound to a device the kernel hands no ICMP errors that come over the loopback device, but a reset it
// does.
constexpr const char* rules = R"(
table inet tfunnel {
  chain output {
    type route hook output priority mangle; policy accept;
    meta mark OWN_MARK oif "lo" accept
    fib daddr type local goto own_addresses
    meta mark OWN_MARK drop
    oifname "FAR_SIDE" reject with icmpx type admin-prohibited
    meta l4proto != { tcp, udp } reject with icmpx type admin-prohibited
    fib daddr type { broadcast, anycast, multicast } reject with icmpx type admin-prohibited
    ip6 daddr ff00::/8 reject with icmpx type admin-prohibited
    ip6 daddr fe80::/10 goto unreachable
    meta mark set CAPTURE_MARK
  }
  chain own_addresses {
    oif "lo" accept
    goto unreachable
  }
  chain unreachable {
    meta l4proto tcp reject with tcp reset
    reject with icmpx type no-route
  }
  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    iif != "lo" drop
    meta mark != CAPTURE_MARK accept
    meta nfproto ipv4 meta l4proto { tcp, udp } tproxy ip to :PORT accept
    IPV6_ONLY meta nfproto ipv6 meta l4proto { tcp, udp } tproxy ip6 to :PORT accept
    drop
  }
}
)";

}  // namespace

std::string firewall_rules(const FirewallTerms& terms) {
  const std::array<std::pair<const char*, std::string>, 5> words{{
      {"PORT", std::to_string(terms.capture_port)},
      {"OWN_MARK", std::to_string(terms.own_mark)},
      {"CAPTURE_MARK", std::to_string(terms.capture_mark)},
      {"FAR_SIDE", terms.far_side},
      {"IPV6_ONLY", line_if(terms.ipv6)},
  }};
  return filled(rules, words);
}

}  // namespace tfunnel::client
