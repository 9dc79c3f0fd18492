#!/usr/bin/env bash
# rules-iptables.sh: the rules of rules-nft.sh for machines that use iptables.
#
#   rules-iptables.sh up [OPTIONS]   install the rules; again: replace them
#   rules-iptables.sh down           remove them, and nothing else
#
# All that this machine sends and all that it forwards for others is captured, also what is bound to
# a network card, except
#   - packets to this machine, to its own networks, to multicast and broadcast addresses,
#   - the link itself (--link), and tfunnel's own packets (mark 3),
#   - answers to those who connect to this machine from outside. A UDP server may speak first later on
#     to peers that it has served within the last hour (this needs ipset),
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

chains=(TFUNNEL_OUT TFUNNEL_PRE TFUNNEL_POST TFUNNEL_IN TFUNNEL_CHOOSE TFUNNEL_UDP TFUNNEL_ERRORS TFUNNEL_MARK
  TFUNNEL_TAKE TFUNNEL_ASKED)
made=TFUNNEL_MADE # a chain that nobody uses: `up` has made the table
hooks=('OUTPUT -j TFUNNEL_OUT' 'PREROUTING -j TFUNNEL_PRE' 'POSTROUTING -j TFUNNEL_POST' 'INPUT -j TFUNNEL_IN')
sets=('tfunnel_served4 hash:ip,port,ip family inet' 'tfunnel_served6 hash:ip,port,ip family inet6')

# One table for iptables-restore, which replaces the chains that it names as a whole. $1: -4 or -6.
rules() {
  local tables=iptables icmp=icmp served=tfunnel_served4 networks
  [[ $1 == -4 ]] || { tables=ip6tables icmp=ipv6-icmp served=tfunnel_served6; }
  networks=$(direct_networks "$1")
  echo '*mangle'
  printf ':%s - [0:0]\n' "${chains[@]}"
  if made_table "$tables"; then echo ":$made - [0:0]"; fi
  choose "$1"
  cat <<RULES
# tfunnel's packets wear the addresses of peers, so ICMP errors about them (port unreachable, packet too big) are
# addressed to peers. They are for this machine, and must not reach the peers past the tunnel.
-A TFUNNEL_ERRORS -m conntrack ! --ctstate RELATED -j RETURN
-A TFUNNEL_ERRORS -m conntrack --ctdir ORIGINAL -m connmark --mark $sent_flow -g TFUNNEL_MARK
-A TFUNNEL_ERRORS -m conntrack --ctdir ORIGINAL -m connmark --mark $forwarded_flow -g TFUNNEL_MARK
-A TFUNNEL_ERRORS -m conntrack --ctdir REPLY -m connmark --mark $asked_flow -g TFUNNEL_MARK

# Packets of this machine. Marked packets are routed anew: to lo, where PREROUTING meets them.
-A TFUNNEL_OUT -p udp -m mark --mark $own_mark -m conntrack --ctstate NEW -j CONNMARK --set-mark $asked_flow
-A TFUNNEL_OUT -m mark --mark $own_mark -j RETURN
-A TFUNNEL_OUT -p $icmp -g TFUNNEL_ERRORS
$(excluded_ports)
$(sent_here)
-A TFUNNEL_OUT -m mark --mark $capture_mark -m connmark ! --mark $asked_flow -j CONNMARK --set-mark $sent_flow

-A TFUNNEL_PRE -m mark --mark $own_mark -j RETURN
$(forwarded)
-A TFUNNEL_PRE -m mark --mark $capture_mark -j TFUNNEL_TAKE
-A TFUNNEL_TAKE -p tcp -j TPROXY --on-port $port
-A TFUNNEL_TAKE -p udp -j TPROXY --on-port $port

# Even if the routing is lost, packets that belong to the tunnel leave by no network card. Nor do packets of
# tfunnel to a program of this machine, when the address that the program used is gone.
-A TFUNNEL_POST -o lo -j RETURN
-A TFUNNEL_POST -m mark --mark $capture_mark -j DROP
-A TFUNNEL_POST -m mark --mark $own_mark -m connmark --mark $sent_flow -j DROP
$(remember)
$(unhook "$(mangle "$tables")")
$(printf -- '-I %s\n' "${hooks[@]}")
COMMIT
RULES
}

# Where iptables works by nftables, a table stays when it is empty. $1: iptables or ip6tables.
family_of() { if [[ $1 == iptables ]]; then echo ip; else echo ip6; fi; }

has_table() { nft list tables 2>/dev/null | grep -Fx "table $(family_of "$1") mangle" >/dev/null; }

# There is none yet, or an earlier `up` has made it.
made_table() { command -v nft >/dev/null && { ! has_table "$1" || mangle "$1" | grep "^:$made " >/dev/null; }; }

# Unless something is in it by now.
remove_empty_table() {
  local family
  family=$(family_of "$1")
  has_table "$1" || return 0
  nft list table "$family" mangle 2>/dev/null |
    grep -vE '^(table .*|\s*(chain (PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) \{|type .* policy accept;|\})?)$' \
      >/dev/null || nft delete table "$family" mangle
}

# What there is now; nothing if there is no such table.
mangle() { "$1-save" -t mangle 2>/dev/null || true; }

# $1: what there is. Takes the hooks out, however many; then they can be first in their chains.
unhook() {
  local words
  for words in "${hooks[@]}"; do
    grep -Fx -e "-A $words" <<<"$1" | sed 's/^-A/-D/' || true
  done
}

