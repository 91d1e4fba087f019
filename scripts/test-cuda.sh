#!/usr/bin/env bash
# Tests and measures the CUDA backend on a machine with a GPU.
#   scripts/test-cuda.sh [STEP...]                  builds with nvcc, then the steps
#   scripts/test-cuda.sh --pack DIR                 builds, and makes a folder that runs elsewhere (no GPU needed)
#   DIR/scripts/test-cuda.sh --prebuilt DIR [STEP...]   such a folder: needs no packages and no network
# Steps, all by default: units (the C tests over the real library), suite (the cases of the standard), models
# (bundled ones and those below NNOPT_TEST_DATA or DIR/models against the CPU), sanitizer (compute-sanitizer on
# the C tests), bench (latency of models and ceilings, one JSON).
# What comes out lies in OUT (default: build/cuda-results, DIR/results): logs, figures.json. The last line counts.
# Exit code 1: something failed. BUILD_DIR names the build folder (default: build/cuda).
set -euo pipefail
source "$(dirname "$0")/common.sh"

usage() { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }

all_steps=(units suite models sanitizer bench)
mode=build
tree=
steps=()
while [ $# -gt 0 ]; do
  case $1 in
    --pack | --prebuilt)
      mode=${1#--}
      [ $# -ge 2 ] || usage
      tree=$2
      shift
      ;;
    units | suite | models | sanitizer | bench) steps+=("$1") ;;
    *) usage ;;
  esac
  shift
