#include "client/rules/system_rules.hpp"

#include <array>
#include <utility>
#include <vector>

#include "client/rules/set_elements.hpp"

namespace tfunnel::client {

namespace {

// Marks of connections tell later on what belongs to the tunnel: SENT, a program here began it; FORWARDED, a host for
// which this machine forwards; ASKED, somebody beyond the tunnel spoke first (UDP). They are the packets' two bits.
// A UDP server may speak first to peers that it has served within the last hour: the kernel's own memory is shorter.
constexpr const char* table_text = R"(table inet TABLE
delete table inet TABLE
table inet TABLE {
  FLAGS
  set link4 { type inet_proto . ipv4_addr . inet_service; LINK4 }
  set link6 { type inet_proto . ipv6_addr . inet_service; LINK6 }
  set hosts4 { type ipv4_addr; HOSTS4 }
  set hosts6 { type ipv6_addr; HOSTS6 }
  set direct4 { type ipv4_addr; flags interval; DIRECT4 }
  set direct6 { type ipv6_addr; flags interval; DIRECT6 }
  set own4 { type ipv4_addr; flags interval; OWN4 }
  set own6 { type ipv6_addr; flags interval; OWN6 }
  set served4 { type ipv4_addr . ipv4_addr . inet_service; flags dynamic, timeout; timeout 3600s; size 65536; }
  set served6 { type ipv6_addr . ipv6_addr . inet_service; flags dynamic, timeout; timeout 3600s; size 65536; }
  set routed4 { type ipv4_addr; flags interval; ROUTED4 }
  set routed6 { type ipv6_addr; flags interval; ROUTED6 }

  chain choose {
    meta l4proto != { tcp, udp } return
    fib daddr type local return
    meta l4proto . ip daddr . th dport @link4 return
    meta l4proto . ip6 daddr . th dport @link6 return
    ip daddr @hosts4 return
    ip6 daddr @hosts6 return
    tcp flags & (fin | syn | rst | ack) != syn ct mark & FLOW == 0 return
    ct mark & FLOW != 0 goto take
    meta l4proto udp goto choose_new_udp
    goto choose_new
  }
  chain choose_new_udp {
    ip daddr . ip saddr . udp sport @served4 update @served4 { ip daddr . ip saddr . udp sport } return
    ip6 daddr . ip6 saddr . udp sport @served6 update @served6 { ip6 daddr . ip6 saddr . udp sport } return
    ct direction reply return
    goto choose_new
  }
  chain choose_new {
    NO_V4_QUESTIONS meta nfproto ipv4 th dport 53 goto refuse
    NO_V6_QUESTIONS meta nfproto ipv6 th dport 53 goto refuse
    REDIRECT th dport 53 goto take
    REDIRECT th dport 853 goto refuse
    fib daddr type { broadcast, anycast, multicast } LAN
    ip daddr @own4 LAN
    ip6 daddr @own6 LAN
    ip daddr @direct4 return
    ip6 daddr @direct6 return
    EXCLUDED
    INCLUDED
  }
  chain take {
    meta mark set meta mark or CAPTURED
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx type port-unreachable
  }
  chain refuse_unrouted {
    ip daddr @routed4 return
    ip6 daddr @routed6 return
    meta nfproto ipv6 tcp flags & (fin | syn | rst | ack) == syn reject with tcp reset
    tcp flags & (fin | syn | rst | ack) == syn reject with icmpx type no-route
    meta l4proto udp reject with icmpx type no-route
  }
  chain choose_errors {
    ct state related ct mark & FLOW == { SENT, FORWARDED } ct direction original meta mark set meta mark or CAPTURED
    ct state related ct mark & FLOW == ASKED ct direction reply meta mark set meta mark or CAPTURED
  }
  chain refuse_others {
    fib daddr type { local, broadcast, anycast, multicast } return
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } return
    LAN_ALLOWED ip daddr @own4 return
    LAN_ALLOWED ip6 daddr @own6 return
    ip daddr @direct4 return
    ip6 daddr @direct6 return
    ct direction original ct state new reject with icmpx type admin-prohibited
  }

  chain let_go {
    ct mark & ALL_BITS != PASSED ct mark set ct mark & NO_FLOW | PASSED
  }

