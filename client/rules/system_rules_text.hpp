// The rules of `tfunnel up`, as nft(8) reads them once their words in capitals are filled in; see system_rules.cpp.
#pragma once

namespace tfunnel::client {

// Marks of connections tell later on what belongs to the tunnel: SENT, a program here began it; FORWARDED, a host for
// which this machine forwards; ASKED, somebody beyond the tunnel spoke first (UDP). They are the packets' two bits.
// A UDP server may speak first to peers that it has served within the last hour: the kernel's own memory is shorter.
inline constexpr const char* system_table_text = R"(table inet TABLE
delete table inet TABLE
table inet TABLE {
  FLAGS
  COUNTERS
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
  set refused4 { type ipv4_addr . inet_service . ipv4_addr . inet_service; REFUSED4 }
  set refused6 { type ipv6_addr . inet_service . ipv6_addr . inet_service; REFUSED6 }

  chain choose_sent {
    ct mark & FLOW != 0 goto choose
    SENT_BY
  }
  chain choose_sender {
    SENDERS
  }
  chain choose_forwarded {
    ct mark & FLOW != 0 goto choose
    CAME_BY
  }
  chain choose {
    NO_OTHERS meta l4proto != { tcp, udp } goto refuse_others
    meta l4proto != { tcp, udp } return
    fib daddr type local return
    meta l4proto . ip daddr . th dport @link4 return
    meta l4proto . ip6 daddr . th dport @link6 return
    ip daddr @hosts4 return
    ip6 daddr @hosts6 return
    tcp flags & (fin | syn | rst | ack) != syn ct mark & FLOW == 0 goto choose_older
    ct mark & FLOW != 0 goto take
    meta l4proto udp goto choose_new_udp
    goto choose_new
  }
  chain choose_older {
    tcp flags & rst == rst return
    ip saddr . tcp sport . ip daddr . tcp dport @refused4 reject with tcp reset
    ip6 saddr . tcp sport . ip6 daddr . tcp dport @refused6 reject with tcp reset
  }
  chain choose_new_udp {
    ip daddr . ip saddr . udp sport @served4 update @served4 { ip daddr . ip saddr . udp sport } return
    ip6 daddr . ip6 saddr . udp sport @served6 update @served6 { ip6 daddr . ip6 saddr . udp sport } return
    ct direction reply return
    goto choose_new
  }
  chain choose_new {
    NO_V4_QUESTIONS meta nfproto ipv4 th dport 53 counter name refused_questions goto refuse
    NO_V6_QUESTIONS meta nfproto ipv6 th dport 53 counter name refused_questions goto refuse
    REDIRECT th dport 53 goto take
    REDIRECT th dport 853 counter name refused_dot goto refuse
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
    meta nfproto ipv6 tcp flags & (fin | syn | rst | ack) == syn counter name refused_unrouted reject with tcp reset
    tcp flags & (fin | syn | rst | ack) == syn counter name refused_unrouted reject with icmpx type no-route
    meta l4proto udp counter name refused_unrouted reject with icmpx type no-route
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
    ct direction original ct state new jump refuse_other
  }
  chain refuse_other {
    OTHERS
  }

  chain let_go {
    ct mark & ALL_BITS != PASSED ct mark set ct mark & NO_FLOW | PASSED
  }

  chain output {
    type route hook output priority mangle; policy accept;
    meta l4proto udp meta mark & OWN == OWN ct state new ct mark set ct mark & NO_FLOW | ASKED
    meta mark & OWN == OWN return
    meta mark & PASSED == PASSED meta l4proto { tcp, udp } counter name link goto let_go
    OF_LINK meta l4proto { tcp, udp } counter name link goto let_go
    meta l4proto { icmp, ipv6-icmp } jump choose_errors
    udp sport . udp dport { 68 . 67, 546 . 547 } return
    jump choose_sent
    meta mark & CAPTURED == CAPTURED ct mark & FLOW != ASKED ct mark set ct mark & NO_FLOW | SENT
    REDIRECT meta mark & CAPTURED == CAPTURED th dport 53 return
    meta mark & CAPTURED == CAPTURED jump refuse_unrouted
    oif != "lo" meta mark & CAPTURED == 0 meta l4proto { tcp, udp } counter name outside GO_ON
  }
  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    meta mark & OWN == OWN return
    ALONE GUARDED iif != "lo" meta l4proto { tcp, udp } jump let_go
    ALONE iif != "lo" return
    FORWARD iif != "lo" meta l4proto { icmp, ipv6-icmp } goto choose_errors
    FORWARD iif != "lo" meta l4proto { tcp, udp } jump choose_forwarded
    FORWARD iif != "lo" meta mark & CAPTURED == CAPTURED ct mark & FLOW != ASKED ct mark set ct mark & NO_FLOW | FORWARDED
    FORWARD GUARDED iif != "lo" meta mark & CAPTURED == 0 meta l4proto { tcp, udp } jump let_go
    meta mark & CAPTURED != CAPTURED return
    REDIRECT iif != "lo" meta l4proto { tcp, udp } th dport 53 accept
    jump deliver
  }
  chain deliver {
    meta nfproto ipv4 meta l4proto { tcp, udp } tproxy ip to :PORT counter name into4 accept
    meta nfproto ipv6 meta l4proto { tcp, udp } tproxy ip6 to :PORT counter name into6 accept
    meta l4proto tcp counter name refused_unheard reject with tcp reset
    meta l4proto udp counter name refused_unheard reject with icmpx type port-unreachable
  }
  QUESTIONS
  chain postrouting {
    type filter hook postrouting priority mangle; policy accept;
    oif "lo" return
    meta mark & CAPTURED == CAPTURED counter name stray drop
    meta mark & OWN == OWN ct mark & FLOW == SENT counter name stray drop
  }
  chain input {
    type filter hook input priority security; policy accept;
    iif != "lo" fib daddr type local socket mark & OWN == 0 jump remember
  }
  chain forward {
    type filter hook forward priority security; policy accept;
    FORWARD jump remember
    FORWARD NO_OTHERS meta l4proto != { tcp, udp } jump choose_forwarded
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
inline constexpr const char* system_questions_text = R"(chain ask_another {
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
inline constexpr const char* system_guard_text = R"(table inet TABLE {
  flags owner;
  COUNTERS
  chain postrouting {
    type filter hook postrouting priority mangle + 1; policy accept;
    oif "lo" accept
    meta mark & OWN == OWN accept
    meta mark & PASSED == PASSED accept
    ct mark & ALL_BITS == PASSED accept
    ct state untracked accept
    udp sport . udp dport { 68 . 67, 546 . 547 } accept
    meta l4proto { tcp, udp } counter name unguarded drop
  }
}
)";

}  // namespace tfunnel::client
