#!/usr/bin/env bash
# Runs clang-tidy over the sources of the programs, with the compile commands of a build folder.
#   check_tidy.sh BUILD [FILE...]
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${1:?a build folder}
shift
if [ $# -eq 0 ]; then
  mapfile -t files < <(git ls-files 'common/core/*.cpp' 'common/io/*.cpp' 'common/app/*.cpp' 'client/*.cpp' \
    'proxy/*.cpp' | grep -vE 'boost_|_posix')
  set -- "${files[@]}"
fi
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 clang-tidy-14 -p "$build" --quiet
