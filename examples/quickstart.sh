#!/usr/bin/env bash
# quickstart.sh: builds tfunnel and shows it at work, or puts it to work.
#
#   examples/quickstart.sh                         build, then a demonstration on this machine alone
#   examples/quickstart.sh USER@HOST -- PROGRAM    one program through HOST
#   sudo examples/quickstart.sh USER@HOST          all TCP and UDP of this machine through HOST,
#                                                  until Ctrl-C puts everything back
#   examples/quickstart.sh --help
#
# Made for Debian 12: packages that are missing are installed with apt-get. Nothing but that, and the
# whole machine's traffic, needs root. USER@HOST is what ssh takes, as long as `tfunnel` (or
# tfunnel-proxy-only, under the name tfunnel) is in the PATH there.
#
# Environment: TFUNNEL=PATH uses that program and builds nothing; SSH_OPTIONS is given to ssh.

set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
source_dir=$(dirname "$here")
build_dir=$source_dir/build
tfunnel=${TFUNNEL:-$build_dir/client/tfunnel}
port=12300
# shellcheck source-path=SCRIPTDIR/../tests/support source=packages.sh
. "$source_dir/tests/support/packages.sh"

fail() {
  echo "quickstart: $*" >&2
  exit 1
}

# The command line is wrong.
refuse() {
  echo "quickstart: ${*//[[:cntrl:]]/?}" >&2
  exit 64
}

say() { printf '%s\n' "$*"; }

# --- packages and build --------------------------------------------------------------------------

prepare() {
  command -v dpkg-query >/dev/null || return 0 # not Debian: the build will say what it lacks
  install_packages "${build_packages[@]}" libgtest-dev iproute2 nftables openssh-client python3 socat
}

# Under sudo, what need not be root runs as the user who called: the build, and ssh with its keys.
as_caller=()
if ((EUID == 0)) && [[ ${SUDO_USER:-root} != root ]]; then as_caller=(runuser -u "$SUDO_USER" --); fi

build() {
  [[ -z ${TFUNNEL:-} ]] || return 0
  say "Building (the first time takes some minutes) ..."
  if [[ ! -e $build_dir/CMakeCache.txt ]]; then
    "${as_caller[@]}" cmake -S "$source_dir" -B "$build_dir" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON >/dev/null
  fi
  "${as_caller[@]}" cmake --build "$build_dir" --target tfunnel tfunnel-proxy-only
}

# --- the demonstration ---------------------------------------------------------------------------

far_v4=203.0.113.10
far_v6=2001:db8:f::10

# Everything happens in namespaces of its own, and ends with them.
demonstration() {
  local flags=(--net --mount --pid --fork --kill-child --mount-proc)
  # Containers that mask parts of /proc refuse a fresh one.
  allowed "${flags[@]}" || flags=(--net --mount)
  allowed "${flags[@]}" || fail "this system lets you make no namespaces; try again with sudo"
  [[ -e /proc/sys/net/ipv6 ]] || fail "the demonstration needs IPv6, which is switched off in this kernel"
  say
  say "Servers in a network namespace \"far\", which nothing joins to this one. A program that knows of no"
  say "tunnel reaches them all the same:"
  say
  say "  tfunnel run --via 'COMMAND that starts tfunnel in far' -- PROGRAM"
  say
  say "  program -> kernel (TPROXY) -> tfunnel -> two pipes -> tfunnel -> servers"
  say "  |_ a namespace of its own _|  |_ here _|              |______ far ______|"
  say
  unshare "${as_root[@]}" "${flags[@]}" bash "$0" --inside
  say
  say "The same with a host of yours:         $0 USER@HOST -- curl https://example.org/"
  say "For all traffic of this machine:  sudo $0 USER@HOST"
}

as_root=()
if ((EUID != 0)); then as_root=(--map-root-user); fi
allowed() { unshare "${as_root[@]}" "$@" true 2>/dev/null; }

# "far" is a namespace that belongs to a process that only sleeps.
inside() {
  trap end_demonstration EXIT
  unshare --net sleep infinity &
  far=/proc/$!/ns/net
  wait_for far_is_there
  in_far ip link set lo up
  in_far ip address add "$far_v4/32" dev lo
  in_far ip address add "$far_v6/128" dev lo nodad
  in_far /usr/bin/python3 "$here/demo_programs.py" serve &
  wait_for in_far ss -Hltn "sport = :7000"
  "$tfunnel" run --quiet --via "nsenter --net=$far '$tfunnel' --quiet" -- \
    /usr/bin/python3 "$here/demo_programs.py" visit "$far_v4" "$far_v6"
}

