#!/usr/bin/env bash
# Builds base, operators and engine with Debian's compiler for aarch64 and runs the tests of kernels and
# operators in qemu-aarch64. Installs what is missing, unless --installed.
# BUILD_DIR names the build folder (default: build/aarch64).
set -euo pipefail
source "$(dirname "$0")/common.sh"

folder=${BUILD_DIR:-$source_dir/build/aarch64}
[ "${1:-}" = --installed ] || install_missing "${build_packages[@]}" "${cross_packages[@]}"
build "$folder" -DCMAKE_TOOLCHAIN_FILE="$source_dir/cmake/aarch64-linux-gnu.cmake" -DNNOPT_CORE_ONLY=ON \
  -DNNOPT_WERROR=ON
say "testing in $folder"
cd "$folder"
exec ctest --output-on-failure --parallel "$(nproc)"