  chain output {
    type route hook output priority mangle; policy accept;
    meta l4proto udp meta mark & OWN == OWN ct state new ct mark set ct mark & NO_FLOW | ASKED
    meta mark & OWN == OWN return
    meta mark & PASSED == PASSED meta l4proto { tcp, udp } goto let_go
    OF_LINK meta l4proto { tcp, udp } goto let_go
    meta l4proto { icmp, ipv6-icmp } jump choose_errors
    NO_OTHERS meta l4proto != { tcp, udp } goto refuse_others
    udp sport . udp dport { 68 . 67, 546 . 547 } return
    jump choose
    meta mark & CAPTURED == CAPTURED ct mark & FLOW != ASKED ct mark set ct mark & NO_FLOW | SENT
    REDIRECT meta mark & CAPTURED == CAPTURED th dport 53 return
    meta mark & CAPTURED == CAPTURED jump refuse_unrouted
    GUARDED oif != "lo" meta mark & CAPTURED == 0 meta l4proto { tcp, udp } jump let_go
  }
  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    meta mark & OWN == OWN return
    ALONE GUARDED iif != "lo" meta l4proto { tcp, udp } jump let_go
    ALONE iif != "lo" return
    FORWARD iif != "lo" meta l4proto { icmp, ipv6-icmp } goto choose_errors
    FORWARD iif != "lo" jump choose
    FORWARD iif != "lo" meta mark & CAPTURED == CAPTURED ct mark & FLOW != ASKED ct mark set ct mark & NO_FLOW | FORWARDED
    FORWARD GUARDED iif != "lo" meta mark & CAPTURED == 0 meta l4proto { tcp, udp } jump let_go
    meta mark & CAPTURED != CAPTURED return
    REDIRECT iif != "lo" meta l4proto { tcp, udp } th dport 53 accept
    jump deliver
  }
  chain deliver {
    meta nfproto ipv4 meta l4proto { tcp, udp } tproxy ip to :PORT accept
    meta nfproto ipv6 meta l4proto { tcp, udp } tproxy ip6 to :PORT accept
    meta l4proto tcp reject with tcp reset
    meta l4proto udp reject with icmpx type port-unreachable
  }
  QUESTIONS
  chain postrouting {
    type filter hook postrouting priority mangle; policy accept;
    oif "lo" return
    meta mark & CAPTURED == CAPTURED drop
    meta mark & OWN == OWN ct mark & FLOW == SENT drop
  }
  chain input {
    type filter hook input priority security; policy accept;
    iif != "lo" fib daddr type local socket mark & OWN == 0 jump remember
  }
  chain forward {
    type filter hook forward priority security; policy accept;
    FORWARD jump remember
    FORWARD NO_OTHERS meta l4proto != { tcp, udp } goto refuse_others
  }
  chain remember {
    meta l4proto != udp return
    ct direction reply return
    ct mark & FLOW != 0 return
    LAN_ALLOWED ip saddr @own4 return
    LAN_ALLOWED ip6 saddr @own6 return
    ip saddr != @direct4 update @served4 { ip saddr . ip daddr . udp dport }
    ip6 saddr != @direct6 update @served6 { ip6 saddr . ip6 daddr . udp dport }
  }
}
)";

// Questions get the address of another nameserver before they reach the capture port. Of those that this machine
// forwards that comes later than the chain that decides, so they are delivered by one of their own.
constexpr const char* questions_text = R"(chain ask_another {
    meta mark & CAPTURED != CAPTURED return
    meta l4proto != { tcp, udp } return
    th dport != 53 return
    NAMESERVERS
  }
  chain own_questions {
    type nat hook output priority -100; policy accept;
    jump ask_another
  }
  chain forwarded_questions {
    type nat hook prerouting priority -100; policy accept;
    jump ask_another
  }
  chain deliver_questions {
    type filter hook prerouting priority -95; policy accept;
    meta mark & CAPTURED != CAPTURED return
    meta mark & OWN == OWN return
    iif != "lo" meta l4proto { tcp, udp } th dport 53 jump deliver
  })";

