#!/usr/bin/env bash
# rules-iptables.sh: the rules of rules-nft.sh for machines that use iptables.
#
#   rules-iptables.sh up [OPTIONS]   install the rules; again: replace them
#   rules-iptables.sh down           remove them, and nothing else
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

# One table for iptables-restore. $1: -4 or -6.
rules() {
  local network kind
  echo '*mangle'
  printf ':%s - [0:0]\n' TFUNNEL_CHOOSE TFUNNEL_OUT TFUNNEL_PRE TFUNNEL_TAKE

  # Gives the capture mark to what should go through the tunnel.
  for network in $(direct_networks "$1"); do echo "-A TFUNNEL_CHOOSE -d $network -j RETURN"; done
  for kind in LOCAL ANYCAST $([[ $1 == -4 ]] && echo BROADCAST); do
    echo "-A TFUNNEL_CHOOSE -m addrtype --dst-type $kind -j RETURN"
  done
  cat <<RULES
-A TFUNNEL_CHOOSE -p tcp --syn -j CONNMARK --set-mark $capture_mark
-A TFUNNEL_CHOOSE -p tcp -m connmark ! --mark $capture_mark -j RETURN
-A TFUNNEL_CHOOSE -p udp -m conntrack --ctdir REPLY -m connmark ! --mark $own_mark -j RETURN
-A TFUNNEL_CHOOSE -p tcp -j MARK --set-mark $capture_mark
-A TFUNNEL_CHOOSE -p udp -j MARK --set-mark $capture_mark
-A TFUNNEL_OUT -p udp -m mark --mark $own_mark -m conntrack --ctstate NEW -j CONNMARK --set-mark $own_mark
-A TFUNNEL_OUT -m mark --mark $own_mark -j RETURN
$(sent_here)
-A TFUNNEL_PRE -m mark --mark $own_mark -j RETURN
$(forwarded)
-A TFUNNEL_PRE -m mark --mark $capture_mark -j TFUNNEL_TAKE
-A TFUNNEL_TAKE -p tcp -j TPROXY --on-port $port
-A TFUNNEL_TAKE -p udp -j TPROXY --on-port $port
-I OUTPUT -j TFUNNEL_OUT
-I PREROUTING -j TFUNNEL_PRE
COMMIT
RULES
}

# What the kernel sends for a program that has gone (the end of a connection) belongs to no user.
sent_here() {
  if ((${#users[@]} == 0)); then
    echo '-A TFUNNEL_OUT -j TFUNNEL_CHOOSE'
  else
    printf -- '-A TFUNNEL_OUT -m owner --uid-owner %s -j TFUNNEL_CHOOSE\n' "${users[@]}"
    echo "-A TFUNNEL_OUT -p tcp -m connmark --mark $capture_mark -j TFUNNEL_CHOOSE"
  fi
}

forwarded() {
  if ((${#users[@]} == 0)); then
    echo '-A TFUNNEL_PRE ! -i lo -j TFUNNEL_CHOOSE'
  else
    echo '-A TFUNNEL_PRE ! -i lo -j RETURN'
  fi
}

remove() {
  local tables=$1 chain
  "$tables" -t mangle -S TFUNNEL_PRE >/dev/null 2>&1 || return 0
  "$tables" -t mangle -D OUTPUT -j TFUNNEL_OUT
  "$tables" -t mangle -D PREROUTING -j TFUNNEL_PRE
  for chain in TFUNNEL_OUT TFUNNEL_PRE TFUNNEL_TAKE TFUNNEL_CHOOSE; do
    "$tables" -t mangle -F "$chain"
    "$tables" -t mangle -X "$chain"
  done
}

# If a rule is refused, nothing has changed; if a later step fails, nothing remains.
up() {
  read_options "$@"
  load --test
  trap down EXIT
  down
  load
  routing_up
  trap - EXIT
}

load() {
  rules -4 | iptables-restore --noflush "$@"
  if has_ipv6; then rules -6 | ip6tables-restore --noflush "$@"; fi
}

down() {
  remove iptables
  remove ip6tables
  routing_down
}

case ${1:-} in
  up | down) ;;
  -h | --help) show_help; exit ;;
  *) show_help >&2; exit 64 ;;
esac
command -v iptables >/dev/null || fail "iptables is missing: apt-get install iptables"
need_root
"$@"
