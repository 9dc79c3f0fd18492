#!/usr/bin/env bash
# Installs what the tests need (Debian 12), builds, and runs every test. Ends with "N passed, N failed".
#   tests/run.sh              everything
#   tests/run.sh --quick      no sanitizer build, no portable build (which has no OpenSSL either), no second run with the proxy-only far end
#   tests/run.sh --deep       and clang-tidy, the thread sanitizer, the static far end: an hour more
# As an ordinary user it works too, once the packages are there: the network tests make user namespaces.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/support/packages.sh

quick=false deep=false
for argument in "$@"; do
  case "$argument" in
    --quick) quick=true ;;
    --deep) deep=true ;;
    *) echo "usage: tests/run.sh [--quick | --deep]" >&2; exit 64 ;;
  esac
done

# Without these ccache keeps nothing that was compiled with a precompiled header.
export CCACHE_SLOPPINESS=pch_defines,time_macros

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

step() { printf '\n=== %s\n' "$*"; }

# build PRESET [TARGET...]: see CMakePresets.json
build() {
  local preset=$1
  shift
  local launcher=()
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  cmake --preset "$preset" "${launcher[@]}" -DWARNINGS_AS_ERRORS=ON >"$results/cmake.log" ||
    { cat "$results/cmake.log"; return 1; }
  cmake --build --preset "$preset" ${1:+--target "$@"}
}

# A step that leaves no results of its own (a build, a script) counts as one test.
check() {
  local name=$1
  shift
  step "$name"
  if "$@"; then
    touch "$results/ok.$name"
  else
    echo "FAILED: $name"
    touch "$results/failed.$name"
  fi
}

unit_tests() {
  step "unit and integration tests: $1"
  ctest --test-dir "$1" --output-on-failure --timeout 600 -j "$(($(nproc) * 2))" --output-junit "$results/$(basename "$1").xml" || true
}

# e2e FAR_END [VARIABLE=VALUE...]: the network tests with the binaries that TFUNNEL and TFUNNEL_PROXY name
e2e() {
  local far_end=$1
  shift
  step "end-to-end tests: $far_end as the far end"
  env "$@" /usr/bin/python3 tests/support/shards.py "$far_end" "$results" || touch "$results/failed.e2e-$far_end"
}

check packages install_packages "${build_packages[@]}" "${test_packages[@]}"
check format tests/support/check_format.sh
check build-release build release
unit_tests build
export TRAFFIC="$PWD/build/tests/support/traffic"
export TFUNNEL="$PWD/build/client/tfunnel"
e2e tfunnel

if ! $quick; then
  e2e tfunnel-proxy-only E2E_FAR_END=1 E2E_SHORT_COUNT=5000 TFUNNEL_PROXY="$PWD/build/proxy/tfunnel-proxy-only"
  check build-portable build portable
  unit_tests build-portable
  check build-asan build asan
  unit_tests build-asan
fi

if $deep; then
  check deep-packages install_packages "${deep_packages[@]}"
  check tidy tests/support/check_tidy.sh
  check build-tsan build tsan
  unit_tests build-tsan
  check build-static build static
  unit_tests build-static
fi

/usr/bin/python3 tests/support/tally.py "$results"
