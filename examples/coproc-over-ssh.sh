#!/usr/bin/env bash
# coproc-over-ssh.sh: the tunnel over ssh, joined by bash itself; nothing copies in between.
#
#   coproc-over-ssh.sh [USER@]HOST [PORT]
#
# Starts the client here, capturing what TPROXY sends to PORT (12300), and the proxy on HOST. It
# makes no rules: see rules-nft.sh. Ends with either side, or by Ctrl-C, with the client's exit
# status. The client needs root or its capabilities; HOST needs `tfunnel` in its PATH.

set -euo pipefail

case ${1:-} in
  -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit ;;
  '') sed -n '2,/^$/s/^# \{0,1\}//p' "$0" >&2; exit 64 ;;
esac

coproc ssh -o ServerAliveInterval=15 "$1" tfunnel
exec tfunnel -p "${2:-12300}" <&"${COPROC[0]}" >&"${COPROC[1]}"
