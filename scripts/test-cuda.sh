#!/usr/bin/env bash
# Tests and measures the CUDA backend on a machine with a GPU.
#   scripts/test-cuda.sh [STEP...]                  builds with nvcc, then the steps
#   scripts/test-cuda.sh --pack DIR                 builds, and makes a folder that runs elsewhere (no GPU needed)
#   DIR/scripts/test-cuda.sh --prebuilt DIR [STEP...]   such a folder: needs no packages and no network
# Steps, all by default and in this order, most valuable first: units (the C tests over the real library), models
# (bundled ones and those below NNOPT_TEST_DATA against the CPU), targets (the networks that have targets, launches,
# streams, batches), suite (the cases of the standard), sanitizer (compute-sanitizer on the C tests), bench (each model
# in each precision).
# LIMIT is the seconds that all steps have together (default 1500); what does not fit in is left out and said so.
# What comes out lies in OUT (default: build/cuda-results, DIR/results): logs, figures.json, written after each step.
# The last line counts. Exit code 1: something failed. BUILD_DIR names the build folder (default: build/cuda).
set -euo pipefail
source "$(dirname "$0")/common.sh"

# unpack ARCHIVE: into the tree; python3 stands in for xz.
unpack() {
  if command -v xz >/dev/null; then
    xz -dc "$1"
  else
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), sys.stdout.buffer)' "$1"
  fi | tar -C "$tree" -xf -
}

usage() { sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }

all_steps=(units models targets suite sanitizer bench)
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
    units | models | targets | suite | sanitizer | bench) steps+=("$1") ;;
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
  networks=$tree/networks
  cache=$tree/cache
  for archive in programs cases networks; do
    [ -e "$tree/$archive.unpacked" ] || unpack "$tree/$archive.tar.xz"
    touch "$tree/$archive.unpacked"
  done
  sources=("$tests"/test_cuda_*)
else
  folder=${BUILD_DIR:-$source_dir/build/cuda}
  install_missing "${build_packages[@]}" "${test_packages[@]}" g++ xz-utils
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
  networks=$folder/networks
  cache=
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

# The networks with targets. Their weights repeat, so that 550 MB pack into a hundredth.
write_networks() {
  local python=${PYTHON:-python3} write=$source_dir/bench/networks.py
  [ ! -e "$networks/bert_base.onnx" ] || return 0
  "$python" -c 'import onnx, numpy' || { echo "test-cuda: PYTHON must name a python with onnx and numpy" >&2; return 1; }
  "$python" "$write" --free-batch --repeat 2039 "$networks" resnet50 mobilenet_v2 efficientnet_b0
  "$python" "$write" --repeat 2039 "$networks" bert_base
}

pack() {
  local name programs=()
  mkdir -p "$tree"
  tree=$(cd "$tree" && pwd)
  rm -rf "${tree:?}"/{bin,lib,cases,networks,cache,results,models,scripts,tests,bench}
  rm -rf "${tree:?}"/{programs,cases,networks}.{tar.xz,unpacked}
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
  tar -C "$folder" --transform 's/^onnx-tests/cases/' -cf - onnx-tests | xz -T0 >"$tree/cases.tar.xz"
  # Each program holds nnopt as a whole, which a window of megabytes finds again.
  tar -C "$tree" -cf - bin lib | xz -T1 >"$tree/programs.tar.xz"
  rm -rf "$tree"/{bin,lib}
  write_networks
  tar -C "$folder" -cf - networks | xz -T0 >"$tree/networks.tar.xz"
  cp -r "$source_dir/models/glyphs" "$source_dir/models/words" "$tree/models/"
  cp "$source_dir"/scripts/{common.sh,test-cuda.sh} "$tree/scripts/"
  cp "$source_dir"/bench/*.py "$tree/bench/"
  cp "$source_dir"/tests/data/*.txt "$tree/tests/data/"
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
export XDG_CACHE_HOME=${cache:-$out/cache}
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
  counts+=("$1 $2 passed, $3 failed${4:+, $4 for want of time}")
  [ "$3" = 0 ] || failed=1
}

limit=${LIMIT:-1500}
left() { echo $((limit - SECONDS)); }
# bounded SECONDS COMMAND...: at most so long, and no longer than there is time; 124: it took too long.
bounded() {
  local most=$1 rest
  rest=$(left)
  shift
  [ "$rest" -ge 2 ] || return 125
  timeout -k 5 "$((most < rest ? most : rest))" "$@"
}

# ---- steps -----------------------------------------------------------------------------------------------

step_units() {
  local name passed=0 bad=0 late=0
  for name in "${units[@]}"; do
    [ -x "$tests/$name" ] && [ "$name" != test_cuda_models ] || continue
    if [ "$(left)" -lt 2 ]; then
      late=$((late + 1))
    elif CK_FORK=no bounded 120 "$tests/$name" >"$out/$name.log" 2>&1; then
      passed=$((passed + 1))
    elif grep -q '^skipped' "$out/$name.log"; then # what only the emulator can do
      echo "$name: $(grep -m 1 '^skipped' "$out/$name.log")"
    elif [ "$(left)" -lt 2 ]; then
      late=$((late + 1))
    else
      bad=$((bad + 1))
      echo "FAILED: $name"
      tail -n 15 "$out/$name.log"
    fi
  done
  count units "$passed" "$bad" "${late#0}"
}

# Cases that fail beside those that fail on the CPU too.
step_suite() {
  local list=$NNOPT_SOURCE/tests/data/onnx_expected_failures.txt passed
  bounded 400 "$nnopt" test "$cases"/* --device cuda --export "$out/suite.json" >"$out/suite.txt" 2>&1 || true
  sed -nE 's/^(failed|skipped) +([^:]+): .*/\2/p' "$out/suite.txt" | LC_ALL=C sort >"$out/suite.failed"
  LC_ALL=C comm -23 "$out/suite.failed" <(cut -d ' ' -f 1 "$list" | LC_ALL=C sort) >"$out/suite.unexpected"
  passed=$(sed -nE 's/.*"passed":[[:space:]]*([0-9]+).*/\1/p' "$out/suite.json" 2>/dev/null | head -n 1)
  grep -Ff "$out/suite.unexpected" "$out/suite.txt" | head -n 60 || true
  if [ -z "$passed" ]; then # it did not come to its end
    echo "FAILED: suite: $(tail -n 1 "$out/suite.txt")"
    count suite 0 1
  else
    count suite "$passed" "$(wc -l <"$out/suite.unexpected")"
  fi
}

