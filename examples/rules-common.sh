# shellcheck shell=bash
# rules-common.sh: what rules-nft.sh and rules-iptables.sh share, and how all of these scripts refuse what they cannot use.
# It is sourced, not run.
#
# Capturing has two halves. The firewall gives packets the mark 1 and hands them to tfunnel
# (TPROXY). The routing, below, makes the kernel take packets with that mark as its own. Should the
# routing get lost, the firewall drops what has the mark and is about to leave by a network card.

# These script-wide values are used by the script that sources this file.
# shellcheck disable=SC2034
port=12300      # tfunnel -p
own_mark=3      # tfunnel --fwmark: its own packets, which must not be captured again
capture_mark=1  # what we put on packets to be captured
users=()        # --user: only what these users send
server_ports=() # --exclude-port: what these UDP ports of this machine send stays outside

# Marks of connections, which tell what belongs to the tunnel later on.
sent_flow=1      # captured; a program of this machine began it
forwarded_flow=2 # captured; a host began it for which this machine forwards
asked_flow=3     # UDP: somebody beyond the tunnel spoke first

# Peers that this machine has served by UDP are remembered for so long. The kernel itself forgets them after 30 to 120 s
# of silence; then the server's next datagram would look like the beginning of a flow of its own.
served_seconds=3600
served_most=65536

routing_table=12300
rule_priority=123
direct4=()      # addresses and networks that stay outside the tunnel
direct6=()
has_link=

say() { echo "${0##*/}: $*"; }

fail() {
  say "$*" >&2
  exit 1
}

# The command line is wrong. Whatever was typed, it is one line that a terminal can take.
refuse() {
  local text=$*
  say "${text//[[:cntrl:]]/?}" >&2
  exit 64
}

# The comment at the head of the script that was started.
show_help() { sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; }

value_of() { [[ ${2:--} != -* ]] || refuse "$1 needs a value, not '${2:-}'; see --help"; }

# once OPTION VALUE: it has one value.
once() {
  [[ " $given " != *" $1 "* ]] || refuse "$1 is given twice, now as '${2-}'"
  given+=" $1"
}

# Reads the options behind "up", and refuses what no rule could be made of.
read_options() {
  local given=
  while (($#)); do
    case $1 in
      --link) value_of "$@" && add_link "$2" ;;
      --exclude) value_of "$@" && add_network "$2" ;;
      --exclude-port) value_of "$@" && check_number "$1" "$2" 1 65535 && server_ports+=("$number") ;;
      --port) once "$@" && value_of "$@" && check_number "$1" "$2" 1 65535 && port=$number ;;
      --fwmark) once "$@" && value_of "$@" && check_mark "$2" ;;
      --user) value_of "$@" && add_user "$2" ;;
      *) refuse "$1 is no option; see --help" ;;
    esac
    shift 2
  done
}

