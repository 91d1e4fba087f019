#!/usr/bin/env bash
# Installs what is missing, builds with tests, runs all of them.
#   scripts/test.sh             the whole suite
#   scripts/test.sh --sanitize  under AddressSanitizer and UndefinedBehaviorSanitizer
# BUILD_DIR names the build folder (default: build/test or build/sanitize).
set -euo pipefail
source "$(dirname "$0")/common.sh"

folder=${BUILD_DIR:-$source_dir/build/test}
options=(-DNNOPT_TESTS=ON -DNNOPT_WERROR=ON)
case "${1:-}" in
  "") ;;
  --sanitize)
    folder=${BUILD_DIR:-$source_dir/build/sanitize}
    options+=(-DNNOPT_SANITIZE=address,undefined)
    ;;
  *) echo "usage: scripts/test.sh [--sanitize]" >&2; exit 2 ;;
esac

install_missing "${build_packages[@]}" "${test_packages[@]}"
build "$folder" "${options[@]}"
say "testing"
cd "$folder"
exec ctest --output-on-failure --parallel "$(nproc)"