# Models with data of their own; then those and the bundled ones with random data against the CPU.
step_models() {
  local bad=0 list=
  if [ -n "${NNOPT_TEST_DATA:-}" ]; then
    bounded 200 "$nnopt" test "$NNOPT_TEST_DATA" --device cuda --rtol 1e-3 --atol 1e-4 >"$out/models.txt" 2>&1 || true
    grep -E '^failed' "$out/models.txt" | head -n 20 || true
    bad=$(grep -cE '^failed' "$out/models.txt" || true)
    list=$(find -L "$NNOPT_TEST_DATA" -name '*.onnx' -size -200M | sort | head -n 40 | paste -sd:)
  fi
  if ! NN_CUDA_MODELS=$list CK_FORK=no bounded 300 "$tests/test_cuda_models" >"$out/models.log" 2>&1; then
    bad=$((bad + 1))
    tail -n 15 "$out/models.log"
  fi
  count models "$(grep -c ' output ' "$out/models.log" || true)" "$bad"
}

# measure NAME SECONDS COMMAND...: what it prints becomes targets/NAME.json. Counts in `measured`, `bad`, `late`.
measure() {
  local name=$1 most=$2 code=0
  shift 2
  bounded "$most" "$@" --json >"$out/targets/$name.json" 2>"$out/targets/$name.err" || code=$?
  case $code in
    0) measured=$((measured + 1)) ;;
    124 | 125 | 137)
      late=$((late + 1))
      echo "no time: $name"
      ;;
    *)
      bad=$((bad + 1))
      echo "FAILED: $name (exit code $code): $(tail -n 1 "$out/targets/$name.err")"
      ;;
  esac
  [ "$code" = 0 ] || rm -f "$out/targets/$name.json"
}

# The networks that have targets: latencies first, then what starting work costs, streams, batches.
step_targets() {
  local measured=0 bad=0 late=0 precision batch int8=$out/resnet50-int8.onnx
  mkdir -p "$out/targets"
  if [ ! -d "$networks" ] && ! write_networks >"$out/networks.log" 2>&1; then
    counts+=("targets skipped: no networks: $(tail -n 1 "$out/networks.log")")
    return 0
  fi
  target() { # NAME MODEL BATCH [OPTION...]
    local name=$1 model=$2 batch=$3
    shift 3
    measure "$name" 90 "$nnopt" bench "$model" --device cuda --batch "$batch" --duration "${DURATION:-2}" "$@"
  }
  target resnet50-fp16-1 "$networks/resnet50.onnx" 1 --precision fp16
  target bert_base-fp16-1 "$networks/bert_base.onnx" 1 --precision fp16
  bounded 120 "$nnopt" quantize "$networks/resnet50.onnx" --mode static --random --calib-samples 8 --range minmax \
    -o "$int8" >"$out/quantize.log" 2>&1 || echo "FAILED: quantize: $(tail -n 1 "$out/quantize.log")"
  if [ -e "$int8" ]; then target resnet50-int8-1 "$int8" 1 --precision fp16; fi
  target mobilenet_v2-fp16-1 "$networks/mobilenet_v2.onnx" 1 --precision fp16
  target resnet50-fp32-1 "$networks/resnet50.onnx" 1 --precision fp32
  target resnet50-fp16-128 "$networks/resnet50.onnx" 128 --precision fp16
  if [ -e "$int8" ]; then target resnet50-int8-128 "$int8" 128 --precision fp16; fi
  target efficientnet_b0-fp16-1 "$networks/efficientnet_b0.onnx" 1 --precision fp16
  target resnet50-tf32-1 "$networks/resnet50.onnx" 1 --precision tf32
  target resnet50-bf16-1 "$networks/resnet50.onnx" 1 --precision bf16
  for batch in 2 4; do # sessions at work side by side
    target "resnet50-fp16-1-streams$batch" "$networks/resnet50.onnx" 1 --precision fp16 --streams "$batch"
  done
  # one by one against recorded, node by node
  for batch in resnet50 bert_base; do
    measure "profile-$batch" 120 "$nnopt" profile "$networks/$batch.onnx" --device cuda --precision fp16 --batch 1 \
      --duration "${DURATION:-2}"
  done
  measure tune-resnet50 180 "$nnopt" tune "$networks/resnet50.onnx" --device cuda --precision fp16 --max-batch 128 \
    --duration 0.5
  count targets "$measured" "$bad" "${late#0}"
}