end_demonstration() {
  local pids
  mapfile -t pids < <(jobs -p)
  kill "${pids[@]}" 2>/dev/null || true
}

in_far() { nsenter --net="$far" "$@"; }

far_is_there() { [[ $(readlink "$far") == $(readlink /proc/self/ns/net) ]] || echo yes; }

# Runs a command until it prints something.
wait_for() {
  local tries
  for ((tries = 0; tries < 200; ++tries)); do
    [[ -z $("$@") ]] || return 0
    sleep 0.05
  done
  fail "waited in vain for: $*"
}

# --- the real thing ------------------------------------------------------------------------------

# The command for --via: a line for sh.
link_command() {
  local words=("$@" ssh "${ssh_options[@]}" -o ControlPath=none -o ServerAliveInterval=15 "$target" tfunnel)
  printf '%q ' "${words[@]}"
}

one_program() {
  target=$1
  shift 2
  (($# > 0)) || refuse "say what to run: $0 $target -- PROGRAM"
  read -ra ssh_options <<<"${SSH_OPTIONS:-}"
  prepare
  build
  exec "$tfunnel" run --via "$(link_command)" -- "$@"
}

# The addresses that ssh will connect to: a jump host's, if there is one.
link_hosts() {
  local settings jump
  settings=$("${as_caller[@]}" ssh "${ssh_options[@]}" -T -G "$1") || fail "ssh does not understand $1"
  jump=$(awk '$1 == "proxyjump" { print $2 }' <<<"$settings")
  if [[ $jump && $jump != none ]]; then
    jump=${jump%%,*}
    link_hosts "ssh://${jump#ssh://}"
  elif grep -q '^proxycommand ' <<<"$settings"; then
    say "ssh uses a ProxyCommand: its connection stays outside because it exists before the rules." >&2
  else
    awk '$1 == "hostname" { print $2 }' <<<"$settings"
  fi
}

tunnel() {
  local host status=0 rule_options=(--port "$port")
  target=$1
  read -ra ssh_options <<<"${SSH_OPTIONS:-}"
  ((EUID == 0)) || fail "capturing this machine's traffic needs root: sudo $0 $target"
  prepare
  build
  for host in $(link_hosts "$target"); do rule_options+=(--link "$host"); done

  say "Connecting to $target ..."
  log=$(mktemp)
  trap undo EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  "$tfunnel" -p "$port" --via "$(link_command "${as_caller[@]}")" 2> >(exec tee "$log" >&2) &
  client=$!

  until grep -q 'connected to' "$log" 2>/dev/null; do
    kill -0 "$client" 2>/dev/null || explain_failure
    sleep 0.1
  done
  "$here/rules-nft.sh" up "${rule_options[@]}"
  say "All TCP and UDP of this machine now goes through $target. Ctrl-C ends that."
  wait "$client" || status=$?
  say "The tunnel ended (status $status)." >&2
  exit "$status"
}

explain_failure() {
  local status
  wait "$client" || true
  status=$(sed -n 's/.*command ended with status \([0-9]*\).*/\1/p' "$log" | head -n 1)
  case $status in
    127) fail "there is no tfunnel in the PATH on $target. Copy one there, for example:
  scp $build_dir/proxy/tfunnel-proxy-only $target:tfunnel
  ssh $target sudo install tfunnel /usr/local/bin/" ;;
    255) fail "ssh could not connect to $target" ;;
    *) fail "the tunnel did not start" ;;
  esac
}

undo() {
  trap '' INT TERM HUP
  "$here/rules-nft.sh" down
  # The client says goodbye to the far end, and ends ssh.
  kill "$client" 2>/dev/null || true
  wait "$client" 2>/dev/null || true
  rm -f "$log"
  say "The rules are gone; this machine is as before."
}

(($# == 0)) || [[ ${1//[[:space:]]/} ]] || refuse "'$1' is no host; see --help"
[[ $# -lt 2 || $2 == -- ]] || refuse "'$2' stands where only -- and a program may; see --help"

case ${1:-} in
  '')
    prepare
    build
    demonstration
    ;;
  --inside) inside ;;
  -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0" ;;
  -*) refuse "$1 is no option; see --help" ;;
  *) if [[ ${2:-} == -- ]]; then one_program "$@"; else tunnel "$1"; fi ;;
esac
