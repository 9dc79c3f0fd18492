#!/usr/bin/env bash
# rules-nft.sh: nftables rules that send TCP and UDP to tfunnel, IPv4 and IPv6.
#
#   rules-nft.sh up [OPTIONS]   install the rules; again: replace them
#   rules-nft.sh down           remove them, and nothing else
#
# All that this machine sends and all that it forwards for others is captured, except
#   - what goes to this machine, to its own networks, to multicast and broadcast addresses,
#   - the link itself (--link), and tfunnel's own packets (mark 3),
#   - answers to those who connect to this machine from outside,
#   - TCP connections that exist already: they go on as they are.
# While the rules are up and tfunnel is not, captured traffic is dropped: nothing leaks.
#
# Options:
#   --link HOST       the far end of the link, such as the ssh server; may be repeated
#   --exclude NET     a network that stays outside the tunnel; may be repeated
#   --port PORT       where `tfunnel -p PORT` listens (12300)
#   --fwmark MARK     the mark of tfunnel's own packets (3)
#   --user USER       capture only what this user sends, and nothing forwarded; may be repeated

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rules-common.sh
. "$(dirname "$(readlink -f "$0")")/rules-common.sh"

joined() { local IFS=,; echo "$*"; }

set_of() {
  local name=$1 type=$2
  shift 2
  echo "set $name { type $type; flags interval; auto-merge; elements = { $(joined "$@") } }"
}

# What the kernel sends for a program that has gone (the end of a connection) belongs to no user.
sent_here() {
  if ((${#users[@]} == 0)); then
    echo 'jump choose'
  else
    echo "meta skuid { $(joined "${users[@]}") } jump choose"
    echo "meta l4proto tcp ct mark $capture_mark jump choose"
  fi
}

forwarded() {
  if ((${#users[@]} == 0)); then echo 'iif != "lo" jump choose'; else echo 'iif != "lo" return'; fi
}

rules() {
  local networks4 networks6
  mapfile -t networks4 < <(direct_networks -4)
  mapfile -t networks6 < <(direct_networks -6)
  cat <<RULES
table inet tfunnel
delete table inet tfunnel
table inet tfunnel {
  $(set_of direct4 ipv4_addr "${networks4[@]}")
  $(set_of direct6 ipv6_addr "${networks6[@]}")

  # Gives the capture mark to what should go through the tunnel.
  chain choose {
    fib daddr type { local, broadcast, anycast, multicast } return
    ip daddr @direct4 return
    ip6 daddr @direct6 return
    # The connection mark tells which TCP connections began under these rules.
    tcp flags & (fin | syn | rst | ack) == syn ct mark set $capture_mark
    meta l4proto tcp ct mark != $capture_mark return
    # An answer goes the way the question came: outside, or through the tunnel (see output).
    meta l4proto udp ct direction reply ct mark != $own_mark return
    meta mark set $capture_mark
  }

  # What this machine sends. Marked packets are routed anew: to lo, where prerouting meets them.
  chain output {
    type route hook output priority mangle; policy accept;
    meta l4proto != { tcp, udp } return
    meta l4proto udp meta mark $own_mark ct state new ct mark set $own_mark
    meta mark $own_mark return
    $(sent_here)
  }

  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    meta l4proto != { tcp, udp } return
    meta mark $own_mark return
    $(forwarded)
    meta mark != $capture_mark return
    meta nfproto ipv4 meta l4proto { tcp, udp } tproxy ip to :$port accept
    meta nfproto ipv6 meta l4proto { tcp, udp } tproxy ip6 to :$port accept
    drop comment "no tfunnel listens"
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
}

# A new table with nothing in it can always be deleted, whether there was one or not.
down() {
  nft 'table inet tfunnel; delete table inet tfunnel'
  routing_down
}

case ${1:-} in
  up | down) ;;
  -h | --help) show_help; exit ;;
  *) show_help >&2; exit 64 ;;
esac
command -v nft >/dev/null || fail "nft is missing: apt-get install nftables"
need_root
"$@"
