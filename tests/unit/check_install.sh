#!/bin/sh
# check_install.sh BUILD: what `cmake --install` puts in place is complete, points to itself, and leaves nothing old.
set -eu
build=$1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
fail() {
  echo "$1" >&2
  exit 1
}
install() { DESTDIR=$root cmake --install "$build" --prefix /opt/tf >"$root/log" 2>&1 || fail "$(cat "$root/log")"; }

install
at=$root/opt/tf
touch "$at/share/tfunnel/examples/rules-of-old.sh" "$at/share/doc/tfunnel/OLD.md"
install
[ ! -e "$at/share/tfunnel/examples/rules-of-old.sh" ] || fail "an old example is left"
[ ! -e "$at/share/doc/tfunnel/OLD.md" ] || fail "an old document is left"

for file in bin/tfunnel share/man/man1/tfunnel.1 share/man/man1/tfunnel-run.1 share/man/man1/tfunnel-up.1 \
  share/man/man1/tfunnel-status.1 share/man/man1/tfunnel-doctor.1 share/man/man5/tfunnel.conf.5 \
  share/doc/tfunnel/README.md share/doc/tfunnel/proto/PROTOCOL.md share/doc/tfunnel/LICENSE \
  share/tfunnel/examples/authorized_keys lib/systemd/system/tfunnel.service \
  lib/systemd/system/tfunnel@.service; do
  [ -s "$at/$file" ] || fail "not installed: $file"
done

# Each program that a unit names is there, and none is named by another place.
for unit in "$at"/lib/systemd/system/*.service; do
  grep -q '/usr/local' "$unit" && fail "a unit names programs that are elsewhere: $(grep /usr/local "$unit")"
  for program in $(grep '^Exec' "$unit" | grep -o '/opt/tf/[^ ]*' | tr -d "'"); do
    [ -x "$root$program" ] || fail "a unit starts what is not there: $program"
  done
done

# The scripts need each other.
for script in "$at"/share/tfunnel/examples/*.sh; do
  case $script in */rules-common.sh) continue ;; esac
  "$script" --help >"$root/help" 2>&1 || fail "$script --help fails: $(cat "$root/help")"
  [ -s "$root/help" ] || fail "$script --help says nothing"
done