# check_number OPTION WORD LEAST MOST: the value is in `number`, a decimal one.
check_number() {
  local digits=$2
  while [[ $digits == 0[0-9]* ]]; do digits=${digits#0}; done
  if ! [[ $digits =~ ^(0x[0-9a-fA-F]{1,8}|[0-9]{1,10})$ ]] || ((digits < $3 || digits > $4)); then
    refuse "$1 is a number from $3 to $4, not '$2'"
  fi
  number=$((digits))
}

# check_host_and_port HOST [PORT]: what the scripts take that join two ends over ssh. The port is in `port`.
check_host_and_port() {
  (($# <= 2)) || refuse "'$3' is one word too many; see --help"
  [[ $1 != -* && $1 != *[[:space:]]* ]] || refuse "'$1' is no host for ssh; see --help"
  check_number PORT "${2-$port}" 1 65535 && port=$number
}

check_mark() {
  check_number --fwmark "$1" 1 $((0xffffffff))
  ((number != capture_mark)) || refuse "--fwmark: $1 is on the packets that are captured; take another"
  own_mark=$number
}

add_user() {
  local id
  id=$(id -u -- "$1" 2>/dev/null) || refuse "--user: there is no user '$1'"
  users+=("$id")
}

# A name stands for all of its addresses. A bare number would be read as an address.
add_link() {
  local addresses address
  addresses=$([[ $1 =~ ^[0-9]+$ ]] || getent ahosts -- "$1" | awk '{ print $1 }' | sort -u) || true
  [[ $addresses ]] || refuse "--link: $1 has no address; it takes the host alone, without user@ and :port"
  for address in $addresses; do
    if [[ $address == *:* ]]; then direct6+=("$address"); else direct4+=("$address"); fi
  done
  has_link=yes
}

add_network() {
  local octet='(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
  if [[ $1 =~ ^$octet(\.$octet){3}(/(3[0-2]|[12]?[0-9]))?$ ]]; then
    direct4+=("$1")
  elif [[ $1 =~ ^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(/[0-9]{1,3})?$ ]] && ip -6 route show exact "$1" >/dev/null 2>&1; then
    direct6+=("$1")
  else
    refuse "--exclude: '$1' is no address and no network such as 10.0.0.0/8 or fd00::/8 (for a name: --link)"
  fi
}

warn_without_link() {
  [[ $has_link ]] || ((${#users[@]})) ||
    say "no --link: the tunnel may swallow its own link, if that is a connection of this machine" >&2
}

# What is left to do, unless a tfunnel is there already.
say_captured() {
  local words="tfunnel -p $port"
  ((own_mark == 3)) || words+=" --fwmark $own_mark"
  if [[ $(ss -Hltn "sport = :$port" 2>/dev/null) ]]; then say "capturing"; else say "capturing; now start $words"; fi
}

# Networks that this machine reaches without a router. They may change with the network:
# run `up` again then.
connected_networks() {
  local family=$1
  ip "$family" route show table main |
    awk '$1 ~ /^[0-9a-f:.\/]+$/ && / proto (kernel|ra) / && !/ (via|nexthop) / { print $1 }' | sort -u
}

# Everything that stays outside the tunnel, one network a line. $1: -4 or -6.
direct_networks() {
  if [[ $1 == -4 ]]; then
    printf '%s\n' 127.0.0.0/8 169.254.0.0/16 224.0.0.0/4 255.255.255.255
    ((${#direct4[@]} == 0)) || printf '%s\n' "${direct4[@]}"
  else
    printf '%s\n' ::1 fe80::/10 ff00::/8
    ((${#direct6[@]} == 0)) || printf '%s\n' "${direct6[@]}"
  fi
  connected_networks "$1"
}

has_ipv6() { [[ $(cat /proc/sys/net/ipv6/conf/lo/disable_ipv6 2>/dev/null) == 0 ]]; }

need_root() {
  local caps
  caps=$(awk '/^CapEff/ { print $2 }' /proc/self/status)
  (((16#$caps >> 12) & 1)) || fail "changing rules needs root (or CAP_NET_ADMIN)"
}

routing_up() {
  add_routing -4
  if has_ipv6; then add_routing -6; fi
}

# Rules and routes that are there already stay, so that no packet meets a gap when `up` runs again. "proto kernel",
# since systemd-networkd removes the rules and routes of others, but not the kernel's.
add_routing() {
  ip "$1" route replace local default dev lo table "$routing_table" proto kernel
  # A socket that is bound to a network card (SO_BINDTODEVICE) follows routes of that card only. These are: the kernel
  # takes the packet as its own all the same. Cards without this family take no route.
  ip -o link show up | awk -F '[ :@]+' '$2 != "lo" { print "route append local default dev", $2, "table", t, w }' \
    t="$routing_table" w='proto kernel metric 2048' - | ip "$1" -force -batch - 2>/dev/null || true
  add_rule "$1" "$rule_priority" lookup "$routing_table"
  # A card that came later: at once an error instead of packets that vanish.
  add_rule "$1" $((rule_priority + 1)) unreachable
}

add_rule() {
  local family=$1 priority=$2
  shift 2
  [[ $(ip "$family" rule show priority "$priority" fwmark "$capture_mark") ]] ||
    ip "$family" rule add priority "$priority" fwmark "$capture_mark" "$@" protocol kernel
}

routing_down() {
  local family
  for family in -4 -6; do
    while ip "$family" rule del priority "$rule_priority" fwmark "$capture_mark" \
      lookup "$routing_table" 2>/dev/null; do :; done
    while ip "$family" rule del priority $((rule_priority + 1)) fwmark "$capture_mark" \
      unreachable 2>/dev/null; do :; done
    ip "$family" route flush table "$routing_table" 2>/dev/null || true
  done
}

# main PROGRAM PACKAGE WORDS...: the command line of the script, which has the functions `up` and `down`.
main() {
  local program=$1 package=$2
  shift 2
  case ${1:-} in
    up) ;;
    down) (($# == 1)) || refuse "down takes no options, so not $2; see --help" ;;
    -h | --help) show_help; exit ;;
    '') show_help >&2; exit 64 ;;
    *) refuse "'$1' is neither up nor down; see --help" ;;
  esac
  need_root
  command -v "$program" >/dev/null || fail "$program is missing: apt-get install $package"
  "$@"
}
