#include "client/rules/firewall_rules.hpp"

namespace tfunnel::client {

namespace {

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
    text.replace(at, what.size(), by);
  }
}

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
  std::string text = rules;
  replace_all(text, "PORT", std::to_string(terms.capture_port));
  replace_all(text, "OWN_MARK", std::to_string(terms.own_mark));
  replace_all(text, "CAPTURE_MARK", std::to_string(terms.capture_mark));
  replace_all(text, "FAR_SIDE", terms.far_side);
  replace_all(text, "IPV6_ONLY", terms.ipv6 ? "" : "#");
  return text;
}

}  // namespace tfunnel::client
