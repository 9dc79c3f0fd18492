#!/usr/bin/env bash
# Fails if clang-format would change any source file.
set -euo pipefail
cd "$(dirname "$0")/../.."
find common client proxy tests examples -name '*.cpp' -o -name '*.hpp' | xargs -r clang-format-14 --dry-run --Werror