# Gives the capture mark to what should go through the tunnel.
choose() {
  local network kind flow
  for network in $networks; do echo "-A TFUNNEL_CHOOSE -d $network -j RETURN"; done
  for kind in LOCAL ANYCAST $([[ $1 == -4 ]] && echo BROADCAST); do
    echo "-A TFUNNEL_CHOOSE -m addrtype --dst-type $kind -j RETURN"
  done
  # The connection mark tells which TCP connections began under these rules.
  echo '-A TFUNNEL_CHOOSE -p tcp --syn -g TFUNNEL_MARK'
  for flow in $sent_flow $forwarded_flow $asked_flow; do
    printf -- "-A TFUNNEL_CHOOSE -p %s -m connmark --mark $flow -g TFUNNEL_MARK\n" tcp udp
  done
  echo '-A TFUNNEL_CHOOSE -p udp -g TFUNNEL_UDP'
  # An answer goes the way the question came, and so does what a server sends later on.
  if has_ipset; then
    echo "-A TFUNNEL_UDP -m set --match-set $served dst,src,src -j SET --add-set $served dst,src,src --exist"
    echo "-A TFUNNEL_UDP -m set --match-set $served dst,src,src -j RETURN"
  fi
  echo '-A TFUNNEL_UDP -m conntrack --ctdir REPLY -j RETURN'
  echo '-A TFUNNEL_UDP -g TFUNNEL_MARK'
  echo "-A TFUNNEL_MARK -j MARK --set-mark $capture_mark"
}

# This machine's own UDP that stays outside, whoever sends it: leases of addresses, and --exclude-port.
excluded_ports() {
  local ports
  for ports in '68 --dport 67' '546 --dport 547' "${server_ports[@]}"; do
    echo "-A TFUNNEL_OUT -p udp --sport $ports -j RETURN"
  done
}

# Packets that the kernel sends for a program that has gone (the end of a connection) belong to no user.
sent_here() {
  if ((${#users[@]} == 0)); then
    echo '-A TFUNNEL_OUT -j TFUNNEL_CHOOSE'
  else
    printf -- '-A TFUNNEL_OUT -m owner --uid-owner %s -j TFUNNEL_CHOOSE\n' "${users[@]}"
    echo "-A TFUNNEL_OUT -p tcp -m connmark --mark $sent_flow -j TFUNNEL_CHOOSE"
  fi
}

forwarded() {
  if ((${#users[@]})); then
    echo '-A TFUNNEL_PRE ! -i lo -j RETURN'
  else
    echo "-A TFUNNEL_PRE ! -i lo -p $icmp -g TFUNNEL_ERRORS"
    echo '-A TFUNNEL_PRE ! -i lo -j TFUNNEL_CHOOSE'
    echo "-A TFUNNEL_PRE ! -i lo -m mark --mark $capture_mark -m connmark ! --mark $asked_flow" \
      "-j CONNMARK --set-mark $forwarded_flow"
  fi
}

# Somebody from outside asks a UDP server of this machine, or one behind it.
remember() {
  local network flow
  has_ipset || return 0
  echo "-A TFUNNEL_IN ! -i lo -p udp ! --dport $port -m addrtype --dst-type LOCAL" \
    '-m socket --nowildcard -j TFUNNEL_ASKED'
  if ((${#users[@]} == 0)); then
    echo "-A TFUNNEL_POST -p udp -m mark ! --mark $own_mark -m addrtype ! --src-type LOCAL -j TFUNNEL_ASKED"
  fi
  echo '-A TFUNNEL_ASKED -m conntrack --ctdir REPLY -j RETURN'
  for flow in $sent_flow $forwarded_flow $asked_flow; do
    echo "-A TFUNNEL_ASKED -m connmark --mark $flow -j RETURN"
  done
  for network in $networks; do echo "-A TFUNNEL_ASKED -s $network -j RETURN"; done
  echo "-A TFUNNEL_ASKED -j SET --add-set $served src,dst,dst --exist"
}

# At once, and nothing that is not there.
remove() {
  local there ours
  there=$(mangle "$1")
  ours=$(grep -o '^:TFUNNEL_[A-Z]* ' <<<"$there") || return 0
  {
    echo '*mangle'
    unhook "$there"
    tr -d ': ' <<<"$ours" | sed 's/^/-F /'
    tr -d ': ' <<<"$ours" | sed 's/^/-X /'
    echo COMMIT
  } | "$1-restore" --noflush
  if [[ $ours == *":$made "* ]]; then remove_empty_table "$1"; fi
}

has_ipset() { command -v ipset >/dev/null; }

add_sets() {
  local words
  has_ipset || {
    echo "without ipset (apt-get install ipset), a UDP server here that speaks first after minutes of silence" \
      "needs --exclude-port" >&2
    return 0
  }
  for words in "${sets[@]}"; do
    # shellcheck disable=SC2086
    ipset create $words timeout "$served_seconds" maxelem "$served_most" -exist
  done
}

# The kernel keeps those that rules use.
remove_sets() {
  local words
  has_ipset || return 0
  for words in "${sets[@]}"; do ipset destroy "${words%% *}" 2>/dev/null || true; done
}

# If a rule is refused, nothing has changed; if a later step fails, nothing remains.
up() {
  read_options "$@"
  add_sets
  load --test || { remove_sets; exit 1; }
  trap down EXIT
  load
  routing_up
  trap - EXIT
  warn_without_link
  say_captured
}

load() {
  rules -4 | iptables-restore --noflush "$@" && { ! has_ipv6 || rules -6 | ip6tables-restore --noflush "$@"; }
}

down() {
  remove iptables
  remove ip6tables
  remove_sets
  routing_down
}

main iptables iptables "$@"