// The chain that decides tells so by the connection's mark: another chain of the other table may be there again when
// that one was not, and the packet's own mark would have it routed anew, which does not heed the card that it names.
constexpr const char* guard_text = R"(table inet TABLE {
  flags owner;
  chain postrouting {
    type filter hook postrouting priority mangle + 1; policy accept;
    oif "lo" accept
    meta mark & OWN == OWN accept
    meta mark & PASSED == PASSED accept
    ct mark & ALL_BITS == PASSED accept
    ct state untracked accept
    udp sport . udp dport { 68 . 67, 546 . 547 } accept
    meta l4proto { tcp, udp } drop
  }
}
)";

using Words = std::span<const std::pair<const char*, std::string>>;

bool is_of_word(char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }

/// Each word in capitals that `words` has gets its meaning.
std::string filled(std::string_view text, Words words) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    auto end = at;
    while (end < text.size() && is_of_word(text[end])) ++end;
    if (end == at) end = at + 1;
    std::string word(text.substr(at, end - at));
    for (const auto& [name, meaning] : words) {
      if (word == name) {
        word = meaning;
        break;
      }
    }
    result += word;
    at = end;
  }
  return result;
}

/// A line that begins with it is one, or a comment.
std::string line_if(bool wanted) { return wanted ? "" : "#"; }

std::string clause_of(const std::string& list) { return list.empty() ? "" : "elements = { " + list + " }"; }

void join(std::string& list, const std::string& element) { list += (list.empty() ? "" : ", ") + element; }

std::string ports_of_link(const std::set<LinkPeer>& link, bool is_v4) {
  std::string list;
  for (const auto& [is_tcp, to] : link) {
    if (to.port == 0 || to.address.is_v4() != is_v4) continue;
    join(list, (is_tcp ? "tcp . " : "udp . ") + to.address.text() + " . " + std::to_string(to.port));
  }
  return list;
}

std::string hosts_of_link(const std::set<LinkPeer>& link, bool is_v4) {
  std::set<core::Address> hosts;
  for (const auto& peer : link) {
    if (peer.to.port == 0 && peer.to.address.is_v4() == is_v4) hosts.insert(peer.to.address);
  }
  std::string list;
  for (const auto& host : hosts) join(list, host.text());
  return list;
}

/// Each set of the link's with its elements.
std::array<std::pair<const char*, std::string>, 4> link_sets(const std::set<LinkPeer>& link) {
  return {{{"link4", ports_of_link(link, true)},
           {"link6", ports_of_link(link, false)},
           {"hosts4", hosts_of_link(link, true)},
           {"hosts6", hosts_of_link(link, false)}}};
}

std::string of_set(const char* what, const char* set) {
  return std::string(what) + " inet " + system_table + " " + set;
}

/// A line for each: what goes to one of them meets the verdict.
std::string lines_of(const std::vector<PortedNetwork>& networks, const char* verdict) {
  std::string lines;
  for (const auto& [network, first, last] : networks) {
    lines += (network.first.is_v4() ? "ip daddr " : "ip6 daddr ") + network.first.text() + "/" +
             std::to_string(network.prefix());
    if (first != 0) lines += " th dport " + std::to_string(first);
    if (last != first) lines += "-" + std::to_string(last);
    lines += std::string(" ") + verdict + "\n";
  }
  return lines;
}

std::string match_of(const ControlGroup& group) {
  return "socket cgroupv2 level " + std::to_string(group.level) + " \"" + group.path + "\"";
}

std::string nameservers_of(const SystemDns& dns) {
  const auto v4 = dns.v4 ? "meta nfproto ipv4 dnat ip to " + dns.v4->text() + "\n" : std::string();
  const auto v6 = dns.v6 ? "meta nfproto ipv6 dnat ip6 to " + dns.v6->text() + "\n" : std::string();
  return v4 + v6;
}

std::string questions_of(const SystemTerms& terms) {
  if (!terms.dns.redirects()) return "";
  const std::array<std::pair<const char*, std::string>, 3> words{{{"OWN", mark_text(terms.marks.own)},
                                                                  {"CAPTURED", mark_text(terms.marks.captured)},
                                                                  {"NAMESERVERS", nameservers_of(terms.dns)}}};
  return filled(questions_text, words);
}

}  // namespace

std::string mark_text(std::uint32_t mark) {
  static constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (; mark != 0; mark >>= 4) text.insert(text.begin(), digits[mark & 0xf]);
  return "0x" + (text.empty() ? "0" : text);
}

