#!/usr/bin/env bash
# Fuzzes the reading of ONNX files with libFuzzer under AddressSanitizer and UBSan; needs clang.
#   scripts/fuzz.sh [SECONDS] [CORPUS-FOLDER...]     (default: 60 seconds)
# Starts from the files of tests/data/formats and the bundled models; what it finds stays in the build
# folder (BUILD_DIR, default build/fuzz).
set -euo pipefail
source "$(dirname "$0")/common.sh"

seconds=${1:-60}
[ $# -gt 0 ] && shift
folder=${BUILD_DIR:-$source_dir/build/fuzz}
sanitizers=address,undefined

install_missing "${build_packages[@]}" clang
build "$folder" -DCMAKE_C_COMPILER=clang -DNNOPT_SANITIZE="$sanitizers,fuzzer-no-link"
clang -g -O1 -fsanitize="$sanitizers,fuzzer" -I"$source_dir/include" \
  "$source_dir/tests/fuzz/fuzz_onnx.c" "$folder/libnnopt.a" -o "$folder/fuzz_onnx" \
  $(pkg-config --libs libprotobuf-c libcjson libzip libjpeg libpng sndfile libmd) -lpthread -ldl -lm

mkdir -p "$folder/corpus" "$folder/seeds"
cp "$source_dir"/tests/data/formats/*.onnx "$folder/seeds/"
say "fuzzing for $seconds seconds"
cd "$folder"
exec ./fuzz_onnx -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 -max_len=65536 \
  -print_final_stats=1 corpus seeds "$@"
