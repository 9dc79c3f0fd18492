#!/usr/bin/env bash
# gateway.sh: a gateway whose LAN goes through the tunnel.
#
#   gateway.sh LAN_INTERFACE [OPTIONS] -- LINK COMMAND
#   gateway.sh lan0 --link 198.51.100.2 -- socat EXEC:'tfunnel -p 12300' EXEC:'ssh host tfunnel'
#
# Runs LINK COMMAND and, once it is connected, the rules of rules-nft.sh (OPTIONS are its options)
# and the kernel settings that forwarded traffic needs; puts everything back when the command ends or
# by Ctrl-C. The hosts of the LAN need this machine as their default route, nothing else. Their TCP
# and UDP is captured, and so is this machine's own. ICMP errors about it end here, too: path MTU discovery works, and none
# goes to a server past the tunnel.
#
# The kernel settings, all of the LAN interface or global ones that overrule it:
#   src_valid_mark = 0   With 1 (Tailscale and wg-quick set it) the kernel judges the source of each
#                        packet by the routing table for marked packets, and drops it in silence.
#   rp_filter            Strict mode (1) is fine as long as the LAN's addresses are routed to the LAN
#                        interface. If they are not (several uplinks, VPNs), use 2.
#   bridge-nf-call-*     0 if the LAN interface is a bridge: with br_netfilter (Docker loads it) the
#                        bridge runs the rules too early.
# IP forwarding may stay off: captured packets are not forwarded, they end here. With forwarding off,
# what the tunnel does not carry (ping, for example) cannot go past it either.

set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source-path=SCRIPTDIR source=rules-common.sh
. "$here/rules-common.sh"

saved=()

# Remembers and sets one kernel setting; a setting that does not exist needs none.
set_kernel() {
  local path=/proc/sys/$1 value=$2 old
  [[ -e $path ]] || return 0
  old=$(<"$path")
  [[ $old != "$value" ]] || return 0
  saved+=("$path=$old")
  echo "$value" >"$path"
}

prepare_kernel() {
  local interface=$1 name
  set_kernel net/ipv4/conf/all/src_valid_mark 0
  set_kernel "net/ipv4/conf/$interface/src_valid_mark" 0
  if [[ $(ip link show dev "$interface" type bridge) ]]; then
    for name in iptables ip6tables; do set_kernel "net/bridge/bridge-nf-call-$name" 0; done
  fi
}

undo() {
  local entry
  trap '' INT TERM HUP
  "$here/rules-nft.sh" down
  for entry in "${saved[@]}"; do echo "${entry#*=}" >"${entry%%=*}"; done
  kill "$link" 2>/dev/null || true
  wait
  rm -rf "$work"
}

case ${1:-} in
  -h | --help) show_help; exit ;;
  '') show_help >&2; exit 64 ;;
  -*) refuse "'$1' is no network interface; see --help" ;;
esac
need_root
interface=$1
shift
options=()
while (($#)) && [[ $1 != -- ]]; do
  options+=("$1")
  shift
done
(($# > 1)) || refuse "no command for the link; see --help"
shift
ip link show dev "$interface" >/dev/null 2>&1 || fail "there is no network interface $interface"
# What the rules will refuse is refused before anything starts.
read_options "${options[@]}"

link=
work=$(mktemp -d)
trap undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
prepare_kernel "$interface"
# The rules come second, so that ssh can still look up its host's name.
"$@" 2> >(exec tee "$work/log" >&2) &
link=$!
until grep -q 'connected to' "$work/log" 2>/dev/null; do
  kill -0 "$link" 2>/dev/null || fail "the link did not come up"
  sleep 0.1
done
"$here/rules-nft.sh" up "${options[@]}"
wait "$link"
