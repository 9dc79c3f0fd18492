#!/bin/sh
# The benchmark suite in one command; see README.md.
#
#   run.sh [--quick] [--only ROW[,ROW]] [--repeat N] [--output FILE] [--list]
#
# Installs the programs it compares with (Debian, when it may), builds its own reference programs,
# runs everything in private namespaces and prints one table. Environment: TFUNNEL (the binary),
# TFUNNEL_PROXY (another one for the far end), BENCH_BUILD (where the reference programs go).
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH='' cd -- "$here/../.." && pwd)
build=${BENCH_BUILD:-$root/build/bench}
PATH=$PATH:/usr/sbin:/sbin

install_peers() {
  missing=
  for pair in sshuttle:sshuttle ss-redir:shadowsocks-libev sshd:openssh-server ssh:openssh-client \
    wrk:wrk nginx:nginx-light python3:python3 socat:socat ip:iproute2 nft:nftables \
    iptables:iptables nsenter:util-linux g++:g++; do
    command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
  done
  [ -n "$missing" ] || return 0
  as_root=
  [ "$(id -u)" = 0 ] || as_root='sudo -n'
  echo "run.sh: installing$missing" >&2
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 sh -c \
    "apt-get -qq update; apt-get -qq install -y --no-install-recommends $missing" >/dev/null ||
    echo "run.sh: could not install$missing; their rows will be missing" >&2
}

# outdated OUTPUT SOURCES...: OUTPUT must be built
outdated() {
  output=$1
  shift
  [ -x "$output" ] || return 0
  [ -n "$(find "$@" -newer "$output" -print | head -n 1)" ]
}

compile() {
  output=$build/$1
  shift
  outdated "$output" "$@" "$here"/*.hpp || return 0
  "${CXX:-g++}" -std=c++20 -O2 -pthread -o "$output.new" "$@"
  mv "$output.new" "$output"
}

build_programs() {
  mkdir -p "$build"
  compile splice_relay "$here/splice_relay.cpp" "$here/relay.cpp"
  compile copy_relay "$here/copy_relay.cpp" "$here/relay.cpp"
  compile link_emulator "$here/link_emulator.cpp" "$here/emulated_line.cpp"
  compile connect_relay "$here/connect_relay.cpp"
  compile load_probe "$here/load_probe.cpp"
  compile udp_load "$here/udp_load.cpp"
  [ -n "${TRAFFIC:-}" ] || compile traffic "$root"/tests/support/traffic*.cpp
}

case " $* " in
*' --list '* | *' --help '* | *' -h '*) ;;
*)
  install_peers
  build_programs
  ;;
esac
BENCH_BUILD=$build TRAFFIC=${TRAFFIC:-$build/traffic} exec /usr/bin/python3 "$here/bench.py" "$@"
