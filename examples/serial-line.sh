#!/usr/bin/env bash
# serial-line.sh: the tunnel over a serial line, or any other terminal device.
#
#   serial-line.sh client DEVICE [SPEED] [PORT]   here; captures what TPROXY sends to PORT (12300)
#   serial-line.sh proxy DEVICE [SPEED]           at the other end of the line
#   serial-line.sh pair DEVICE1 DEVICE2           makes a line to try it with: two pseudo terminals
#
# Both sides may start in any order. SPEED is in bits a second (115200). A real line needs hardware
# flow control (RTS/CTS), which this switches on: a lost byte ends the tunnel.

set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=rules-common.sh
. "$(dirname "$(readlink -f "$0")")/rules-common.sh"

# One descriptor, opened once: some devices hang up when they are closed in between.
over() {
  local device=$1 speed=$2
  shift 2
  [[ $speed =~ ^[0-9]+$ ]] || refuse "SPEED is in bits a second, not '$speed'"
  # Opening a name that is none would make a file of it.
  [[ -e $device ]] || fail "there is no device $device"
  [[ -c $device ]] || fail "$device is no terminal device"
  exec 5<>"$device"
  [[ -t 5 ]] || fail "$device is no terminal device"
  stty raw -echo <&5
  stty "$speed" <&5
  stty crtscts <&5 2>/dev/null || echo "${0##*/}: $device has no hardware flow control" >&2
  meet
  exec "$@" --tty <&5 >&5 5>&-
}

# The other side may start days later, and tfunnel waits two minutes for it (--greeting-timeout). So both sides
# send a dot a second until they hear something; tfunnel skips the dots that are left.
meet() {
  local heard=
  until [[ $heard ]]; do
    printf . >&5
    heard=$(timeout --foreground 1 dd bs=1 count=1 status=none <&5 || true)
  done
  printf . >&5
}

case ${1:-}:$# in
  client:[234])
    check_number PORT "${4-$port}" 1 65535
    over "$2" "${3-115200}" tfunnel -p "$number"
    ;;
  proxy:[23]) over "$2" "${3-115200}" tfunnel ;;
  pair:3) exec socat "PTY,raw,echo=0,link=$2" "PTY,raw,echo=0,link=$3" ;;
  -h:* | --help:*) show_help ;;
  :*) show_help >&2; exit 64 ;;
  client:* | proxy:* | pair:*) refuse "$1 takes other words than '${*:2}'; see --help" ;;
  *) refuse "'$1' is neither client, proxy nor pair; see --help" ;;
esac
