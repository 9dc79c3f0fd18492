#!/usr/bin/env bash
# socat-over-ssh.sh: the tunnel over ssh, joined by socat.
#
#   socat-over-ssh.sh [USER@]HOST [PORT]
#
# Starts the client here, capturing what TPROXY sends to PORT (12300), and the proxy on HOST. It
# makes no rules: see rules-nft.sh. Ends with either side, or by Ctrl-C. The client needs root or
# its capabilities; HOST needs `tfunnel` in its PATH, and nothing else.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rules-common.sh
. "$(dirname "$(readlink -f "$0")")/rules-common.sh"

case ${1:-} in
  -h | --help) show_help; exit ;;
  '') show_help >&2; exit 64 ;;
esac
check_host_and_port "$@"

# -b: socat copies between the two; larger pieces make that cheaper.
exec socat -b 262144 EXEC:"tfunnel -p $port" EXEC:"ssh -o ServerAliveInterval=15 $1 tfunnel"
