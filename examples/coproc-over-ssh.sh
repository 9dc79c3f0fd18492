#!/usr/bin/env bash
# coproc-over-ssh.sh: the tunnel over ssh, joined by bash itself; nothing copies in between.
#
#   coproc-over-ssh.sh [USER@]HOST [PORT]
#
# Starts the client here, capturing what TPROXY sends to PORT (12300), and the proxy on HOST. It
# makes no rules: see rules-nft.sh. Ends with either side, or by Ctrl-C, with the client's exit
# status. The client needs root or its capabilities; HOST needs `tfunnel` in its PATH.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rules-common.sh
. "$(dirname "$(readlink -f "$0")")/rules-common.sh"

case ${1:-} in
  -h | --help) show_help; exit ;;
  '') show_help >&2; exit 64 ;;
esac
check_host_and_port "$@"

coproc ssh -o ServerAliveInterval=15 "$1" tfunnel
exec tfunnel -p "$port" <&"${COPROC[0]}" >&"${COPROC[1]}"