step_sanitizer() {
  local tool name passed=0 bad=0 late=0 code sanitizer
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null || true)
  if [ -z "$sanitizer" ]; then
    counts+=("sanitizer skipped: no compute-sanitizer")
    return 0
  fi
  for tool in memcheck racecheck synccheck; do
    for name in "${units[@]}"; do
      [ -x "$tests/$name" ] && [ "$name" != test_cuda_models ] || continue
      code=0
      NN_CUDA_QUICK=1 CK_FORK=no bounded 120 "$sanitizer" --tool "$tool" --error-exitcode 99 "$tests/$name" \
        >"$out/$tool-$name.log" 2>&1 || code=$?
      case $code in
        0 | 77) passed=$((passed + 1)) ;;
        124 | 125 | 137) late=$((late + 1)) ;;
        *)
          bad=$((bad + 1))
          echo "FAILED: $tool $name"
          grep -E '^=========' "$out/$tool-$name.log" | head -n 12 || tail -n 5 "$out/$tool-$name.log"
          ;;
      esac
    done
  done
  count sanitizer "$passed" "$bad" "${late#0}"
}

# Models by name: bundled, and those below NNOPT_TEST_DATA.
step_bench() {
  local model name precision batch measured=0 bad=0 late=0 code file folders=("$NNOPT_SOURCE/models")
  if [ -n "${NNOPT_TEST_DATA:-}" ] && [ -d "$NNOPT_TEST_DATA" ]; then folders+=("$NNOPT_TEST_DATA"); fi
  mkdir -p "$out/bench"
  while read -r model; do
    name=$(basename "$(dirname "$model")")-$(basename "$model" .onnx)
    for precision in fp16 fp32 tf32 bf16; do
      for batch in 1 32; do
        file=$out/bench/$name-$precision-$batch code=0
        bounded 60 "$nnopt" bench "$model" --device cuda --precision "$precision" --batch "$batch" --duration 1 \
          --json >"$file.json" 2>"$file.err" || code=$?
        case $code in
          0) measured=$((measured + 1)) ;;
          125) late=$((late + 1)) ;;
          *) # models of a fixed first axis take no other batch
            if [ "$batch" = 1 ]; then
              bad=$((bad + 1))
              echo "FAILED: bench $name $precision: $(tail -n 1 "$file.err")"
            fi
            ;;
        esac
      done
    done
  done < <(find -L "${folders[@]}" -name '*.onnx' | sort)
  count bench "$measured" "$bad" "${late#0}"
}

# One JSON of figures: the device as doctor tells it, the targets, and the latency of each model.
write_figures() {
  command -v python3 >/dev/null || return 0
  python3 - "$out" >"$out/figures.json.new" <<'END' && mv "$out/figures.json.new" "$out/figures.json"
import glob, json, os, sys
out = sys.argv[1]
def read(path):
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError):
        return None
def results(report):
    return [{key: result.get(key) for key in ("latency_ms", "throughput", "slab_bytes")}
            for result in report.get("results", [])]
figures = {"device": (read(out + "/doctor.json") or {}).get("cuda"), "targets": {}, "bench": []}
for path in sorted(glob.glob(out + "/targets/*.json")):
    report, name = read(path), os.path.basename(path)[:-5]
    if report:
        figures["targets"][name] = results(report) if "results" in report else report
for path in sorted(glob.glob(out + "/bench/*.json")):
    report = read(path)
    name, precision, batch = os.path.basename(path)[:-5].rsplit("-", 2)
    for result in results(report or {}):
        figures["bench"].append({"model": name, "precision": precision, "batch": int(batch), **result})
json.dump(figures, sys.stdout, indent=1)
END
}

# A step that ends early loses nothing of the others.
for step in "${steps[@]}"; do
  say "$step ($(left) s left)"
  "step_$step" || { echo "FAILED: step $step"; failed=1; }
  write_figures || true
done

say "figures: $out/figures.json"
line="cuda:"
for entry in "${counts[@]}"; do line+=" $entry;"; done
echo "${line%;}"
exit $failed
