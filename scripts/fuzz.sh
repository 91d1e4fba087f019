#!/usr/bin/env bash
# Fuzzes with libFuzzer under AddressSanitizer and UBSan: fuzz_onnx (bytes as a file) and fuzz_node
# (bytes as one node of any operator). Installs what is missing, clang too.
#   scripts/fuzz.sh [--short] [TARGET...]     --short: 6,000 executions of each, the same ones each time
# Without --short each target runs 10 minutes; SECONDS_EACH sets another time. Starts from tests/fuzz/seeds and tests/data/formats; the corpus and
# what is found stay in the build folder (BUILD_DIR, default build/fuzz).
set -euo pipefail
source "$(dirname "$0")/common.sh"

corpus=corpus
length=(-max_total_time="${SECONDS_EACH:-600}" -use_value_profile=1)
if [ "${1:-}" = --short ]; then
  length=(-runs=6000 -seed=1)
  corpus=short
  shift
fi
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(onnx node)
folder=${BUILD_DIR:-$source_dir/build/fuzz}

install_missing "${build_packages[@]}" "${fuzz_packages[@]}"
build "$folder" -DCMAKE_C_COMPILER=clang -DNNOPT_FUZZ=ON -DNNOPT_TESTS=OFF \
  -DNNOPT_SANITIZE=address,undefined,fuzzer-no-link

# Texts that operators compare attributes with.
grep -rhoE '"[A-Za-z_][A-Za-z0-9_]{1,23}"' "$source_dir/ops" --include='*.c' --include='*.h' |
  sort -u >"$folder/node.dict"
printf '%s\n' '"Conv"' '"main"' >"$folder/onnx.dict"

# What the build checks: kernels for wider registers are compiled without the sanitizers.
export NNOPT_CPU_MASK=avx2
export ASAN_OPTIONS=allocator_may_return_null=1:detect_stack_use_after_return=0
export UBSAN_OPTIONS=print_stacktrace=1
cd "$folder"
for target in "${targets[@]}"; do
  seeds=("$source_dir/tests/fuzz/seeds/$target")
  if [ "$target" = onnx ]; then
    mkdir -p files
    cp "$source_dir"/tests/data/formats/*.onnx files/
    seeds+=(files)
  fi
  if [ "$corpus" = short ]; then rm -rf "short-$target"; fi
  mkdir -p "$corpus-$target"
  say "fuzzing $target: ${length[*]}"
  log=$folder/fuzz-$target.log
  if ! "tests/fuzz/fuzz_$target" "${length[@]}" -rss_limit_mb=2048 -timeout=60 -max_len=4096 \
    -dict="$target.dict" -print_final_stats=1 "$corpus-$target" "${seeds[@]}" >"$log" 2>&1; then
    grep -E "^SUMMARY|ERROR|runtime error|Test unit written" "$log" >&2 || tail -n 20 "$log" >&2
    echo "fuzzing $target found something: $log" >&2
    exit 1
  fi
  grep -E "stat::number_of_executed_units|stat::average_exec_per_sec" "$log"
done
