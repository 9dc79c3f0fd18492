#!/usr/bin/env bash
# rules-nft.sh: nftables rules that send TCP and UDP to tfunnel, IPv4 and IPv6.
#
#   rules-nft.sh up [OPTIONS]   install the rules; again: replace them
#   rules-nft.sh down           remove them, and nothing else
#
# All that this machine sends and all that it forwards for others is captured, also what is bound to
# a network card, except
#   - packets to this machine, to its own networks, to multicast and broadcast addresses,
#   - the link itself (--link), and tfunnel's own packets (mark 3),
#   - answers to those who connect to this machine from outside. A UDP server may speak first later on
#     to peers that it has served within the last hour,
#   - TCP connections that exist already: they go on as they are,
#   - DHCP.
# Nothing else leaks. While the rules are up and tfunnel is not, captured traffic is dropped; so is
# whatever is about to leave by a network card for want of the routes that `up` made. ICMP errors about
# tunnelled traffic stay here.
#
# `up` looks up the networks and network cards of this machine: run it again when they have changed.
# Until then, a socket that is bound to a new card gets an error.
#
# Options:
#   --link HOST          the far end of the link, such as the ssh server, by name or address, without
#                        user and port; may be repeated
#   --exclude NET        an address or network that stays outside the tunnel; may be repeated
#   --exclude-port PORT  packets that this machine sends by UDP from this port stay outside: for
#                        servers that speak first after more than an hour (WireGuard); may be repeated
#   --port PORT          where `tfunnel -p PORT` listens (12300)
#   --fwmark MARK        the mark of tfunnel's own packets (3)
#   --user USER          capture only traffic of this user, and nothing forwarded; may be repeated

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rules-common.sh
. "$(dirname "$(readlink -f "$0")")/rules-common.sh"

joined() { local IFS=,; echo "$*"; }

set_of() {
  local name=$1 type=$2
  shift 2
  echo "set $name { type $type; flags interval; auto-merge; elements = { $(joined "$@") } }"
}

# Peer, address and port of a UDP server. Entries of an earlier `up` stay.
served_set() {
  echo "set $1 { type $2 . $2 . inet_service; flags dynamic, timeout; timeout ${served_seconds}s; size $served_most;"
  nft list set inet tfunnel "$1" 2>/dev/null | sed -n '/elements = {/,$p' | sed '/}/q'
  echo '}'
}

