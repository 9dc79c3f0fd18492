#!/usr/bin/env bash
# The way back for `tfunnel --preserve-source` at the far end. Servers answer to the application's own address, and this
# machine must give those answers, and ICMP errors on the way, to tfunnel's sockets instead of forwarding or dropping them.
#
#   sudo return-rules.sh up          rules and routes, for IPv4 and IPv6
#   sudo return-rules.sh down        removes them
#
# Besides, the servers (or their router) must send what is for those addresses here: this machine is their default
# route, or has a route of its own for the clients' networks. Servers on this very machine do not see the address.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rules-common.sh
. "$(dirname "$(readlink -f "$0")")/rules-common.sh"

mark=0x7f # of answers to transparent sockets
table=127

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }

# "proto kernel", since systemd-networkd removes the rules and routes of others, but not the kernel's.
up() {
  for family in -4 -6; do
    ip $family rule add fwmark $mark lookup $table protocol kernel
    ip $family route add local default dev lo table $table proto kernel
  done
  # A packet for one of our transparent sockets is delivered here, whoever's address it carries, and so is an ICMP error
  # about what such a socket has sent: "socket" looks into the packet that the error quotes. None of them is forwarded,
  # whatever has become of the routing.
  nft -f - <<END
table inet tfunnel_return {
  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    meta l4proto { tcp, udp, icmp, ipv6-icmp } socket transparent 1 socket wildcard 0 meta mark set $mark
  }
  chain postrouting {
    type filter hook postrouting priority mangle; policy accept;
    meta mark $mark oif != "lo" drop
  }
}
END
}

down() {
  nft delete table inet tfunnel_return 2>/dev/null || true
  for family in -4 -6; do
    ip $family rule del fwmark $mark lookup $table 2>/dev/null || true
    ip $family route del local default dev lo table $table 2>/dev/null || true
  done
}

case "${1:-}:$#" in
  up:1) down && up ;;
  down:1) down ;;
  -h:* | --help:*) usage ;;
  :*) usage >&2; exit 64 ;;
  up:* | down:*) refuse "$1 takes no options, so not $2; see --help" ;;
  *) refuse "'$1' is neither up nor down; see --help" ;;
esac
