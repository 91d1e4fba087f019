#!/usr/bin/env bash
# Installs what is missing, builds with tests, runs them.
#   scripts/test.sh                       the whole suite
#   scripts/test.sh --sanitize            the whole suite under AddressSanitizer and UBSan
#   scripts/test.sh [--sanitize] --quick  without the tests that are labelled slow
# Where nvcc is found (PATH, CUDA_PATH, /usr/local/cuda) the CUDA library is built and looked at too; no GPU is
# needed for that, and none is used: that is scripts/test-cuda.sh. BUILD_DIR names the build folder (default: build/test or build/sanitize). NNOPT_TEST_DATA names a
# folder of real models; tests that need it skip without it.
set -euo pipefail
source "$(dirname "$0")/common.sh"

usage() { echo "usage: scripts/test.sh [--sanitize] [--quick]" >&2; exit 2; }

name=test
options=(-DNNOPT_TESTS=ON -DNNOPT_WERROR=ON)
choice=()
for argument in "$@"; do
  case $argument in
    --sanitize)
      name=sanitize
      options+=(-DNNOPT_SANITIZE=address,undefined)
      ;;
    --quick) choice=(--label-exclude slow) ;;
    *) usage ;;
  esac
done
folder=${BUILD_DIR:-$source_dir/build/$name}
if [ "$name" = test ] && nvcc=$(find_nvcc); then
  options+=(-DNNOPT_CUDA=ON "-DCMAKE_CUDA_COMPILER=$nvcc")
fi

install_missing "${build_packages[@]}" "${test_packages[@]}"
build "$folder" "${options[@]}"
say "testing in $folder"
cd "$folder"
exec ctest --output-on-failure --parallel "$(nproc)" "${choice[@]}"