# This machine's own UDP that stays outside, whoever sends it: leases of addresses, and --exclude-port.
excluded_ports() {
  echo 'udp sport . udp dport { 68 . 67, 546 . 547 } return'
  if ((${#server_ports[@]})); then echo "udp sport { $(joined "${server_ports[@]}") } return"; fi
}

# Packets that the kernel sends for a program that has gone (the end of a connection) belong to no user.
sent_here() {
  if ((${#users[@]} == 0)); then
    echo 'jump choose'
  else
    echo "meta skuid { $(joined "${users[@]}") } jump choose"
    echo "meta l4proto tcp ct mark $sent_flow jump choose"
  fi
  echo "meta mark $capture_mark ct mark != $asked_flow ct mark set $sent_flow"
}

forwarded() {
  if ((${#users[@]})); then
    echo 'iif != "lo" return'
  else
    echo 'iif != "lo" meta l4proto { icmp, ipv6-icmp } goto choose_errors'
    echo 'iif != "lo" jump choose'
    echo "iif != \"lo\" meta mark $capture_mark ct mark != $asked_flow ct mark set $forwarded_flow"
  fi
}

rules() {
  local networks4 networks6 captured="{ $sent_flow, $forwarded_flow, $asked_flow }"
  mapfile -t networks4 < <(direct_networks -4)
  mapfile -t networks6 < <(direct_networks -6)
  cat <<RULES
table inet tfunnel
delete table inet tfunnel
table inet tfunnel {
  $(set_of direct4 ipv4_addr "${networks4[@]}")
  $(set_of direct6 ipv6_addr "${networks6[@]}")
  $(served_set served4 ipv4_addr)
  $(served_set served6 ipv6_addr)

  # Gives the capture mark to what should go through the tunnel.
  chain choose {
    meta l4proto != { tcp, udp } return
    fib daddr type { local, broadcast, anycast, multicast } return
    ip daddr @direct4 return
    ip6 daddr @direct6 return
    # The connection mark tells which TCP connections began under these rules.
    tcp flags & (fin | syn | rst | ack) != syn ct mark != $captured return
    meta l4proto udp ct mark != $captured goto choose_new_udp
    meta mark set $capture_mark
  }

  # Where the far end has routes to. tfunnel fills these when it is told, and again when that changes.
  set routed4 { type ipv4_addr; flags interval; elements = { 0.0.0.0/0 } }
  set routed6 { type ipv6_addr; flags interval; elements = { ::/0 } }

  # Packets that the far end's own kernel would refuse. A program here hears of it at once, and tries another address;
  # an ICMPv6 error does not reach a connect() that has just begun, a reset does.
  chain refuse_unrouted {
    ip daddr @routed4 return
    ip6 daddr @routed6 return
    meta nfproto ipv6 tcp flags & (fin | syn | rst | ack) == syn reject with tcp reset
    tcp flags & (fin | syn | rst | ack) == syn reject with icmpx type no-route
    meta l4proto udp reject with icmpx type no-route
  }

  # An answer goes the way the question came, and so does what a server sends later on.
  chain choose_new_udp {
    ip daddr . ip saddr . udp sport @served4 update @served4 { ip daddr . ip saddr . udp sport } return
    ip6 daddr . ip6 saddr . udp sport @served6 update @served6 { ip6 daddr . ip6 saddr . udp sport } return
    ct direction reply return
    meta mark set $capture_mark
  }

  # tfunnel's packets wear the addresses of peers, so ICMP errors about them (port unreachable, packet too big) are
  # addressed to peers. They are for this machine, and must not reach the peers past the tunnel.
  chain choose_errors {
    ct state related ct mark { $sent_flow, $forwarded_flow } ct direction original meta mark set $capture_mark
    ct state related ct mark $asked_flow ct direction reply meta mark set $capture_mark
  }

  # Packets of this machine. Marked packets are routed anew: to lo, where prerouting meets them.
  chain output {
    type route hook output priority mangle; policy accept;
    meta l4proto udp meta mark $own_mark ct state new ct mark set $asked_flow
    meta mark $own_mark return
    meta l4proto { icmp, ipv6-icmp } goto choose_errors
    $(excluded_ports)
    $(sent_here)
    meta mark $capture_mark jump refuse_unrouted
  }

  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    meta mark $own_mark return
    $(forwarded)
    meta mark != $capture_mark return
    meta nfproto ipv4 meta l4proto { tcp, udp } tproxy ip to :$port accept
    meta nfproto ipv6 meta l4proto { tcp, udp } tproxy ip6 to :$port accept
    meta l4proto { tcp, udp } drop comment "no tfunnel listens"
  }

  # Even if the routing is lost, packets that belong to the tunnel leave by no network card. Nor do packets of
  # tfunnel to a program of this machine, when the address that the program used is gone.
  chain postrouting {
    type filter hook postrouting priority mangle; policy accept;
    oif "lo" return
    meta mark $capture_mark drop
    meta mark $own_mark ct mark $sent_flow drop
  }

  # Somebody from outside asks a UDP server of this machine, or one behind it.
  chain input {
    type filter hook input priority security; policy accept;
    iif != "lo" fib daddr type local socket mark != $own_mark jump remember
  }

  chain forward {
    type filter hook forward priority security; policy accept;
    $(if ((${#users[@]} == 0)); then echo 'jump remember'; fi)
  }

  chain remember {
    meta l4proto != udp return
    ct direction reply return
    ct mark $captured return
    ip saddr != @direct4 update @served4 { ip saddr . ip daddr . udp dport }
    ip6 saddr != @direct6 update @served6 { ip6 saddr . ip6 daddr . udp dport }
  }
}
RULES
}

# If nft refuses something, nothing has changed; if the routing fails, nothing remains.
up() {
  read_options "$@"
  rules | nft -f -
  trap down EXIT
  routing_up
  trap - EXIT
  warn_without_link
  say_captured
}

# A new table with nothing in it can always be deleted, whether there was one or not.
down() {
  nft 'table inet tfunnel; delete table inet tfunnel'
  routing_down
}

main nft nftables "$@"