std::string system_rules(const SystemTerms& terms) {
  const auto& marks = terms.marks;
  const auto flow = marks.own | marks.captured;
  const auto link = link_sets(terms.link);
  const auto& dns = terms.dns;
  const std::array<std::pair<const char*, std::string>, 35> words{{
      {"OF_LINK", terms.link_group ? match_of(*terms.link_group) : "#"},
      {"TABLE", terms.table},
      {"FLAGS", terms.owned ? "flags owner;" : ""},
      {"LINK4", clause_of(link[0].second)},
      {"LINK6", clause_of(link[1].second)},
      {"HOSTS4", clause_of(link[2].second)},
      {"HOSTS6", clause_of(link[3].second)},
      {"DIRECT4", elements_clause(terms.direct.v4)},
      {"DIRECT6", elements_clause(terms.direct.v6)},
      {"OWN4", elements_clause(terms.own_networks.v4)},
      {"OWN6", elements_clause(terms.own_networks.v6)},
      {"ROUTED4", elements_clause(terms.routed.v4)},
      {"ROUTED6", elements_clause(terms.routed.v6)},
      {"OWN", mark_text(marks.own)},
      {"CAPTURED", mark_text(marks.captured)},
      {"PASSED", mark_text(marks.passed)},
      {"FLOW", mark_text(flow)},
      {"ALL_BITS", mark_text(flow | marks.passed)},
      {"NO_FLOW", mark_text(~(flow | marks.passed))},
      {"SENT", mark_text(marks.captured)},
      {"ASKED", mark_text(marks.own)},
      {"FORWARDED", mark_text(flow)},
      {"PORT", std::to_string(terms.capture_port)},
      {"ALONE", line_if(!terms.forward)},
      {"FORWARD", line_if(terms.forward)},
      {"NO_OTHERS", line_if(!terms.allow_icmp)},
      {"GUARDED", line_if(!terms.owned)},
      {"REDIRECT", line_if(dns.redirects())},
      {"NO_V4_QUESTIONS", line_if(dns.redirects() && !dns.v4)},
      {"NO_V6_QUESTIONS", line_if(dns.redirects() && !dns.v6)},
      {"LAN_ALLOWED", line_if(!terms.lan_denied)},
      {"LAN", terms.lan_denied ? "goto refuse" : "return"},
      {"EXCLUDED", lines_of(terms.excluded, "return")},
      {"INCLUDED", terms.included.empty() ? "goto take" : lines_of(terms.included, "goto take")},
      {"QUESTIONS", questions_of(terms)},
  }};
  return filled(table_text, words);
}

std::string guard_rules(const SystemMarks& marks) {
  const std::array<std::pair<const char*, std::string>, 4> words{{
      {"TABLE", guard_table},
      {"OWN", mark_text(marks.own)},
      {"PASSED", mark_text(marks.passed)},
      {"ALL_BITS", mark_text(marks.own | marks.captured | marks.passed)},
  }};
  return filled(guard_text, words);
}

std::string replace_networks(const BothNetworks& direct, const BothNetworks& own) {
  return replace_elements(system_table, "direct4", direct.v4) + replace_elements(system_table, "direct6", direct.v6) +
         replace_elements(system_table, "own4", own.v4) + replace_elements(system_table, "own6", own.v6);
}

std::string replace_link(const std::set<LinkPeer>& link) {
  std::string input;
  for (const auto& [set, list] : link_sets(link)) input += of_set("flush set", set) + "\n";
  return input + add_link(link);
}

std::string add_link(const std::set<LinkPeer>& link) {
  std::string input;
  for (const auto& [set, list] : link_sets(link)) {
    if (!list.empty()) input += of_set("add element", set) + " { " + list + " }\n";
  }
  return input;
}

std::string add_link_group(const ControlGroup& group) {
  return "insert rule inet " + std::string(system_table) + " output " + match_of(group) + " return\n";
}

std::string replace_routed(const BothNetworks& routed) {
  return replace_elements(system_table, "routed4", routed.v4) + replace_elements(system_table, "routed6", routed.v6);
}

// A new table can always be deleted.
std::string remove_table(const char* table) {
  return "table inet " + std::string(table) + "\ndelete table inet " + table + "\n";
}

}  // namespace tfunnel::client