done
[ ${#steps[@]} -gt 0 ] || steps=("${all_steps[@]}")

# ---- where things are ------------------------------------------------------------------------------------

if [ "$mode" = prebuilt ]; then
  tree=$(cd "$tree" && pwd)
  nnopt=$tree/bin/nnopt
  tests=$tree/bin
  library=$tree/lib/libnnopt_cuda.so
  cases=$tree/cases
  out=${OUT:-$tree/results}
  export LD_LIBRARY_PATH=$tree/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  for archive in programs cases; do
    [ -e "$tree/$archive.unpacked" ] || tar -C "$tree" -xzf "$tree/$archive.tar.gz"
    touch "$tree/$archive.unpacked"
  done
  sources=("$tests"/test_cuda_*)
else
  folder=${BUILD_DIR:-$source_dir/build/cuda}
  install_missing "${build_packages[@]}" "${test_packages[@]}" g++
  nvcc=$(find_nvcc) || { echo "test-cuda: no nvcc in PATH, CUDA_PATH or /usr/local/cuda" >&2; exit 2; }
  sources=("$source_dir"/tests/test_cuda_*.c)
  targets=(nnopt nnopt_cuda)
  for file in "${sources[@]}"; do targets+=("$(basename "$file" .c)"); done
  build_targets="${targets[*]}" build "$folder" -DNNOPT_TESTS=ON -DNNOPT_CUDA=ON "-DCMAKE_CUDA_COMPILER=$nvcc"
  nnopt=$folder/nnopt
  tests=$folder/tests
  library=$folder/libnnopt_cuda.so
  cases=$folder/onnx-tests
  out=${OUT:-$source_dir/build/cuda-results}
fi

units=()
for file in "${sources[@]}"; do units+=("$(basename "$file" .c)"); done

# ---- packing ---------------------------------------------------------------------------------------------

most_bytes=$((60 << 20))

# Shared libraries of the programs, without those of the C library, which every machine has its own of.
copy_libraries() {
  ldd "$@" | sed -nE 's/.* => (\/[^ ]+) .*/\1/p' | sort -u |
    grep -vE '/(libc|libm|libdl|libpthread|librt|ld-linux[^/]*|libgcc_s|libstdc\+\+)\.so' |
    while read -r file; do cp -Ln "$file" "$tree/lib/"; done
}

pack() {
  local name programs=()
  mkdir -p "$tree"
  tree=$(cd "$tree" && pwd)
  rm -rf "${tree:?}"/{bin,lib,cases,{programs,cases}.{tar.gz,unpacked},models,scripts,tests,bench}
  mkdir -p "$tree"/{bin,lib,models,scripts,tests/data,bench}
  for name in "${units[@]}"; do
    if [ -x "$tests/$name" ]; then programs+=("$tests/$name"); fi
  done
  cp "$nnopt" "${programs[@]}" "$tree/bin/"
  strip "$tree"/bin/*
  copy_libraries "$nnopt" "${programs[@]}"
  cp -L "$library" "$tree/lib/"
  strip --strip-unneeded "$tree"/lib/libnnopt*.so*
  BUILD_DIR=$folder NNOPT=true bash "$source_dir/scripts/onnx-tests.sh" all >/dev/null
  tar -C "$folder" --transform 's/^onnx-tests/cases/' -cf - onnx-tests | gzip -9 >"$tree/cases.tar.gz"
  tar -C "$tree" -cf - bin lib | gzip -9 >"$tree/programs.tar.gz"
  rm -rf "$tree"/{bin,lib}
  cp -r "$source_dir/models/glyphs" "$source_dir/models/words" "$tree/models/"
  cp "$source_dir"/scripts/{common.sh,test-cuda.sh} "$tree/scripts/"
  cp "$source_dir"/bench/*.py "$tree/bench/"
  cp "$source_dir/tests/data/onnx_expected_failures.txt" "$tree/tests/data/"
  local bytes
  bytes=$(du -sb "$tree" | cut -f 1)
  say "$tree: $((bytes >> 20)) MiB"
  du -sh "$tree"/* | sort -h
  [ "$bytes" -le "$most_bytes" ] || { echo "test-cuda: more than $((most_bytes >> 20)) MiB" >&2; exit 1; }
}
if [ "$mode" = pack ]; then
  pack
  exit 0
fi

# ---- the vendor's libraries ------------------------------------------------------------------------------

# find_in_python PATTERN: the newest such file in the packages of python3.
find_in_python() {
  command -v python3 >/dev/null || return 0
  python3 - "$1" <<'END'
import glob, sys
found = [f for folder in sys.path for f in glob.glob(folder + "/" + sys.argv[1])]
print(sorted(found)[-1] if found else "")
END
}
use() { # VARIABLE PATTERN...: exports the first that is found, unless it is set
  local variable=$1 pattern file
  shift
  [ -z "${!variable:-}" ] || return 0
  for pattern in "$@"; do
    file=$(find_in_python "$pattern")
    if [ -n "$file" ]; then export "$variable=$file"; break; fi
  done
}
use NNOPT_CUDNN_LIBRARY 'nvidia/cudnn/lib/libcudnn.so.9'
use NNOPT_CUBLASLT_LIBRARY 'nvidia/cu13/lib/libcublasLt.so.13' 'nvidia/cublas/lib/libcublasLt.so.1[34]'
export NNOPT_CUDA_LIBRARY=${NNOPT_CUDA_LIBRARY:-$library}
mkdir -p "$out"
export XDG_CACHE_HOME=$out/cache
mkdir -p "$XDG_CACHE_HOME"
export NNOPT_SOURCE=$source_dir
if [ "$mode" = prebuilt ]; then NNOPT_SOURCE=$tree; fi

say "device"
if ! "$nnopt" doctor >"$out/doctor.txt" 2>&1 || grep -q '^devices' "$out/doctor.txt"; then
  cat "$out/doctor.txt"
  echo "test-cuda: there is no device to test on" >&2
  exit 1
fi
cat "$out/doctor.txt"
"$nnopt" doctor --json >"$out/doctor.json"

counts=()
failed=0
count() { # NAME PASSED FAILED
  counts+=("$1 $2 passed, $3 failed")
  [ "$3" = 0 ] || failed=1
}

# ---- steps -----------------------------------------------------------------------------------------------

step_units() {
  local name passed=0 bad=0
  for name in "${units[@]}"; do
    [ -x "$tests/$name" ] || continue
    if CK_FORK=no timeout 300 "$tests/$name" >"$out/$name.log" 2>&1; then
      passed=$((passed + 1))
    else
      bad=$((bad + 1))
      echo "FAILED: $name"
      tail -n 15 "$out/$name.log"
    fi
  done
  count units "$passed" "$bad"
}

# Cases that fail beside those that fail on the CPU too.
step_suite() {
  local list=$NNOPT_SOURCE/tests/data/onnx_expected_failures.txt passed
  "$nnopt" test "$cases"/* --device cuda --export "$out/suite.json" >"$out/suite.txt" 2>&1 || true
  sed -nE 's/^(failed|skipped) +([^:]+): .*/\2/p' "$out/suite.txt" | LC_ALL=C sort >"$out/suite.failed"
  LC_ALL=C comm -23 "$out/suite.failed" <(cut -d ' ' -f 1 "$list" | LC_ALL=C sort) >"$out/suite.unexpected"
  passed=$(sed -nE 's/.*"passed":[[:space:]]*([0-9]+).*/\1/p' "$out/suite.json" | head -n 1)
  grep -Ff "$out/suite.unexpected" "$out/suite.txt" | head -n 60 || true
  count suite "${passed:-0}" "$(wc -l <"$out/suite.unexpected")"
}

# Models with data of their own; then those and the bundled ones with random data against the CPU.
step_models() {
  local bad=0 list=
  if [ -n "${NNOPT_TEST_DATA:-}" ]; then
    "$nnopt" test "$NNOPT_TEST_DATA" --device cuda --rtol 1e-3 --atol 1e-4 >"$out/models.txt" 2>&1 || true
    grep -E '^failed' "$out/models.txt" | head -n 20 || true
    bad=$(grep -cE '^failed' "$out/models.txt" || true)
    list=$(find -L "$NNOPT_TEST_DATA" -name '*.onnx' -size -200M | sort | head -n 40 | paste -sd:)
  fi
  if ! NN_CUDA_MODELS=$list CK_FORK=no timeout 500 "$tests/test_cuda_models" >"$out/models.log" 2>&1; then
    bad=$((bad + 1))
    tail -n 15 "$out/models.log"
  fi
  count models "$(grep -c ' output ' "$out/models.log" || true)" "$bad"
}

step_sanitizer() {
  local tool name passed=0 bad=0 sanitizer
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null || true)
  if [ -z "$sanitizer" ]; then
    counts+=("sanitizer skipped: no compute-sanitizer")
    return 0
  fi
  for name in "${units[@]}"; do
    [ "$name" != test_cuda_models ] || continue
    for tool in memcheck racecheck synccheck; do
      if NN_CUDA_QUICK=1 CK_FORK=no timeout 120 "$sanitizer" --tool "$tool" --error-exitcode 99 "$tests/$name" \
        >"$out/$tool-$name.log" 2>&1; then
        passed=$((passed + 1))
      else
        bad=$((bad + 1))
        echo "FAILED: $tool $name"
        grep -E '^=========' "$out/$tool-$name.log" | head -n 12 || tail -n 5 "$out/$tool-$name.log"
      fi
    done
  done
  count sanitizer "$passed" "$bad"
}

# Models by name: bundled, those below NNOPT_TEST_DATA, and the topologies of bench/networks.py where Python
# has onnx to write them.
step_bench() {
  local networks=$out/networks model name precision batch measured=0 bad=0 folders=("$NNOPT_SOURCE/models")
  if [ ! -d "$networks" ] && python3 -c 'import onnx, numpy' 2>/dev/null; then
    python3 "$NNOPT_SOURCE/bench/networks.py" "$networks" >"$out/networks.log" 2>&1 || true
  fi
  for name in "${NNOPT_TEST_DATA:-}" "$networks"; do
    if [ -n "$name" ] && [ -d "$name" ]; then folders+=("$name"); fi
  done
  mkdir -p "$out/bench"
  while read -r model; do
    name=$(basename "$(dirname "$model")")-$(basename "$model" .onnx)
    for precision in fp32 tf32 fp16 bf16; do
      for batch in 1 32; do
        if timeout 120 "$nnopt" bench "$model" --device cuda --precision "$precision" --batch "$batch" --duration 1 \
          --json >"$out/bench/$name-$precision-$batch.json" 2>"$out/bench/$name-$precision-$batch.err"; then
          measured=$((measured + 1))
        elif [ "$batch" = 1 ]; then # models of a fixed first axis take no other batch
          bad=$((bad + 1))
          echo "FAILED: bench $name $precision: $(tail -n 1 "$out/bench/$name-$precision-$batch.err")"
        fi
      done
    done
  done < <(find -L "${folders[@]}" -name '*.onnx' | sort)
  count bench "$measured" "$bad"
}

for step in "${steps[@]}"; do
  say "$step"
  "step_$step"
done

# One JSON of figures: the device as doctor tells it, and the latency of each model.
if command -v python3 >/dev/null; then
  python3 - "$out" >"$out/figures.json" <<'END'
import glob, json, os, sys
out = sys.argv[1]
def read(path):
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError):
        return None
figures = {"device": (read(out + "/doctor.json") or {}).get("cuda"), "bench": []}
for path in sorted(glob.glob(out + "/bench/*.json")):
    report = read(path)
    name, precision, batch = os.path.basename(path)[:-5].rsplit("-", 2)
    if report:
        for result in report.get("results", []):
            figures["bench"].append({"model": name, "precision": precision, "batch": int(batch),
                                     "latency_ms": result.get("latency_ms"),
                                     "throughput": result.get("throughput"),
                                     "slab_bytes": result.get("slab_bytes")})
json.dump(figures, sys.stdout, indent=1)
END
fi
say "figures: $out/figures.json"
line="cuda:"
for entry in "${counts[@]}"; do line+=" $entry;"; done
echo "${line%;}"
exit $failed
