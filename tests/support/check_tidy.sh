#!/usr/bin/env bash
# Runs clang-tidy over the sources of the programs; its compile commands come from a build folder of its own, in which
# nothing is built but the protocol's header.
#   check_tidy.sh [FILE...]
# JOBS=1 leaves the machine to others.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ $# -eq 0 ]; then
  mapfile -t files < <(git ls-files 'common/*.cpp' 'client/*.cpp' 'proxy/*.cpp' | grep -vE 'boost_|_posix')
  set -- "${files[@]}"
fi
[ $# -gt 20 ] || [ -f "${1:-}" ] || { echo "check_tidy.sh: no sources" >&2; exit 1; }
cmake --preset tidy >/dev/null
ninja -C build-tidy proto/gen/proto/tunnel.pb.h >/dev/null
# How much was found in others' headers is of no interest.
printf '%s\0' "$@" | xargs -0 -P "${JOBS:-$(nproc)}" -n 1 clang-tidy-14 -p build-tidy --quiet 2> >(grep -v 'warnings generated\.$' >&2)
