#!/usr/bin/env bash
# Kernels and operators on aarch64: cross-compiled, run in qemu.
set -eu
for program in aarch64-linux-gnu-gcc qemu-aarch64; do
  command -v $program >/dev/null || { echo "skipped: there is no $program"; exit 77; }
done
BUILD_DIR=$NNOPT_BUILD/aarch64 bash "$NNOPT_SOURCE/scripts/test-aarch64.sh" --installed
